"""Rows of searches to summaries: means over repeats with intervals, paired comparisons with the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
            "queries to the best 0.1 %" and the like, the first query whose pick is among these of the table
            (queries are counted in full trainings: a shorter one is a part of one);
            "cost"; "seconds"; "pretrain seconds", for all repeats together.
        unit: Unit of the values.
        direction: 1 if larger is better, -1 if smaller is better, 0 for costs.
        mean, ci_low, ci_high: Mean over repeats with its 95 % interval (Student's t); no interval from one.
        repeats: Number of repeats.
        reached: Share of the repeats that reached the regret t; None for other measures. A repeat that did
            not counts as all labels seen, so the mean is then a lower bound.
        budget: Queries of the search.
        labels_seen: Queries and final top together, in full trainings.
        full_information: Target of the network that the label picks when it is known of all networks.
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
    full_information: float
    best: bool
    tied: bool


@dataclass(frozen=True)
class Course:
    """What one repeat had found after each of its q queries.

    Attributes:
        seen: (q,) full trainings that the queries so far cost.
        cost: (q,) the same in the unit of training times.
        regret: (q,) what the network picked so far lacks of the table's best; infinite before there is one.
        better: (q,) how many architectures of the table are better than it; infinite before there is one.
        target: (q,) its target; NaN before there is one.
    """

    seen: np.ndarray
    cost: np.ndarray
    regret: np.ndarray
    better: np.ndarray
    target: np.ndarray

    @classmethod
    def read(cls, rows: Sequence[Row]) -> Course:
        """Return the course of a repeat's rows."""

        def get(name: str, missing: float) -> np.ndarray:
            return np.array([missing if row[name] is None else row[name] for row in rows], float)

        seen, cost = get("labels_seen", np.nan), get("cost", np.nan)
        picked = get("regret", np.inf), get("better", np.inf), get("best_by_label_target", np.nan)
        return cls(seen, cost, *picked)

    def at(self, values: np.ndarray, spent: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return values (q,) as they were when `spent` (q,) had reached each point; NaN before."""
        place = np.searchsorted(spent, points + _SLACK, "right") - 1
        found = np.where(place >= 0, values[np.maximum(place, 0)], np.nan)
        return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class Runs:
    """The repeats of one search on one task.

    Attributes:
        first: Its first row, for what all share.
        rows: The last row of each repeat.
        courses: One for each repeat.
        regret: (repeats, budget and final top) what the network picked after each full training lacks of the
            table's best; NaN where none was trained in full yet.
        ends: Queries after each round; the last round is the final top, if there is one. Rounds after which
            a search of the task had trained no network in full are left out.
    """

    first: Row
    rows: list[Row]
    courses: list[Course]
    regret: np.ndarray
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
    return {task: _group_task(searches) for task, searches in found.items()}


def _check_complete(task: tuple[Any, ...], searches: dict[tuple[str, str], dict[int, list[Row]]]) -> None:
    repeats = {repeat for by_repeat in searches.values() for repeat in by_repeat}
    for (predictor, strategy), by_repeat in searches.items():
        missing = [
            each
            for each in sorted(repeats)
            if each not in by_repeat or len(by_repeat[each]) < by_repeat[each][0]["queries"]
        ]
        if missing:
            raise InputError(
                f"incomplete search: {predictor} by {strategy} on {', '.join(map(str, task))} lacks repeats "
                f"{', '.join(map(str, missing[:5]))}; run it again to the end"
            )


def _group_task(searches: dict[tuple[str, str], dict[int, list[Row]]]) -> list[Runs]:
    """Return the searches of a task; rounds are those of searches with full trainings only."""
    grouped = [[by_repeat[each] for each in sorted(by_repeat)] for by_repeat in searches.values()]
    first = grouped[0][0][0]
    end = first["budget"] + first["final_top"]
    ends = sorted({first["budget"], end})
    full = [repeats[0] for repeats in grouped if all(row["share"] == 1 for row in repeats[0])]
    if full:
        ends = list({row["round"]: row["query"] for row in full[0]}.values())
    runs = [_runs(repeats, ends, np.arange(1, end + 1)) for repeats in grouped]
    known = [e for e in ends if all(np.isfinite(each.regret[:, e - 1]).all() for each in runs)]
    return [replace(each, ends=known) for each in runs]


def _runs(repeats: list[list[Row]], ends: list[int], grid: np.ndarray) -> Runs:
    courses = [Course.read(rows) for rows in repeats]
    regret = np.array([course.at(course.regret, course.seen, grid) for course in courses])
    return Runs(repeats[0][0], [rows[-1] for rows in repeats], courses, regret, ends)


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
    courses, end = runs.courses, runs.regret.shape[1]
    goals = {f"{t:g}": [course.regret <= t + _SLACK for course in courses] for t in thresholds}
    for name, share in SHARES.items():
        count = math.ceil(share * first_row["n_table"])
        if count > 1 or not share:
            goals[name] = [course.better < max(1, count) for course in courses]
    for name, goal in goals.items():
        reached = np.array([good.any() for good in goal])
        seen = [c.seen[good.argmax()] if good.any() else end for c, good in zip(courses, goal, strict=True)]
        measures.append(_Measure(f"queries to {name}", "queries", -1, np.array(seen, float), reached))
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
        labels_seen=runs.regret.shape[1],
        full_information=first["full_information"],
        best=best,
        tied=tied,
    )
