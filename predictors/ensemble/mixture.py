"""How members are mixed and how sure the mixture is, from held-out predictions of the training labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import nnls
from scipy.stats import norm

LEAST = 10  # labels from which weights are worth estimating


@dataclass(frozen=True)
class Mixture:
    """A weighted sum of members, each first brought to the unit of the labels.

    Attributes:
        centre: (members,) what is subtracted from a member's prediction.
        slope: (members,) what it is then multiplied by, not negative.
        weights: (members,) weights, not negative.
        ratio: Deviation of a label from the mixture, as a multiple of the deviation that the Gaussian process
            predicts.
    """

    centre: np.ndarray
    slope: np.ndarray
    weights: np.ndarray
    ratio: float

    @classmethod
    def fit(
        cls, held_out: np.ndarray, std: np.ndarray, y: np.ndarray, prior: np.ndarray, shrink: float
    ) -> Self:
        """Choose weights by non-negative least squares, shrunk towards a prior (stacking, Breiman 1996).

        Args:
            held_out: (members, n) predictions of members that did not see the label.
            std: (n,) deviations of the labels that the Gaussian process predicts, likewise.
            y: (n,) labels, of mean 0.
            prior: (members,) weights that are taken where labels are few, of sum 1.
            shrink: Strength of the shrinkage, as a multiple of the sum of squares of a member.
        """
        members, n = held_out.shape
        centre = held_out.mean(1)
        centred = held_out - centre[:, None]
        square = (centred**2).sum(1)
        slope = np.maximum(centred @ y, 0) / np.maximum(square, 1e-12)
        predicted = centred * slope[:, None]
        weights = prior
        if n >= LEAST and (strength := np.sqrt(shrink * (predicted**2).sum() / members)) > 0:
            rows = np.concatenate([predicted.T, strength * np.eye(members)])
            weights = nnls(rows, np.concatenate([y, strength * prior]))[0]
        error = np.abs(y - weights @ predicted) / np.maximum(std, 1e-9)
        return cls(centre, slope, weights, _typical_error(error))

    def predict(self, scores: np.ndarray) -> np.ndarray:
        """Return the mixture (m,) of the members' predictions (members, m)."""
        return (self.weights * self.slope) @ (scores - self.centre[:, None])


def _typical_error(error: np.ndarray) -> float:
    """Return the deviation of absolute errors (n,): half from their mean square, half from 80 % of them."""
    square = np.sqrt((error**2).mean())
    middle = np.quantile(error, 0.8) / norm.ppf(0.9)
    return float((square + middle) / 2)
