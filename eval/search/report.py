"""What people read of searches: tables, and curves of regret against the labels seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eval.report.board import LEVEL
from eval.report.numbers import number, seconds
from eval.report.numbers import repeats as count_repeats
from eval.report.sheets import Sheet
from eval.report.table import UNICODE
from eval.search.summary import TASK_KEYS, Runs, SearchSummary, runs_of, searchers
from eval.search.units import Row
from eval.stats import mean_interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b4568f", "#a67c00", "#3f9bd1", "#882255", "#44449c")


def legend(summaries: Sequence[SearchSummary]) -> str:
    """Return what the signs of the tables mean."""
    repeats = summaries[0].repeats
    others = len({s.searcher for s in summaries}) - 1
    parts = [f"{UNICODE.best} best"]
    if others * 2.0 ** (1 - repeats) <= LEVEL:
        parts.append(
            f"{UNICODE.tied} not significantly worse (paired sign-flip test, Holm, {100 * LEVEL:.0f} %)"
        )
    else:
        parts.append(f"{UNICODE.tied} {count_repeats(repeats)} cannot separate these from the best")
    if repeats > 1:
        parts.append(f"{UNICODE.within} 95 % interval of the mean over {count_repeats(repeats)}")
    parts.append("regret: the table's best minus the picked network")
    if any(s.reached is not None for s in summaries):
        parts.append("queries to t: the first after which the regret is at most t")
    if any(s.reached is not None and s.reached < 1 for s in summaries):
        parts.append("> a repeat that never comes so far counts as all labels seen")
    return f" {UNICODE.dot} ".join(parts)


def sheets_of(summaries: Sequence[SearchSummary]) -> list[Sheet]:
    """Return one table for each task, best mean regret first.

    Of the regrets after a round it shows the one before the final top, as the curve has the others; the cost
    where the searches differ in it.
    """
    tasks: dict[tuple[Any, ...], dict[str, list[SearchSummary]]] = {}
    for s in summaries:
        of_task = tasks.setdefault(tuple(getattr(s, key) for key in TASK_KEYS), {})
        of_task.setdefault(s.metric, []).append(s)
    return [_sheet(columns) for columns in tasks.values()]


def _sheet(columns: dict[str, list[SearchSummary]]) -> Sheet:
    first = columns["regret"][0]
    before_top = f"regret@{first.budget}" if first.budget < first.labels_seen else ""
    hidden = {name for name in columns if name.startswith("regret@") and name != before_top}
    if len({s.mean for s in columns["cost"]}) == 1:
        hidden.add("cost")
    shown = [column for name, column in columns.items() if name not in hidden]
    order = sorted(range(len(columns["regret"])), key=lambda i: columns["regret"][i].mean)
    title = (
        f"{first.bench} {first.dataset}: {first.target} of the network picked by {first.label}, "
        f"{first.labels_seen} labels seen, {count_repeats(first.repeats)}"
    )
    rows = [[columns["regret"][i].searcher, *(_entry(column[i]) for column in shown)] for i in order]
    return Sheet(title, ["search", *(_header(column[0]) for column in shown)], rows)


def _header(s: SearchSummary) -> str:
    return f"{s.metric} {({1: UNICODE.up, -1: UNICODE.down}).get(s.direction, '')}".strip()


def _entry(s: SearchSummary) -> str:
    """Return `mean ±half-width` and its sign; a mean that is a lower bound begins with >."""
    if s.metric == "seconds":
        return seconds(s.mean)
    decimals = 1 if s.metric == "cost" or s.reached is not None else 3
    half = "" if s.ci_high is None else f" {UNICODE.within}{number(s.ci_high - s.mean, decimals)}"
    bound = ">" if s.reached is not None and s.reached < 1 else ""
    sign = UNICODE.best if s.best else UNICODE.tied if s.tied else ""
    return f"{bound}{number(s.mean, decimals)}{half} {sign}".strip()


def picks_of(rows: Sequence[Row], archs: Sequence[str] | None) -> list[Sheet]:
    """Return one table for each task: the networks that each search picked, the most frequent first.

    Args:
        rows: All rows of a comparison.
        archs: String of each architecture of the table, if it has one.
    """
    sheets = []
    for runs in runs_of(rows).values():
        first = runs[0].first
        lines = []
        for each, searcher in zip(runs, searchers(runs), strict=True):
            picked = {row["best_row"]: row for row in each.rows}
            for at, times in Counter(row["best_row"] for row in each.rows).most_common():
                values = (picked[at][name] for name in ("best_label_value", "best_by_label_target", "regret"))
                arch = [str(archs[at])] if archs else []
                lines.append([searcher, str(times), *(number(v, 3) for v in values), str(at), *arch])
        header = ["search", "repeats", first["label"], first["target"], "regret", "row"]
        title = f"Networks picked: {first['bench']} {first['dataset']}"
        sheets.append(Sheet(title, [*header, *(["architecture"] if archs else [])], lines))
    return sheets


def figures_of(rows: Sequence[Row]) -> list[tuple[str, Figure]]:
    """Return one plot for each task: mean regret after each query with its interval."""
    return [_figure(runs) for runs in runs_of(rows).values()]


def _figure(runs: Sequence[Runs]) -> tuple[str, Figure]:
    from plotly.graph_objects import Figure

    figure, first = Figure(), runs[0].first
    for i, (each, name) in enumerate(zip(runs, searchers(runs), strict=True)):
        intervals = [mean_interval(of_query) for of_query in each.regret.T]
        queries = list(range(1, len(intervals) + 1))
        colour, mean = _COLOURS[i % len(_COLOURS)], [interval.mean for interval in intervals]
        if len(each.rows) > 1:
            edge = {"x": queries, "mode": "lines", "line_width": 0, "legendgroup": name}
            edge |= {"hoverinfo": "skip", "showlegend": False}
            band = {"fill": "tonexty", "fillcolor": f"rgba{(*bytes.fromhex(colour[1:]), 0.15)}"}
            figure.add_scatter(y=[max(interval.low, 0.0) for interval in intervals], **edge)
            figure.add_scatter(y=[interval.high for interval in intervals], **edge, **band)
        line = {"color": colour, "dash": "solid" if i < len(_COLOURS) else "dash"}
        figure.add_scatter(x=queries, y=mean, mode="lines", line=line, name=name, legendgroup=name)
    for end in runs[0].ends[:-1]:
        figure.add_vline(x=end + 0.5, line_dash="dot", line_width=1, line_color="#999999")
    # The first few networks are poor whatever the search: the axis begins where half a batch is seen.
    top = max(float(each.regret[:, (runs[0].ends[0] - 1) // 2].mean()) for each in runs)
    figure.update_layout(
        height=480,
        margin_t=20,
        template="plotly_white",
        xaxis_title=f"{first['label']} labels seen",
        yaxis={"title": f"regret of {first['target']}", "range": [0, 1.2 * top or 1.0]},
    )
    caption = (
        f"{first['bench']} {first['dataset']}: regret of the network picked so far by {first['label']} "
        "(lower is better; dotted lines end a round)"
    )
    return caption, figure
