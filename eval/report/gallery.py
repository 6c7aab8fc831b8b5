"""The plots of a leaderboard: means, differences, curves and rank scatters, for files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.report.board import Board, boards, ordered
from eval.report.calibration import build_plot
from eval.report.html import get_first_scores, get_scatters, group_curves
from eval.report.leaderboard import reorder
from eval.report.numbers import count
from eval.report.plots import Plot, Series, finite, slug
from eval.results import Results


def get_plots(
    results: Results, metrics: Sequence[str] | None = None, baseline: str | None = None
) -> tuple[list[Plot], list[tuple[str, dict[str, dict[str, Any]]]]]:
    """Return the plots of results, and the panels of each rank scatter by predictor.

    Args:
        results: A complete grid.
        metrics: Metrics to draw; all by default.
        baseline: Predictor that differences are taken from; the best of each metric by default.

    Raises:
        InputError: The grid is incomplete, or a metric was not evaluated.
    """
    full = boards(results.summaries(baseline))
    found = [reorder(board, metrics or board.metrics) for board in full]
    plots = []
    for board in found:
        for metric in board.metrics:
            plots.append(_means(board, metric))
            plots.append(_differences(board, metric))
        plots.append(build_plot(board))
    for group in group_curves(found):
        plots += [_curve([found[i] for i in group], metric) for metric in found[0].metrics]
    return [plot for plot in plots if plot.series], _get_panels(found, results)


def _get_panels(found: Sequence[Board], results: Results) -> list[tuple[str, dict[str, dict[str, Any]]]]:
    scores = get_first_scores(results)
    if scores is None:
        return []
    names = found[0].predictors
    panels = get_scatters(found, names, scores)
    return [
        (_name("ranks", board), dict(zip(names, of_task, strict=True)))
        for board, of_task in zip(found, panels, strict=False)
    ]


def _name(what: str, board: Board, *, sized: bool = True) -> str:
    s = board.first
    size = [s.train_size] if sized else []
    return slug(what, Path(s.bench).stem, s.dataset, s.target, s.protocol, *size)


def _better(board: Board, metric: str) -> str:
    return "higher is better" if board.column(metric)[0].direction > 0 else "lower is better"


def _ranked(board: Board, metric: str) -> tuple[str, ...]:
    return ordered(board.predictors, metric, board.cells)


def _means(board: Board, metric: str) -> Plot:
    names = _ranked(board, metric)
    cells = [board.cells[name, metric] for name in names]
    limits = [("chance", cells[0].chance)]
    if cells[0].ceiling is not None:
        limits.append(("noise ceiling", cells[0].ceiling))
    return Plot(
        name=f"{_name('means', board)}-{slug(metric)}",
        caption=f"{board.title}: {metric}",
        x_title=f"{metric} ({_better(board, metric)})",
        y_title="",
        rows=names,
        limits=limits,
        series=[
            Series(
                name="mean",
                x=finite([s.mean for s in cells]),
                y=list(range(len(cells))),
                low=finite([s.ci_low for s in cells]),
                high=finite([s.ci_high for s in cells]),
                ranks=["best" if s.best else "tied" if s.tied else "" for s in cells],
            )
        ],
    )


def _differences(board: Board, metric: str) -> Plot:
    base = board.best(metric).baseline
    names = [name for name in _ranked(board, metric) if name != base]
    cells = [board.cells[name, metric] for name in names]
    series = Series(
        name="difference",
        x=finite([s.difference for s in cells]),
        y=list(range(len(names))),
        low=finite([s.difference_low for s in cells]),
        high=finite([s.difference_high for s in cells]),
        ranks=["best" if s.best else "tied" if s.tied else "" for s in cells],
    )
    return Plot(
        name=f"{_name('differences', board)}-{slug(metric)}",
        caption=f"{board.title}: {metric}, difference from {base}",
        x_title=f"{metric}: difference from {base} ({_better(board, metric)})",
        y_title="",
        rows=names,
        rules=[0.0],
        series=[series] if names else [],
    )


def _curve(group: Sequence[Board], metric: str) -> Plot:
    first = group[0]
    sizes = [board.first.train_size for board in group]
    series = []
    for name in _ranked(group[-1], metric):
        cells = [board.cells[name, metric] for board in group]
        series.append(
            Series(
                name=name,
                x=sizes,
                y=finite([s.mean for s in cells]),
                low=finite([s.ci_low for s in cells]),
                high=finite([s.ci_high for s in cells]),
            )
        )
    return Plot(
        name=f"{_name('curve', first, sized=False)}-{slug(metric)}",
        caption=f"{metric} at {count(len(sizes), 'training size')}",
        x_title="training labels",
        y_title=f"{metric} ({_better(first, metric)})",
        x_log=True,
        x_ticks=sizes,
        bands=True,
        series=series,
    )
