"""Summaries to text: the table in the terminal, JSON, TSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

from data.errors import InputError
from eval.report.board import LEVEL, Board, boards, ordered, ranks
from eval.report.numbers import number, repeats, seconds
from eval.report.summary import Summary

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

FIELDS = tuple(field.name for field in fields(Summary))
COMPACT = ("ndcg@10", "kendall_tau", "precision_top@5", "regret@10")
_NAME_WIDTH = 26
_FEW = 6  # metrics that are all shown


class Marks(NamedTuple):
    """The signs of a table."""

    best: str
    tied: str
    up: str
    down: str
    within: str
    none: str
    dot: str


UNICODE = Marks("★", "≈", "↑", "↓", "±", "–", "·")
ASCII = Marks("*", "~", "^", "v", "+-", "-", ",")


class Entry(NamedTuple):
    """A cell of a table: its text, and "best", "tied" or ""."""

    text: str
    rank: str = ""

    def marked(self, marks: Marks) -> str:
        """Return the text followed by its mark, or by as much space."""
        return f"{self.text} {getattr(marks, self.rank) if self.rank else ' '}"


def reorder(board: Board, metrics: Sequence[str] | None) -> Board:
    """Return the board of these metrics only, by default a few, ordered by the first.

    Raises:
        InputError: A metric that was not evaluated.
    """
    few = len(board.metrics) <= _FEW
    chosen = tuple(
        metrics or (not few and [m for m in COMPACT if m in board.metrics]) or board.metrics[:_FEW]
    )
    for metric in chosen:
        if metric not in board.metrics:
            raise InputError(f"metric '{metric}' was not evaluated; there are {', '.join(board.metrics)}")
    return Board(board.task, ordered(board.predictors, chosen[0], board.cells), chosen, board.cells)


def entry(s: Summary, decimals: int, marks: Marks = UNICODE) -> Entry:
    """Return `mean ±half-width` of a summary."""
    rank = "best" if s.best else "tied" if s.tied else ""
    half = "" if s.ci_high is None else f" {marks.within}{number(s.ci_high - s.mean, decimals)}"
    return Entry(number(s.mean, decimals) + half, rank)


def _without_twins(s: Summary, decimals: int, marks: Marks) -> Entry:
    if s.mean_no_twins is None:
        return Entry(marks.none)
    change = number(s.mean_no_twins - s.mean, decimals, signed=True)
    return Entry(f"{number(s.mean_no_twins, decimals)} ({change})")


def to_json(summaries: Sequence[Summary]) -> str:
    """Return a list of objects with the fields of Summary; None is null."""
    return json.dumps([asdict(s) for s in summaries], indent=2, allow_nan=False, ensure_ascii=False)


def to_tsv(summaries: Sequence[Summary]) -> str:
    """Return tab-separated columns, one for each field of Summary, under a header; None is empty."""
    text = io.StringIO()
    writer = csv.writer(text, dialect="excel-tab", lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows([_plain(getattr(s, name)) for name in FIELDS] for s in summaries)
    return text.getvalue()


def _plain(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else value


@dataclass(frozen=True)
class _Column:
    """One column of a table: a metric or a duration, with an entry for each predictor and footer row."""

    header: str
    body: list[Entry]
    foot: tuple[str, ...]

    def width(self, marks: Marks) -> int:
        texts = [
            self.header,
            *(each.marked(marks) for each in self.body),
            *(f"{foot}  " for foot in self.foot),
        ]
        return max(map(len, texts))


_FOOT = ("chance", "noise ceiling")


def _columns(board: Board, marks: Marks) -> list[_Column]:
    columns = []
    for metric in board.metrics:
        decimals, found = board.decimals(metric), board.column(metric)
        s = found[0]
        foot = tuple(marks.none if v is None else number(v, decimals) for v in (s.chance, s.ceiling))
        body = [entry(each, decimals, marks) for each in found]
        columns.append(_Column(f"{metric} {marks.up if s.direction > 0 else marks.down}", body, foot))
    timed = board.column(board.metrics[0])
    for header, name in (("fit s", "fit_seconds"), ("predict s", "predict_seconds")):
        columns.append(_Column(header, [Entry(seconds(getattr(s, name))) for s in timed], ("", "")))
    return columns


def _audit_columns(board: Board, marks: Marks) -> list[_Column]:
    return [
        _Column(metric, [_without_twins(s, board.decimals(metric), marks) for s in board.column(metric)], ())
        for metric in board.metrics
    ]


def _rank_columns(found: Sequence[Board], metrics: Sequence[str]) -> tuple[list[str], list[_Column]]:
    by_metric = ranks(found, metrics)
    order = sorted(found[0].predictors, key=lambda p: by_metric[metrics[0]][p])
    columns = []
    for metric, rank in by_metric.items():
        least = min(rank.values())
        body = [Entry(number(rank[p], 2), "best" if rank[p] == least else "") for p in order]
        columns.append(_Column(metric, body, ()))
    return order, columns


def _legend(board: Board, left_out: int, marks: Marks) -> str:
    parts = [f"{marks.best} best"]
    if board.decidable:
        parts.append(
            f"{marks.tied} not significantly worse (paired sign-flip test, Holm, {100 * LEVEL:.0f} %)"
        )
    else:
        parts.append(f"{marks.tied} {repeats(board.first.repeats)} cannot separate these from the best")
    if board.first.ci_low is not None:
        parts.append(f"{marks.within} 95 % interval of the mean")
    parts.append(f"{marks.up} higher is better, {marks.down} lower is better")
    if left_out:
        parts.append(f"{left_out} more metrics in the report and with --format json")
    return f" {marks.dot} ".join(parts)


def to_markdown(summaries: Sequence[Summary], metrics: Sequence[str] | None = None) -> str:
    """Return one Markdown table for each task, with the same columns as the terminal's."""
    full = boards(summaries)
    found = [reorder(board, metrics) for board in full]
    blocks = []
    for board in found:
        columns = _columns(board, UNICODE)
        blocks += [f"**{_cell(board.title)}** ({_cell(board.basis)})"]
        blocks += [_markdown(board.predictors, columns, _FOOT)]
        blocks += [_cell(board.audit)]
        if board.first.n_twins:
            blocks += [_markdown(board.predictors, _audit_columns(board, UNICODE), (), "without twins")]
    if len(found) > 1:
        order, columns = _rank_columns(found, found[0].metrics)
        blocks += [f"**Mean rank over {len(found)} tasks** (1 is best)", _markdown(order, columns, ())]
    left_out = len(full[0].metrics) - len(found[0].metrics)
    return "\n\n".join([*blocks, _legend(found[0], left_out, UNICODE)]) + "\n"


def _markdown(
    names: Sequence[str], columns: Sequence[_Column], foot: Sequence[str], corner: str = "predictor"
) -> str:
    lines = [[corner, *(c.header for c in columns)], ["---", *("---:" for _ in columns)]]
    for i, name in enumerate(names):
        entries = [(c.body[i].marked(UNICODE).strip(), c.body[i].rank) for c in columns]
        lines.append([name, *(f"**{text}**" if rank == "best" else text for text, rank in entries)])
    lines += [[name, *(c.foot[i] for c in columns)] for i, name in enumerate(foot)]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def _cell(text: str) -> str:
    """Return `text` so that it stays within its cell and is no HTML."""
    text = " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def render_table(
    summaries: Sequence[Summary], console: Console, metrics: Sequence[str] | None = None
) -> None:
    """Print one table for each task, and the mean ranks where there are several.

    Args:
        summaries: A complete grid.
        console: Where to print; a narrow one gets the metrics in several tables below each other.
        metrics: Columns; by default those of COMPACT that were evaluated.

    Raises:
        InputError: The grid is incomplete, or a metric was not evaluated.
    """
    full = boards(summaries)
    marks = ASCII if console.options.ascii_only else UNICODE
    found = [reorder(board, metrics) for board in full]
    for board in found:
        _print(
            console,
            board.title,
            board.basis,
            _tables(board.predictors, _columns(board, marks), console, marks),
        )
        console.print(_text(board.audit))
        if board.first.n_twins:
            columns = _audit_columns(board, marks)
            _print(console, "Without twins", "", _tables(board.predictors, columns, console, marks))
        console.print()
    if len(found) > 1:
        order, columns = _rank_columns(found, found[0].metrics)
        _print(
            console,
            f"Mean rank over {len(found)} tasks",
            "1 is best",
            _tables(order, columns, console, marks),
        )
    left_out = len(full[0].metrics) - len(found[0].metrics)
    console.print(_text(_legend(found[0], left_out, marks), "dim"))


def _print(console: Console, title: str, subtitle: str, tables: Iterable[Table]) -> None:
    console.print(_text(title, "bold"))
    if subtitle:
        console.print(_text(subtitle, "dim"))
    for table in tables:
        console.print(table)


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(text, style=style)


def _tables(
    names: Sequence[str], columns: Sequence[_Column], console: Console, marks: Marks
) -> Iterable[Table]:
    """Yield one table, or several below each other where the columns do not fit beside each other."""
    left = min(_NAME_WIDTH, max(map(len, [*names, *_FOOT]))) + 2
    part: list[_Column] = []
    used = left
    for column in columns:
        width = column.width(marks) + 2
        if part and used + width > console.width:
            yield _table(names, part, marks)
            part, used = [], left
        part.append(column)
        used += width
    yield _table(names, part, marks)


def _table(names: Sequence[str], columns: Sequence[_Column], marks: Marks) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, header_style="bold")
    table.add_column("predictor", max_width=_NAME_WIDTH, overflow="fold")
    for column in columns:
        table.add_column(_text(column.header), justify="right", no_wrap=True)
    style = {"best": "bold green", "tied": "bold", "": ""}
    for i, name in enumerate(names):
        entries = [c.body[i] for c in columns]
        table.add_row(_text(name), *(_text(each.marked(marks), style[each.rank]) for each in entries))
    foot = _FOOT if columns[0].foot else ()
    if foot:
        table.add_section()
    for i, name in enumerate(foot):
        table.add_row(_text(name), *(_text(f"{c.foot[i]}  ") for c in columns), style="dim")
    return table
