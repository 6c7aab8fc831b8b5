"""The paper's: part of a batch from the predicted top, the rest at random."""

from __future__ import annotations

import numpy as np

from data.errors import InputError
from eval.search.strategies.base import Strategy, View


class HalfRandom(Strategy):
    """The predicted best, and a share of random networks that keeps the predictor from fooling itself.

    Source: AceNAS (arXiv 2108.03001), section 3.4 and its published code.
    """

    def __init__(self, *, explore: float = 0.5) -> None:
        """Set the random share.

        Args:
            explore: Share of each batch that is drawn at random, rounded down.

        Raises:
            InputError: `explore` is not between 0 and 1.
        """
        if not 0 <= explore <= 1:
            raise InputError(f"half_random: explore must be between 0 and 1, not {explore}")
        self.explore = explore

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the predicted best, then the random ones."""
        n_random = int(self.explore * size)
        best = view.best(size - n_random, rng)
        return np.concatenate([best, view.without(best).random(n_random, rng)])
