"""Figures of results as files: plots for papers, drawn by matplotlib (extra `plots`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import InputError
from data.files import atomic_path
from eval.report.plots import Plot, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#b4568f", "#a67c00",
    "#3f9bd1", "#882255", "#44449c", "#6b7a1e", "#5c6670",
)  # fmt: skip
_MARKERS, _LINES = "osD^Pv*Xph", ("-", "--", ":", "-.")
_WIDTH = 6.4  # inches
_LEGEND = 12  # series that a legend still has room for
_STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "axes.axisbelow": True,
    "text.parse_math": False,  # a name with a dollar sign is a name
    "svg.hashsalt": "acerank",
}


def save_figures(
    folder: Path, kind: str, plots: Sequence[Plot], panels: Sequence[tuple[str, Any]] = ()
) -> list[Path]:
    """Save plots as files, named by what they show.

    Args:
        folder: Where to save them; made if it does not exist.
        kind: "pdf", "svg" or "png".
        plots: The plots.
        panels: Name of the file and panels by predictor, as `eval.report.html` makes them, of each rank
            scatter.

    Returns:
        The files.

    Raises:
        InputError: matplotlib is not installed.
    """
    rc_context = _import_style()
    folder.mkdir(parents=True, exist_ok=True)
    draws: list[tuple[str, Callable[[], Figure]]] = [(plot.name, lambda p=plot: draw(p)) for plot in plots]
    draws += [(name, lambda p=found: draw_ranks(p)) for name, found in panels]
    paths = []
    with rc_context(_STYLE):
        for name, make in draws:
            path = folder / f"{name}.{kind}"
            metadata = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
            with atomic_path(path) as part:
                make().savefig(part, format=kind, dpi=200, bbox_inches="tight", metadata=metadata)
            paths.append(path)
    return paths


def _import_style() -> Callable[..., Any]:
    try:
        from matplotlib import rc_context
    except ImportError as error:
        raise InputError("figures need matplotlib: pip install 'acerank[plots]'") from error
    return rc_context


def draw(plot: Plot) -> Figure:
    """Draw a plot."""
    from matplotlib.figure import Figure

    if plot.matrix:
        return _draw_matrix(plot)
    listed = bool(plot.rows)
    height = 1.1 + len(plot.rows) * max(0.28, 0.14 * len(plot.series)) if listed else 3.8
    figure = Figure(figsize=(_WIDTH, height))
    axes = figure.add_subplot()
    for i, series in enumerate(plot.series):
        (_draw_rows if listed else _draw_line)(axes, plot, series, i)
    for x in plot.rules:
        axes.axvline(x, color="#777777", linewidth=1, linestyle=":", zorder=1)
    for text, x in plot.limits:
        axes.axvline(x, color="#777777", linewidth=1, linestyle="--", zorder=1)
        axes.annotate(
            text,
            (x, 1),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            size=7,
            color="#555555",
        )
    if listed:
        axes.set_yticks(range(len(plot.rows)), [_short(name) for name in plot.rows])
        axes.set_ylim(len(plot.rows) - 0.4, -0.6)
    elif plot.y_range:
        axes.set_ylim(*plot.y_range)
    _scale(axes, plot)
    _draw_marks(axes, plot)
    axes.set_xlabel(plot.x_title)
    axes.set_ylabel(plot.y_title)
    if plot.bare:
        return figure
    if 1 < len(plot.series) <= _LEGEND:
        axes.legend(frameon=False, fontsize=8)
    elif len(plot.series) > _LEGEND:
        axes.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def _scale(axes: Axes, plot: Plot) -> None:
    """Make x logarithmic where it is, with its range, and with ticks where the data are."""
    if plot.x_log:
        axes.set_xscale("log")
    if plot.x_ticks:
        axes.set_xticks(list(plot.x_ticks), [f"{x:,g}" for x in plot.x_ticks])
        axes.set_xticks([], minor=True)
    if plot.x_range:
        axes.set_xlim(*plot.x_range)


def _draw_marks(axes: Axes, plot: Plot) -> None:
    """Draw the straight lines and the texts of a plot."""
    for x0, y0, x1, y1, width in plot.segments:
        axes.plot([x0, x1], [y0, y1], "-", color="#333333", linewidth=0.75 * width, solid_capstyle="round")
    for text, x, y, anchor in plot.labels:
        axes.annotate(_short(text), (x, y), ha=anchor, va="center", size=8)
    if plot.bare:
        axes.set_axis_off()


def _draw_matrix(plot: Plot) -> Figure:
    """Draw a matrix of percentages, their numbers inside the cells."""
    from matplotlib.figure import Figure

    n, k = len(plot.rows), len(plot.columns)
    figure = Figure(figsize=(2.0 + 0.42 * k, 1.6 + 0.32 * n))
    axes = figure.add_subplot()
    values = np.array([[np.nan if value is None else value for value in row] for row in plot.matrix], float)
    axes.imshow(values, cmap="RdBu", vmin=0, vmax=100, aspect="auto")
    for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
        value = values[row, column]
        shade = "white" if abs(value - 50) > 35 else "#222222"
        axes.annotate(f"{value:.0f}", (column, row), ha="center", va="center", size=7, color=shade)
    axes.set_yticks(range(n), [_short(name, 24) for name in plot.rows])
    axes.set_xticks(range(k), [_short(name, 24) for name in plot.columns], rotation=45, ha="right")
    axes.grid(visible=False)
    axes.set_xlabel(plot.x_title)
    axes.set_ylabel(plot.y_title)
    return figure


def _draw_rows(axes: Axes, plot: Plot, series: Series, i: int) -> None:
    several = len(plot.series)
    shift = (i - (several - 1) / 2) * min(0.22, 0.7 / several) if several > 1 else 0.0
    drawn = False
    for at, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
        if x is None or y is None:
            continue
        rank = series.ranks[at] if series.ranks else ""
        filled = rank in ("best", "tied") or not series.ranks
        axes.errorbar(
            x,
            y + shift,
            xerr=_arms(series, at, x),
            fmt="*" if rank == "best" else _MARKERS[i % len(_MARKERS)],
            markersize=9 if rank == "best" else 5,
            color=_COLOURS[i % len(_COLOURS)],
            markerfacecolor=None if filled else "white",
            capsize=2,
            label=None if drawn else _short(series.name),
        )
        drawn = True


def _arms(series: Series, at: int, value: float) -> list[list[float]] | None:
    low = series.low[at] if series.low else None
    high = series.high[at] if series.high else None
    return None if low is None or high is None else [[value - low], [high - value]]


def _draw_line(axes: Axes, plot: Plot, series: Series, i: int) -> None:
    colour = _COLOURS[i % len(_COLOURS)]
    known = [at for at, y in enumerate(series.y) if y is not None]
    x, y = ([values[at] or 0.0 for at in known] for values in (series.x, series.y))
    marker = _MARKERS[i % len(_MARKERS)] if plot.markers else None
    style = _LINES[i // len(_COLOURS) % len(_LINES)] if plot.joined else "none"
    axes.plot(x, y, linestyle=style, color=colour, marker=marker, markersize=4, label=_short(series.name))
    ends = [(at, series.low[at], series.high[at]) for at in known] if series.low else []
    inside = [(series.x[at], low, high) for at, low, high in ends if low is not None and high is not None]
    if inside:
        at, low, high = (np.array([point[k] for point in inside], float) for k in range(3))
        axes.fill_between(at, low, high, color=colour, alpha=0.13, linewidth=0)


def draw_ranks(panels: dict[str, dict[str, Any]]) -> Figure:
    """Draw predicted against true rank, one panel a predictor.

    Args:
        panels: Panel of each predictor, as `eval.report.html` makes them.
    """
    from matplotlib.figure import Figure

    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(1.9 * columns, 2.1 * rows), layout="constrained")
    for at, (name, panel) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, at + 1)
        colour = _COLOURS[at % len(_COLOURS)]
        if "counts" in panel:
            from matplotlib.colors import LinearSegmentedColormap

            shades = LinearSegmentedColormap.from_list("shades", ["#ffffff", colour])
            roots = [[count**0.5 for count in row] for row in panel["counts"]]
            axes.imshow(roots, origin="lower", extent=(0, 100, 0, 100), cmap=shades, aspect="auto")
        else:
            axes.plot(*panel["rest"], "o", color=colour, markersize=2, alpha=0.7)
        axes.plot(*panel["top"], "o", color="#222222", markersize=1.6, alpha=0.8)
        axes.plot([0, 100], [0, 100], ":", color="#777777", linewidth=1)
        axes.set(xlim=(-1, 103), ylim=(-1, 103), xticks=[0, 50, 100], yticks=[0, 50, 100])
        axes.grid(visible=False)
        axes.set_title(_short(name), size=8)
    figure.supxlabel("predicted rank (percentile, 100 is best)", size=8)
    figure.supylabel("true rank", size=8)
    return figure


def _short(name: str, length: int = 40) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
