"""Pairwise boosting: gradients against finite differences, chunks, lists, limits of the objectives."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from scipy.stats import kendalltau

from benchmarks import load
from benchmarks.base import Benchmark
from data.errors import InputError, UnknownNameError
from predictors import boosting, get
from predictors.boosting import RankNet, pair_gradients, pair_loss, split_lists


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture(scope="module")
def mini() -> Benchmark:
    return load("nb201_mini", offline=True)


def total_loss(scores: np.ndarray, y: np.ndarray) -> float:
    """The logistic loss of all pairs of different labels, pair by pair."""
    return sum(
        np.log1p(np.exp(scores[j] - scores[i])) for i in range(len(y)) for j in range(len(y)) if y[i] > y[j]
    )


def test_gradients_and_hessians_are_derivatives_of_the_loss(rng: np.random.Generator) -> None:
    y, scores = rng.integers(4, size=12).astype(float), rng.normal(size=12)
    gradient, hessian = pair_gradients(scores, y)
    pairs = sum(a != b for a in y for b in y)
    step = 1e-4 * np.eye(12)
    up, down = (np.array([total_loss(scores + s * e, y) for e in step]) for s in (1, -1))
    np.testing.assert_allclose(gradient, (up - down) / 2e-4 * 12 / pairs, atol=1e-6)
    second = (up + down - 2 * total_loss(scores, y)) / 1e-8
    np.testing.assert_allclose(hessian, second * 12 / pairs, atol=1e-5)


def test_loss_is_the_mean_of_all_pairs(rng: np.random.Generator) -> None:
    y, scores = rng.integers(4, size=9).astype(float), rng.normal(size=9)
    pairs = sum(a > b for a in y for b in y)
    assert pair_loss(scores, y) == pytest.approx(total_loss(scores, y) / pairs)
    assert pair_loss(scores, np.ones(9)) == 0


def test_chunks_change_nothing(rng: np.random.Generator, monkeypatch) -> None:
    y, scores = rng.integers(6, size=50).astype(float), 100 * rng.normal(size=50)
    whole = (*pair_gradients(scores, y), pair_loss(scores, y))
    monkeypatch.setattr(boosting, "CHUNK", 70)
    for one, other in zip(whole, (*pair_gradients(scores, y), pair_loss(scores, y)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
        assert np.isfinite(one).all()


def test_lists_are_a_partition_that_each_tree_draws_again(rng: np.random.Generator) -> None:
    assert [rows.tolist() for rows in split_lists(3, 3, rng)] == [[0, 1, 2]]
    lists = split_lists(1001, 250, rng)
    assert sorted(np.concatenate(lists).tolist()) == list(range(1001))
    assert [len(rows) for rows in lists] == [201, 200, 200, 200, 200]
    data = lightgbm.Dataset(np.zeros((40, 1)), np.arange(40.0))
    objective = RankNet(10, seed=0)
    first, second = (objective.gradients(np.zeros(40), data)[0] for _ in range(2))
    assert (first != second).any()
    assert first.argmin() >= 20  # better architectures are pushed up
    value = objective.evaluate(np.zeros(40), data)
    assert value == objective.evaluate(np.zeros(40), data)
    assert value[1] == pytest.approx(-np.log(2))


def test_pairs_order_networks_better_than_lambdarank(mini: Benchmark) -> None:
    graphs, y = mini.graphs, mini.target("mini", "test_acc")
    train, test = np.arange(100), np.arange(100, 600)
    tau = {
        objective: kendalltau(
            get("lambdamart")(objective=objective)
            .fit(graphs.take(train), y[train])
            .predict(graphs.take(test)),
            y[test],
        ).statistic  # pyright: ignore[reportAttributeAccessIssue]
        for objective in ("ranknet", "lambdarank")
    }
    assert tau["ranknet"] > max(0.6, tau["lambdarank"])


@pytest.mark.parametrize("objective", ["ranknet", "lambdarank", "xendcg"])
@pytest.mark.parametrize("rows", [[0], [0, 1], [0] * 30, [0] * 29 + [1], list(range(12))])
def test_few_or_equal_networks(mini: Benchmark, objective: str, rows: list[int]) -> None:
    graphs = mini.graphs.take(np.array(rows))
    params = {**get("lambdamart").quick, "objective": objective}
    scores = get("lambdamart")(**params).fit(graphs, np.arange(float(len(rows)))).predict(mini.graphs)
    assert np.isfinite(scores).all()


def test_ranknet_takes_more_labels_than_a_query_and_others_refuse(
    mini: Benchmark,
) -> None:
    graphs = mini.graphs.take(np.arange(12_000) % 100)
    y = np.arange(12_000.0) % 100
    quick = {"max_trees": 2, "folds": 2, "list_size": 100}
    model = get("lambdamart")(**quick).fit(graphs, y)
    assert np.isfinite(model.predict(mini.graphs)).all()
    for objective in ("lambdarank", "xendcg"):
        limited = get("lambdamart")(objective=objective)
        limited.check_train_size(10_000)
        with pytest.raises(InputError, match="at most 10,000 training labels, not 12,000"):
            limited.fit(graphs, y)


def test_unknown_objective(mini: Benchmark) -> None:
    with pytest.raises(UnknownNameError, match="ranknet"):
        get("lambdamart")(objective="ranknett").fit(mini.graphs.take(np.arange(9)), np.arange(9.0))
