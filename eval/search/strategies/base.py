"""The strategy contract: given what a search has seen so far, the rows to query next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from data.errors import InputError
from data.graphs import Graphs


@dataclass(frozen=True)
class View:
    """All that a strategy sees: never a label that was not queried, never a test label.

    Attributes:
        graphs: Every architecture of the table, by row.
        candidates: (c,) rows that may be queried.
        networks: (c,) integers, equal for candidates that count as one network; of these only one may be
            queried, so none of a network that was queried is a candidate.
        scores: (c,) the ranker's scores of the candidates, higher is better; None where it was not asked.
        queried: (q,) rows queried so far, oldest first.
        labels: (q,) their labels, higher is better.
    """

    graphs: Graphs
    candidates: np.ndarray
    networks: np.ndarray
    scores: np.ndarray | None
    queried: np.ndarray
    labels: np.ndarray

    def random(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return `size` candidates drawn at random, each another network."""
        return self._first(rng.permutation(len(self.candidates)), size)

    def best(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the `size` candidates with the highest scores, each another network; ties by chance.

        Raises:
            InputError: There are no scores.
        """
        if self.scores is None:
            raise InputError("a strategy asked for the best candidates, but `uses_scores` is False")
        order = rng.permutation(len(self.candidates))
        return self._first(order[np.argsort(-self.scores[order], kind="stable")], size)

    def without(self, rows: np.ndarray) -> View:
        """Return the view in which these candidates are none any more, nor is any twin of theirs."""
        gone = self.networks[np.isin(self.candidates, rows)]
        kept = ~np.isin(self.networks, gone)
        scores = None if self.scores is None else self.scores[kept]
        return replace(self, candidates=self.candidates[kept], networks=self.networks[kept], scores=scores)

    def _first(self, order: np.ndarray, size: int) -> np.ndarray:
        """Return the first `size` candidates of an order (c,), leaving out networks that came before."""
        firsts = np.sort(np.unique(self.networks[order], return_index=True)[1])
        return self.candidates[order[firsts[:size]]]


class Strategy(ABC):
    """Decides what a search queries after its first, random batch.

    A subclass gives `choose`; keyword-only parameters of its `__init__` that the command line has an option
    for (`explore`) get that option's value.

    Attributes:
        uses_scores: Whether it needs the ranker. One that does queries a batch a round, after the ranker
            was trained on all labels so far; one that does not queries one by one and sees each label at
            once.
    """

    uses_scores: ClassVar[bool] = True

    @abstractmethod
    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the rows (size,) to query next: candidates, each another network, most wanted first."""
