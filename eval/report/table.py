"""A text table: one description, which `terminal`, `text` and `latex` each write in their own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from eval.report.numbers import NONE


class Marks(NamedTuple):
    """The signs of a table."""

    best: str
    tied: str
    up: str
    down: str
    within: str
    none: str
    dot: str


UNICODE = Marks("★", "≈", "↑", "↓", "±", NONE, "·")
ASCII = Marks("*", "~", "^", "v", "+-", "-", ",")


class Entry(NamedTuple):
    """A cell of a table: its text, and "best", "tied" or ""."""

    text: str
    rank: str = ""

    def marked(self, marks: Marks = UNICODE) -> str:
        """Return the text, followed by its mark if it has one."""
        return f"{self.text} {getattr(marks, self.rank)}".strip() if self.rank else self.text


@dataclass(frozen=True)
class TextTable:
    """A titled table of text.

    Attributes:
        title: What it shows, in one line.
        header: Names of the columns; the first column holds the names of the rows.
        rows: Cells as they are read, as many in each row as there are columns.
        directions: 1 for a column where higher is better, -1 where lower is, 0 otherwise; () for none.
        subtitle: What the numbers are based on.
        foot: Rows below a rule: chance and the like.
        after: Sentences below the table.
        caption: What a paper's caption says; the title and the subtitle by default.
        label: Label of the table in LaTeX; made from the title by default.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Entry | str]]
    directions: Sequence[int] = ()
    subtitle: str = ""
    foot: Sequence[Sequence[Entry | str]] = ()
    after: Sequence[str] = ()
    caption: str = ""
    label: str = field(default="")

    @property
    def names(self) -> list[str]:
        """Names of the columns with an arrow towards the better values."""
        return [self.name(i, UNICODE) for i in range(len(self.header))]

    def name(self, i: int, marks: Marks) -> str:
        """Return the name of column i with its arrow."""
        direction = self.directions[i] if i < len(self.directions) else 0
        return (
            f"{self.header[i]} {marks.up if direction > 0 else marks.down}" if direction else self.header[i]
        )

    @property
    def cells(self) -> list[list[Entry]]:
        """The rows as entries."""
        return [as_entries(row) for row in self.rows]

    @property
    def foot_cells(self) -> list[list[Entry]]:
        """The rows below the rule as entries."""
        return [as_entries(row) for row in self.foot]


def as_entries(row: Sequence[Entry | str]) -> list[Entry]:
    """Return a row of a table as entries."""
    return [cell if isinstance(cell, Entry) else Entry(cell) for cell in row]
