"""Extra trees on bootstrap samples, which predict their own training rows out of bag."""

from __future__ import annotations

from typing import Self

import numpy as np

from predictors.forest_spread import predict_mean, sum_out_of_bag
from predictors.lean_forests import ExtraTreesRegressor


class HeldOutTrees:
    """Extremely randomised trees (Geurts et al. 2006) on bootstrap samples (Breiman 2001).

    Attributes:
        held_out: (n,) predictions of each training row by the trees that did not see it; the mean label where
            every tree did.
    """

    held_out: np.ndarray

    def __init__(self, trees: int, seed: int) -> None:
        """Take the number of trees and the seed."""
        self.model = ExtraTreesRegressor(trees, max_features=0.5, bootstrap=True, random_state=seed)

    def fit(self, inputs: np.ndarray, y: np.ndarray) -> Self:
        """Fit n training rows: inputs (n, f) and labels (n,)."""
        self.model.fit(inputs, y)
        count, total, _ = sum_out_of_bag(self.model, inputs)
        self.held_out = np.where(count > 0, total / np.maximum(count, 1), y.mean())
        return self

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return predictions (m,) of inputs (m, f)."""
        return predict_mean(self.model, inputs)
