"""Evolution towards a Pareto front: mutate what few recent queries dominate; no predictor has a say."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from data.errors import InputError
from data.spaces.codes import CodeSpace
from eval.choose.pareto import crowding, front_ranks
from eval.search.strategies.base import Strategy, View
from eval.search.strategies.evolution import find_neighbours


class ParetoEvolution(Strategy):
    """Ageing evolution whose tournaments compare Pareto fronts, then how lonely a network is on its front.

    A mutation is a candidate whose code differs from its parent's in one place; a parent without such a
    candidate has a random child.

    Source: Real et al., AAAI 2019 (ageing evolution); Deb et al., NSGA-II, 2002 (ranks and crowding).
    """

    uses_scores: ClassVar[bool] = False
    uses_costs: ClassVar[bool] = True

    def __init__(self, *, population: int = 50, tournament: int = 5) -> None:
        """Set the sizes.

        Args:
            population: How many of the most recent queries are alive.
            tournament: How many of these are drawn; the best one is mutated.

        Raises:
            InputError: A size below 1, or a tournament larger than the population.
        """
        if not 1 <= tournament <= population:
            raise InputError(
                f"pareto_evolution: tournament must be between 1 and the population ({population}), not "
                f"{tournament}"
            )
        self.population = population
        self.tournament = tournament

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return children of tournament winners."""
        if view.costs is None:
            raise InputError("pareto_evolution needs an objective besides accuracy, e.g. flops:min")
        alive = view.queried[-self.population :]
        points = np.column_stack([view.labels[-self.population :], view.costs[alive]])
        ranks = front_ranks(points)
        order = np.lexsort((-crowding(points, ranks), ranks))
        fitness = np.empty(len(alive), int)
        fitness[order] = np.arange(len(alive))
        children: list[int] = []
        for _ in range(size):
            drawn = rng.permutation(len(alive))[: self.tournament]
            parent = int(alive[drawn[np.argmin(fitness[drawn])]])
            near = self._find_near(view, parent)
            child = int(rng.choice(near) if len(near) else view.random(1, rng)[0])
            children.append(child)
            view = view.without(np.array([child]))
        return np.array(children, int)

    def _find_near(self, view: View, parent: int) -> np.ndarray:
        """Return the candidates that are the network of a code that differs from the parent's in one place.

        Networks, not codes, are compared: the cheapest code of a neighbour may differ in more places. Where
        a space has no codes, they differ in one operation.
        """
        space = view.graphs.space
        if not isinstance(space, CodeSpace):
            return view.candidates[find_neighbours(view.graphs, parent)[view.candidates]]
        if not hasattr(self, "hashes_"):
            self.codes_, self.hashes_ = space.code(view.graphs), view.graphs.canonical_hash()
        places = np.repeat(np.arange(len(space.choices)), space.choices)
        codes = np.tile(self.codes_[parent], (len(places), 1))
        codes[np.arange(len(places)), places] = np.concatenate([np.arange(n) for n in space.choices])
        near = space.graphs(codes[space.valid(codes)]).canonical_hash()
        return view.candidates[np.isin(self.hashes_[view.candidates], near)]
