"""The one evaluator: lets a predictor learn from a split and score it. The only caller of fit and predict.

A predictor is given graphs and the labels of its training rows. It never sees a table, a target or a test
label, so nothing can leak around this file.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from threadpoolctl import threadpool_limits

from data.errors import InputError
from data.graphs import Graphs
from data.split import Split
from eval.grid.pretraining import pretrain
from eval.task import Trial
from predictors.base import Predictor, Repeats

_taken: WeakKeyDictionary[Graphs, tuple[np.ndarray, Graphs]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Scored:
    """The result of a trial.

    Attributes:
        splits: The split of each repeat.
        scores: (test rows,) scores of each repeat, in the order of the split's test rows; NaN where a floor
            has no value.
        std: Predictive standard deviations like the scores, for a predictor that has them; else None.
        fit_seconds: Seconds to fit a repeat (a repeat's share, where they train together).
        predict_seconds: Seconds to score the test rows of a repeat.
        pretrain_seconds: Seconds that pretraining took when it was done, for all repeats together.
        weak_hash: Hash of the weak labels that were pretrained on; "" for none.
    """

    splits: list[Split]
    scores: list[np.ndarray]
    std: list[np.ndarray] | None
    fit_seconds: float
    predict_seconds: float
    pretrain_seconds: float
    weak_hash: str


@dataclass(frozen=True)
class Predicted:
    """What fitted repeats say of the same architectures.

    Attributes:
        scores: (repeats, m) scores.
        std: (repeats, m) predictive standard deviations; None where they were not asked for.
        fit_seconds, predict_seconds: Seconds that fitting and scoring took, for all repeats.
    """

    scores: np.ndarray
    std: np.ndarray | None
    fit_seconds: float
    predict_seconds: float


def run_trial(trial: Trial, repeats: Sequence[int] | None = None) -> Scored:
    """Fit a trial's repeats and score their test rows.

    Results do not depend on how many trials run at the same time: every library computes on one thread.

    Args:
        trial: The trial.
        repeats: Some of its repeats; None for all. What is scored together is the same.

    Raises:
        InputError: The protocol cannot be drawn from the table, or the predictor refuses; names it.
    """
    task = trial.task
    splits = [task.split(repeat) for repeat in trial.repeats]
    predictor = trial.entry.predictor.clone()
    with threadpool_limits(1):
        weak_hash, pretrain_seconds = pretrain(predictor, trial)
    rows = np.unique(np.concatenate([split.test for split in splits]))
    if repeats is not None:
        splits = [task.split(repeat) for repeat in repeats]
    found = fit_and_score(
        predictor,
        task.graphs,
        task.training_labels,
        [split.train for split in splits],
        [task.seed + repeat for repeat in (trial.repeats if repeats is None else repeats)],
        rows,
        return_std=predictor.has_std,
    )
    scores = found.scores
    scores[:, ~predictor.covers(_take(task.graphs, rows))] = np.nan
    places = [np.searchsorted(rows, split.test) for split in splits]
    return Scored(
        splits,
        [repeated[place] for repeated, place in zip(scores, places, strict=True)],
        None if found.std is None else [s[place] for s, place in zip(found.std, places, strict=True)],
        found.fit_seconds / len(splits),
        found.predict_seconds / len(splits),
        pretrain_seconds,
        weak_hash,
    )


def fit_and_score(
    predictor: Predictor,
    graphs: Graphs,
    labels: np.ndarray,
    trains: Sequence[np.ndarray],
    seeds: Sequence[int],
    rows: np.ndarray,
    *,
    return_std: bool = False,
) -> Predicted:
    """Fit repeats together on one thread, and score rows by each.

    Args:
        predictor: The predictor to fit, already pretrained if required.
        graphs: The n architectures of a table.
        labels: (n,) labels, of which only the training rows' reach the predictor.
        trains: Training rows of each repeat.
        seeds: Seed of each repeat.
        rows: (m,) rows to score.
        return_std: Whether to ask for standard deviations too.

    Raises:
        InputError: The predictor refuses; names it.
    """
    with threadpool_limits(1):
        start = time.perf_counter()
        fitted = predictor.fit_repeats([graphs.take(t) for t in trains], [labels[t] for t in trains], seeds)
        middle = time.perf_counter()
        asked, std = _take(graphs, rows), None
        if return_std:
            scores, std = fitted.predict(asked, return_std=True)
        else:
            scores = fitted.predict(asked)
        end = time.perf_counter()
    if scores.shape != (len(trains), len(rows)):
        raise InputError(
            f"predictor '{predictor.name}': predict returned scores of shape {scores.shape}; expected "
            f"({len(trains)}, {len(rows)})"
        )
    if std is not None and std.shape != scores.shape:
        raise InputError(
            f"predictor '{predictor.name}': predict returned standard deviations of shape {std.shape}; "
            f"expected {scores.shape}"
        )
    return Predicted(scores, std, middle - start, end - middle)


def _take(graphs: Graphs, rows: np.ndarray) -> Graphs:
    """Return the architectures of rows (m,): the same object again where the same rows are asked for again.

    What is derived from it, such as canonical forms, is then computed once for all predictors.
    """
    before, taken = _taken.get(graphs, (None, graphs))
    if before is None or not np.array_equal(before, rows):
        taken = graphs.take(rows)
        _taken[graphs] = rows, taken
    return taken


@dataclass(frozen=True)
class Fitted:
    """A predictor fitted once for each label of the same architectures, to score others as they come up."""

    repeats: Repeats
    has_std: bool

    @classmethod
    def fit(cls, predictor: Predictor, graphs: Graphs, labels: np.ndarray, seed: int) -> Fitted:
        """Fit on one thread.

        Args:
            predictor: The predictor, already pretrained if required.
            graphs: n architectures.
            labels: (d, n) labels, higher is better.
            seed: Seed of everything random.

        Raises:
            InputError: The predictor refuses; names it.
        """
        with threadpool_limits(1):
            repeats = predictor.fit_repeats([graphs] * len(labels), list(labels), [seed] * len(labels))
        return cls(repeats, predictor.has_std)

    def predict(self, graphs: Graphs) -> tuple[np.ndarray, np.ndarray | None]:
        """Return scores (d, m), and deviations (d, m) where the predictor says how sure it is."""
        with threadpool_limits(1):
            if self.has_std:
                return self.repeats.predict(graphs, return_std=True)
            return self.repeats.predict(graphs), None


def fit_on_all(predictor: Predictor, graphs: Graphs, y: np.ndarray, seed: int) -> Predictor:
    """Fit a predictor, already pretrained if required, on all labelled architectures, on one thread.

    Args:
        predictor: The predictor.
        graphs: n architectures.
        y: (n,) their labels, higher is better.
        seed: Seed of everything random.
    """
    with threadpool_limits(1):
        return predictor.fit(graphs, y, seed=seed)


def score(fitted: Predictor, graphs: Graphs) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the scores (n,) of a fitted predictor and, if it says how sure it is, deviations (n,)."""
    with threadpool_limits(1):
        if fitted.has_std:
            return fitted.predict(graphs, return_std=True)
        return fitted.predict(graphs), None
