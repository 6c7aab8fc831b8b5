"""Noise ceilings: by hand, as bounds on simulated trainings, and on the published table."""

from itertools import repeat

import numpy as np
import pytest

from benchmarks.base import Benchmark
from benchmarks.noise import twin_scores
from data.errors import InputError
from eval.ceiling import get_ceilings
from eval.metrics import DEFAULT_METRICS, METRICS

WHOLE = ["kendall_tau", "spearman"]


def test_twin_scores_by_hand():
    y = [1.0, 2.0, 6.0, 5.0, np.nan, 8.0, np.nan]
    classes = ["a", "a", "a", "b", "c", "c", "b"]
    # a: (2 + 6) / 2, (1 + 6) / 2, (1 + 2) / 2; the only twins of b and c have no label.
    expected = [4.0, 3.5, 1.5] + [np.nan] * 4
    np.testing.assert_allclose(twin_scores(y, classes), expected)


def test_published_noise_of_nb201(nb201: Benchmark) -> None:
    """Tau .931 on CIFAR-10, with an interval around it; the same again and with other metrics next to it."""
    y = nb201.target("cifar10", "test_acc")
    found = get_ceilings(["kendall_tau"], y, nb201.repeated)["kendall_tau"]
    assert found is not None
    assert found.value == pytest.approx(0.931, abs=5e-4)
    assert 0.91 < found.low < found.value < found.high < 0.95
    assert (found.bound, found.rows) == ("lower", 10_509)
    assert get_ceilings(DEFAULT_METRICS, y, nb201.repeated)["kendall_tau"] == found


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet16"])
def test_twins_say_nothing_about_the_top(nb201: Benchmark, dataset: str) -> None:
    """On CIFAR-100 twins score NDCG@10 .177 where predictors reach .7: no ceiling."""
    y = nb201.target(dataset, "test_acc")
    found = get_ceilings(DEFAULT_METRICS, y, nb201.repeated, networks=nb201.classes)
    assert {name for name, ceiling in found.items() if ceiling} == set(WHOLE)


def _trainings(seed: int, s: int, heavy: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return averages (n,) and trainings (n, s): many good networks, a tail of poor ones."""
    rng = np.random.default_rng(seed)
    average = 95 - rng.gamma(2, size=4000)
    noise = rng.standard_t(3, size=(4000, s)) / np.sqrt(3) if heavy else rng.normal(size=(4000, s))
    return average, average[:, None] + noise * rng.uniform(0.1, 0.5, 4000)[:, None]


@pytest.mark.parametrize("seed", range(5))
def test_twins_bound_from_below(seed: int) -> None:
    average, trainings = _trainings(seed, 3, heavy=False)
    y, classes = trainings.ravel(), np.repeat(np.arange(4000), 3)
    found = get_ceilings(WHOLE, y, classes)
    for name in WHOLE:
        ceiling = found[name]
        assert ceiling is not None
        truth = METRICS[name](y, average[classes])
        assert truth - 0.06 < ceiling.value < truth
        assert ceiling.low < ceiling.value < ceiling.high < ceiling.low + 0.03


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("s", [2, 3, 8])
def test_seeds_bound_from_above(s: int, heavy: bool) -> None:
    """On the mean of several tables; a single table's top moves by a tenth and more."""
    names = [name for name in DEFAULT_METRICS if name != "regret@1"]
    over = dict(zip(names, repeat(0.0)))
    for seed in range(6):
        average, trainings = _trainings(seed, s, heavy)
        label = trainings.mean(1)
        found = get_ceilings([*names, "regret@1"], label, np.arange(4000), seeds=trainings)
        assert found["regret@1"] is None
        for name in names:
            ceiling = found[name]
            assert ceiling is not None
            assert ceiling.bound == "upper"
            truth = METRICS[name](label, average)
            over[name] += METRICS[name].direction * (ceiling.value - truth) / 6
    bounded = WHOLE if heavy else names
    assert min(over[name] for name in bounded) > -1e-3
    assert over["kendall_tau"] < 0.03


def test_without_noise_the_ceiling_is_the_best_value():
    seeds = np.repeat(np.sqrt(np.arange(120.0))[:, None], 3, axis=1)
    found = get_ceilings(["ndcg@10", *WHOLE], seeds[:, 0], np.arange(120), seeds=seeds)
    assert [(c.value, c.low, c.high) for c in found.values() if c] == [(1, 1, 1)] * 3
    classes = np.repeat(np.arange(60), 2)
    found = get_ceilings(WHOLE, np.sqrt(classes), classes)
    assert [(c.value, c.low, c.high) for c in found.values() if c] == [(1, 1, 1)] * 2


def test_more_noise_lowers_the_ceiling():
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(200), 3)
    clean, noise = rng.normal(size=200)[classes], rng.normal(size=600)
    low, high = (get_ceilings(WHOLE, clean + s * noise, classes)["kendall_tau"] for s in (1, 0.1))
    assert low is not None
    assert high is not None
    assert 0 < low.low < low.high < high.low < high.high < 1


def test_few_rows_have_no_ceiling():
    y, classes = np.arange(120.0), np.r_[np.repeat(np.arange(45), 2), np.arange(45, 75)]
    assert get_ceilings(WHOLE, y, classes) == dict.fromkeys(WHOLE)  # 90 rows have a twin
    crowd = np.r_[np.repeat(np.arange(10), 12)]
    assert get_ceilings(WHOLE, y, crowd) == dict.fromkeys(WHOLE)  # ten networks are no sample
    seeds = np.random.default_rng(0).normal(size=(120, 3))
    seeds[:30, 1] = np.nan
    assert get_ceilings(WHOLE, y, np.arange(120), seeds=seeds) == dict.fromkeys(WHOLE)


def test_small_splits_have_a_ceiling_of_their_own_at_the_top():
    _, trainings = _trainings(0, 3, heavy=False)
    names, y = ["ndcg@10", "kendall_tau"], trainings.mean(1)
    whole = get_ceilings(names, y, np.arange(4000), seeds=trainings)
    small = get_ceilings(names, y, np.arange(4000), seeds=trainings, size=60)
    assert whole["ndcg@10"] is not None
    assert small["ndcg@10"] is not None
    assert whole["ndcg@10"].value + 0.2 < small["ndcg@10"].value
    assert whole["kendall_tau"] is not None
    assert small["kendall_tau"] is not None
    assert small["kendall_tau"].value == pytest.approx(whole["kendall_tau"].value, abs=0.02)
    assert get_ceilings(["ndcg@100"], y, np.arange(4000), seeds=trainings, size=60) == {"ndcg@100": None}


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="one length"):
        twin_scores([1, 2, 3], [1, 2])
    with pytest.raises(InputError, match="one length"):
        twin_scores(list("abc"), [1, 2, 2])
    with pytest.raises(InputError, match="1 are infinite"):
        twin_scores([1, np.inf], [1, 1])
    with pytest.raises(InputError, match="one length"):
        get_ceilings(WHOLE, np.arange(3.0), np.arange(3), networks=np.arange(2))
