"""Successive halving: many short trainings, the best of which are trained for longer and longer."""

from __future__ import annotations

from collections.abc import Sequence

from eval.search.strategies.multi_fidelity import MultiFidelity, Rung, plan_bracket


class SuccessiveHalving(MultiFidelity):
    """One bracket over the lengths of training that the table has, with an equal part of the budget for each.

    With lengths of 4, 12, 36 and 108 epochs a third of the networks of each rung is promoted; in general as
    many as the ratio of the two lengths. Trainings of the table are separate ones, so a promoted network
    costs all epochs again.

    Source: Jamieson & Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization,
    AISTATS 2016.
    """

    def plan(self, shares: Sequence[float], budget: float, networks: int) -> list[Rung]:
        """Return one bracket that starts at the shortest trainings."""
        return plan_bracket(shares, 0, budget, networks)
