"""The contract of strategies that also query shorter trainings: a plan of rungs, filled by promotion."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from eval.search.strategies.base import Rung, Strategy, View

__all__ = ["MultiFidelity", "Rung", "plan_bracket"]

_SLACK = 1e-9  # sums of shares: allow for their rounding


class MultiFidelity(Strategy):
    """Spends a budget of full trainings on trainings of several lengths.

    A subclass implements `plan`. By default the first rung of a bracket is drawn at random, and each further
    rung trains the best of the rung before for longer. There is no first batch of full trainings.
    """

    uses_scores: ClassVar[bool] = False
    uses_fidelities: ClassVar[bool] = True

    @abstractmethod
    def plan(self, shares: Sequence[float], budget: float, networks: int) -> list[Rung]:
        """Return what is trained in turn.

        Args:
            shares: What a training of each length costs, in full trainings, ascending; the last one is 1.
            budget: Full trainings that may be spent.
            networks: Number of distinct networks; none is trained twice for one length.
        """

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return random networks in the first rung of a bracket, else the best of the rung before."""
        if view.rung is None or view.rung.fresh:
            self.last_ = view.random(size, rng)
            return self.last_
        labels = view.labels[len(view.queried) - len(self.last_) :]
        survivors = self.last_[np.argsort(-labels, kind="stable")]
        survivors = survivors[np.isin(survivors, view.candidates)][:size]
        missing = size - len(survivors)
        self.last_ = np.concatenate([survivors, view.without(survivors).random(missing, rng)])
        return self.last_


def plan_bracket(shares: Sequence[float], first: int, budget: float, networks: int) -> list[Rung]:
    """Return a bracket of successive halving that spends a budget in equal parts on each of its rungs.

    Args:
        shares: What a training of each length costs, ascending; the last one is 1.
        first: Length of the first rung.
        budget: Full trainings that may be spent. What a rung cannot spend goes to the next ones.
        networks: Networks that may be trained.

    Returns:
        Its rungs, each at most as large as the one before; none if the budget is below one full training.
    """
    rungs: list[Rung] = []
    left, last = budget, len(shares) - 1
    if budget + _SLACK < 1:
        return rungs
    for level in range(first, last + 1):
        part = left / (last + 1 - level) if level < last else left
        kept = 1.0 if level < last else 0.0  # for a full training
        size = min(int(min(part, left - kept) / shares[level] + _SLACK), networks)
        size = min(size, rungs[-1].size) if rungs else size
        if size:
            rungs.append(Rung(level, size, fresh=not rungs))
            left -= size * shares[level]
    return rungs
