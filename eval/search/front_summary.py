"""Rows of searches for Pareto fronts to summaries: hypervolumes over repeats, and who overtakes whom."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import InputError
from eval.search.rows import Row
from eval.search.summary import TASK_KEYS, SearchSummary
from eval.stats import Interval, best_and_ties, mean_interval, paired_difference

if TYPE_CHECKING:
    from eval.search.results import SearchResults

SHARES = (90, 95, 99)  # percent of the true front's hypervolume that queries are counted to


@dataclass(frozen=True)
class FrontRuns:
    """The repeats of one search for a front on one task.

    Attributes:
        first: Its first row, for what all share.
        rows: The last row of each repeat.
        curve: (repeats, queries) hypervolume in percent of the true front's.
        fronts: The rows of the front that each repeat found, the best target first.
        ends: Queries after each round.
    """

    first: Row
    rows: list[Row]
    curve: np.ndarray
    fronts: list[list[Row]]
    ends: list[int]

    @property
    def median(self) -> int:
        """The repeat with the median hypervolume."""
        return int(np.argsort(self.curve[:, -1], kind="stable")[(len(self.curve) - 1) // 2])


def has_fronts(rows: Sequence[Row]) -> bool:
    """Return whether rows are of searches for Pareto fronts."""
    return "hypervolume" in rows[0]


def group_fronts(rows: Iterable[Row]) -> dict[tuple[Any, ...], list[FrontRuns]]:
    """Group rows by task, and within a task by search, in the order in which they appear.

    Raises:
        InputError: A search lacks repeats or queries that another has.
    """
    found: dict[tuple[Any, ...], dict[tuple[str, str], dict[int, list[Row]]]] = {}
    for row in rows:
        searches = found.setdefault(tuple(row[key] for key in TASK_KEYS), {})
        searches.setdefault((row["predictor"], row["strategy"]), {}).setdefault(row["repeat"], []).append(row)
    for task, searches in found.items():
        repeats = {repeat for by_repeat in searches.values() for repeat in by_repeat}
        queries = max(len(own) for by_repeat in searches.values() for own in by_repeat.values())
        for (predictor, strategy), by_repeat in searches.items():
            missing = [each for each in sorted(repeats) if len(by_repeat.get(each, ())) < queries]
            if missing:
                raise InputError(
                    f"incomplete search: {predictor} by {strategy} on {', '.join(map(str, task))} lacks "
                    f"repeats {', '.join(map(str, missing[:5]))}; run it again to the end"
                )
    return {
        task: [_get_runs([repeats[each] for each in sorted(repeats)]) for repeats in searches.values()]
        for task, searches in found.items()
    }


def _get_runs(repeats: list[list[Row]]) -> FrontRuns:
    fronts = [
        sorted(
            (row for row in rows if row["on_front"]), key=lambda row: -row["direction"] * row["target_value"]
        )
        for rows in repeats
    ]
    return FrontRuns(
        repeats[0][0],
        [rows[-1] for rows in repeats],
        np.array([[row["hypervolume"] for row in rows] for rows in repeats]),
        fronts,
        list({row["round"]: row["query"] for row in repeats[0]}.values()),
    )


def name_fronts(runs: Sequence[FrontRuns]) -> list[str]:
    """Return a name for each search: its strategy, and its predictor where several take part."""
    one = len({each.first["predictor"] for each in runs}) == 1
    return [
        each.first["strategy"] if one else f"{each.first['predictor']} · {each.first['strategy']}"
        for each in runs
    ]


@dataclass(frozen=True)
class _Measure:
    name: str
    unit: str
    direction: int
    values: np.ndarray
    reached: np.ndarray | None = None


def _measure(runs: FrontRuns) -> list[_Measure]:
    """Return (repeats,) values of each measure of a search."""
    measures = [
        _Measure("hypervolume", "%", 1, runs.curve[:, -1]),
        *(_Measure(f"hypervolume@{end}", "%", 1, runs.curve[:, end - 1]) for end in runs.ends),
    ]
    for share in SHARES:
        good = runs.curve >= share
        reached = np.any(good, axis=1)
        first = np.where(reached, good.argmax(1) + 1, good.shape[1])
        measures.append(_Measure(f"queries to {share} %", "queries", -1, first, reached))
    measures.append(_Measure("front", "networks", 0, np.array([len(front) for front in runs.fronts])))
    for name, unit in (("cost", runs.first["cost_unit"]), ("seconds", "s"), ("pretrain seconds", "s")):
        key = name.replace(" ", "_")
        measures.append(_Measure(name, unit, 0, np.array([row[key] for row in runs.rows])))
    return measures


def summarise_fronts(rows: Sequence[Row]) -> list[SearchSummary]:
    """Summarise searches for fronts, in the order in which tasks and searches appear.

    Measures are "hypervolume" in percent of the true front's, "hypervolume@q" after q queries, "queries to
    t %", the first query with at least that hypervolume, "front", the networks on the front that was found,
    and the costs of `SearchSummary`.

    Raises:
        InputError: A search is incomplete.
    """
    summaries = []
    for runs in group_fronts(rows).values():
        names = name_fronts(runs)
        for column in zip(*map(_measure, runs), strict=True):
            best, tied = 0, np.zeros(len(runs), bool)
            if column[0].direction:
                best, tied = best_and_ties([m.values for m in column], column[0].direction)
            for i, (each, name, measure) in enumerate(zip(runs, names, column, strict=True)):
                is_best = bool(measure.direction) and i == best
                summaries.append(_summarise(each, name, measure, best=is_best, tied=bool(tied[i])))
    return summaries


def _summarise(runs: FrontRuns, searcher: str, measure: _Measure, *, best: bool, tied: bool) -> SearchSummary:
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
        full_information=first["full_information"],
        best=best,
        tied=tied,
    )


@dataclass(frozen=True)
class Overtaking:
    """When one search is clearly ahead of what another reaches with all its queries.

    Attributes:
        query: First query at which the interval of the paired difference lies above 0; None for never.
        at_end: The paired difference of both with all their queries.
        repeats: Repeats in common.
    """

    query: int | None
    at_end: Interval
    repeats: int


def overtake(runs: FrontRuns, other: FrontRuns) -> Overtaking:
    """Compare the hypervolumes of a search with what another reaches in the end, over paired repeats.

    Args:
        runs: The search.
        other: The other, on the same task; its budget may differ.

    Raises:
        InputError: They have no repeats with the same seed in common.
    """
    seeds = [{row["seed"]: place for place, row in enumerate(each.rows)} for each in (runs, other)]
    both = sorted(set(seeds[0]) & set(seeds[1]))
    if not both:
        raise InputError("the searches have no repeats with the same seed in common")
    mine = runs.curve[[seeds[0][seed] for seed in both]]
    theirs = other.curve[[seeds[1][seed] for seed in both], -1]
    at_end = paired_difference(mine[:, -1], theirs)
    query = None
    if len(both) > 1:
        for place in range(mine.shape[1]):
            if paired_difference(mine[:, place], theirs).low > 0:
                query = place + 1
                break
    return Overtaking(query, at_end, len(both))


def check_against(earlier: Sequence[SearchResults], fronts: Sequence[dict[str, Any]]) -> None:
    """Reject earlier searches that were for other Pareto fronts, whose hypervolumes cannot be compared.

    Args:
        earlier: Results to compare with.
        fronts: True front of each task.

    Raises:
        InputError: An earlier search shares no front, or there is none to share.
    """
    for results in earlier:
        if not fronts:
            raise InputError(
                "only searches for a Pareto front are compared with earlier ones: name an objective"
            )
        known = results.settings.get("fronts", [])
        if not any(_identify(front) in map(_identify, known) for front in fronts):
            raise InputError(f"the search in '{results.folder}' was not for the same Pareto front")


def _identify(front: dict[str, Any]) -> str:
    return json.dumps({key: front[key] for key in ("dataset", "target", "label", "axes", "rows", "points")})
