"""All of a batch from the ranker's top."""

from __future__ import annotations

import numpy as np

from eval.search.strategies.base import Strategy, View


class Greedy(Strategy):
    """The predicted best and nothing else."""

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the predicted best."""
        return view.best(size, rng)
