"""Benchmarks from arrays: graphs and labels that are already in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from benchmarks.about import Info
from benchmarks.base import Benchmark
from benchmarks.columns import PLAIN_DATASET
from benchmarks.leaks import check_leaks
from data.errors import InputError
from data.graphs import Graphs
from data.table import Column, Table


def from_graphs(
    graphs: Graphs,
    labels: Mapping[str, ArrayLike],
    *,
    weak: Mapping[str, ArrayLike] | None = None,
    target: str = "",
    directions: Mapping[str, int] | None = None,
    names: Sequence[str] | None = None,
    title: str = "benchmark from arrays",
    trusted: Mapping[str, str] | None = None,
) -> FromArrays:
    """Return a benchmark of n architectures given as graphs.

        labels = {"acc": accuracies, "latency": milliseconds}
        bench = from_graphs(graphs, labels, target="acc", directions={"latency": -1})

    Args:
        graphs: The architectures.
        labels: (n,) numbers of each label, NaN where unknown.
        weak: (n,) numbers of each weak label, NaN where unknown.
        target: Label to evaluate on by default; may be left out if there is only one.
        directions: -1 for labels and weak labels that are better when smaller.
        names: (n,) names of the rows, for outputs.
        title: What reports call the benchmark.
        trusted: Reasons to use weak labels that order architectures as a true label does, by name.

    Raises:
        InputError: There is no label, a column has another shape or holds no numbers, is infinite, or two
            have one name; or a weak label is a true one.
        UnknownNameError: `target` is no label, or a direction or reason names no column.
    """
    weak = weak or {}
    if not labels:
        raise InputError("a benchmark needs at least one label")
    if twice := sorted({*labels} & {*weak, "name"} | {*weak} & {"name"}):
        raise InputError(f"two columns would be called {', '.join(twice)}; rename one")
    arrays: dict[str, Any] = {
        name: _numbers(name, values, len(graphs)) for name, values in {**labels, **weak}.items()
    }
    if names is not None:
        if len(names) != len(graphs):
            raise InputError(f"there are {len(names)} names for {len(graphs)} graphs")
        arrays["name"] = [str(name) for name in names]
    columns = [
        Column(name, PLAIN_DATASET, name, unit="", kind="weak" if name in weak else "label", note="an array")
        for name in (*labels, *weak)
    ]
    table = Table(pa.table(arrays), {column.name: column for column in columns})
    bench = FromArrays(table, graphs, title, target)
    if directions:
        bench = bench.with_direction(directions)  # pyright: ignore[reportArgumentType]  # it checks
    lines = check_leaks(bench, weak, trusted or {})
    return bench.evolve(notices=tuple(lines))


class FromArrays(Benchmark):
    """Architectures that are given as graphs; made by `from_graphs`."""

    def __init__(self, table: Table, graphs: Graphs, title: str, target: str) -> None:
        """Wrap a table whose columns are all described, and the graphs of its rows."""
        super().__init__(table)
        self._given = graphs.with_weak({})
        labels = self.labels(PLAIN_DATASET)
        self.info = Info(
            key=title,
            title=title,
            citation="your own",
            licence="your own",
            dataset=PLAIN_DATASET,
            target=target or (labels[0] if len(labels) == 1 else ""),
            label="valid_acc",
            weak=tuple(c.name for c in self.described if c.kind == "weak"),
        )
        if target:
            self.label_column(PLAIN_DATASET, target)

    def describe(self, table: Table) -> list[Column]:
        """Return the descriptions that the table has."""
        return list(table.columns.values())

    def build_graphs(self) -> Graphs:
        """Return the graphs as they were given."""
        return self._given

    def settings(self) -> Mapping[str, Any]:
        """Return a hash of the graphs: no column of the table has them."""
        digest = hashlib.sha256(repr(self._given.space).encode())
        for part in ("ops", "adjacency", "n_nodes", "stage", "features"):
            array = np.ascontiguousarray(getattr(self._given, part))
            digest.update(f"{part}{array.dtype.str}{array.shape}".encode() + array.tobytes())
        return {"graphs": digest.hexdigest()}


def _numbers(name: str, values: ArrayLike, n: int) -> np.ndarray:
    array = np.asarray(values)
    if array.shape != (n,) or array.dtype.kind not in "iufb":
        raise InputError(
            f"'{name}' must be {n} numbers, one for each graph, not {array.dtype} of shape {array.shape}"
        )
    array = array.astype(np.float64)
    if np.isinf(array).any():
        raise InputError(f"'{name}' is infinite in row {int(np.flatnonzero(np.isinf(array))[0])}")
    return array
