"""Floor: a random order, the same for the same network."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from data.graphs import Graphs
from predictors.base import Predictor


class RandomOrder(Predictor):
    """Ranks networks by chance; what every predictor has to beat."""

    canonical: ClassVar[bool] = True

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.seed_ = seed

    def _predict(self, graphs: Graphs) -> np.ndarray:
        # A network's place is drawn from its hash and the seed, so it does not depend on the batch.
        words = np.stack([graphs.canonical_hash(), np.full(len(graphs), self.seed_, np.uint64)], axis=1)
        return np.array([np.random.default_rng(pair).random() for pair in words])
