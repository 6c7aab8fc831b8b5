"""From repeated measurements to statements: intervals, paired tests, corrections, mean ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import InputError
from eval.ranking import finite_vector

_EXACT_UP_TO = 14  # repeats: 2^14 sign patterns still fit in a few megabytes
_RANDOM_PATTERNS = 20_000


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval.

    Attributes:
        mean: The mean, in the unit of the values.
        low: Lower end; NaN for a single value.
        high: Upper end; NaN for a single value.
        n: How many values there are.
    """

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean of (n,) repeats with Student's t interval.

    Args:
        values: (n,) one number a repeat.
        level: Confidence level, a fraction between 0 and 1.

    Raises:
        InputError: the values are not finite numbers, or the level is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"a confidence level lies between 0 and 1; it is {level}")
    x = finite_vector(values, "repeats")
    mean = float(x.mean())
    if x.size == 1:
        return Interval(mean, math.nan, math.nan, 1)
    from scipy.special import stdtrit

    half = float(stdtrit(x.size - 1, (1.0 + level) / 2.0) * x.std(ddof=1) / math.sqrt(x.size))
    return Interval(mean, mean - half, mean + half, x.size)


def paired_difference(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean of a - b over (n,) paired repeats with Student's t interval.

    Raises:
        InputError: a and b are not finite numbers of one length.
    """
    return mean_interval(_differences(a, b), level)


def paired_pvalue(a: ArrayLike, b: ArrayLike, seed: int = 0) -> float:
    """Return the two-sided p-value of the sign-flip permutation test on (n,) paired repeats.

    Under the null hypothesis each difference is as likely as its opposite. Exact over all 2^n sign patterns
    up to n = 14, so never below 2 / 2^n: at n = 5 nothing can fall below 0.05. Beyond n = 14, 20,000 random
    patterns beside the observed one.

    Args:
        a: (n,) one number a repeat.
        b: (n,) the other's numbers on the same repeats.
        seed: Seed of the random patterns.

    Raises:
        InputError: a and b are not finite numbers of one length.
    """
    differences = _differences(a, b)
    scale = float(np.abs(differences).sum())
    if scale == 0.0:
        return 1.0
    n = differences.size
    exact = n <= _EXACT_UP_TO
    signs = _all_signs(n) if exact else np.random.default_rng(seed).choice((-1.0, 1.0), (_RANDOM_PATTERNS, n))
    # The margin keeps a sum that differs only by its rounding on the side of "as extreme".
    extreme = np.abs(signs @ differences) >= abs(float(differences.sum())) - 1e-12 * scale
    return float(extreme.mean()) if exact else float((extreme.sum() + 1) / (extreme.size + 1))


def _differences(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    x, y = finite_vector(a, "repeats"), finite_vector(b, "repeats")
    if x.size != y.size:
        raise InputError(f"paired repeats must have one length; they have {x.size} and {y.size}")
    return x - y


def _all_signs(n: int) -> NDArray[np.float64]:
    """Return (2^n, n) every pattern of signs."""
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return 1.0 - 2.0 * bits


def holm(pvalues: ArrayLike) -> NDArray[np.float64]:
    """Return Holm's step-down adjustment of (m,) p-values (Scandinavian Journal of Statistics 1979).

    Raises:
        InputError: a p-value is not between 0 and 1.
    """
    if np.size(pvalues) == 0:
        return np.empty(0)
    p = finite_vector(pvalues, "p-values")
    if p.min() < 0.0 or p.max() > 1.0:
        raise InputError(f"p-values lie between 0 and 1; they go from {p.min()} to {p.max()}")
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, np.arange(p.size, 0, -1) * p[order])
    adjusted = np.empty(p.size)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted


def best_and_ties(values: ArrayLike, direction: int, level: float = 0.05) -> tuple[int, NDArray[np.bool_]]:
    """Find the best predictor and those that are not significantly worse.

    Args:
        values: (predictors, repeats) one metric, paired over the repeats.
        direction: +1 if higher is better, -1 if lower is better.
        level: Significance level of the paired tests against the best, after Holm's correction.

    Returns:
        The index of the best mean (the first of equals), and (predictors,) whether each one ties with it.

    Raises:
        InputError: the values are not a finite table, or the direction is neither +1 nor -1.
    """
    table = _finite_table(values, "predictors", "repeats") * _sign(direction)
    best = int(np.argmax(table.mean(axis=1)))
    others = [row for row in range(len(table)) if row != best]
    ties = np.ones(len(table), bool)
    ties[others] = holm([paired_pvalue(table[best], table[row]) for row in others]) > level
    return best, ties


def mean_ranks(values: ArrayLike, direction: int) -> NDArray[np.float64]:
    """Return (predictors,) the mean rank of each predictor, 1 = best; ties share the mean of their ranks.

    Args:
        values: (tasks or repeats, predictors) one metric.
        direction: +1 if higher is better, -1 if lower is better.

    Raises:
        InputError: the values are not a finite table, or the direction is neither +1 nor -1.
    """
    table = _finite_table(values, "tasks", "predictors") * _sign(direction)
    other, own = table[:, None, :], table[:, :, None]
    better, tied = (other > own).sum(axis=2), (other == own).sum(axis=2)
    return (better + (tied + 1) / 2.0).mean(axis=0)


def _sign(direction: int) -> int:
    if direction not in (-1, 1):
        raise InputError(f"a direction is +1 (higher is better) or -1; it is {direction}")
    return direction


def _finite_table(values: ArrayLike, rows: str, columns: str) -> NDArray[np.float64]:
    table = np.asarray(values)
    if table.ndim != 2:
        raise InputError(f"the values must be a table ({rows}, {columns}); the shape is {table.shape}")
    return finite_vector(table.ravel(), f"the values ({rows}, {columns})").reshape(table.shape)
