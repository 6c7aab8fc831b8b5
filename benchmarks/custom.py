"""A user's own table: architectures as NAS-Bench-201 strings, or as adjacency and operations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.json as pajson

from benchmarks.base import Benchmark, Info, numeric_columns
from benchmarks.nb201 import parse_strings
from data.errors import TableError
from data.graphs import PAD, Graphs
from data.space import INPUT, NB201, OUTPUT, SearchSpace
from data.table import Column, Table

COSTS = ("flops", "params", "macs")
IDENTITY = ("skip_connect", "identity", "skip")
ZERO = ("none", "zero", "zeroize")
SHOWN = 5  # bad rows that a message spells out


class Custom(Benchmark):
    """Any table with an `arch` column (NAS-Bench-201 strings), or `adjacency` and `ops` columns.

    `adjacency` is a row-major list of v² entries or v lists of v; `ops` a list of v names that begins with
    "input" and ends with "output". In a CSV file both are written as JSON. Every other numeric column is a
    label of the data set "table", except flops, params and macs, which are weak labels.
    """

    def __init__(self, table: Table, path: Path) -> None:
        """Wrap a table that was read from `path`."""
        super().__init__(table)
        found = [c for c in self._columns.values() if c.kind == "label"]
        if not found:
            raise TableError(f"{path} has no numeric column that could be a label; found {table.names}")
        labels = [c.target for c in found if c.dataset == found[0].dataset]
        target = "test_acc" if "test_acc" in labels else labels[0] if len(labels) == 1 else ""
        self.info = Info(
            key=str(path),
            title=path.name,
            citation="your own",
            licence="your own",
            dataset=found[0].dataset,
            target=target,
            label="valid_acc",
            weak=tuple(c.name for c in self._columns.values() if c.kind == "weak"),
        )

    @classmethod
    def read(cls, path: Path) -> Custom:
        """Read a parquet, CSV or JSON-lines file.

        Raises:
            TableError: The file cannot be read, or has no architectures or labels.
        """
        table = Table.read(path) if path.suffix == ".parquet" else Table(_read_text(path))
        if len(table) == 0:
            raise TableError(f"{path} has no rows")
        twice = sorted({name for name in table.names if table.names.count(name) > 1})
        if twice:
            raise TableError(f"{path} has more than one column named {', '.join(twice)}")
        return cls(table, path)

    def describe(self, table: Table) -> Iterable[Column]:
        """Return the described columns of the file, and a plain description of every other numeric one."""
        for column in numeric_columns(table, "label"):
            described = column.name in table.columns
            yield column if described or column.name not in COSTS else replace(column, kind="weak")

    def build_graphs(self) -> Graphs:
        """Return the graphs of all rows; TableError names bad rows by number and reason."""
        names = set(self.table.names)
        if {"adjacency", "ops"} <= names:
            return _graphs(self.table)
        if "arch" in names:
            return NB201.graphs(parse_strings(self.table.column("arch")))
        raise TableError(
            f"{self.info.key} needs a column 'arch', or the columns 'adjacency' and 'ops'; it has "
            f"{', '.join(self.table.names)}"
        )


def _read_text(path: Path) -> pa.Table:
    try:
        if path.suffix == ".jsonl":
            return pajson.read_json(path)
        if path.suffix == ".csv":
            return pacsv.read_csv(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise TableError(f"{path} cannot be read: {error}") from error
    raise TableError(f"{path}: a table is a .parquet, .csv or .jsonl file")


def _graphs(table: Table) -> Graphs:
    """Return the graphs of a table with `adjacency` and `ops`."""
    cells, bad = [], []
    rows = zip(_lists(table, "adjacency"), _lists(table, "ops"), strict=True)
    for row, (adjacency, ops) in enumerate(rows):
        try:
            cells.append(_cell(adjacency, ops))
        except ValueError as error:
            bad.append(f"row {row}: {error}")
    if bad:
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise TableError(f"{len(bad)} rows are no graphs (rows count from 0): {'; '.join(bad[:SHOWN])}{more}")
    used = sorted({name for _, ops in cells for name in ops} - {INPUT, OUTPUT})
    vocabulary = (*used, INPUT, OUTPUT)
    if len(vocabulary) > np.iinfo(np.int8).max:
        raise TableError(f"column 'ops' has {len(vocabulary)} different names; at most 127 are supported")
    width = max(len(ops) for _, ops in cells)
    space = SearchSpace(
        "custom",
        vocabulary,
        width,
        tuple(name for name in IDENTITY if name in used),
        tuple(name for name in ZERO if name in used),
    )
    code = {name: i for i, name in enumerate(vocabulary)}
    ops_array = np.full((len(cells), width), PAD, np.int8)
    edges = np.zeros((len(cells), width, width), np.uint8)
    for row, (adjacency, ops) in enumerate(cells):
        ops_array[row, : len(ops)] = [code[name] for name in ops]
        edges[row, : len(ops), : len(ops)] = adjacency
    return Graphs(ops_array, edges, np.array([len(ops) for _, ops in cells], np.int16), space).validate()


def _lists(table: Table, name: str) -> list[object]:
    values = table.column(name).to_pylist()
    return [_from_json(v) if isinstance(v, str) else v for v in values]


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _cell(adjacency: object, ops: object) -> tuple[np.ndarray, Sequence[str]]:
    """Return one cell, checked and in topological order; ValueError says what is wrong."""
    _require(isinstance(ops, list) and all(isinstance(name, str) for name in ops), "ops is no list of names")
    names: list[str] = ops  # pyright: ignore[reportAssignmentType]
    v = len(names)
    ends = v >= 2 and names[0] == INPUT and names[-1] == OUTPUT
    _require(ends, "ops must begin with input and end with output")
    inner = set(names[1:-1])
    _require(not inner & {INPUT, OUTPUT}, "input or output is in the middle of ops")
    try:
        matrix = np.array(adjacency)
    except ValueError as error:
        raise ValueError("adjacency has rows of different lengths") from error
    _require(matrix.size == v * v, f"adjacency has {matrix.size} entries; {v} operations need {v * v}")
    _require(
        matrix.dtype.kind in "biuf" and bool(np.isin(matrix, (0, 1)).all()), "adjacency is not all 0 and 1"
    )
    matrix = matrix.reshape(v, v).astype(np.uint8)
    if np.tril(matrix).any():
        order = _topological(matrix)
        matrix, names = matrix[np.ix_(order, order)], [names[i] for i in order]
        _require(names[0] == INPUT and names[-1] == OUTPUT, "an edge enters the input or leaves the output")
    return matrix, names


def _topological(matrix: np.ndarray) -> list[int]:
    """Return the nodes sources first, the output last; ValueError if there is a cycle."""
    order: list[int] = []
    waiting = list(range(len(matrix)))
    while waiting:
        ready = next((node for node in waiting if not matrix[waiting, node].any()), None)
        if ready is None:
            raise ValueError("adjacency has a cycle")
        order.append(ready)
        waiting.remove(ready)
    return order


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
