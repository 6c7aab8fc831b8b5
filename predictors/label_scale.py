"""The unit in which labels reach a predictor: standardised, or the normal scores of their ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class LabelScale:
    """A map from labels to the unit that a predictor learned, taken from its training labels.

    Attributes:
        mean: Mean of the training labels.
        deviation: Their standard deviation; 0 if they are all equal.
        knots: (k,) distinct standardised training labels, ascending; None where labels are only standardised.
        normal_scores: (k,) normal scores of the knots; None where labels are only standardised.
    """

    mean: float
    deviation: float
    knots: np.ndarray | None = None
    normal_scores: np.ndarray | None = None

    @classmethod
    def fit(cls, y: np.ndarray, *, normal: bool = False) -> Self:
        """Return the scale of n training labels.

        Args:
            y: (n,) labels, finite, in any unit.
            normal: Whether the unit is the normal score of a label's rank: the standard normal quantile of
                (rank - 0.5) / n, where tied labels share their mean rank (Hazen 1914). Otherwise labels get
                mean 0 and deviation 1.
        """
        deviation = float(y.std())
        if deviation <= 1e-12 * max(1.0, float(np.abs(y).max())):
            deviation = 0.0
        scale = cls(float(y.mean()), deviation)
        if not normal or not deviation:
            return scale
        from scipy.stats import norm, rankdata

        # Ranks of rounded labels: labels that differ by rounding alone are tied in any unit.
        knots, first = np.unique(scale(y), return_index=True)
        scores = norm.ppf((rankdata(scale(y)) - 0.5) / len(y))
        return cls(scale.mean, deviation, knots, scores[first])

    def __call__(self, y: np.ndarray) -> np.ndarray:
        """Return labels (n,) in the predictor's unit, NaN where it is not known.

        Standardised labels are rounded to 1e-9, so that the unit of the labels leaves no trace. Normal scores
        of labels between two training labels are interpolated, those beyond the extremes are clipped. Equal
        training labels say nothing about the unit: they are 0, any other label is NaN.
        """
        y = np.asarray(y, np.float64)
        if not self.deviation:
            same = np.abs(y - self.mean) <= 1e-9 * max(1.0, abs(self.mean))
            return np.where(same, 0.0, np.nan)
        standardised = np.round((y - self.mean) / self.deviation, 9)
        if self.knots is None or self.normal_scores is None:
            return standardised
        return np.interp(standardised, self.knots, self.normal_scores)

    def to_labels(self, values: np.ndarray) -> np.ndarray:
        """Return labels (n,) of values in the predictor's unit: the inverse of calling the scale.

        Normal scores beyond those of the best and the worst training label continue the line through the
        outer quarter of the training labels.
        """
        values = np.asarray(values, np.float64)
        if self.knots is None or self.normal_scores is None:
            return self.mean + self.deviation * values
        standardised = np.interp(values, self.normal_scores, self.knots)
        last = len(self.knots) - 1
        quarter = max(1, last // 4)
        for end, inner, beyond in (
            (0, quarter, values < self.normal_scores[0]),
            (last, last - quarter, values > self.normal_scores[last]),
        ):
            run = self.normal_scores[end] - self.normal_scores[inner]
            slope = (self.knots[end] - self.knots[inner]) / run
            standardised[beyond] = self.knots[end] + slope * (values[beyond] - self.normal_scores[end])
        return self.mean + self.deviation * standardised


def standardise(y: np.ndarray) -> np.ndarray:
    """Return labels (n,) with mean 0 and deviation 1, rounded to 1e-9; all 0 if they are equal."""
    return LabelScale.fit(y)(y)
