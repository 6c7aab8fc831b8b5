"""Calibration in reports: how often labels lie in the intervals that predictors give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.calibration import COVERAGES
from eval.report.board import Board
from eval.report.numbers import NONE, half_width, number, repeats
from eval.report.plots import Plot, Series, finite, slug
from eval.report.summary import Summary
from eval.report.table import TextTable

MEANING = (
    "Share of the networks not seen in training whose training label lies in the central interval that the "
    "predictor gives it"
)


def get_calibrated(board: Board) -> list[Summary]:
    """Return a summary of each predictor whose intervals were measured, in the order of the board."""
    return [s for s in board.column(board.metrics[0]) if s.coverage_80 is not None]


def get_points(s: Summary) -> list[tuple[float | None, float | None, float | None]]:
    """Return the mean coverage of each interval and the ends of its 95 % interval over repeats, percent."""
    points = []
    for level in COVERAGES:
        mean, low, high = (getattr(s, f"coverage_{level}{end}") for end in ("", "_low", "_high"))
        points.append((_percent(mean), _percent(low), _percent(high)))
    return points


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def get_cells(s: Summary) -> list[str]:
    """Return the coverages of a predictor and its mean deviation as a table shows them."""
    coverages = [
        NONE if mean is None else f"{number(mean, 1)} {half_width(mean, high, 1)}".strip()
        for mean, _, high in get_points(s)
    ]
    return [*coverages, number(s.mean_std)]


def build_table(board: Board) -> TextTable | None:
    """Return the table of a task, a line for each predictor that says how sure it is; None without any."""
    found = get_calibrated(board)
    if not found:
        return None
    return TextTable(
        title=f"Calibration: {board.title}",
        subtitle=f"percent of unseen labels ({board.first.label}) in the predicted intervals, "
        f"{repeats(board.first.repeats)}",
        caption=f"Calibration: {board.title}. {MEANING}, percent; mean over "
        f"{repeats(board.first.repeats)}; mean std: mean deviation, in the unit that the predictor learns.",
        header=["predictor", *(f"{level} % interval" for level in COVERAGES), "mean std"],
        rows=[[s.predictor, *get_cells(s)] for s in found],
    )


def build_plot(board: Board) -> Plot:
    """Return observed against nominal coverage, a line for each predictor; no series without any."""
    levels = [float(level) for level in COVERAGES]
    series = []
    for s in get_calibrated(board):
        mean, low, high = zip(*get_points(s), strict=True)
        series.append(Series(s.predictor, levels, finite(mean), finite(low), finite(high)))
    ideal = [Series("ideal", [0.0, 100.0], [0.0, 100.0])] if series else []
    first = board.first
    return Plot(
        name=slug(
            "calibration",
            Path(first.bench).stem,
            first.dataset,
            first.label,
            first.protocol,
            first.train_size,
        ),
        caption=f"{board.title}: calibration",
        x_title="nominal coverage of the interval (%)",
        y_title="labels in the interval (%)",
        x_ticks=levels,
        y_range=(0.0, 100.0),
        bands=True,
        series=[*series, *ideal],
    )


def get_data(board: Board, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the page's script draws: the points of each predictor that has them, by its number."""
    return [
        {"predictor": list(names).index(s.predictor), "points": [list(point) for point in get_points(s)]}
        for s in get_calibrated(board)
    ]
