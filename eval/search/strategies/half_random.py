"""The paper's: half of a batch from the ranker's top, the rest at random (--explore)."""

from __future__ import annotations

import numpy as np

from eval.search.strategies.base import Strategy, View


class HalfRandom(Strategy):
    """The predicted best, and a share of random networks that keeps the ranker honest.

    Source: AceNAS (arXiv 2108.03001), section 3.4 and its published code.
    """

    def __init__(self, *, explore: float = 0.5) -> None:
        """Draw the share `explore` of each batch at random, rounded down."""
        self.explore = explore

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the predicted best, then the random ones."""
        n_random = int(self.explore * size)
        best = view.best(size - n_random, rng)
        return np.concatenate([best, view.without(best).random(n_random, rng)])
