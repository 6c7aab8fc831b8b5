"""Weak labels of a campaign: what is known of many networks without training them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.target_choice import is_cost
from data.errors import InputError, TableError
from data.files import atomic_path
from data.graphs import Graphs
from data.table import Table
from eval.campaign.architectures import Architectures, TableArchitectures
from eval.task import hash_arrays


@dataclass(frozen=True)
class WeakLabels:
    """Weak labels of m distinct networks.

    Attributes:
        names: Name of each weak label.
        codes: (m, places) a code of each network.
        hashes: (m,) their canonical hashes, sorted.
        values: (m, labels) higher is better, NaN where unknown.
    """

    names: tuple[str, ...]
    codes: np.ndarray
    hashes: np.ndarray
    values: np.ndarray

    def by_name(self, hashes: np.ndarray) -> dict[str, np.ndarray]:
        """Return each weak label (n,) of networks of these hashes (n,), NaN where unknown."""
        values = np.full((len(hashes), len(self.names)), np.nan)
        if len(self.hashes):
            place = np.searchsorted(self.hashes, hashes).clip(max=len(self.hashes) - 1)
            known = self.hashes[place] == hashes
            values[known] = self.values[place[known]]
        return dict(zip(self.names, values.T, strict=True))

    def attach(self, graphs: Graphs) -> Graphs:
        """Return architectures with these weak labels."""
        return graphs.with_weak(self.by_name(graphs.canonical_hash())) if self.names else graphs

    def order(self) -> np.ndarray:
        """Return positions (k,) of networks, best first by the mean rank of what is known of them."""
        from scipy.stats import rankdata

        ranks = np.full(self.values.shape, np.nan)
        for column, values in enumerate(self.values.T):
            known = np.isfinite(values)
            ranks[known, column] = rankdata(values[known]) / max(1, known.sum())
        some = np.flatnonzero(np.isfinite(ranks).any(1)) if ranks.size else np.empty(0, np.int64)
        return some[np.argsort(-np.nanmean(ranks[some], axis=1), kind="stable")] if len(some) else some

    @property
    def content_hash(self) -> str:
        """Sixteen hex digits for names, networks and values."""
        return hash_arrays(np.array(self.names, "U"), self.hashes, self.values) if self.names else ""

    def save(self, path: Path) -> None:
        """Write them, whole or not at all."""
        with atomic_path(path) as part, part.open("wb") as file:
            np.savez(
                file,
                names=np.array(self.names, "U"),
                codes=self.codes,
                hashes=self.hashes,
                values=self.values,
            )

    @classmethod
    def load(cls, path: Path) -> WeakLabels:
        """Read what `save` wrote; TableError if it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(tuple(file["names"].tolist()), file["codes"], file["hashes"], file["values"])
        except (OSError, ValueError, KeyError) as error:
            raise TableError(f"{path} does not hold the weak labels of a campaign: {error}") from error


NO_WEAK = WeakLabels((), np.empty((0, 0), np.int64), np.empty(0, np.uint64), np.empty((0, 0)))


def build_weak(
    architectures: Architectures, codes: np.ndarray, columns: Mapping[str, np.ndarray]
) -> WeakLabels:
    """Return weak labels of networks, each once: the mean of what is known of its codes (n, places)."""
    hashes = architectures.hashes(codes)
    unique, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    values = np.full((len(unique), len(columns)), np.nan)
    for column, given in enumerate(columns.values()):
        known = np.isfinite(given)
        count = np.bincount(inverse[known], minlength=len(unique))
        total = np.bincount(inverse[known], given[known], len(unique))
        values[:, column] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return WeakLabels(tuple(columns), codes[first], unique, values)


def read_weak(architectures: Architectures, path: Path) -> WeakLabels:
    """Read a table of weak labels: a column `arch` and columns of numbers, larger being better.

    A column that `TABLE.columns.json` describes as better when smaller is turned round. Costs such as flops
    count as better when larger, as everywhere: larger networks tend to be more accurate.

    Raises:
        TableError: There is no column `arch` or no number, or an architecture is not of the campaign.
    """
    from data.readers import read

    table = read(path).table
    if isinstance(architectures, TableArchitectures):
        bench = architectures.bench.with_weak(table, source=str(path))
        names = [name for name in bench.weak_names if name in table.names]
        codes = np.arange(len(bench))[:, None]
        return build_weak(architectures, codes, {name: bench.weak(name) for name in names})
    if "arch" not in table.names:
        raise TableError(f"{path}: weak labels need the column 'arch'; it has {', '.join(table.names)}")
    columns = _numbers(table)
    if not columns:
        raise TableError(f"{path} has no column of numbers that could be a weak label")
    codes = np.empty((len(table), len(architectures.distributions)), np.int64)
    for row, text in enumerate(table.column("arch").to_pylist()):
        try:
            codes[row] = architectures.parse(str(text))
        except InputError as error:
            raise TableError(f"{path}, row {row}: {error}") from None
    return build_weak(architectures, codes, columns)


def own_weak(architectures: TableArchitectures) -> WeakLabels:
    """Return the weak labels that a table brings along."""
    bench = architectures.bench
    if not bench.weak_names:
        return NO_WEAK
    codes = np.arange(len(bench))[:, None]
    return build_weak(architectures, codes, {name: bench.weak(name) for name in bench.weak_names})


def _numbers(table: Table) -> dict[str, np.ndarray]:
    from benchmarks.columns import numeric_columns
    from benchmarks.target_choice import counts_rows

    return {
        column.name: table.values(column.name) * (1 if is_cost(column.name) else column.direction)
        for column in numeric_columns(table, "weak")
        if column.name not in ("arch", "id", "name", "space", "seed") and not counts_rows(column.name)
    }
