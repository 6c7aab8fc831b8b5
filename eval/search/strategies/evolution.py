"""Regularised evolution: mutate the best of a few recent queries; the predictor only picks the final top."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from eval.search.strategies.base import Strategy, View


class Evolution(Strategy):
    """Ageing evolution over the table.

    A mutation is a candidate that differs from its parent in one operation; a parent without such a candidate
    has a random child.

    Source: Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019. Its
    population is meant for thousands of queries; by default it is as large here as the first batch of the
    paper's search.
    """

    uses_scores: ClassVar[bool] = False

    def __init__(self, *, population: int = 20, tournament: int = 5) -> None:
        """Set the sizes.

        Args:
            population: How many of the most recent queries are alive.
            tournament: How many of these are drawn; the best one is mutated.

        Raises:
            InputError: A size below 1, or a tournament larger than the population.
        """
        if not 1 <= tournament <= population:
            raise InputError(
                f"evolution: tournament must be between 1 and the population ({population}), not {tournament}"
            )
        self.population = population
        self.tournament = tournament

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return children of tournament winners."""
        children: list[int] = []
        for _ in range(size):
            child = self._child(view, rng)
            children.append(child)
            view = view.without(np.array([child]))
        return np.array(children, int)

    def _child(self, view: View, rng: np.random.Generator) -> int:
        alive = np.arange(len(view.queried))[-self.population :]
        drawn = rng.permutation(alive)[: self.tournament]
        parent = view.queried[drawn[np.argmax(view.labels[drawn])]]
        near = view.candidates[find_neighbours(view.graphs, int(parent))[view.candidates]]
        return int(rng.choice(near) if len(near) else view.random(1, rng)[0])


def find_neighbours(graphs: Graphs, row: int) -> np.ndarray:
    """Return (n,) bool: which architectures differ from that of `row` in one operation and nothing else."""
    near = (graphs.ops != graphs.ops[row]).sum(1) == 1
    near &= graphs.n_nodes == graphs.n_nodes[row]
    some = np.flatnonzero(near)
    near[some] = (graphs.adjacency[some] == graphs.adjacency[row]).all((1, 2))
    return near
