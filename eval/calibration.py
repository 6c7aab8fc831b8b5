"""Calibration: how often a label lies in the interval that a predictor gives it."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

COVERAGES = (50, 80, 95)  # percent of a normal distribution that the central intervals hold
FIELDS = (*(f"coverage_{level}" for level in COVERAGES), "mean_std")


def get_half_width(level: float) -> float:
    """Return half the width of the central interval that holds `level` percent, in standard deviations."""
    return NormalDist().inv_cdf(0.5 + level / 200)


def get_coverage(labels: np.ndarray, scores: np.ndarray, std: np.ndarray) -> dict[str, float | None]:
    """Return the share of labels in the central 50, 80 and 95 % intervals, and the mean deviation.

    Args:
        labels: (n,) labels in the unit of the scores; those that are NaN do not count.
        scores: (n,) predictive means.
        std: (n,) predictive standard deviations of a label.

    Returns:
        `coverage_50`, `coverage_80` and `coverage_95` as fractions, and `mean_std`, the sharpness; all None
        where no label is known.
    """
    known = np.isfinite(labels)
    if not known.any():
        return dict.fromkeys(FIELDS)
    distance, std = np.abs(labels[known] - scores[known]), std[known]
    found: dict[str, float | None] = {
        f"coverage_{level}": float((distance <= get_half_width(level) * std).mean()) for level in COVERAGES
    }
    return {**found, "mean_std": float(std.mean())}
