"""What people read of searches for Pareto fronts: hypervolumes, curves, and the fronts found and true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eval.report.numbers import NONE, half_width, number, seconds
from eval.report.numbers import repeats as count_repeats
from eval.report.plots import Plot, Series, finite, slug
from eval.report.table import UNICODE, Entry, TextTable
from eval.search.front_summary import FrontRuns, group_fronts, name_fronts, overtake
from eval.search.rows import Row
from eval.search.summary import TASK_KEYS, SearchSummary
from eval.stats import mean_interval

if TYPE_CHECKING:
    from eval.search.results import SearchResults

_NAMES = 10  # networks of a front that are listed; the file holds all


def get_front_legend(summaries: Sequence[SearchSummary]) -> str:
    """Return what the signs of the tables mean."""
    repeats = summaries[0].repeats
    parts = [f"{UNICODE.best} best", f"{UNICODE.tied} not significantly worse"]
    if repeats > 1:
        parts.append(f"{UNICODE.within} 95 % interval of the mean over {count_repeats(repeats)}")
    parts.append("hypervolume: in percent of the true front's, of the networks that the labels pick")
    if any(s.reached is not None and s.reached < 1 for s in summaries):
        parts.append("> lower bound: a repeat that never gets there counts as all labels seen")
    return f" {UNICODE.dot} ".join(parts)


def get_front_tables(results: SearchResults) -> list[TextTable]:
    """Return, for each task, the searches by hypervolume, and when they overtake each other."""
    tasks: dict[tuple[Any, ...], dict[str, list[SearchSummary]]] = {}
    for s in results.summaries():
        columns = tasks.setdefault(tuple(getattr(s, key) for key in TASK_KEYS), {})
        columns.setdefault(s.metric, []).append(s)
    others = _group_others(results)
    tables = []
    for task, runs in group_fronts(results.rows).items():
        tables.append(_table(tasks[task], runs))
        if compared := _overtakings(runs, others.get(task, [])):
            tables.append(compared)
    return tables


def _table(columns: dict[str, list[SearchSummary]], runs: Sequence[FrontRuns]) -> TextTable:
    first = columns["hypervolume"][0]
    before_top = f"hypervolume@{first.budget}" if first.budget < first.labels_seen else ""
    hidden = {name for name in columns if name.startswith("hypervolume@") and name != before_top}
    if len({s.mean for s in columns["cost"]}) == 1:
        hidden.add("cost")
    if not any(s.mean for s in columns["pretrain seconds"]):
        hidden.add("pretrain seconds")
    shown = [column for name, column in columns.items() if name not in hidden]
    order = sorted(range(len(runs)), key=lambda i: -columns["hypervolume"][i].mean)
    title = (
        f"{first.bench} {first.dataset}: {describe_axes(runs[0].first)}, front by {first.label}, "
        f"{first.labels_seen} labels seen, {count_repeats(first.repeats)}"
    )
    rows = [[columns["hypervolume"][i].searcher, *(_entry(column[i]) for column in shown)] for i in order]
    directions = [0, *(column[0].direction for column in shown)]
    return TextTable(title, ["search", *(column[0].metric for column in shown)], rows, directions)


def _entry(s: SearchSummary) -> Entry:
    if s.metric in ("seconds", "pretrain seconds"):
        return Entry(seconds(s.mean) if s.mean or s.metric == "seconds" else NONE)
    decimals = 1 if s.metric in ("cost", "front") or s.reached is not None else 2
    bound = ">" if s.reached is not None and s.reached < 1 else ""
    rank = "best" if s.best else "tied" if s.tied else ""
    return Entry(f"{bound}{number(s.mean, decimals)} {half_width(s.mean, s.ci_high, decimals)}".strip(), rank)


def describe_axes(first: Row) -> str:
    """Return what is traded, e.g. "test_acc against flops:min"."""
    return f"{first['target']} against {', '.join(first['objectives'])}"


def _group_others(results: SearchResults) -> dict[tuple[Any, ...], list[tuple[str, FrontRuns]]]:
    """Return the searches of earlier results that these are compared with, by task."""
    others: dict[tuple[Any, ...], list[tuple[str, FrontRuns]]] = {}
    for earlier in results.against:
        for task, runs in group_fronts(earlier.rows).items():
            named = zip(name_fronts(runs), runs, strict=True)
            others.setdefault(task, []).extend(named)
    return others


def _overtakings(runs: Sequence[FrontRuns], others: Sequence[tuple[str, FrontRuns]]) -> TextTable | None:
    """Return the queries after which each search is clearly ahead of the end of each other one."""
    own = list(zip(name_fronts(runs), runs, strict=True))
    columns = [*own, *others]
    if len(columns) < 2 or len(runs[0].rows) < 2:
        return None
    rows = []
    for name, each in own:
        cells = []
        for _, other in columns:
            if other is each:
                cells.append(NONE)
                continue
            found = overtake(each, other)
            width = half_width(found.at_end.mean, found.at_end.high, 2)
            when = "never" if found.query is None else str(found.query)
            cells.append(f"{when} ({found.at_end.mean:+.2f} {width})")
        rows.append([name, *cells])
    header = ["search", *(f"{name}, {other.curve.shape[1]} queries" for name, other in columns)]
    return TextTable(
        "Queries until the hypervolume is clearly above what another search has in the end",
        header,
        rows,
        subtitle="95 % interval of the paired difference above 0; in brackets the difference in the end, "
        "points",
    )


def get_front_conclusions(summaries: Sequence[SearchSummary]) -> list[str]:
    """Return a sentence for each task: which search has the largest hypervolume."""
    sentences = []
    tasks: dict[tuple[Any, ...], list[SearchSummary]] = {}
    for s in summaries:
        if s.metric == "hypervolume":
            tasks.setdefault(tuple(getattr(s, key) for key in TASK_KEYS), []).append(s)
    for of_task in tasks.values():
        best = next(s for s in of_task if s.best)
        rest = sorted((s for s in of_task if not s.best), key=lambda s: -s.mean)
        value = f"{number(best.mean, 2)} {half_width(best.mean, best.ci_high, 2)}".strip()
        sentence = (
            f"{best.bench} {best.dataset}, {best.labels_seen:,} labels: {best.searcher} dominates most, "
            f"{value} % of the true front's hypervolume"
        )
        if rest:
            sentence += f", {number(best.mean - rest[0].mean, 2)} points more than {rest[0].searcher}"
        if tied := [s.searcher for s in rest if s.tied]:
            sentence += f"; not significantly worse: {', '.join(tied)}"
        sentences.append(f"{sentence}.")
    return sentences


def get_front_plots(results: SearchResults) -> list[Plot]:
    """Return, for each task, hypervolumes against queries, and found fronts with the true one."""
    true = {(f["bench"], f["dataset"]): f for f in results.settings.get("fronts", [])}
    plots = []
    for runs in group_fronts(results.rows).values():
        first = runs[0].first
        plots.append(_plot_curves(runs))
        plots += _plot_fronts(runs, true.get((first["bench"], first["dataset"])))
    return plots


def _name(kind: str, first: Row, *more: str) -> str:
    return slug(kind, first["bench"].rpartition("/")[2], first["dataset"], first["target"], *more)


def _plot_curves(runs: Sequence[FrontRuns]) -> Plot:
    first, series = runs[0].first, []
    for each, name in zip(runs, name_fronts(runs), strict=True):
        intervals = [mean_interval(column) for column in each.curve.T]
        several = len(each.curve) > 1
        series.append(
            Series(
                name=name,
                x=list(range(1, len(intervals) + 1)),
                y=finite([interval.mean for interval in intervals]),
                low=finite([interval.low for interval in intervals]) if several else (),
                high=finite([interval.high for interval in intervals]) if several else (),
            )
        )
    # The first few networks are poor whatever the search: the axis begins where half a batch is seen.
    low = min(float(each.curve[:, (runs[0].ends[0] - 1) // 2].mean()) for each in runs)
    return Plot(
        name=_name("hypervolume", first),
        caption=f"{first['bench']} {first['dataset']}: hypervolume of {describe_axes(first)}",
        x_title=f"{first['label']} labels seen",
        y_title="% of the true front's hypervolume",
        series=series,
        y_range=(low, 100.0 + 0.02 * (100.0 - low)),
        bands=True,
        markers=False,
    )


def _plot_fronts(runs: Sequence[FrontRuns], true: dict[str, Any] | None) -> list[Plot]:
    """Return a plot for each cost: the front of each search's median repeat, and the true front."""
    first, plots = runs[0].first, []
    for place, cost in enumerate(first["costs"]):
        series = []
        if true is not None:
            points = sorted((point[1 + place], point[0]) for point in true["points"])
            series.append(_series("true front", points))
        for each, name in zip(runs, name_fronts(runs), strict=True):
            front = each.fronts[each.median]
            series.append(_series(name, sorted((row["costs"][cost], row["target_value"]) for row in front)))
        unit = "" if true is None else true["axes"][1 + place]["unit"]
        note = "Each search by its repeat with the median hypervolume; test values of what the labels pick."
        if len(first["costs"]) > 1:
            note += " Networks may look dominated here that are better in another cost."
        plots.append(
            Plot(
                name=_name("front", first, cost),
                caption=f"{first['bench']} {first['dataset']}: fronts of {first['target']} against {cost}",
                x_title=f"{cost} ({unit})" if unit else cost,
                y_title=f"{first['target']} ({first['target_unit']})"
                if first["target_unit"]
                else first["target"],
                series=series,
                y_range=_choose_range(series, first["direction"]),
                note=note,
                joined=len(first["costs"]) == 1,
            )
        )
    return plots


def _series(name: str, points: Sequence[tuple[float, float]]) -> Series:
    return Series(name=name, x=[x for x, _ in points], y=[y for _, y in points])


def _choose_range(series: Sequence[Series], direction: int) -> tuple[float, float]:
    """Return a range of y without the worst tenth of the points, which would flatten the rest."""
    values = sorted((y for each in series for y in each.y if y is not None), reverse=direction > 0)
    kept = values[: max(2, round(0.9 * len(values)))]
    low, high = min(kept), max(kept)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def get_found_fronts(rows: Sequence[Row]) -> list[TextTable]:
    """Return one table for each search: the front of its median repeat, the best target first."""
    tables = []
    for runs in group_fronts(rows).values():
        for each, name in zip(runs, name_fronts(runs), strict=True):
            first, front = each.first, each.fronts[each.median]
            lines = [
                [
                    number(row["label_value"], 3),
                    number(row["target_value"], 3),
                    *(f"{value:.6g}" for value in row["costs"].values()),
                    str(row["row"]),
                    row["name"],
                ]
                for row in front[:_NAMES]
            ]
            header = [first["label"], first["target"], *first["costs"], "row", "architecture"]
            more = f", {_NAMES} of {len(front)}" if len(front) > _NAMES else ""
            tables.append(TextTable(f"Front of {name}, repeat {front[0]['repeat']}{more}", header, lines))
    return tables
