"""Choosing from scores: the top, batches, constraints, fronts, streams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

import data.spaces
from data.errors import InputError
from data.graphs import Graphs
from eval.choose.constraints import parse_constraint
from eval.choose.diverse import find_nearest, get_radius, spread
from eval.choose.pareto import hypervolume, hypervolume_curve, non_dominated
from eval.choose.stream import stream_top
from eval.choose.top import probability_of_top
from predictors.label_scale import LabelScale


def test_the_probability_of_the_top() -> None:
    rng = np.random.default_rng(0)
    equal = probability_of_top(np.zeros(10), np.ones(10), 3, rng, draws=4000)
    assert np.allclose(equal, 0.3, atol=0.04)
    two = probability_of_top(np.array([1.0, 0.0]), np.array([0.6, 0.8]), 1, rng, draws=4000)
    assert two[0] == pytest.approx(norm.cdf(1.0), abs=0.03)
    sure = probability_of_top(np.arange(5.0), np.zeros(5), 2, rng)
    assert sure.tolist() == [0, 0, 0, 1, 1]
    many = probability_of_top(np.linspace(0, 100, 1000), np.full(1000, 0.1), 7, rng, draws=50)
    assert many.sum() == pytest.approx(7)
    with pytest.raises(InputError, match="1 to 2 candidates"):
        probability_of_top(np.zeros(2), np.ones(2), 3, rng)


def test_a_batch_holds_no_near_twins() -> None:
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    utilities = -np.abs(grid - 2).sum(1)
    hashes = np.arange(36)
    chosen = spread(utilities, hashes, grid, 5)
    assert chosen[0] == utilities.argmax()
    gaps = np.abs(grid[chosen][:, None] - grid[chosen]).sum(2)[np.triu_indices(5, 1)]
    assert gaps.min() >= 2
    assert get_radius(grid) < 2
    taken = grid[[chosen[0]]]
    assert chosen[0] not in spread(utilities, hashes, grid, 5, taken=taken)
    everything = spread(utilities, hashes, grid, 36)
    assert sorted(everything) == list(range(36))


def test_a_batch_holds_no_network_twice() -> None:
    features = np.random.default_rng(0).random((20, 3))
    chosen = spread(features[:, 0], np.arange(20) // 2, features, 10)
    assert len(set(chosen // 2)) == 10
    with pytest.raises(InputError, match="there are 10"):
        spread(features[:, 0], np.arange(20) // 2, features, 11)


def test_a_strict_batch_is_smaller_rather_than_near() -> None:
    pairs = np.repeat(np.arange(0.0, 40.0, 10.0), 2)[:, None] + np.tile([0.0, 0.1], 4)[:, None]
    utilities = np.arange(8.0)
    strict = spread(utilities, np.arange(8), pairs, 6, strict=True)
    assert strict.tolist() == [7, 5, 3, 1]
    assert len(spread(utilities, np.arange(8), pairs, 6)) == 6


def test_the_nearest_known_network() -> None:
    known = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    place, distance = find_nearest(np.array([[9.0, 1.0], [0.0, 0.0], [1.0, 8.0]]), known)
    assert place.tolist() == [1, 0, 2]
    assert distance[1] == pytest.approx(0, abs=1e-6)


def test_constraints_are_read_and_hold() -> None:
    values = np.array([1.0, 5.0, np.nan, 9.0])
    for text, expected in (
        ("latency<5", [True, False, False, False]),
        ("latency <= 5", [True, True, False, False]),
        ("latency>1e0", [False, True, False, True]),
        ("latency!=5", [True, False, False, True]),
    ):
        constraint = parse_constraint(text)
        assert constraint.column == "latency"
        assert constraint.holds(values).tolist() == expected
    names = np.array(["a", None, "b"], object)
    assert parse_constraint("device==a").holds(names).tolist() == [True, False, False]
    for text in ("latency", "<5", "latency<fast", ""):
        with pytest.raises(InputError):
            parse_constraint(text)


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=20))
def test_the_front_and_its_volume(points: list[tuple[int, ...]]) -> None:
    array = np.array(points, float)
    front = non_dominated(array)
    beaten = [bool(((array >= p).all(1) & (array > p).any(1)).any()) for p in array]
    assert front.tolist() == [not each for each in beaten]
    curve = hypervolume_curve(array, np.full(3, -1.0))
    cells = {
        (x, y, z) for p in points for x in range(p[0] + 1) for y in range(p[1] + 1) for z in range(p[2] + 1)
    }
    assert curve[-1] == pytest.approx(len(cells))
    assert (np.diff(curve) >= -1e-9).all()
    assert hypervolume(array, np.full(3, 6.0)) == 0


def test_a_stream_keeps_the_best_networks_of_a_space() -> None:
    space = data.spaces.get("nb201")
    graphs = space.graphs(space.enumerate())
    weights = np.random.default_rng(1).random(len(space.ops))

    def score(batch: Graphs) -> np.ndarray:
        ops = batch.effective().ops
        return np.where(ops >= 0, weights[ops], 0.0).sum(1)

    scores, hashes = score(graphs), graphs.canonical_hash()
    best = np.sort([scores[hashes == h].max() for h in np.unique(hashes)])[::-1]
    for chunk in (700, 100_000):
        found = stream_top(space, score, 25, chunk=chunk)
        assert found.seen == 15_625
        assert np.allclose(found.scores, best[:25])
        kept = space.graphs(found.codes).canonical_hash()
        assert len(np.unique(kept)) == 25
    without = stream_top(space, score, 25, exclude=kept[:5])
    assert not np.isin(space.graphs(without.codes).canonical_hash(), kept[:5]).any()
    drawn = stream_top(space, score, 5, n=300, rng=np.random.default_rng(0), chunk=128)
    assert drawn.seen == 300


@pytest.mark.parametrize("normal", [False, True])
def test_labels_come_back_from_the_unit_of_a_predictor(normal: bool) -> None:
    y = np.random.default_rng(0).normal(90, 3, 50)
    scale = LabelScale.fit(y, normal=normal)
    assert np.allclose(scale.to_labels(scale(y)), y, atol=1e-6)
    far = scale.to_labels(np.array([-9.0, 9.0]))
    assert far[0] < y.min() < y.max() < far[1]
