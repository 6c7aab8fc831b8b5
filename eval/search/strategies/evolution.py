"""Regularised evolution: mutate the best of a few of the youngest; the ranker only names the final top."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from data.graphs import Graphs
from eval.search.strategies.base import Strategy, View

POPULATION = 20  # the youngest so many are alive
TOURNAMENT = 5  # so many of them are drawn, and the best one is mutated


class Evolution(Strategy):
    """Ageing evolution over the table.

    A mutation is a candidate that differs from its parent in one operation; a parent that has none left
    has a random child.

    Source: Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019. Its
    population is for thousands of queries; here it is as large as the first batch of the paper's search.
    """

    uses_scores: ClassVar[bool] = False

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return children of tournament winners."""
        children: list[int] = []
        for _ in range(size):
            child = self._child(view, rng)
            children.append(child)
            view = view.without(np.array([child]))
        return np.array(children, int)

    def _child(self, view: View, rng: np.random.Generator) -> int:
        alive = np.arange(len(view.queried))[-POPULATION:]
        drawn = rng.permutation(alive)[:TOURNAMENT]
        parent = view.queried[drawn[np.argmax(view.labels[drawn])]]
        near = view.candidates[one_operation_apart(view.graphs, int(parent))[view.candidates]]
        return int(rng.choice(near) if len(near) else view.random(1, rng)[0])


def one_operation_apart(graphs: Graphs, row: int) -> np.ndarray:
    """Return (n,) bool: which architectures differ from that of `row` in one operation and nothing else."""
    near = (graphs.ops != graphs.ops[row]).sum(1) == 1
    near &= graphs.n_nodes == graphs.n_nodes[row]
    some = np.flatnonzero(near)
    near[some] = (graphs.adjacency[some] == graphs.adjacency[row]).all((1, 2))
    return near
