"""Floor: a random order, the same for the same network."""

from __future__ import annotations

import numpy as np

from data.graphs import Graphs
from predictors.base import Predictor


class RandomOrder(Predictor):
    """Ranks networks by chance: the baseline that every predictor has to beat."""

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.seed_ = seed

    def _predict(self, graphs: Graphs) -> np.ndarray:
        # Drawn from the network's hash and the seed, so that a score does not depend on the batch.
        words = np.stack([graphs.canonical_hash(), np.full(len(graphs), self.seed_, np.uint64)], axis=1)
        return np.array([np.random.default_rng(pair).random() for pair in words])
