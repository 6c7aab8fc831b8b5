"""The noise ceiling by hand, and where the labels have no noise."""

import math

import numpy as np
import pytest

from benchmarks.noise import twin_scores
from data.errors import InputError
from eval.ceiling import noise_ceiling, seed_ceiling
from eval.metrics import DEFAULT_METRICS, METRICS


def test_twin_scores_by_hand():
    y = [1.0, 2.0, 6.0, 5.0, np.nan, 8.0, np.nan]
    classes = ["a", "a", "a", "b", "c", "c", "b"]
    # a: (2 + 6) / 2, (1 + 6) / 2, (1 + 2) / 2; the only twins of b and c have no label.
    expected = [4.0, 3.5, 1.5] + [np.nan] * 4
    np.testing.assert_allclose(twin_scores(y, classes), expected)


def test_without_noise_the_ceiling_is_the_best_value():
    classes = np.repeat(np.arange(60), 2)
    y = np.sqrt(classes)
    ceiling = noise_ceiling(DEFAULT_METRICS, y, classes, np.arange(120))
    assert ceiling == pytest.approx({name: METRICS[name](y, y) for name in DEFAULT_METRICS})


def test_more_noise_lowers_the_ceiling():
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(200), 3)
    clean, noise = rng.normal(size=200)[classes], rng.normal(size=600)
    low, high = (noise_ceiling(["kendall_tau"], clean + s * noise, classes, np.arange(600)) for s in (1, 0.1))
    assert 0 < low["kendall_tau"] < high["kendall_tau"] < 1


def test_only_the_given_rows_count_and_their_twins_may_lie_outside():
    y, classes = np.array([1.0, 2.0, 3.0, 1.5, 2.5, 0.0, 9.0]), np.array([0, 1, 2, 0, 1, 2, 3])
    # Rows 0 and 1 are told apart by rows 3 and 4; row 6 has no twin.
    names = ["kendall_tau", "regret@2", "regret@3"]
    by_index = noise_ceiling(names, y, classes, [0, 1, 6])
    assert (by_index["kendall_tau"], by_index["regret@2"]) == (1.0, 0.0)
    assert math.isnan(by_index["regret@3"])  # two rows have twins
    assert noise_ceiling(names[:2], y, classes, np.isin(np.arange(7), [0, 1, 6])) == {
        name: by_index[name] for name in names[:2]
    }


@pytest.mark.parametrize("rows", [[], [6], [0]])
def test_too_few_rows_with_twins_give_nan(rows):
    y, classes = np.arange(7.0), np.array([0, 0, 1, 1, 2, 2, 3])
    values = noise_ceiling(["kendall_tau", "regret@1", "precision_top@5"], y, classes, rows)
    assert all(math.isnan(value) for value in values.values())


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="one length"):
        twin_scores([1, 2, 3], [1, 2])
    with pytest.raises(InputError, match="one length"):
        twin_scores(list("abc"), [1, 2, 2])
    with pytest.raises(InputError, match="1 are infinite"):
        twin_scores([1, np.inf], [1, 1])


@pytest.mark.parametrize("s", [3, 8])
def test_the_seed_ceiling_is_what_who_knows_the_averages_scores(s: int) -> None:
    rng = np.random.default_rng(s)
    average = 95 - rng.gamma(2, size=4000)
    seeds = average[:, None] + rng.normal(size=(4000, s)) * rng.uniform(0.2, 0.8, 4000)[:, None]
    ceiling = seed_ceiling(["kendall_tau", "spearman"], seeds)
    for name, value in ceiling.items():
        assert value == pytest.approx(METRICS[name](seeds.mean(1), average), abs=0.02)


def test_incomplete_seeds_are_left_out() -> None:
    seeds = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [np.nan, 9.0]])
    assert seed_ceiling(["kendall_tau"], seeds)["kendall_tau"] == 1
    assert np.isnan(seed_ceiling(["ndcg@10"], seeds)["ndcg@10"])
    assert np.isnan(seed_ceiling(["kendall_tau"], seeds[3:])["kendall_tau"])


def test_equal_seeds_reach_the_best_value():
    seeds = np.repeat(np.sqrt(np.arange(120.0))[:, None], 3, axis=1)
    ceiling = seed_ceiling(DEFAULT_METRICS, seeds)
    assert ceiling == pytest.approx(
        {name: METRICS[name](seeds[:, 0], seeds[:, 0]) for name in DEFAULT_METRICS}
    )
