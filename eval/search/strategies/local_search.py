"""Local search: query the neighbours of the best network, move to a better one, start again where none is."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from eval.search.strategies.base import Strategy, View
from eval.search.strategies.evolution import find_neighbours


class LocalSearch(Strategy):
    """Hill climbing over networks that differ in one operation; the predictor only picks the final top.

    The neighbours of the best network are queried in random order. When all are known and none is better, the
    next best network with unknown neighbours is the next start, and a random one where there is none.

    Source: White et al., Local Search is State of the Art for Neural Architecture Search Benchmarks, ICML
    AutoML workshop 2020.
    """

    uses_scores: ClassVar[bool] = False

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return neighbours of the best networks."""
        chosen: list[int] = []
        for _ in range(size):
            row = self._next(view, rng)
            chosen.append(row)
            view = view.without(np.array([row]))
        return np.array(chosen, int)

    def _next(self, view: View, rng: np.random.Generator) -> int:
        for place in np.argsort(-view.labels, kind="stable"):
            near = view.candidates[find_neighbours(view.graphs, int(view.queried[place]))[view.candidates]]
            if len(near):
                return int(rng.choice(near))
        return int(view.random(1, rng)[0])
