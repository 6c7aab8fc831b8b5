"""One-file page of a search: regret against queries, the table of the searches, what each repeat picked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.files import atomic_path
from eval.board import number
from eval.html import _TEMPLATES, _csp_hash
from eval.report import UNICODE
from eval.search_report import (
    Runs,
    SearchSummary,
    columns_of,
    entry,
    header,
    legend,
    runs_of,
    searchers,
    tasks_of,
    title,
)
from eval.search_units import Row
from eval.stats import mean_interval


@dataclass(frozen=True)
class Pick:
    """A network that a search picked.

    Attributes:
        searcher: The search.
        times: Repeats that picked it.
        row: Its row in the table.
        arch: Its string; "" if the table has none.
        label, target, regret: Its values.
    """

    searcher: str
    times: int
    row: int
    arch: str
    label: float
    target: float
    regret: float


def write_page(
    path: Path,
    *,
    title: str,
    summaries: Sequence[SearchSummary],
    rows: Sequence[Row],
    archs: Sequence[str] | None,
    notes: Sequence[str],
    settings: dict[str, Any],
) -> None:
    """Write the page of a comparison of searches as one HTML file that needs no network.

    Args:
        path: File to write, whole or not at all.
        title: Headline of the page.
        summaries: What `summarise` made of the rows.
        rows: All rows.
        archs: String of each architecture of the table, if it has one.
        notes: What a reader has to know, a sentence each.
        settings: What reproduces the results; printed as JSON.
    """
    by_task = list(runs_of(rows).values())
    groups = tasks_of(summaries)
    html = _render(
        title=title,
        notes=[note for note in notes if note],
        tables=[_table(group) for group in groups],
        picks=[_picks(runs, archs) for runs in by_task],
        repeats=groups[0][0].repeats,
        settings=json.dumps(settings, indent=2, ensure_ascii=False, default=str),
        data={
            "searchers": searchers(by_task[0]),
            "tasks": [_curves(runs, group[0]) for runs, group in zip(by_task, groups, strict=True)],
        },
    )
    with atomic_path(path) as part:
        part.write_text(html, "utf-8")


def _render(**context: object) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    page = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    scripts = [get_plotlyjs(), (_TEMPLATES / "search.js").read_text("utf-8")]
    return page.get_template("search.html.j2").render(
        **context,
        number=number,
        marks=UNICODE,
        scripts=[Markup(script) for script in scripts],
        hashes=" ".join(f"'{_csp_hash(script)}'" for script in scripts),
        style=Markup((_TEMPLATES / "report.css").read_text("utf-8")),
    )


def _table(group: Sequence[SearchSummary]) -> dict[str, Any]:
    columns = list(columns_of(group).values())
    return {
        "title": title(group[0]),
        "headers": [header(column[0]) for column in columns],
        "lines": [(of[0].searcher, [entry(s) for s in of]) for of in zip(*columns, strict=True)],
        "legend": legend(group),
    }


def _picks(runs: Sequence[Runs], archs: Sequence[str] | None) -> list[Pick]:
    """Return what was picked by each search, most often first."""
    picks = []
    for each, searcher in zip(runs, searchers(runs), strict=True):
        times = Counter(row["best_row"] for row in each.rows)
        last = {row["best_row"]: row for row in each.rows}
        picks += [
            Pick(
                searcher,
                count,
                row,
                str(archs[row]) if archs else "",
                last[row]["best_label_value"],
                last[row]["best_by_label_target"],
                last[row]["regret"],
            )
            for row, count in times.most_common()
        ]
    return picks


def _curves(runs: Sequence[Runs], first: SearchSummary) -> dict[str, Any]:
    """Return what the page's script draws for one task."""
    curves = []
    for each in runs:
        intervals = [mean_interval(of_query) for of_query in each.regret.T]
        curves.append(
            {
                "mean": [round(i.mean, 5) for i in intervals],
                "low": None if first.repeats == 1 else [round(max(i.low, 0.0), 5) for i in intervals],
                "high": None if first.repeats == 1 else [round(i.high, 5) for i in intervals],
            }
        )
    return {
        "title": f"{first.bench} · {first.dataset}",
        "unit": first.unit,
        "target": first.target,
        "label": first.label,
        "ends": runs[0].ends,
        "budget": first.budget,
        "queries": np.arange(1, first.labels_seen + 1).tolist(),
        "curves": curves,
    }
