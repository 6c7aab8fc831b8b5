"""What a plot shows, apart from who draws it: the page's script, or matplotlib for a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Values = Sequence[float | None]


@dataclass(frozen=True)
class Series:
    """One colour of a plot.

    Attributes:
        name: What it is.
        x, y: Its points; in a plot of rows, y is the number of the row.
        low, high: Ends of the interval of each value (of x in a plot of rows, else of y); () for none.
        ranks: "best", "tied" or "" for each point, which decides its symbol; () for none.
    """

    name: str
    x: Values
    y: Values
    low: Values = ()
    high: Values = ()
    ranks: Sequence[str] = ()


@dataclass(frozen=True)
class Plot:
    """A plot of rows (one value with an interval a row), of lines, or of a matrix.

    Attributes:
        name: Name of its file, e.g. "differences-kendall_tau".
        caption: What it shows, in one line.
        note: How to read it, a sentence or two below the plot; "" for none.
        x_title, y_title: Titles of the axes.
        series: What is drawn.
        rows: Names of the rows, first at the top; () for a plot of lines.
        x_log: Whether x is logarithmic.
        x_ticks: Ticks of x; () to let the drawer choose.
        x_range, y_range: Ranges of the axes; None for all values.
        bands: Whether intervals are drawn as bands in place of bars.
        markers: Whether the points of lines are marked.
        rules: Values of x at which a vertical line stands.
        limits: Name and value of x at which a dotted line stands: chance, noise ceiling.
        joined: Whether the points of a series are joined by a line.
        segments: Straight lines: x and y of both ends, and the width in pixels.
        labels: Texts: what, x, y, and which end stands there: "left", "right" or "center".
        bare: Whether there are no axes.
        columns: Names of the columns of a matrix.
        matrix: Its values between 0 and 100, a list for each of `rows`; None for empty cells.
    """

    name: str
    caption: str
    x_title: str
    y_title: str
    series: Sequence[Series]
    rows: Sequence[str] = ()
    x_log: bool = False
    x_ticks: Sequence[float] = ()
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    bands: bool = False
    markers: bool = True
    rules: Sequence[float] = ()
    limits: Sequence[tuple[str, float]] = field(default=())
    note: str = ""
    joined: bool = True
    segments: Sequence[tuple[float, float, float, float, float]] = ()
    labels: Sequence[tuple[str, float, float, str]] = ()
    bare: bool = False
    columns: Sequence[str] = ()
    matrix: Sequence[Values] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what the page's script draws."""
        return asdict(self)


def slug(*parts: object) -> str:
    """Return a name for a file made of several parts."""
    return re.sub(r"[^\w@.+-]+", "-", "-".join(map(str, parts)), flags=re.ASCII).strip("-.").lower()


def finite(values: Sequence[float | None]) -> list[float | None]:
    """Return values with None for what is not a finite number."""
    return [None if v is None or v != v or abs(v) == float("inf") else float(v) for v in values]
