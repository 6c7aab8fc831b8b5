"""Percentile ranks, and what is left of them when other columns are taken into account."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from eval.ranking import Floats

_NOTHING_LEFT = 1e-3  # share of the variance below which a residual is rounding


def percentiles(values: Floats) -> Floats:
    """Return the percentile rank (n,) of each value, 0 to 100 with mean 50, ties shared; NaN stays NaN."""
    known = np.isfinite(values)
    ranks = np.full(len(values), np.nan)
    if known.any():
        ranks[known] = 100 * (rankdata(values[known]) - 0.5) / known.sum()
    return ranks


def add_up(columns: Sequence[Floats]) -> Floats:
    """Return the sum of weak labels (n,): the mean of their percentile ranks, where all are known."""
    if len(columns) == 1:
        return columns[0]
    return np.mean([percentiles(column) for column in columns], axis=0)


def residuals(values: Floats, design: Floats) -> Floats | None:
    """Return what a linear model of a design (n, columns) leaves of values (n,); None for nothing."""
    centred = values - values.mean()
    table = design - design.mean(0)
    left = centred - table @ np.linalg.lstsq(table, centred, rcond=None)[0]
    if not centred.any() or (left**2).sum() < _NOTHING_LEFT * (centred**2).sum():
        return None
    return left
