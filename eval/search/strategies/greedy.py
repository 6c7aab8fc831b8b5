"""The predicted top and nothing else."""

from __future__ import annotations

import numpy as np

from eval.search.strategies.base import Strategy, View


class Greedy(Strategy):
    """Queries the predicted best, without exploring."""

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the predicted best."""
        return view.best(size, rng)
