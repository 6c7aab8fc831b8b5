"""Floor: the ranks of several weak labels added up; learns nothing from true labels."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from predictors.knows_weak import KnowsWeakLabels
from predictors.weak_knowledge import (
    WeakKnowledge,
    check_weak_labels,
    mean_by_network,
    rank_normal,
)


class WeakSum(KnowsWeakLabels):
    """What rankers that are pretrained on these weak labels know before they see a true one.

    The score is the mean rank of the weak labels that are known, among all architectures it was pretrained
    on; one without any comes last. Without pretraining, the weak labels of the graphs are standardised by the
    training architectures and averaged.
    """

    canonical: ClassVar[bool] = False
    needs_weak: ClassVar[bool] = True

    def pretrain(self, graphs: Graphs, weak_labels: Mapping[str, np.ndarray], *, seed: int = 0) -> Self:
        """Keep the ranks of the weak labels of each network; see Pretrains.pretrain."""
        del seed
        start = time.perf_counter()
        names, values = check_weak_labels(self.name, graphs, weak_labels)
        rows, network = graphs.unique()
        values = mean_by_network(values, network, len(rows))
        ranks = np.stack([rank_normal(column) for column in values.T], axis=1)
        self.weak_ = WeakKnowledge.of(graphs.take(rows), names, ranks)
        self.pretrain_seconds_ = time.perf_counter() - start
        return self

    def pretrain_params(self) -> dict[str, Any]:
        """Return no hyper-parameters: there are none."""
        return {}

    def save_encoder(self, path: Path, *, cost: bool = True) -> None:
        """Save the ranks; see Pretrains.save_encoder."""
        from predictors.nn.encoder_file import write_encoder

        if not hasattr(self, "weak_"):
            raise InputError(f"predictor '{self.name}' was not pretrained: there is nothing to save")
        write_encoder(path, self.weak_, self.name, "", self.pretrain_seconds_ if cost else None)

    def load_encoder(self, path: Path) -> Self:
        """Restore the weak labels from what any predictor saved."""
        from predictors.nn.encoder_file import read_encoder

        knowledge, self.pretrain_seconds_ = read_encoder(path)
        ranks = np.stack([rank_normal(column) for column in knowledge.values.T], axis=1)
        self.weak_ = replace(knowledge, values=ranks, state={})
        return self

    def lacks(self, weak: Collection[str]) -> tuple[str, ...]:
        """Return that any weak label is missing, if there is none and nothing was pretrained."""
        return () if weak or hasattr(self, "weak_") else ("of any name",)

    def covers(self, graphs: Graphs) -> np.ndarray:
        """Return (n,) of which architectures a weak label is known."""
        return np.asarray(np.isfinite(self._values(graphs)).any(1))

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        del y, seed
        self.names_ = tuple(graphs.weak)
        values = self._values(graphs)
        known = np.isfinite(values)
        count = np.maximum(known.sum(0), 1)
        self.mean_ = np.where(known, values, 0.0).sum(0) / count
        self.spread_ = np.sqrt((np.where(known, values - self.mean_, 0.0) ** 2).sum(0) / count)

    def _predict(self, graphs: Graphs) -> np.ndarray:
        values = self._values(graphs)
        if not hasattr(self, "weak_"):
            values = (values - self.mean_) / np.where(self.spread_ > 0, self.spread_, 1.0)
        known = np.isfinite(values)
        scores = np.where(known, values, 0.0).sum(1) / np.maximum(known.sum(1), 1)
        lowest = scores[known.any(1)].min(initial=0.0)
        return np.where(known.any(1), scores, np.nextafter(lowest, -np.inf))

    def _values(self, graphs: Graphs) -> np.ndarray:
        """Return the weak labels (n, labels) as known, NaN where unknown."""
        if hasattr(self, "weak_"):
            return self.weak_.look_up(graphs)
        names = getattr(self, "names_", tuple(graphs.weak))
        return np.stack([np.asarray(graphs.weak[name], float) for name in names], axis=1)
