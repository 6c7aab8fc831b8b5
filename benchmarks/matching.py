"""Which row of another table each architecture of a benchmark is: by a name both have, or by the network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.lists import graphs_of_texts
from data.arrow import floats
from data.errors import TableError
from data.graphs import Graphs
from data.table import Table

if TYPE_CHECKING:
    from benchmarks.base import Benchmark

ROW_NAMES = ("id", "name", "arch")  # columns that may name a row, the first that is there


@dataclass(frozen=True)
class Match:
    """Rows of another table by architecture.

    Attributes:
        rows: (n,) int64 row of the other table that each architecture of the benchmark is, null for none.
        key: Column that both were matched by; "" if by the network.
        unused: How many rows of the other table are no architecture of the benchmark.
        example: What the first of them is called; "" if there is none.
    """

    rows: pa.Array
    key: str
    unused: int
    example: str


def match_rows(bench: Benchmark, table: Table) -> Match:
    """Match the rows of a table to the architectures of a benchmark.

    The tables are joined on the benchmark's own name of an architecture, on `id` or on `name`; a table of
    `space` and `arch` without these is matched by the network, sizes of the whole network aside.

    Raises:
        TableError: The table names no architectures, names one twice, or is of another space.
    """
    key = get_key(bench, table)
    if key:
        return _match_names(bench, table, key)
    if not {"space", "arch"} <= set(table.names):
        raise TableError(
            f"a weak-label table needs the column '{bench.join_on}', or 'space' and 'arch' as "
            f"`python -m predictors.supernet score` writes them; it has {', '.join(table.names)}"
        )
    theirs = graphs_of_texts(table)
    if theirs.space != bench.graphs.space:
        raise TableError(
            f"the weak-label table is of space '{theirs.space.name}', {bench.info.key} of "
            f"'{bench.graphs.space.name}'"
        )
    networks = hash_networks(theirs)
    first = dict(zip(networks[::-1].tolist(), range(len(theirs))[::-1], strict=True))
    ours = hash_networks(bench.graphs)
    rows = pa.array([first.get(network) for network in ours.tolist()], pa.int64())
    return _match(rows, "", table.column("arch"), ~np.isin(networks, ours))


def get_key(bench: Benchmark, table: Table) -> str:
    """Return the column by which a table and a benchmark's both name their rows; "" if there is none."""
    for key in (bench.join_on, *ROW_NAMES):
        if key in table.names and key in bench.table.names:
            return key
    return ""


def hash_networks(graphs: Graphs) -> np.ndarray:
    """Return the canonical hash (n,) of architectures without the sizes of the whole network."""
    features = graphs.features.copy()
    features[:, 0] = 0
    return replace(graphs, features=features).canonical_hash()


def name_texts(column: pa.ChunkedArray, like: pa.ChunkedArray | None = None) -> pa.Array:
    """Return a column of names as texts (n,).

    A code that was read as a number, 1220120 for "01220120", is filled up with the zeros that the texts of
    `like` have, if these are digits of one length.
    """
    column = column.combine_chunks()
    if pa.types.is_floating(column.type):
        values = floats(column)
        whole = np.isfinite(values) & (values == np.round(values)) & (np.abs(values) < 2**53)
        column = pa.array(np.where(whole, values, 0).astype(np.int64), mask=~whole) if whole.any() else column
    texts = column.cast(pa.string())
    if like is None or not pa.types.is_integer(column.type) or pa.types.is_integer(like.type):
        return texts
    theirs = like.cast(pa.string()).drop_null()
    width = len(theirs[0].as_py()) if len(theirs) else 0
    codes = pc.match_substring_regex(theirs, rf"^[0-9]{{{width}}}$")  # pyright: ignore[reportAttributeAccessIssue]
    if width and pc.all(codes).as_py():  # pyright: ignore[reportAttributeAccessIssue]
        texts = pc.utf8_lpad(texts, width, "0")  # pyright: ignore[reportAttributeAccessIssue]
    return texts


def _match_names(bench: Benchmark, table: Table, key: str) -> Match:
    own, other = bench.table.column(key), table.column(key)
    theirs, ours = name_texts(other, own), name_texts(own, other)
    named = theirs.drop_null()
    if len(named.unique()) != len(named):
        counts = named.value_counts()
        twice = next(c["values"].as_py() for c in counts if c["counts"].as_py() > 1)
        raise TableError(f"column '{key}' of the weak-label table names '{twice}' more than once")
    rows = pc.index_in(ours, theirs, skip_nulls=True)  # pyright: ignore[reportAttributeAccessIssue]
    known = pc.is_in(theirs, ours, skip_nulls=True)  # pyright: ignore[reportAttributeAccessIssue]
    return _match(rows, key, theirs, floats(known) != 1)


def _match(rows: pa.Array, key: str, names: pa.Array | pa.ChunkedArray, unused: np.ndarray) -> Match:
    at = np.flatnonzero(unused)
    return Match(rows, key, len(at), str(names[int(at[0])].as_py()) if len(at) else "")
