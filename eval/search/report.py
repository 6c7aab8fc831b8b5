"""What people read of searches: tables, and curves of regret against the labels seen."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.published import get_published_searches
from eval.report.notices import get_notices
from eval.report.numbers import NONE, half_width, number, seconds
from eval.report.numbers import repeats as count_repeats
from eval.report.page import write_page
from eval.report.plots import Plot, Series, finite, slug
from eval.report.summary import LEVEL
from eval.report.table import UNICODE, Entry, TextTable
from eval.report.terminal import print_line, print_tables
from eval.report.text import to_text
from eval.search.front_report import (
    get_found_fronts,
    get_front_conclusions,
    get_front_legend,
    get_front_plots,
    get_front_tables,
)
from eval.search.front_summary import has_fronts
from eval.search.results import SearchResults
from eval.search.rows import Row
from eval.search.summary import TASK_KEYS, Runs, SearchSummary, group_runs, name_searches
from eval.stats import mean_interval

if TYPE_CHECKING:
    from rich.console import Console


HOURS_POINTS = 200  # of a curve against training time


def decidable(summaries: Sequence[SearchSummary]) -> bool:
    """Return whether any difference from the best could come out significant with this many repeats."""
    others = len({s.searcher for s in summaries}) - 1
    return others * 2.0 ** (1 - summaries[0].repeats) <= LEVEL


def legend(summaries: Sequence[SearchSummary]) -> str:
    """Return what the signs of the tables mean."""
    repeats = summaries[0].repeats
    parts = [f"{UNICODE.best} best"]
    if decidable(summaries):
        parts.append(
            f"{UNICODE.tied} not significantly worse (paired sign-flip test, Holm, {100 * LEVEL:.0f} %)"
        )
    else:
        parts.append(f"{UNICODE.tied} {count_repeats(repeats)} cannot separate these from the best")
    if repeats > 1:
        parts.append(f"{UNICODE.within} 95 % interval of the mean over {count_repeats(repeats)}")
    parts.append("regret: how far the picked network is from the table's best")
    if any(s.reached is not None for s in summaries):
        parts.append("queries to t: queries until the regret is at most t, or the pick is among the best")
    if any(s.reached is not None and s.reached < 1 for s in summaries):
        parts.append("> lower bound: a repeat that never gets there counts as all labels seen")
    return f" {UNICODE.dot} ".join(parts)


def get_tables(summaries: Sequence[SearchSummary]) -> list[TextTable]:
    """Return one table for each task, best mean regret first.

    Of the regrets after a round it shows the one before the final top, as the curve has the others; the cost
    where the searches differ in it.
    """
    tasks: dict[tuple[Any, ...], dict[str, list[SearchSummary]]] = {}
    for s in summaries:
        of_task = tasks.setdefault(tuple(getattr(s, key) for key in TASK_KEYS), {})
        of_task.setdefault(s.metric, []).append(s)
    return [_table(columns) for columns in tasks.values()]


def _table(columns: dict[str, list[SearchSummary]]) -> TextTable:
    first = columns["regret"][0]
    before_top = f"regret@{first.budget}" if first.budget < first.labels_seen else ""
    hidden = {name for name in columns if name.startswith("regret@") and name != before_top}
    if len({s.mean for s in columns["cost"]}) == 1:
        hidden.add("cost")
    if not any(s.mean for s in columns["pretrain seconds"]):
        hidden.add("pretrain seconds")
    shown = [column for name, column in columns.items() if name not in hidden]
    order = sorted(range(len(columns["regret"])), key=lambda i: columns["regret"][i].mean)
    title = (
        f"{first.bench} {first.dataset}: {first.target} of the network picked by {first.label}, "
        f"{first.labels_seen} labels seen, {count_repeats(first.repeats)}"
    )
    rows = [[columns["regret"][i].searcher, *(_entry(column[i]) for column in shown)] for i in order]
    target, regret = columns[first.target][0], columns["regret"][0]
    best = target.mean + target.direction * regret.mean  # of the table: regret is what a target lacks of it
    full = {
        first.target: first.full_information,
        "regret": target.direction * (best - first.full_information),
    }
    known = [number(full[c[0].metric], 3) if c[0].metric in full else "" for c in shown]
    rows.append([f"every {first.label} known", *known])
    directions = [0, *(column[0].direction for column in shown)]
    return TextTable(title, ["search", *(column[0].metric for column in shown)], rows, directions)


def _entry(s: SearchSummary) -> Entry:
    """Return `mean ±half-width` and its rank; a mean that is a lower bound begins with >."""
    if s.metric in ("seconds", "pretrain seconds"):
        return Entry(seconds(s.mean) if s.mean or s.metric == "seconds" else NONE)
    decimals = 1 if s.metric == "cost" or s.reached is not None else 3
    half = half_width(s.mean, s.ci_high, decimals)
    bound = ">" if s.reached is not None and s.reached < 1 else ""
    rank = "best" if s.best else "tied" if s.tied else ""
    return Entry(f"{bound}{number(s.mean, decimals)} {half}".strip(), rank)


def get_picks(rows: Sequence[Row]) -> list[TextTable]:
    """Return one table for each task: the networks that each search picked, the most frequent first."""
    tables = []
    for runs in group_runs(rows).values():
        first = runs[0].first
        lines = []
        for each, searcher in zip(runs, name_searches(runs), strict=True):
            picked = {row["best_row"]: row for row in each.rows}
            for at, times in Counter(row["best_row"] for row in each.rows).most_common():
                values = (picked[at][name] for name in ("best_label_value", "best_by_label_target", "regret"))
                shown = [number(value, 3) for value in values]
                lines.append([searcher, str(times), *shown, str(at), picked[at]["best_name"]])
        header = ["search", "repeats", first["label"], first["target"], "regret", "row", "architecture"]
        tables.append(TextTable(f"Networks picked: {first['bench']} {first['dataset']}", header, lines))
    return tables


def get_published(rows: Sequence[Row]) -> list[TextTable]:
    """Return published searches of each task with the rule by which they pick, and full information."""
    tables = []
    for runs in group_runs(rows).values():
        first = runs[0].first
        found = get_published_searches(first["bench"], first["dataset"], "test_acc")
        if not found:
            continue
        lines = [
            [
                each.method,
                NONE if each.queries is None else str(each.queries),
                NONE if each.value is None else number(each.value, 3),
                each.seen or "unknown",
                each.rule,
                each.source,
                each.note,
            ]
            for each in found
        ]
        full = number(first["full_information"], 3)
        rule = f"selecting by {first['label']} with full information, in this table"
        lines.append(
            [rule, str(first["n_table"]), full, first["label"], "best label of all", "this table", ""]
        )
        header = ["search", "queries", "test_acc", "label seen", "picked by", "source", "note"]
        title = f"Published, not measured here: {first['bench']} {first['dataset']}"
        tables.append(TextTable(title, header, lines))
    return tables


def get_conclusions(summaries: Sequence[SearchSummary]) -> list[str]:
    """Return a sentence for each task: which search finds the lowest regret, and whether it is clearly so."""
    sentences = []
    tasks: dict[tuple[Any, ...], list[SearchSummary]] = {}
    for s in summaries:
        if s.metric == "regret":
            tasks.setdefault(tuple(getattr(s, key) for key in TASK_KEYS), []).append(s)
    for of_task in tasks.values():
        ranked = sorted(of_task, key=lambda s: s.mean)
        best, rest = next(s for s in ranked if s.best), [s for s in ranked if not s.best]
        value = f"{number(best.mean)} {half_width(best.mean, best.ci_high)}".strip()
        sentence = (
            f"{best.bench} {best.dataset}, {best.labels_seen:,} labels: {best.searcher} has the lowest "
            f"regret, {value}"
        )
        if rest:
            sentence += f", {number(rest[0].mean - best.mean)} less than {rest[0].searcher}"
        tied = [s.searcher for s in rest if s.tied]
        if rest and not decidable(summaries):
            sentence += f"; {count_repeats(best.repeats)} cannot tell them apart"
        elif tied:
            sentence += f"; not significantly worse: {', '.join(tied)}"
        elif rest:
            sentence += "; all others are significantly worse"
        sentences.append(f"{sentence}.")
    return sentences


def get_all_plots(results: SearchResults) -> list[Plot]:
    """Return the plots of a search for the best network or for a Pareto front."""
    return get_front_plots(results) if has_fronts(results.rows) else get_plots(results.rows)


def get_plots(rows: Sequence[Row]) -> list[Plot]:
    """Return plots for each task: regret and target of the network picked, with intervals.

    They are drawn against the labels seen, and against training time where the table has times.
    """
    plots = []
    for runs in group_runs(rows).values():
        plots += [_plot_queries(runs, *kind) for kind in _KINDS]
        if runs[0].first["cost_unit"] == "s":
            plots += [_plot_hours(runs, *kind) for kind in _KINDS]
    return plots


_KINDS = (("search", "regret"), ("target", "target"))  # name of the plot, attribute of a course


def _plot_queries(runs: Sequence[Runs], name: str, kind: str) -> Plot:
    first, end = runs[0].first, runs[0].regret.shape[1]
    points = np.arange(1, end + 1, dtype=float)
    series = [
        _curve(title, [c.at(getattr(c, kind), c.seen, points) for c in each.courses], points, kind)
        for each, title in zip(runs, name_searches(runs), strict=True)
    ]
    full = all(len(c.seen) == end for each in runs for c in each.courses)
    # The first few networks are poor whatever the search: the axis begins where half a batch is seen.
    start = (runs[0].ends[0] - 1) // 2
    return Plot(
        name=slug(name, first["bench"].rpartition("/")[2], first["dataset"], first["target"]),
        caption=f"{_describe_plot(first, kind)}; dotted lines end a round)",
        x_title=f"{first['label']} labels seen" if full else "queries, in full trainings",
        y_title=_name_axis(first, kind),
        series=series,
        y_range=_find_range(series, start, kind),
        bands=True,
        markers=False,
        rules=[e + 0.5 for e in runs[0].ends[:-1]],
    )


def _plot_hours(runs: Sequence[Runs], name: str, kind: str) -> Plot:
    first = runs[0].first
    points = np.linspace(0, max(c.cost[-1] for each in runs for c in each.courses), HOURS_POINTS + 1)[1:]
    series = [
        _curve(title, [c.at(getattr(c, kind), c.cost, points) for c in each.courses], points / 3600, kind)
        for each, title in zip(runs, name_searches(runs), strict=True)
    ]
    return Plot(
        name=slug(name, "hours", first["bench"].rpartition("/")[2], first["dataset"], first["target"]),
        caption=f"{_describe_plot(first, kind)})",
        x_title="training time of all queries, hours",
        y_title=_name_axis(first, kind),
        series=series,
        y_range=_find_range(series, HOURS_POINTS // 20, kind),
        bands=True,
        markers=False,
    )


def _curve(name: str, repeats: Sequence[np.ndarray], x: np.ndarray, kind: str) -> Series:
    """Return the mean of (points,) values of each repeat, with its interval, where all repeats have one."""
    values = np.array(repeats)
    known = np.isfinite(values).all(0)
    intervals = [mean_interval(column) for column in values[:, known].T]
    floor = 0.0 if kind == "regret" else -np.inf
    several = len(repeats) > 1
    return Series(
        name=name,
        x=x[known].tolist(),
        y=finite([interval.mean for interval in intervals]),
        low=finite([max(interval.low, floor) for interval in intervals]) if several else (),
        high=finite([interval.high for interval in intervals]) if several else (),
    )


def _describe_plot(first: Row, kind: str) -> str:
    shown = "regret" if kind == "regret" else first["target"]
    better = "higher" if kind == "target" and first["direction"] > 0 else "lower"
    return (
        f"{first['bench']} {first['dataset']}: {shown} of the network picked so far by {first['label']} "
        f"({better} is better"
    )


def _name_axis(first: Row, kind: str) -> str:
    return f"regret of {first['target']}" if kind == "regret" else first["target"]


def _find_range(series: Sequence[Series], start: int, kind: str) -> tuple[float, float] | None:
    """Return the range of y without the poor networks before the point `start`; None for no values."""
    ys = [[y for y in each.y[min(start, len(each.y) - 1) :] if y is not None] for each in series if each.y]
    if not (values := [y for each in ys for y in each]):
        return None
    low, high = min(values), max(values)
    if kind == "regret":
        return 0.0, 1.2 * high or 1.0
    margin = 0.1 * (high - low) or 1.0
    return low - margin, high + margin


def render(results: SearchResults, format_: str) -> str:
    """Return the tables of a search, or its records, as text; "table" is as in a terminal 120 wide."""
    summaries = results.summaries()
    if format_ != "table":
        tables, below = _get_main(results, summaries)
        return to_text(format_, tables, results.records(), below)
    from rich.console import Console

    text = io.StringIO()
    print_search(results, Console(file=text, width=120))
    return text.getvalue()


def print_search(results: SearchResults, console: Console) -> None:
    """Print the tables of a search to a terminal."""
    tables, below = _get_main(results, results.summaries())
    print_tables(tables, console)
    print_line(below, console)


def _get_main(results: SearchResults, summaries: Sequence[SearchSummary]) -> tuple[list[TextTable], str]:
    """Return the main tables and their legend."""
    if has_fronts(results.rows):
        return get_front_tables(results), get_front_legend(summaries)
    return get_tables(summaries), legend(summaries)


def write_search(path: Path, results: SearchResults) -> None:
    """Write the page of a search."""
    summaries = results.summaries()
    tables, below = _get_main(results, summaries)
    front = has_fronts(results.rows)
    if front:
        tables += get_found_fronts(results.rows)
    else:
        tables += [*get_published(results.rows), *get_picks(results.rows)]
    write_page(
        path,
        title=results.title,
        conclusions=get_front_conclusions(summaries) if front else get_conclusions(summaries),
        notices=get_notices(results.rows),
        notes=results.notes,
        plots=get_all_plots(results),
        tables=tables,
        legend=below,
        settings={key: value for key, value in results.settings.items() if key != "fronts"},  # long
    )
