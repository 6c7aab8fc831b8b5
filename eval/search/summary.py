"""Rows of searches to summaries: means over repeats with intervals, paired comparisons with the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import InputError
from eval.search.rows import Row
from eval.stats import best_and_ties, mean_interval

TASK_KEYS = ("bench", "dataset", "target", "label")
SHARES = {"the best 0.1 %": 0.001, "the best 0.01 %": 0.0001, "the best": 0.0}
_SLACK = 1e-9  # regrets are differences: allow for their rounding


@dataclass(frozen=True)
class SearchSummary:
    """One search on one task by one measure, over all repeats.

    Attributes:
        bench, dataset, target, label, strategy, predictor: What was searched, by what, with which labels.
        searcher: Predictor and strategy as one name; the strategy is left out where all share it.
        metric: The target of the network that was picked; "regret", what it lacks of the table's best;
            "regret@q", the same after q queries; "queries to t", the first query with regret at most t;
            "queries to the best 0.1 %" and the like, the first query whose pick is among these of the table;
            "cost"; "seconds"; "pretrain seconds", for all repeats together.
        unit: Unit of the values.
        direction: 1 if larger is better, -1 if smaller is better, 0 for costs.
        mean, ci_low, ci_high: Mean over repeats with its 95 % interval (Student's t); no interval from one.
        repeats: Number of repeats.
        reached: Share of the repeats that reached the regret t; None for other measures. A repeat that did
            not counts as all labels seen, so the mean is then a lower bound.
        budget: Queries of the search.
        labels_seen: Queries and final top together.
        best: Whether this is the best mean of its task and measure.
        tied: Whether it is not significantly worse than the best (paired sign-flip test, Holm, 5 %).
    """

    bench: str
    dataset: str
    target: str
    label: str
    strategy: str
    predictor: str
    searcher: str
    metric: str
    unit: str
    direction: int
    mean: float
    ci_low: float | None
    ci_high: float | None
    repeats: int
    reached: float | None
    budget: int
    labels_seen: int
    best: bool
    tied: bool


@dataclass(frozen=True)
class Runs:
    """The repeats of one search on one task.

    Attributes:
        first: Its first row, for what all share.
        rows: The last row of each repeat.
        regret: (repeats, queries) what the network picked so far lacks of the table's best.
        better: (repeats, queries) how many architectures of the table are better than it.
        ends: Queries after each round; the last round is the final top, if there is one.
    """

    first: Row
    rows: list[Row]
    regret: np.ndarray
    better: np.ndarray
    ends: list[int]


def group_runs(rows: Iterable[Row]) -> dict[tuple[Any, ...], list[Runs]]:
    """Group rows by task, and within a task by search, in the order in which they appear.

    Raises:
        InputError: A search lacks repeats that another has, or queries that another repeat has.
    """
    found: dict[tuple[Any, ...], dict[tuple[str, str], dict[int, list[Row]]]] = {}
    for row in rows:
        task = tuple(row[key] for key in TASK_KEYS)
        by_repeat = found.setdefault(task, {}).setdefault((row["predictor"], row["strategy"]), {})
        by_repeat.setdefault(row["repeat"], []).append(row)
    for task, searches in found.items():
        _check_complete(task, searches)
    return {
        task: [_runs([repeats[each] for each in sorted(repeats)]) for repeats in searches.values()]
        for task, searches in found.items()
    }


def _check_complete(task: tuple[Any, ...], searches: dict[tuple[str, str], dict[int, list[Row]]]) -> None:
    repeats = {repeat for by_repeat in searches.values() for repeat in by_repeat}
    queries = max(len(rows) for by_repeat in searches.values() for rows in by_repeat.values())
    for (predictor, strategy), by_repeat in searches.items():
        missing = [each for each in sorted(repeats) if len(by_repeat.get(each, ())) < queries]
        if missing:
            raise InputError(
                f"incomplete search: {predictor} by {strategy} on {', '.join(map(str, task))} lacks repeats "
                f"{', '.join(map(str, missing[:5]))}; run it again to the end"
            )


def _runs(repeats: list[list[Row]]) -> Runs:
    last_of_round = {row["round"]: row["query"] for row in repeats[0]}
    return Runs(
        repeats[0][0],
        [rows[-1] for rows in repeats],
        np.array([[row["regret"] for row in rows] for rows in repeats]),
        np.array([[row["better"] for row in rows] for rows in repeats]),
        list(last_of_round.values()),
    )


def name_searches(runs: Sequence[Runs]) -> list[str]:
    """Return a name for each search: its predictor, and its strategy unless all share it."""
    one = len({each.first["strategy"] for each in runs}) == 1
    return [
        each.first["predictor"] if one else f"{each.first['predictor']} · {each.first['strategy']}"
        for each in runs
    ]


@dataclass(frozen=True)
class _Measure:
    name: str
    unit: str
    direction: int
    values: np.ndarray
    reached: np.ndarray | None = None


def _measures(runs: Runs, thresholds: Sequence[float]) -> list[_Measure]:
    """Return (repeats,) values of each measure of a search."""

    def last(name: str) -> np.ndarray:
        return np.array([row[name] for row in runs.rows])

    first_row, unit = runs.first, runs.first["target_unit"]
    measures = [
        _Measure(first_row["target"], unit, first_row["direction"], last("best_by_label_target")),
        _Measure("regret", unit, -1, last("regret")),
        *(_Measure(f"regret@{end}", unit, -1, runs.regret[:, end - 1]) for end in runs.ends),
    ]
    goals = {f"{threshold:g}": runs.regret <= threshold + _SLACK for threshold in thresholds}
    for name, share in SHARES.items():
        count = math.ceil(share * first_row["n_table"])
        if count > 1 or not share:
            goals[name] = runs.better < max(1, count)
    for name, good in goals.items():
        reached = np.any(good, axis=1)
        first = np.where(reached, good.argmax(1) + 1, good.shape[1])
        measures.append(_Measure(f"queries to {name}", "queries", -1, first, reached))
    measures.append(_Measure("cost", first_row["cost_unit"], 0, last("cost")))
    measures.append(_Measure("seconds", "s", 0, last("seconds")))
    measures.append(_Measure("pretrain seconds", "s", 0, last("pretrain_seconds")))
    return measures


def summarise(rows: Sequence[Row], thresholds: Sequence[float]) -> list[SearchSummary]:
    """Summarise searches, in the order in which tasks and searches appear.

    Args:
        rows: All rows of a comparison.
        thresholds: Regrets to count the queries to, in the unit of the target.

    Raises:
        InputError: A search is incomplete.
    """
    summaries = []
    for runs in group_runs(rows).values():
        measured = [_measures(each, thresholds) for each in runs]
        names = name_searches(runs)
        for column in zip(*measured, strict=True):
            best, tied = 0, np.zeros(len(runs), bool)
            if column[0].direction:
                best, tied = best_and_ties([m.values for m in column], column[0].direction)
            summaries += [
                _summary(each, name, m, best=bool(m.direction) and i == best, tied=bool(tied[i]))
                for i, (each, name, m) in enumerate(zip(runs, names, column, strict=True))
            ]
    return summaries


def _summary(runs: Runs, searcher: str, measure: _Measure, *, best: bool, tied: bool) -> SearchSummary:
    interval = mean_interval(measure.values)
    low, high = (None if math.isnan(end) else end for end in (interval.low, interval.high))
    first = runs.first
    return SearchSummary(
        **{key: first[key] for key in TASK_KEYS},
        strategy=first["strategy"],
        predictor=first["predictor"],
        searcher=searcher,
        metric=measure.name,
        unit=measure.unit,
        direction=measure.direction,
        mean=interval.mean,
        ci_low=low,
        ci_high=high,
        repeats=interval.n,
        reached=None if measure.reached is None else float(measure.reached.mean()),
        budget=first["budget"],
        labels_seen=runs.rows[0]["labels_seen"],
        best=best,
        tied=tied,
    )
