"""What is known of networks without training them: weak labels, normalised, by the network's hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.stats import rankdata

from data.errors import InputError
from data.graphs import Graphs
from data.space import SearchSpace

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class WeakKnowledge:
    """What pretraining left behind.

    Attributes:
        names: Names of the weak labels, in the order of the heads.
        hashes: (m,) sorted canonical hashes of the networks that were seen.
        values: (m, labels) their normalised weak labels, NaN where unknown.
        space: Vocabulary and node limit of their search space, as text.
        state: Parameters of the pretraining network; none where nothing was trained.
    """

    names: tuple[str, ...]
    hashes: np.ndarray
    values: np.ndarray
    space: str
    state: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        graphs: Graphs,
        names: tuple[str, ...],
        values: np.ndarray,
        state: dict[str, Tensor] | None = None,
    ) -> Self:
        """Keep the values (m, labels) of m architectures."""
        hashes = graphs.canonical_hash()
        order = np.argsort(hashes, kind="stable")
        return cls(names, hashes[order], values[order], vocabulary(graphs.space), state or {})

    def look_up(self, graphs: Graphs) -> np.ndarray:
        """Return the values (n, labels) of n architectures, NaN where unknown."""
        hashes = graphs.canonical_hash()
        place = np.searchsorted(self.hashes, hashes).clip(max=len(self.hashes) - 1)
        values = self.values[place]
        values[self.hashes[place] != hashes] = np.nan
        return values


def check_weak_labels(
    predictor: str, graphs: Graphs, weak_labels: Mapping[str, np.ndarray]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of weak labels and their values (n, labels), NaN where unknown.

    Raises:
        InputError: No weak label, one of another length, or one without a known value.
    """
    if not weak_labels:
        raise InputError(f"predictor '{predictor}' needs at least one weak label to pretrain on")
    for name, values in weak_labels.items():
        if np.shape(values) != (len(graphs),):
            raise InputError(
                f"weak label '{name}' has shape {np.shape(values)}; there are {len(graphs)} architectures"
            )
    table = np.stack([np.asarray(v, np.float64) for v in weak_labels.values()], axis=1)
    table[~np.isfinite(table)] = np.nan
    check_known(tuple(weak_labels), table)
    return tuple(weak_labels), table


def check_known(names: tuple[str, ...], values: np.ndarray) -> None:
    """Refuse weak labels (n, labels) without a known value."""
    for column, name in enumerate(names):
        if not np.isfinite(values[:, column]).any():
            raise InputError(f"weak label '{name}' is known for none of {len(values)} architectures")


def rank_normal(values: np.ndarray) -> np.ndarray:
    """Return the ranks of values (n,), spread evenly with mean 0 and deviation 1; NaN stays NaN."""
    known = np.isfinite(values)
    ranks = np.full(len(values), np.nan)
    n = int(known.sum())
    ranks[known] = ((rankdata(values[known]) - 0.5) / n - 0.5) * np.sqrt(12)
    return ranks


def mean_by_network(values: np.ndarray, network: np.ndarray, n: int) -> np.ndarray:
    """Return the means (n, labels) of the known values (rows, labels) by network, NaN where none is known."""
    known = np.isfinite(values)
    counts = np.stack([np.bincount(network, k, n) for k in known.T.astype(float)], axis=1)
    totals = np.stack([np.bincount(network, v, n) for v in np.where(known, values, 0.0).T], axis=1)
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def vocabulary(space: SearchSpace) -> str:
    """Return what encoders of a space have in common: its operations, stages, features and node limit."""
    parts = [*space.stages, *space.features] if len(space.stages) > 1 or space.features else []
    return f"{'/'.join([*space.ops, *parts])}, at most {space.max_nodes} nodes"
