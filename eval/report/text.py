"""Tables and records as text: Markdown, LaTeX, CSV, TSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from eval.report.latex import to_latex
from eval.report.leaderboard import get_tables
from eval.report.table import UNICODE, Entry, TextTable
from eval.report.terminal import print_line, print_tables

if TYPE_CHECKING:
    from rich.console import Console

    from eval.results import Results

Records = Sequence[Mapping[str, Any]]


def render(
    results: Results, format_: str, *, metrics: Sequence[str] | None = None, baseline: str | None = None
) -> str:
    """Return the leaderboard of results as text.

    Args:
        results: The results.
        format_: "table" (as in a terminal 120 characters wide), "markdown", "latex", "tsv", "csv" or "json".
        metrics: Metrics to show, the first of which orders the predictors; by default a few in tables, and
            all in "tsv", "csv" and "json".
        baseline: Predictor that differences are taken from.

    Raises:
        InputError: The grid is incomplete, or a metric was not evaluated.
    """
    tables, legend = _tables(results, metrics, baseline)
    summaries = results.summaries(baseline)
    shown = [s for s in summaries if not metrics or s.metric in metrics]
    return to_text(format_, tables, [asdict(s) for s in shown], legend)


def print_results(
    results: Results,
    console: Console | None = None,
    *,
    metrics: Sequence[str] | None = None,
    baseline: str | None = None,
) -> None:
    """Print the leaderboard of results to a terminal, stdout by default."""
    from rich.console import Console

    tables, legend = _tables(results, metrics, baseline)
    console = console or Console()
    print_tables(tables, console)
    print_line(legend, console)


def _tables(
    results: Results, metrics: Sequence[str] | None, baseline: str | None
) -> tuple[list[TextTable], str]:
    asked = baseline or results.baseline
    return get_tables(results.summaries(baseline), metrics, baseline=asked is not None)


def show(format_: str, tables: Sequence[TextTable], records: Records, legend: str = "") -> None:
    """Print on stdout.

    Args:
        format_: "table", "markdown" or "latex" for the tables; "json", "tsv" or "csv" for the records.
        tables: For people.
        records: For scripts, all with the same keys.
        legend: What the signs of the tables mean.
    """
    if format_ == "table":
        from rich.console import Console

        print_tables(tables, Console())
        if legend:
            print_line(legend, Console())
        return
    sys.stdout.write(to_text(format_, tables, records, legend).rstrip("\n") + "\n")


def to_text(format_: str, tables: Sequence[TextTable], records: Records, legend: str = "") -> str:
    """Return tables or records in any format of `show`; a terminal is taken to be 120 characters wide."""
    if format_ == "table":
        from rich.console import Console

        text = io.StringIO()
        console = Console(file=text, width=120)
        print_tables(tables, console)
        print_line(legend, console)
        return text.getvalue()
    if format_ == "markdown":
        return to_markdown(tables, legend)
    if format_ == "latex":
        return to_latex(tables, legend)
    if format_ == "json":
        return to_json(records)
    return to_csv(records, "\t" if format_ == "tsv" else ",")


def to_json(records: Records) -> str:
    """Return a list of objects; what is None, NaN or infinite is null."""
    plain = [{key: _finite(value) for key, value in record.items()} for record in records]
    return json.dumps(plain, indent=2, allow_nan=False, ensure_ascii=False, default=str) + "\n"


def to_csv(records: Records, delimiter: str = ",") -> str:
    """Return separated columns under a header; None and NaN are empty."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if records:
        writer.writerow(records[0])
        writer.writerows([_plain(value) for value in record.values()] for record in records)
    return text.getvalue()


def to_markdown(tables: Sequence[TextTable], legend: str = "") -> str:
    """Return Markdown tables with their titles, and what the signs mean below them."""
    blocks = []
    for table in tables:
        subtitle = f" ({_cell(table.subtitle)})" if table.subtitle else ""
        blocks += [f"**{_cell(table.title)}**{subtitle}", _markdown(table)]
        blocks += [_cell(sentence) for sentence in table.after]
    return "\n\n".join([*blocks, *([legend] if legend else [])]) + "\n"


def _markdown(table: TextTable) -> str:
    lines = [
        [_cell(name) for name in table.names],
        ["---", *["---:"] * (len(table.header) - 1)],
        *([_marked(cell) for cell in row] for row in [*table.cells, *table.foot_cells]),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _marked(cell: Entry) -> str:
    text = _cell(cell.marked(UNICODE))
    return f"**{text}**" if cell.rank == "best" else text


def _cell(text: str) -> str:
    """Return text that stays within its cell and is not HTML."""
    text = " ".join(re.sub(r"([\\|*`])", r"\\\1", text).split())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: object) -> object:
    value = _finite(value)
    return str(value).lower() if isinstance(value, bool) else "" if value is None else value
