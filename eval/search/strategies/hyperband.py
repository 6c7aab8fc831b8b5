"""Hyperband: brackets of successive halving that start at each length of training in turn."""

from __future__ import annotations

from collections.abc import Sequence

from eval.search.strategies.multi_fidelity import MultiFidelity, Rung, plan_bracket


class Hyperband(MultiFidelity):
    """Successive halving from each length of training, with an equal part of the budget for each.

    The first bracket starts at the shortest trainings, the last one draws networks at random and trains all
    of them in full: the hedge against short trainings that rank poorly.

    Source: Li et al., Hyperband, JMLR 2018; the lengths are those of the table.
    """

    def plan(self, shares: Sequence[float], budget: float, networks: int) -> list[Rung]:
        """Return the brackets, the one with the shortest trainings first."""
        rungs: list[Rung] = []
        left = budget
        for first in range(len(shares)):
            used = [sum(rung.size for rung in rungs if rung.level == level) for level in range(len(shares))]
            bracket = plan_bracket(shares, first, left / (len(shares) - first), max(networks - max(used), 0))
            left -= sum(rung.size * shares[rung.level] for rung in bracket)
            rungs += bracket
        return rungs
