"""How sure a random forest is: the spread of its trees, scaled by its out-of-bag errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

    Forest = RandomForestRegressor | ExtraTreesRegressor


@dataclass(frozen=True)
class ForestSpread:
    """Predictive deviations of a forest that was grown on bootstrap samples.

    A training architecture is predicted by the trees that did not see it (Breiman 2001, section 3.1). Their
    spread, times `ratio`, is on average the squared error of their mean, which includes the noise of a label.

    Attributes:
        ratio: Mean squared error over mean variance of the trees; 0 where the trees do not differ.
        constant: Predictive variance where the trees do not differ, else 0.
    """

    ratio: float
    constant: float

    @classmethod
    def measure(cls, forest: Forest, features: np.ndarray, y: np.ndarray) -> Self:
        """Measure the out-of-bag errors of a fitted forest on its training features (n, f) and labels (n,).

        Where no tree has left out an architecture, the variance of the labels stands in for the errors.
        """
        count, total, square = sum_out_of_bag(forest, features)
        known = count > 0
        if not known.any():
            return cls(0.0, float(y.var()))
        mean = total[known] / count[known]
        spread = float(np.maximum(square[known] / count[known] - mean**2, 0).mean())
        error = float(((y[known] - mean) ** 2).mean())
        return cls(error / spread, 0.0) if spread > 1e-12 else cls(0.0, error)

    def predict(self, forest: Forest, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean of the trees (n,), as `forest.predict`, and the predictive deviation (n,)."""
        inputs = features.astype(np.float32)
        total, square = np.zeros(len(inputs)), np.zeros(len(inputs))
        for tree in forest.estimators_:  # in the order in which the forest adds its trees
            predicted = tree.tree_.predict(inputs)[:, 0]
            total += predicted
            square += predicted**2
        mean = total / len(forest.estimators_)
        spread = np.maximum(square / len(forest.estimators_) - mean**2, 0)
        return mean, np.sqrt(self.ratio * spread + self.constant)


def predict_mean(forest: Forest, features: np.ndarray) -> np.ndarray:
    """Return the mean of the trees (n,): `forest.predict` to the bit, without its checks tree by tree."""
    inputs, total = features.astype(np.float32), np.zeros(len(features))
    for tree in forest.estimators_:
        total += tree.tree_.predict(inputs)[:, 0]
    return total / len(forest.estimators_)


def sum_out_of_bag(forest: Forest, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add up what the trees predict of those training architectures (n, f) that they did not see.

    Returns:
        (n,) number of such trees, the sum of their predictions and the sum of their squared predictions.
    """
    n, inputs = len(features), features.astype(np.float32)
    count, total, square = np.zeros(n), np.zeros(n), np.zeros(n)
    for tree, sample in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        unseen = np.bincount(sample, minlength=n) == 0
        predicted = tree.tree_.predict(inputs)[:, 0] * unseen
        count += unseen
        total += predicted
        square += predicted**2
    return count, total, square
