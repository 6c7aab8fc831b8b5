"""Rows to summaries: means with intervals, and paired comparisons with the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import InputError
from eval.results import Row
from eval.stats import best_and_ties, mean_interval

TASK_KEYS = ("bench", "dataset", "target", "label", "protocol", "train_size")


@dataclass(frozen=True)
class Summary:
    """One predictor on one task by one metric, over all repeats.

    Attributes:
        bench, dataset, target, label, protocol, train_size, predictor, metric: What was measured.
        direction: 1 if larger is better, -1 if smaller is.
        mean, ci_low, ci_high: Mean over repeats with its 95 % interval (Student's t); no interval from one.
        repeats: Number of repeats.
        mean_no_twins: The mean over test networks that were not trained on; None where too few are left.
        chance: Expected value of a random order.
        ceiling: What training noise leaves (see eval.ceiling); None where too few networks are trained twice.
        best: Whether this is the best mean of its task and metric.
        tied: Whether it is not significantly worse than the best (paired sign-flip test, Holm, 5 %).
        n_test, n_twins: Test rows, and how many of them are networks that were trained on; means.
        fit_seconds, predict_seconds: Seconds a repeat; means.
        pretrain_seconds: Seconds to pretrain for all repeats together, or to load what was pretrained before.
    """

    bench: str
    dataset: str
    target: str
    label: str
    protocol: str
    train_size: int
    predictor: str
    metric: str
    direction: int
    mean: float
    ci_low: float | None
    ci_high: float | None
    repeats: int
    mean_no_twins: float | None
    chance: float
    ceiling: float | None
    best: bool
    tied: bool
    n_test: float
    n_twins: float
    fit_seconds: float
    predict_seconds: float
    pretrain_seconds: float


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """Summarise the rows of a whole grid, in the order in which tasks, predictors and metrics appear.

    Raises:
        InputError: A predictor lacks a repeat that another one has; the missing cells are named.
    """
    groups: dict[tuple[Any, ...], dict[str, dict[int, Row]]] = {}
    for row in rows:
        key = (*(row[name] for name in TASK_KEYS), row["metric"])
        groups.setdefault(key, {}).setdefault(row["predictor"], {})[row["repeat"]] = row
    summaries = []
    for key, by_predictor in groups.items():
        repeats = sorted({repeat for found in by_predictor.values() for repeat in found})
        missing = [
            f"{predictor} repeat {repeat}"
            for predictor, found in by_predictor.items()
            for repeat in repeats
            if repeat not in found
        ]
        if missing:
            raise InputError(f"incomplete grid for {key}: missing {', '.join(missing[:5])}")
        table = [[found[repeat] for repeat in repeats] for found in by_predictor.values()]
        values = np.array([[row["value"] for row in of_predictor] for of_predictor in table])
        best, tied = best_and_ties(values, table[0][0]["direction"])
        summaries += [
            _summary(repeated, is_best=i == best, tied=bool(tied[i])) for i, repeated in enumerate(table)
        ]
    return summaries


def _summary(rows: list[Row], *, is_best: bool, tied: bool) -> Summary:
    interval = mean_interval([row["value"] for row in rows])
    first = rows[0]
    return Summary(
        **{name: first[name] for name in TASK_KEYS},
        predictor=first["predictor"],
        metric=first["metric"],
        direction=first["direction"],
        mean=interval.mean,
        ci_low=_none_if_nan(interval.low),
        ci_high=_none_if_nan(interval.high),
        repeats=len(rows),
        mean_no_twins=_mean(rows, "value_no_twins"),
        chance=float(np.mean([row["chance"] for row in rows])),
        ceiling=_mean(rows, "ceiling"),
        best=is_best,
        tied=tied,
        n_test=float(np.mean([row["n_test"] for row in rows])),
        n_twins=float(np.mean([row["n_twins"] for row in rows])),
        fit_seconds=float(np.mean([row["fit_seconds"] for row in rows])),
        predict_seconds=float(np.mean([row["predict_seconds"] for row in rows])),
        pretrain_seconds=max(row["pretrain_seconds"] for row in rows),
    )


def _mean(rows: list[Row], name: str) -> float | None:
    values = [row[name] for row in rows]
    return None if None in values else float(np.mean(values))


def _none_if_nan(value: float) -> float | None:
    return None if math.isnan(value) else value
