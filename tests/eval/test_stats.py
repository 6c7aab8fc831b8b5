"""Statistics by hand and against scipy."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats as scipy_stats

from data.errors import InputError
from eval.stats import (
    adjusted_pvalues,
    best_and_ties,
    estimate_power,
    holm,
    mean_interval,
    mean_ranks,
    paired_difference,
    paired_pvalue,
)


def test_interval_is_students():
    x = np.random.default_rng(0).normal(size=7)
    interval = mean_interval(x, 0.9)
    expected = scipy_stats.t.interval(0.9, 6, loc=x.mean(), scale=scipy_stats.sem(x))
    assert (interval.low, interval.high) == pytest.approx(expected)
    assert (interval.mean, interval.n) == (pytest.approx(x.mean()), 7)


def test_interval_by_hand():
    # Mean 2, standard error 1 / sqrt(3), and the 97.5 % quantile of t with 2 degrees of freedom is 4.3027.
    interval = mean_interval([1, 2, 3])
    assert interval.high - 2 == pytest.approx(4.302653 / math.sqrt(3), abs=1e-6)
    assert 2 - interval.low == pytest.approx(interval.high - 2)


def test_interval_of_one_and_of_equals():
    one = mean_interval([3.0])
    assert (one.mean, one.n) == (3.0, 1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    equal = mean_interval([2.0, 2.0, 2.0])
    assert (equal.low, equal.mean, equal.high) == (2.0, 2.0, 2.0)


def test_paired_difference_takes_the_differences():
    assert paired_difference([3, 5, 7], [1, 2, 3]) == mean_interval([2, 3, 4])


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([1, 2, 3], 2 / 8),  # only all plus and all minus reach 6
        ([1, 2, -3], 1.0),  # the sum is 0: every pattern is as extreme
        ([5, -1], 1.0),  # |sums| 4, 6, 6, 4
        ([1, 1, 1, -1], 10 / 16),  # |sum| >= 2 unless two are plus and two minus: 16 - 6
        ([0, 0, 0], 1.0),
        ([4], 1.0),
    ],
)
def test_sign_flips_by_hand(differences, expected):
    assert paired_pvalue(differences, np.zeros(len(differences))) == expected


def test_sign_flips_agree_with_scipy():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.5, 1, 9), rng.normal(0, 1, 9)
    expected = scipy_stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=2**9
    ).pvalue
    assert paired_pvalue(a, b) == pytest.approx(expected)
    assert paired_pvalue(b, a) == paired_pvalue(a, b)


def test_many_repeats_are_sampled_with_a_seed():
    rng = np.random.default_rng(2)
    a = rng.normal(0.5, 1, 16)
    patterns = np.array(list(product((-1, 1), repeat=16)))
    exact = np.mean(np.abs(patterns @ a) >= abs(a.sum()) - 1e-9)
    sampled = paired_pvalue(a, np.zeros(16), seed=3)
    assert sampled == paired_pvalue(a, np.zeros(16), seed=3)
    assert sampled == pytest.approx(exact, abs=4 * math.sqrt(exact / 20_000))
    assert paired_pvalue(np.ones(40), np.zeros(40)) == 1 / 20_001  # never 0


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1: the third may not fall below the second.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).size == 0


def test_best_and_ties():
    rng = np.random.default_rng(4)
    shared = rng.normal(size=10)  # a hard repeat is hard for all: pairing removes it
    values = shared + np.array([[0.0], [2.0], [1.99], [1.0]]) + 0.1 * rng.normal(size=(4, 10))
    best, ties = best_and_ties(values, +1)
    assert best in (1, 2)
    assert ties.tolist() == [False, True, True, False]
    best, ties = best_and_ties(values, -1)
    assert (best, ties.tolist()) == (0, [True, False, False, False])


def test_few_repeats_or_one_predictor_leave_all_tied():
    assert best_and_ties([[1, 2, 3], [11, 12, 13]], +1)[1].tolist() == [True, True]
    best, ties = best_and_ties([[1, 2, 3]], +1)
    assert (best, ties.tolist()) == (0, [True])


def test_mean_ranks_by_hand():
    # Ranks 1, 2.5, 2.5 and 3, 2, 1.
    assert mean_ranks([[9, 5, 5], [1, 2, 3]], +1).tolist() == [2.0, 2.25, 1.75]
    assert mean_ranks([[9, 5, 5], [1, 2, 3]], -1).tolist() == [2.0, 1.75, 2.25]


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="1 of 2 are NaN"):
        mean_interval([1, np.nan])
    with pytest.raises(InputError, match="between 0 and 1"):
        mean_interval([1, 2], level=95)
    with pytest.raises(InputError, match="3 and 2"):
        paired_pvalue([1, 2, 3], [1, 2])
    with pytest.raises(InputError, match="between 0 and 1"):
        holm([0.5, 1.5])
    with pytest.raises(InputError, match="1 of 4 are NaN"):
        best_and_ties([[1, 2], [3, np.nan]], +1)
    with pytest.raises(InputError, match="shape"):
        mean_ranks([1, 2], +1)
    with pytest.raises(InputError, match="direction"):
        mean_ranks([[1, 2]], 0)


def test_corrected_interval_by_hand():
    # Mean 2, standard deviation 1, J = 3, n_test / n_train = 1/4: sqrt(1/3 + 1/4) = 0.763763; t = 4.302653.
    interval = mean_interval([1, 2, 3], test_to_train=0.25)
    assert interval.high - 2 == pytest.approx(4.302653 * 0.763763, abs=1e-5)
    assert interval.low == pytest.approx(4 - interval.high)


def test_corrected_test_by_hand():
    # t = 2 / 0.763763 = 2.618615; with 2 degrees of freedom p = 1 - t / sqrt(t^2 + 2).
    t = 2 / math.sqrt(1 / 3 + 1 / 4)
    p = paired_pvalue([1, 2, 3], [0, 0, 0], test_to_train=0.25)
    assert p == pytest.approx(1 - t / math.sqrt(t * t + 2))
    assert paired_pvalue([0, 0, 0], [1, 2, 3], test_to_train=0.25) == pytest.approx(p)
    assert paired_pvalue([4, 4, 4], [1, 1, 1], test_to_train=0.25) == 2 / 8  # no variance: sign flips
    assert paired_pvalue([0.1 + 0.2, 0.3], [0, 0], test_to_train=0.25) == 2 / 4  # rounding is no variance
    assert paired_pvalue([3], [1], test_to_train=0.25) == 1
    with pytest.raises(InputError, match=">= 0"):
        mean_interval([1, 2], test_to_train=-1)


def test_the_corrected_test_keeps_its_level_in_cross_validation():
    """Two equally good learners on 57 labels: the naive test finds a winner far more often than in 5 %."""
    rng = np.random.default_rng(0)
    naive = corrected = 0
    for _ in range(300):
        x, noise = rng.normal(size=(57, 2)), rng.normal(size=57)
        y = x.sum(axis=1) + noise
        errors, order = np.empty((2, 10)), np.arange(57)
        for repeat in range(10):
            if repeat % 5 == 0:
                order = rng.permutation(57)
            test = order[repeat % 5 :: 5]
            train = np.setdiff1d(order, test)
            for i in range(2):
                slope = x[train, i] @ y[train] / (x[train, i] @ x[train, i])
                errors[i, repeat] = np.mean((y[test] - slope * x[test, i]) ** 2)
        naive += paired_pvalue(errors[0], errors[1]) <= 0.05
        corrected += paired_pvalue(errors[0], errors[1], test_to_train=11.4 / 45.6) <= 0.05
    assert naive > 0.12 * 300
    assert corrected < 0.07 * 300


def test_adjusted_pvalues_are_holms():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(4, 8)) + np.array([[0.0], [1.0], [2.0], [0.3]])
    p = adjusted_pvalues(values, 1)
    assert p[1] == 1
    expected = holm([paired_pvalue(values[i], values[1]) for i in (0, 2, 3)])
    assert p[[0, 2, 3]] == pytest.approx(expected)


def test_power_by_hand():
    # Effect d = mean / sd = 0.5; 7.849 = (1.960 + 0.842)^2; 7.849 / 0.25 = 31.4 repeats.
    x = np.array([-1.0, 1.0] * 5)
    x = 0.5 + x / x.std(ddof=1)
    power = estimate_power(x, ("a", "b"), 1000)
    assert (power.told_apart, power.labels, power.repeats) == (False, None, 32)
    assert "32 repeats" in power.sentence
    # With n_test / n_train = 1/4 no number of repeats does: 1/J + 1/4 > 0.25 / 7.849. The labels must grow by
    # (2.262 + 0.883)^2 (1/10 + 1/4) / 0.25 = 13.85.
    power = estimate_power(x, ("a", "b"), 57, test_to_train=0.25)
    assert (power.labels, power.repeats) == (790, None)
    assert all(word in power.sentence for word in ("57 labels", "790 labels", "a", "b"))


def test_power_where_nothing_is_to_be_estimated():
    told = estimate_power(np.arange(1.0, 11), ("a", "b"), 100)
    assert (told.told_apart, told.labels, told.repeats) == (True, None, None)
    none = estimate_power([1.0, -1.0, 1.0, -1.0], ("a", "b"), 57, test_to_train=0.25)
    assert (none.told_apart, none.labels, none.repeats) == (False, None, None)
    assert estimate_power([0.0, 0.0], ("a", "b"), 57).repeats is None
    assert not estimate_power([0.3], ("a", "b"), 57).told_apart
    assert not estimate_power(np.arange(1.0, 11), ("a", "b"), 100, p_value=0.2).told_apart


def test_the_repeats_that_are_estimated_have_the_power():
    rng = np.random.default_rng(5)
    x = np.array([-1.0, 1.0] * 10)
    power = estimate_power(0.6 * x.std(ddof=1) + x, ("a", "b"), 1000, p_value=0.5)
    assert power.repeats == 22  # 7.849 / 0.36 = 21.8
    found = [scipy_stats.ttest_1samp(rng.normal(0.6, 1, power.repeats), 0).pvalue for _ in range(400)]
    assert 0.7 < np.mean(np.array(found) < 0.05) < 0.88
