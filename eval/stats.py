"""From repeated measurements to statements: intervals, paired tests, corrections, power, mean ranks.

Repeats that train on much the same rows, as in cross-validation, are not independent: their spread
understates the error of their mean. Where `test_to_train` is given, its variance is
(1/J + n_test/n_train) s^2 over J repeats, and differences are tested by Student's t with it (Nadeau & Bengio,
Machine Learning 2003).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import InputError
from eval.ranking import finite_vector

_ROUNDING = 1e-9  # relative spread below which differences count as equal
_EXACT_UP_TO = 14  # repeats: 2^14 sign patterns still fit in a few megabytes
_RANDOM_PATTERNS = 20_000
_NO_EFFECT = 1e-3  # standard deviations: it would take millions of repeats
_MANY_REPEATS = 200  # more than anybody would run


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


def mean_interval(values: ArrayLike, level: float = 0.95, *, test_to_train: float = 0.0) -> Interval:
    """Return the mean of (n,) repeats with Student's t interval.

    Args:
        values: (n,) one number a repeat.
        level: Confidence level, a fraction between 0 and 1.
        test_to_train: n_test / n_train of repeats that share training rows; 0 for independent repeats.

    Raises:
        InputError: the values are not finite numbers, the level is not between 0 and 1, or the ratio is
            negative.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"a confidence level lies between 0 and 1; it is {level}")
    x = finite_vector(values, "repeats")
    mean = float(x.mean())
    if x.size == 1:
        return Interval(mean, math.nan, math.nan, 1)
    from scipy.special import stdtrit

    half = float(stdtrit(x.size - 1, (1.0 + level) / 2.0)) * _standard_error(x, test_to_train)
    return Interval(mean, mean - half, mean + half, x.size)


def _standard_error(x: NDArray[np.float64], test_to_train: float) -> float:
    """Return the standard error of the mean of (n,) repeats; n >= 2."""
    if not 0.0 <= test_to_train < math.inf:
        raise InputError(f"n_test / n_train is a finite number >= 0; it is {test_to_train}")
    return float(x.std(ddof=1)) * math.sqrt(1.0 / x.size + test_to_train)


def paired_difference(
    a: ArrayLike, b: ArrayLike, level: float = 0.95, *, test_to_train: float = 0.0
) -> Interval:
    """Return the mean of a - b over (n,) paired repeats with Student's t interval (see `mean_interval`).

    Raises:
        InputError: a and b are not finite numbers of one length.
    """
    return mean_interval(_differences(a, b), level, test_to_train=test_to_train)


def paired_pvalue(a: ArrayLike, b: ArrayLike, seed: int = 0, *, test_to_train: float = 0.0) -> float:
    """Return the two-sided p-value of the difference of (n,) paired repeats.

    Independent repeats are tested by sign flips (see `_sign_flips`), those that share training rows by the
    corrected resampled t test. One repeat gives 1.

    Args:
        a: (n,) one number a repeat.
        b: (n,) the other's numbers on the same repeats.
        seed: Seed of the random sign patterns.
        test_to_train: n_test / n_train of repeats that share training rows; 0 for independent repeats.

    Raises:
        InputError: a and b are not finite numbers of one length.
    """
    differences = _differences(a, b)
    spread = float(np.ptp(differences)) > _ROUNDING * float(np.abs(differences).max(initial=0.0))
    if test_to_train and differences.size > 1 and spread:
        from scipy.special import stdtr

        t = float(differences.mean()) / _standard_error(differences, test_to_train)
        return float(2.0 * stdtr(differences.size - 1, -abs(t)))
    return _sign_flips(differences, seed)  # differences that are equal but for rounding have no variance


def _sign_flips(differences: NDArray[np.float64], seed: int) -> float:
    """Return the two-sided p-value of the sign-flip permutation test on (n,) differences.

    Under the null hypothesis each difference is as likely as its opposite. Exact over all 2^n sign patterns
    up to n = 14, so never below 2 / 2^n: at n = 5 nothing can fall below 0.05. Beyond n = 14, 20,000 random
    patterns in addition to the observed one.
    """
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


def best_and_ties(
    values: ArrayLike, direction: int, level: float = 0.05, *, test_to_train: float = 0.0
) -> tuple[int, NDArray[np.bool_]]:
    """Find the best predictor and those that are not significantly worse.

    Args:
        values: (predictors, repeats) one metric, paired over the repeats.
        direction: +1 if higher is better, -1 if lower is better.
        level: Significance level of the paired tests against the best, after Holm's correction.
        test_to_train: n_test / n_train of repeats that share training rows; 0 for independent repeats.

    Returns:
        The index of the best mean (the first of equals), and (predictors,) whether each one ties with it.

    Raises:
        InputError: the values are not a finite table, or the direction is neither +1 nor -1.
    """
    table = _finite_table(values, "predictors", "repeats") * _sign(direction)
    best = int(np.argmax(table.mean(axis=1)))
    return best, adjusted_pvalues(table, best, test_to_train=test_to_train) > level


def adjusted_pvalues(values: ArrayLike, baseline: int, *, test_to_train: float = 0.0) -> NDArray[np.float64]:
    """Return (predictors,) Holm-adjusted p-values of paired tests against one predictor, whose own is 1.

    Args:
        values: (predictors, repeats) one metric, paired over the repeats.
        baseline: Index of the predictor that the others are compared with.
        test_to_train: n_test / n_train of repeats that share training rows; 0 for independent repeats.

    Raises:
        InputError: the values are not a finite table.
    """
    table = _finite_table(values, "predictors", "repeats")
    others = [row for row in range(len(table)) if row != baseline]
    adjusted = np.ones(len(table))
    adjusted[others] = holm(
        [paired_pvalue(table[row], table[baseline], test_to_train=test_to_train) for row in others]
    )
    return adjusted


@dataclass(frozen=True)
class Power:
    """What it would take to tell two predictors apart.

    Attributes:
        told_apart: Whether the test is significant already.
        labels: Labelled networks at which it would be, with the present design; None where the labels do not
            limit it, or no number would do.
        repeats: Repeats at which it would be, with the present labels; None where no number would do.
        sentence: The same for a reader.
    """

    told_apart: bool
    labels: int | None
    repeats: int | None
    sentence: str


def estimate_power(
    differences: ArrayLike,
    names: tuple[str, str],
    n_labels: int,
    *,
    test_to_train: float = 0.0,
    p_value: float | None = None,
    level: float = 0.05,
    power: float = 0.8,
) -> Power:
    """Estimate how many labels or repeats would tell two predictors apart, taking their difference as true.

    The standard error shrinks with the repeats down to sqrt(n_test / n_train) standard deviations, and the
    standard deviation with the square root of the labels. The quantiles are those of Student's t at the
    present number of repeats for labels, and of the normal distribution for repeats.

    Args:
        differences: (n,) paired differences of a metric, one a repeat.
        names: The two predictors.
        n_labels: Labelled networks that the repeats were drawn from.
        test_to_train: n_test / n_train of repeats that share training rows; 0 for independent repeats.
        p_value: p-value of the differences, if it is known or adjusted; None to test them here.
        level: Significance level of the two-sided test.
        power: Probability of a significant result that is asked for.

    Raises:
        InputError: the differences are not finite numbers, or the ratio is negative.
    """
    from scipy.special import ndtri, stdtrit

    x = finite_vector(differences, "differences")
    first, second = names
    basis = f"these {n_labels:,} labels" if test_to_train else f"{x.size:,} repeat{'s' if x.size > 1 else ''}"
    if x.size == 1:
        return Power(False, None, None, f"1 repeat cannot tell {first} from {second}; use at least 6")
    p = paired_pvalue(x, np.zeros(x.size), test_to_train=test_to_train) if p_value is None else p_value
    if p <= level:
        return Power(True, None, None, f"{basis} tell {first} and {second} apart")
    effect = abs(float(x.mean())) / float(x.std(ddof=1)) if np.ptp(x) else 0.0
    told = f"{basis} cannot tell {first} from {second}"
    if effect < _NO_EFFECT:
        return Power(False, None, None, f"{told}, and the difference is too small for any number to")
    needed = (effect / float(ndtri(1.0 - level / 2.0) + ndtri(power))) ** 2  # variance factor of the mean
    repeats = _round_up(1.0 / (needed - test_to_train)) if needed > test_to_train else None
    if not test_to_train:
        repeats = max(repeats or 0, x.size + 1)
        return Power(False, None, repeats, f"{told}; about {repeats:,} repeats would")
    t = float(stdtrit(x.size - 1, 1.0 - level / 2.0) + stdtrit(x.size - 1, power))
    growth = (t / effect) ** 2 * (1.0 / x.size + test_to_train)
    labels = max(_round_up(n_labels * growth), n_labels + 1)
    enough = f" (or {repeats:,} repeats)" if repeats and x.size < repeats <= _MANY_REPEATS else ""
    return Power(False, labels, repeats, f"{told}; about {labels:,} labels{enough} would")


def _round_up(value: float) -> int:
    """Return the next whole number with two significant digits: an estimate is no more exact than that."""
    step = 10 ** max(0, math.floor(math.log10(max(value, 1.0))) - 1)
    return math.ceil(value / step) * step


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
