"""GRAF's predictor: its settings, its columns, and how well it orders NAS-Bench-201."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestRegressor

from benchmarks.base import Benchmark
from data.encode import graf
from data.errors import InputError, UnknownNameError
from data.graphs import Graphs
from predictors.graf import MODELS, Graf

ROWS = np.random.default_rng(3).permutation(15_625)


@pytest.fixture(scope="module")
def train(nb201: Benchmark) -> Graphs:
    return nb201.graphs.take(ROWS[:100])


@pytest.fixture(scope="module")
def test(nb201: Benchmark) -> Graphs:
    return nb201.graphs.take(ROWS[100:400])


@pytest.fixture(scope="module")
def y(nb201: Benchmark) -> np.ndarray:
    return nb201.target("cifar10", "valid_acc")


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rho."""
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


@pytest.mark.parametrize("model", MODELS)
def test_every_model_orders_networks(model: str, train: Graphs, test: Graphs, y: np.ndarray) -> None:
    predictor = Graf(model=model, n_estimators=30, rounds=300).fit(train, y[ROWS[:100]], seed=1)
    scores = predictor.predict(test)
    assert rank_correlation(scores, y[ROWS[100:400]]) > 0.75
    again = Graf(model=model, n_estimators=30, rounds=300).fit(train, y[ROWS[:100]], seed=1)
    np.testing.assert_array_equal(again.predict(test), scores)


def test_the_published_forest_is_the_default(train: Graphs, test: Graphs, y: np.ndarray) -> None:
    labels = y[ROWS[:100]]
    labels = (labels - labels.mean()) / labels.std()
    forest = RandomForestRegressor(random_state=0).fit(graf(train), labels.round(9))
    scores = Graf().fit(train, labels).predict(test)
    assert rank_correlation(forest.predict(graf(test)), scores) > 0.999


def test_only_bootstrap_samples_say_how_sure_they_are(train: Graphs, test: Graphs, y: np.ndarray) -> None:
    forest = Graf(n_estimators=30).fit(train, y[ROWS[:100]])
    scores, std = forest.predict(test, return_std=True)
    np.testing.assert_allclose(scores, forest.predict(test))
    assert (std > 0).all()
    with pytest.raises(InputError):
        Graf(model="extra_trees", n_estimators=5).fit(train, y[ROWS[:100]]).predict(test, return_std=True)


def test_unknown_model(train: Graphs, y: np.ndarray) -> None:
    with pytest.raises(UnknownNameError, match="random_forest"):
        Graf(model="random_forst").fit(train, y[ROWS[:100]])


def test_limits_reach_the_encoding(train: Graphs, y: np.ndarray) -> None:
    predictor = Graf(n_estimators=2, max_ops=1, short=True).fit(train, y[ROWS[:100]])
    assert predictor._encode(train).shape == graf(train, max_ops=1, short=True).shape
