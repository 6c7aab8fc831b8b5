"""The one evaluator: lets a predictor learn from a split and score it. The only caller of fit and predict.

A predictor is given graphs and the labels of its training rows. It never sees a table, a target or a test
label, so nothing can leak around this file.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from data.errors import InputError
from data.graphs import Graphs
from data.split import Split
from eval.grid.pretraining import pretrain
from eval.task import Trial
from predictors.base import Predictor


@dataclass(frozen=True)
class Scored:
    """The result of a trial.

    Attributes:
        splits: The split of each repeat.
        scores: (test rows,) scores of each repeat, in the order of the split's test rows; NaN where a floor
            has no value.
        fit_seconds: Seconds to fit a repeat (a repeat's share, where they train together).
        predict_seconds: Seconds to score the test rows of a repeat.
        pretrain_seconds: Seconds that pretraining took when it was done, for all repeats together.
        weak_hash: Hash of the weak labels that were pretrained on; "" for none.
    """

    splits: list[Split]
    scores: list[np.ndarray]
    fit_seconds: float
    predict_seconds: float
    pretrain_seconds: float
    weak_hash: str


def run_trial(trial: Trial) -> Scored:
    """Fit a trial's repeats and score their test rows.

    Results do not depend on how many trials run at the same time: every library computes on one thread.

    Raises:
        InputError: The protocol cannot be drawn from the table, or the predictor refuses; names it.
    """
    task = trial.task
    splits = [task.split(repeat) for repeat in trial.repeats]
    predictor = trial.entry.predictor.clone()
    with threadpool_limits(1):
        weak_hash, pretrain_seconds = pretrain(predictor, trial)
    rows = np.unique(np.concatenate([split.test for split in splits]))
    scores, fit_seconds, predict_seconds = fit_and_score(
        predictor,
        task.graphs,
        task.training_labels,
        [split.train for split in splits],
        [task.seed + repeat for repeat in trial.repeats],
        rows,
    )
    scores[:, ~predictor.covers(task.graphs.take(rows))] = np.nan
    places = [np.searchsorted(rows, split.test) for split in splits]
    return Scored(
        splits,
        [repeated[place] for repeated, place in zip(scores, places, strict=True)],
        fit_seconds / len(splits),
        predict_seconds / len(splits),
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
) -> tuple[np.ndarray, float, float]:
    """Fit repeats together on one thread, and score rows by each.

    Args:
        predictor: The predictor to fit, already pretrained if required.
        graphs: The n architectures of a table.
        labels: (n,) labels, of which only the training rows' reach the predictor.
        trains: Training rows of each repeat.
        seeds: Seed of each repeat.
        rows: (m,) rows to score.

    Returns:
        Scores (repeats, m), and the seconds that fitting and scoring took, for all repeats.

    Raises:
        InputError: The predictor refuses; names it.
    """
    with threadpool_limits(1):
        start = time.perf_counter()
        fitted = predictor.fit_repeats([graphs.take(t) for t in trains], [labels[t] for t in trains], seeds)
        middle = time.perf_counter()
        scores = fitted.predict(graphs.take(rows))
        end = time.perf_counter()
    if scores.shape != (len(trains), len(rows)):
        raise InputError(
            f"predictor '{predictor.name}': predict returned scores of shape {scores.shape}; expected "
            f"({len(trains)}, {len(rows)})"
        )
    return scores, middle - start, end - middle
