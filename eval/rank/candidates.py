"""Candidates: the architectures without a label, next to the labelled ones that a ranker learns from."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import is_table
from benchmarks.base import Benchmark
from benchmarks.custom import Custom
from data.errors import InputError
from data.graphs import Graphs
from eval.grid.plan import Loaded, with_target
from eval.task import Task

if TYPE_CHECKING:
    from benchmarks.table_options import TableOptions

_log = logging.getLogger("acerank")
_SHOWN = 3  # names that a note spells out


@dataclass(frozen=True)
class Labelled:
    """The labelled networks of a table.

    Attributes:
        task: Data set and target; the label is the target.
        rows: (l,) first row of each labelled network.
        labels: (l,) the mean label of each, higher is better.
        networks: (l,) the network of each, as `task.bench.classes` counts them.
    """

    task: Task
    rows: np.ndarray
    labels: np.ndarray
    networks: np.ndarray

    @property
    def graphs(self) -> Graphs:
        """The l labelled networks."""
        return self.task.graphs.take(self.rows)

    def find(self, networks: np.ndarray) -> np.ndarray:
        """Return, for each network (m,), its position among the labelled ones, -1 where it has no label."""
        order = np.argsort(self.networks)
        place = np.searchsorted(self.networks, networks, sorter=order).clip(max=len(order) - 1)
        return np.where(self.networks[order[place]] == networks, order[place], -1)


@dataclass(frozen=True)
class Candidates:
    """What is to be ranked.

    Attributes:
        graphs: The m candidates, each a network of its own.
        names: (m,) their names.
        rows: (m,) their rows in the table; None if they come from a search space.
        twins: (m,) position of the labelled network that a candidate is a twin of, else -1.
        notes: (m,) what a reader has to know of each, "" for nothing.
    """

    graphs: Graphs
    names: list[str]
    rows: np.ndarray | None
    twins: np.ndarray
    notes: list[str]


def read_candidates(
    bench: str | Path | Benchmark, path: str | Path, target: str | None, options: TableOptions | None
) -> Benchmark:
    """Read a user's table with the architectures of a second one as further rows.

    Raises:
        InputError: The benchmark is not a table of the user's.
    """
    if isinstance(bench, Benchmark) or not is_table(bench):
        raise InputError(
            f"candidates from a file need labels from a file; {bench!r} is not a table of your own"
        )
    return Custom.read_with_candidates(Path(bench), Path(path), with_target(options, target))


def find_labelled(loaded: Loaded, dataset: str | None) -> Labelled:
    """Find the labelled networks of a table; twins count once, with their mean label.

    Raises:
        InputError: There are fewer than two, or the target is not named where there are several.
    """
    bench = loaded.bench
    dataset = dataset or bench.info.dataset
    target = loaded.target or bench.info.target
    if not target:
        raise InputError(
            f"{bench.info.key} has several labels ({', '.join(bench.labels(dataset))}): name the target"
        )
    task = Task(bench, dataset, target, target, "cv", 0, 0)
    known = np.flatnonzero(np.isfinite(task.truth))
    networks, first, place = np.unique(bench.classes[known], return_index=True, return_inverse=True)
    if len(networks) < 2:
        raise InputError(f"{len(networks)} labelled networks: there is nothing to learn from")
    total = np.bincount(place, task.truth[known], len(networks))
    mean = total / np.bincount(place, minlength=len(networks))
    if len(known) > len(networks):
        _log.info(
            "%s rows with %s are %s networks: twins count once, with their mean label",
            f"{len(known):,}", target, f"{len(networks):,}",
        )  # fmt: skip
    order = np.argsort(known[first])
    return Labelled(task, known[first][order], mean[order], networks[order])


def find_candidates(labelled: Labelled) -> Candidates:
    """Find the rows without a label; of rows that are one network, the first.

    Raises:
        InputError: Every row has a label.
    """
    task = labelled.task
    bench = task.bench
    open_rows = np.flatnonzero(~np.isfinite(task.truth))
    if not len(open_rows):
        raise InputError(
            f"every row of {bench.info.key} has the label '{task.target}': candidates are rows without it, "
            "those of a second table, or of a search space"
        )
    networks, first, place = np.unique(bench.classes[open_rows], return_index=True, return_inverse=True)
    order = np.argsort(first)
    rows, twins = open_rows[first[order]], labelled.find(networks[order])
    repeated: list[list[int]] = [[] for _ in networks]
    for i, network in enumerate(place):
        if first[network] != i:
            repeated[network].append(int(open_rows[i]))
    names = bench.row_names
    known, repeats = int((twins >= 0).sum()), len(open_rows) - len(rows)
    _log.info(
        "%s labelled networks; %s candidates%s%s",
        f"{len(labelled.rows):,}",
        f"{len(rows):,}",
        f", {known:,} of which are networks with a label" if known else "",
        f"; {repeats:,} further rows repeat one of them" if repeats else "",
    )
    _tell_repeated_names([names[row] for row in rows])
    notes = [
        describe(labelled, twin, [names[row] for row in repeated[network]])
        for twin, network in zip(twins, order, strict=True)
    ]
    return Candidates(task.graphs.take(rows), [names[row] for row in rows], rows, twins, notes)


def _tell_repeated_names(names: Sequence[str]) -> None:
    repeated = [f"{name} ({count})" for name, count in Counter(names).items() if count > 1]
    if repeated:
        _log.info("different candidates have one name: %s", _list(repeated))


def describe(labelled: Labelled, twin: int, repeated: list[str]) -> str:
    """Return the note on a candidate: the labelled network that it is, and other candidates that it is."""
    parts = []
    if twin >= 0:
        bench, task = labelled.task.bench, labelled.task
        label = labelled.labels[twin] * bench.label_column(task.dataset, task.target).direction
        parts.append(f"same network as {bench.row_names[labelled.rows[twin]]}, whose label is {label:.6g}")
    if repeated:
        parts.append(f"same network as {_list(repeated)}")
    return "; ".join(parts)


def _list(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
