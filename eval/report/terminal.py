"""Text tables in the terminal: several parts below each other where the columns do not fit side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from eval.report.table import ASCII, UNICODE, Entry, Marks, TextTable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_NAME_WIDTH = 26
_PLAIN = {"−": "-", "≥": ">=", "≤": "<=", "×": "x", "\u00a0": " "}
_STYLES = {"best": "bold green", "tied": "bold", "": ""}


def print_tables(tables: Sequence[TextTable], console: Console) -> None:
    """Print tables; the signs are plain where the console knows ASCII only."""
    marks = ASCII if console.options.ascii_only else UNICODE
    for table in tables:
        console.print(_text(_plain(table.title, marks), "bold"))
        if table.subtitle:
            console.print(_text(_plain(table.subtitle, marks), "dim"))
        for part in _split(table, console.width, marks):
            console.print(_build(table, part, marks))
        for sentence in table.after:
            console.print(_text(_plain(sentence, marks)))
        if table.after:
            console.print()


def print_line(line: str, console: Console) -> None:
    """Print a line below the tables, dimmed."""
    console.print(_text(_plain(line, ASCII if console.options.ascii_only else UNICODE), "dim"))


def _plain(text: str, marks: Marks) -> str:
    """Replace the signs of UNICODE by those of `marks`."""
    for sign, plain in zip(UNICODE, marks, strict=True):
        text = text.replace(sign, plain)
    if marks is not ASCII:
        return text
    for sign, plain in _PLAIN.items():
        text = text.replace(sign, plain)
    return text.encode("ascii", "backslashreplace").decode()


def _shown(entry: Entry, marks: Marks) -> str:
    """Return a cell with its mark, or with as much space, so that numbers stand below each other."""
    text = _plain(entry.text, marks)
    return f"{text} {getattr(marks, entry.rank) if entry.rank else ' '}"


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(text, style=style)


def _split(table: TextTable, width: int, marks: Marks) -> Iterator[list[int]]:
    """Yield the columns of each part that fits the width."""
    from rich.cells import cell_len

    lines = [*table.cells, *table.foot_cells]
    left = min(
        _NAME_WIDTH, max(cell_len(text) for text in [table.header[0], *(line[0].text for line in lines)])
    )
    part: list[int] = []
    used = left + 2
    for i in range(1, len(table.header)):
        texts = [table.name(i, marks), *(_shown(line[i], marks) for line in lines)]
        wide = max(map(cell_len, texts)) + 2
        if part and used + wide > width:
            yield part
            part, used = [], left + 2
        part.append(i)
        used += wide
    yield part


def _build(table: TextTable, columns: Sequence[int], marks: Marks) -> Table:
    from rich import box
    from rich.table import Table

    built = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, header_style="bold")
    built.add_column(_text(_plain(table.header[0], marks)), max_width=_NAME_WIDTH, overflow="fold")
    for i in columns:
        built.add_column(_text(table.name(i, marks)), justify="right", overflow="fold")
    for row in table.cells:
        cells = [row[i] for i in columns]
        built.add_row(
            _text(_plain(row[0].text, marks)), *(_text(_shown(c, marks), _STYLES[c.rank]) for c in cells)
        )
    if table.foot:
        built.add_section()
    for row in table.foot_cells:
        built.add_row(
            _text(_plain(row[0].text, marks)), *(_text(_shown(row[i], marks)) for i in columns), style="dim"
        )
    return built
