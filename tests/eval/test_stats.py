"""Statistics by hand and against scipy."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats as scipy_stats

from data.errors import InputError
from eval.stats import best_and_ties, holm, mean_interval, mean_ranks, paired_difference, paired_pvalue


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
