"""Every query at random; the predictor, trained once on all of them, only picks the final top."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from eval.search.strategies.base import Strategy, View


class RandomSearch(Strategy):
    """The floor that every search has to beat."""

    uses_scores: ClassVar[bool] = False

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return random candidates."""
        return view.random(size, rng)
