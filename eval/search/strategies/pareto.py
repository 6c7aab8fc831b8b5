"""Pareto search: the candidates that promise to add most to the front of accuracy against costs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from data.errors import InputError
from data.names import check_name
from eval.choose.acquisition import upper_confidence_bound
from eval.choose.front_gain import FrontGain, choose_reference
from eval.search.strategies.base import Strategy, View

ACQUISITIONS = ("ehvi", "ucb", "ts")
SHORTLIST = 256  # candidates that are compared again for each query of a batch


class Pareto(Strategy):
    """The candidates that add most hypervolume to the predicted front of accuracy against costs.

    Costs that are known beforehand count as they are, and only accuracies are predicted; costs that are not
    are predicted as well. A batch is filled one by one, each choice counting as queried with what was
    predicted of it, so that it spreads along the front. Labels are noisy, so the front is that of predicted
    accuracies.

    Source: expected hypervolume improvement, Emmerich et al. 2006; batches: kriging believer, Ginsbourger et
    al. 2010.
    """

    uses_std: ClassVar[bool] = True
    uses_costs: ClassVar[bool] = True

    def __init__(self, *, acquisition: str = "ucb", beta: float = 1.0) -> None:
        """Set what a candidate is worth.

        Args:
            acquisition: ucb, the gain in hypervolume by an optimistic accuracy; ehvi, the expected gain; or
                ts, the gain by an accuracy drawn at random.
            beta: Standard deviations that optimistic accuracies lie above the mean.

        Raises:
            UnknownNameError: No such acquisition.
            InputError: Fewer than 0 deviations.
        """
        check_name("acquisition (of strategy 'pareto')", acquisition, ACQUISITIONS)
        if beta < 0:
            raise InputError("pareto: beta must be at least 0")
        self.acquisition = acquisition
        self.beta = beta

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the candidates that add most, each given those before it."""
        mean, std, seen = _get_accuracies(view)
        costs, known = _get_costs(view, rng)
        hopeful = upper_confidence_bound(mean, std, self.beta)
        if self.acquisition == "ts":
            hopeful = mean + std * rng.standard_normal(len(mean))
        points = np.concatenate([np.column_stack([hopeful, costs]), np.column_stack([seen, known])])
        front = FrontGain(seen, known, choose_reference(points))
        places = _shortlist(view, front, hopeful, costs, size, rng)
        mean, std, hopeful, costs = mean[places], std[places], hopeful[places], costs[places]
        networks, open_ = view.networks[places], np.ones(len(places), bool)
        chosen: list[int] = []
        for _ in range(size):
            if self.acquisition == "ehvi":
                gain = front.expected_gain(mean, std, costs)
            else:
                gain = front.gain(hopeful, costs)
            order = np.lexsort((front.closeness(hopeful, costs), gain, open_))
            best = int(order[-1])
            chosen.append(best)
            open_ &= networks != networks[best]
            front.add(float((mean if self.acquisition == "ehvi" else hopeful)[best]), costs[best])
        return view.candidates[places[chosen]]


def _get_accuracies(view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means and deviations (c,) of the candidates and means (q,) of what was queried, as labels."""
    if view.scores is None or view.std is None or view.queried_scores is None or view.scale is None:
        raise InputError("pareto needs scores and standard deviations")
    to_labels = view.scale.to_labels
    if not view.scale.deviation:
        return view.scores, view.std, view.queried_scores
    std = (to_labels(view.scores + view.std) - to_labels(view.scores - view.std)) / 2
    return to_labels(view.scores), std, to_labels(view.queried_scores)


def _get_costs(view: View, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the costs of candidates (c, d), predicted ones drawn at random, and of queried ones (q, d)."""
    if view.costs is None:
        raise InputError("pareto needs an objective besides accuracy, e.g. flops:min")
    costs = view.costs[view.candidates]
    if view.predicted_costs is not None:
        drawn = view.predicted_costs.mean + view.predicted_costs.std * rng.standard_normal(costs.shape)
        costs = np.where(np.isfinite(costs), costs, drawn)
    return costs, view.costs[view.queried]


def _shortlist(
    view: View, front: FrontGain, hopeful: np.ndarray, costs: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Return places of candidates, one a network: those that would add most, and the closest to doing so."""
    order = rng.permutation(len(hopeful))
    order = order[
        np.lexsort((front.closeness(hopeful, costs)[order], front.gain(hopeful, costs)[order]))[::-1]
    ]
    firsts = np.sort(np.unique(view.networks[order], return_index=True)[1])
    return order[firsts[: max(SHORTLIST, size)]]
