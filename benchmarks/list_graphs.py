"""Graphs of list columns all at once; what is unusual in a table is left to the reader of single rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.lists import lists
from benchmarks.operations import Rules
from data.graphs import PAD, Graphs
from data.space import INPUT, OUTPUT, SearchSpace
from data.table import Table

PART = 65_536  # rows whose adjacency is gathered at once
MOST_NODES, MOST_NAMES = 64, 125  # beyond, rows are read one by one, which has messages for what is too large
ADJACENCY, OPS = "adjacency", "ops"


def build_at_once(table: Table, rules: Rules) -> Graphs | None:
    """Return the graphs of columns `adjacency` and `ops`, or None where a row needs a closer look.

    Rows are taken that have v² entries of 0 and 1 and v names from "input" to "output", in topological order.
    Others may be fine as well, or are errors that need a message.

    Args:
        table: The table.
        rules: Which operations count as what.
    """
    if not (
        _is_list_of(table, ADJACENCY, pa.types.is_integer) and _is_list_of(table, OPS, pa.types.is_string)
    ):
        return None
    entries, squares = lists(table, ADJACENCY)
    names, sizes = lists(table, OPS)
    if not len(sizes) or sizes.min() < 2 or sizes.max() > MOST_NODES or (squares != sizes**2).any():
        return None
    low, high = pc.min_max(entries).values()  # pyright: ignore[reportAttributeAccessIssue]
    encoded = names.dictionary_encode()
    known = encoded.dictionary.to_pylist()
    if (
        entries.null_count
        or names.null_count
        or low.as_py() < 0
        or high.as_py() > 1
        or len(known) > MOST_NAMES
    ):
        return None
    used = sorted({*known} - {INPUT, OUTPUT})
    vocabulary = (*used, INPUT, OUTPUT)
    place = np.array([vocabulary.index(name) for name in known], np.int8)
    n, width = len(sizes), int(sizes.max())
    inside = np.arange(width) < sizes[:, None]
    ops = np.full((n, width), PAD, np.int8)
    ops[inside] = place[np.asarray(encoded.indices)]
    if not _has_ends(ops, sizes, len(used)):
        return None
    edges = np.zeros((n, width, width), np.uint8)
    for rows, matrix in _matrices(np.asarray(entries.cast(pa.uint8())), sizes):
        if np.tril(matrix).any():
            return None
        edges[rows, : matrix.shape[1], : matrix.shape[1]] = matrix
    identity, zero = rules.folded(used)
    space = SearchSpace("custom", vocabulary, width, identity, zero, stages=("cell",), fold_equal=False)
    return Graphs(ops, edges, sizes.astype(np.int16), space)


def _is_list_of(table: Table, name: str, kind: Callable[[pa.DataType], bool]) -> bool:
    column = table.column(name)
    lists_of = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    return lists_of and column.null_count == 0 and kind(column.type.value_type)


def _has_ends(ops: np.ndarray, sizes: np.ndarray, first_end: int) -> bool:
    """Return whether all rows begin with the input, end with the output, and have no further ones."""
    last = ops[np.arange(len(ops)), sizes - 1]
    ends = (ops >= first_end).sum(1)
    return bool(((ops[:, 0] == first_end) & (last == first_end + 1) & (ends == 2)).all())


def _matrices(entries: np.ndarray, sizes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows (k,) of one size v and their matrices (k, v, v)."""
    starts = np.concatenate([[0], np.cumsum(sizes**2)[:-1]])
    for v in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == v)
        for i in range(0, len(rows), PART):
            some = rows[i : i + PART]
            yield some, entries[starts[some, None] + np.arange(v * v)].reshape(len(some), v, v)
