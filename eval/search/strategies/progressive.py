"""WeakNAS: queries drawn at random from a predicted top that narrows round by round."""

from __future__ import annotations

import numpy as np

from data.errors import InputError
from eval.search.strategies.base import Strategy, View


class Progressive(Strategy):
    """Random networks of the predicted top, which shrinks geometrically as the budget is spent.

    Source: Wu et al., Stronger NAS with Weaker Predictors, NeurIPS 2021 (there the top 1,000 of 15,625
    networks of NAS-Bench-201 throughout).
    """

    def __init__(self, *, widest: float = 0.1, narrowest: float = 0.002) -> None:
        """Set how wide the top is.

        Args:
            widest: Share of the candidates that the first predicted top holds.
            narrowest: Share that the last one holds; never fewer than the batch.

        Raises:
            InputError: Shares that are not in order between 0 and 1.
        """
        if not 0 < narrowest <= widest <= 1:
            raise InputError("progressive: 0 < narrowest <= widest <= 1 must hold")
        self.widest = widest
        self.narrowest = narrowest

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return random networks of the predicted top."""
        spent = len(view.queried) / max(view.budget - size, 1)
        share = self.widest * (self.narrowest / self.widest) ** min(spent, 1.0)
        networks = len(np.unique(view.networks))
        top = view.best(min(networks, max(size, round(share * networks))), rng)
        return rng.permutation(top)[:size]
