"""A ranker that learned from all labels, and what it says of candidates in the unit of the labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from data.graphs import Graphs
from eval.calibration import get_half_width
from eval.evaluator import fit_on_all, score
from eval.grid.pretraining import pretrain
from eval.rank.candidates import Labelled
from eval.task import Entry, Trial
from predictors.base import Predictor

INTERVAL = 80  # percent of labels that an interval is meant to hold


@dataclass(frozen=True)
class Rated:
    """What a ranker says of m candidates.

    Attributes:
        scores: (m,) scores, higher is better.
        std: (m,) standard deviations of a label, in the unit of the scores; None if the ranker has none.
        expected: (m,) expected labels, in the table's unit; None likewise.
        low, high: (m,) bounds of their intervals.
    """

    scores: np.ndarray
    std: np.ndarray | None = None
    expected: np.ndarray | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None


class Ranker:
    """A predictor that learned from every labelled network."""

    def __init__(self, labelled: Labelled, entry: Entry, seed: int) -> None:
        """Pretrain and fit the predictor of an entry."""
        task = labelled.task
        self.direction = task.bench.label_column(task.dataset, task.target).direction
        self.predictor: Predictor = entry.predictor.clone()
        with threadpool_limits(1):
            pretrain(self.predictor, Trial(replace(task, seed=seed), entry, (0,)))
        self.predictor = fit_on_all(self.predictor, labelled.graphs, labelled.labels, seed)

    def score(self, graphs: Graphs) -> np.ndarray:
        """Return the scores (m,) of architectures."""
        with threadpool_limits(1):
            return self.predictor.predict(graphs)

    def rate(self, graphs: Graphs) -> Rated:
        """Return scores and, from a ranker that says how sure it is, labels to expect."""
        scores, std = score(self.predictor, graphs)
        if std is None:
            return Rated(scores)
        half = get_half_width(INTERVAL) * std
        labels = [
            self.direction * self.predictor.labels_from_units(values)
            for values in (scores, scores - half, scores + half)
        ]
        low, high = sorted(labels[1:], key=lambda bounds: float(bounds.mean()))
        return Rated(scores, std, labels[0], low, high)
