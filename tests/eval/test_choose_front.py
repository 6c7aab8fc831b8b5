"""Ranks on fronts, crowding, and what a candidate adds to a front whose costs are known."""

from __future__ import annotations

import numpy as np
import pytest

from eval.choose.front_gain import FrontGain, choose_reference
from eval.choose.pareto import crowding, front_ranks, hypervolume, non_dominated


def test_ranks_and_crowding_by_hand() -> None:
    points = np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 3.0], [1.0, 1.0], [0.0, 0.0]])
    ranks = front_ranks(points)
    assert ranks.tolist() == [0, 0, 0, 1, 2]
    assert crowding(points, ranks).tolist() == [np.inf, 2.0, np.inf, np.inf, np.inf]
    assert front_ranks(np.empty((0, 2))).tolist() == []


def test_the_first_rank_is_the_front() -> None:
    points = np.random.default_rng(0).normal(size=(200, 3))
    assert ((front_ranks(points) == 0) == non_dominated(points)).all()


@pytest.mark.parametrize(("d", "tolerance"), [(1, 0.01), (2, 0.05)])
def test_a_gain_is_the_hypervolume_added(d: int, tolerance: float) -> None:
    """In shares of the box of costs; the integral is a sum over cells."""
    rng = np.random.default_rng(d)
    costs, accuracy = rng.uniform(-1, 0, (30, d)), rng.uniform(0, 1, 30)
    reference = np.r_[0.0, np.full(d, -1.0)]
    front = FrontGain(accuracy[:10], costs[:10], reference)
    front.cells = reference[1:] + (front.cells - reference[1:]) / (costs[:10].max(0) + 1)  # the unit box
    front.level = np.zeros(len(front.cells))
    for value, own in zip(accuracy[:10], costs[:10], strict=True):
        front.add(float(value), own)
    points = np.column_stack([accuracy, costs])
    before = hypervolume(points[:10], reference)
    gains = front.gain(accuracy[10:], costs[10:])
    added = [hypervolume(points[[*range(10), i]], reference) - before for i in range(10, 30)]
    assert gains == pytest.approx(np.array(added), abs=tolerance)
    assert front.gain(accuracy[:10], costs[:10]).max() == 0
    assert (front.closeness(accuracy[:10], costs[:10]) <= 0).all()


def test_an_expected_gain_is_the_mean_of_gains() -> None:
    rng = np.random.default_rng(0)
    front = FrontGain(np.array([0.5, 0.8]), np.array([[-0.3], [-0.7]]), np.array([0.0, -1.0]))
    mean, std, costs = (
        np.array([0.6, 0.9, 0.2]),
        np.array([0.1, 0.0, 0.3]),
        np.array([[-0.5], [-0.6], [-0.1]]),
    )
    drawn = np.mean([front.gain(mean + std * rng.standard_normal(3), costs) for _ in range(4000)], axis=0)
    expected = front.expected_gain(mean, std, costs)
    assert expected == pytest.approx(drawn, abs=0.005)
    assert expected[1] == pytest.approx(front.gain(mean, costs)[1])


def test_what_costs_more_than_the_reference_adds_nothing() -> None:
    front = FrontGain(np.array([0.5]), np.array([[-0.5]]), np.array([0.0, -1.0]))
    assert front.gain(np.array([9.0]), np.array([[-1.5]]))[0] == 0


def test_a_reference_lies_beyond_the_worst_of_the_front() -> None:
    points = np.array([[1.0, -1.0], [3.0, -5.0], [0.0, -9.0]])
    assert choose_reference(points) == pytest.approx([0.8, -5.4])
    assert (choose_reference(points[:1]) < points[0]).all()
