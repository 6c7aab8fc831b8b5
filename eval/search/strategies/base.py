"""The strategy contract: given everything a search has seen so far, choose the rows to query next."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from predictors.hyperparameters import Parametrised
from predictors.label_scale import LabelScale


@dataclass(frozen=True)
class PredictedCosts:
    """What a predictor says of costs that are not known: (c, d), higher is better, in the costs' units.

    Attributes:
        mean: Costs to expect.
        std: Their standard deviations.
    """

    mean: np.ndarray
    std: np.ndarray

    def take(self, rows: np.ndarray) -> PredictedCosts:
        """Return those of some rows."""
        return PredictedCosts(self.mean[rows], self.std[rows])


@dataclass(frozen=True)
class Rung:
    """A batch of trainings of one length.

    Attributes:
        level: Length of the trainings: 0 for the shortest; the last one are full trainings.
        size: How many.
        fresh: Whether a bracket begins here: networks are drawn, not promoted from the rung before.
    """

    level: int
    size: int
    fresh: bool = False


@dataclass(frozen=True)
class View:
    """What a strategy sees: never the label of an architecture that was not queried, never a test label.

    Attributes:
        graphs: Every architecture that may be queried, by row.
        candidates: (c,) rows that may be queried now.
        networks: (c,) integers, equal for candidates that count as one network; only one of these may be
            queried, and no candidate counts as a network that was queried before.
        scores: (c,) the predictor's scores of the candidates, higher is better; None if it was not asked.
        queried: (q,) rows queried so far, oldest first.
        labels: (q,) their labels, higher is better.
        std: (c,) how sure the predictor is of each score, if the strategy `uses_std`; else None.
        queried_scores: (q,) the predictor's scores of what was queried; None if it was not asked.
        budget: Queries of the whole search, those made so far included.
        costs: (n, d) costs of every architecture by row, higher is better, NaN where one is not known yet;
            None in a search for accuracy alone.
        predicted_costs: What the predictor says of the candidates' costs, if they are not known and the
            strategy `uses_costs`; else None.
        scale: From labels to the unit of the scores, and back; None if the predictor was not asked.
        levels: (q,) length of the training behind each label, if the strategy `uses_fidelities`; else None.
            A row is then there once for each length that it was trained for, with labels that only compare
            within a length, and candidates are networks that were not trained for the length being asked for.
        rung: What is being asked for, if the strategy `uses_fidelities`; else None.
    """

    graphs: Graphs
    candidates: np.ndarray
    networks: np.ndarray
    scores: np.ndarray | None
    queried: np.ndarray
    labels: np.ndarray
    std: np.ndarray | None = None
    queried_scores: np.ndarray | None = None
    budget: int = 0
    costs: np.ndarray | None = None
    predicted_costs: PredictedCosts | None = None
    scale: LabelScale | None = None
    levels: np.ndarray | None = None
    rung: Rung | None = None

    def random(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return `size` candidates drawn at random, from distinct networks."""
        return self._first(rng.permutation(len(self.candidates)), size)

    def best(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the `size` candidates with the highest scores, from distinct networks; ties are random.

        Raises:
            InputError: There are no scores.
        """
        if self.scores is None:
            raise InputError("the strategy asked for the best candidates, but its `uses_scores` is False")
        return self.best_by(self.scores, size, rng)

    def best_by(self, utilities: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the `size` candidates of the highest utilities (c,), from distinct networks."""
        order = rng.permutation(len(self.candidates))
        return self._first(order[np.argsort(-utilities[order], kind="stable")], size)

    def without(self, rows: np.ndarray) -> View:
        """Return the view without these candidates and without their twins."""
        gone = self.networks[np.isin(self.candidates, rows)]
        kept = ~np.isin(self.networks, gone)
        scores = None if self.scores is None else self.scores[kept]
        std = None if self.std is None else self.std[kept]
        predicted = None if self.predicted_costs is None else self.predicted_costs.take(kept)
        return replace(
            self,
            candidates=self.candidates[kept],
            networks=self.networks[kept],
            scores=scores,
            std=std,
            predicted_costs=predicted,
        )

    def _first(self, order: np.ndarray, size: int) -> np.ndarray:
        """Return the first `size` candidates of an order (c,), skipping networks that came before."""
        firsts = np.sort(np.unique(self.networks[order], return_index=True)[1])
        return self.candidates[order[firsts[:size]]]


class Strategy(Parametrised):
    """Decides what a search queries after its first, random batch.

    A subclass implements `choose` and stores its keyword-only parameters in `__init__` under their own names.
    Every repeat of a search uses a copy of its own, so a strategy may remember what it has done.

    Attributes:
        uses_scores: Whether it needs the predictor. If so, it queries a batch each round, after the predictor
            was trained on all labels seen so far; if not, it queries one architecture at a time and sees each
            label at once.
        uses_std: Whether it needs to know how sure the predictor is.
        uses_costs: Whether it needs costs to trade accuracy against.
        uses_fidelities: Whether it also queries labels of shorter trainings; see `MultiFidelity`.
    """

    role: ClassVar[str] = "strategy"
    noun: ClassVar[str] = "parameter"
    package: ClassVar[str] = "eval.search.strategies"
    uses_scores: ClassVar[bool] = True
    uses_std: ClassVar[bool] = False
    uses_costs: ClassVar[bool] = False
    uses_fidelities: ClassVar[bool] = False

    @classmethod
    def _owner(cls) -> str:
        return f"strategy {cls.get_name()}"

    @abstractmethod
    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the rows (size,) to query next: candidates from distinct networks, most wanted first."""
