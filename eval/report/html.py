"""One-file HTML report: leaderboard, intervals, paired differences, rank scatters, curves, leak audit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import InputError
from eval.calibration import COVERAGES
from eval.metrics import METRICS
from eval.ranking import Ranking
from eval.report import calibration
from eval.report.board import Board, boards, ranks
from eval.report.leaderboard import get_ceiling, get_conclusion, get_pretraining, pretrains
from eval.report.notices import get_notices
from eval.report.numbers import interval, number, p_value, repeats, seconds
from eval.report.page import render_page
from eval.report.summary import LEVEL, TASK_KEYS, Summary
from eval.results import Results, Row

if TYPE_CHECKING:
    import pandas as pd

_POINTS = 500  # up to this many architectures are drawn one by one, beyond it as a histogram
_TOP = 100  # true best architectures that are always drawn
_FEW_PANELS, _FINE, _COARSE = 120, 32, 20  # histogram bins a side, for few panels and for many


def write_report(path: Path, results: Results, *, baseline: str | None = None) -> None:
    """Write the report of results as one HTML file that needs no network.

    Args:
        path: File to write, whole or not at all.
        results: A complete grid.
        baseline: Predictor that differences are taken from; the best of each metric by default.

    Raises:
        InputError: The grid is incomplete.
    """
    write_leaderboard(
        path,
        title=results.title,
        summaries=results.summaries(baseline),
        rows=results.rows,
        scores=get_first_scores(results),
        notes=results.notes,
        settings=results.settings,
        baseline=baseline or results.baseline,
    )


def write_leaderboard(
    path: Path,
    *,
    title: str,
    summaries: Sequence[Summary],
    rows: Sequence[Row],
    scores: pd.DataFrame | None,
    notes: Sequence[str],
    settings: dict[str, Any],
    baseline: str | None = None,
) -> None:
    """Write the report from its parts.

    Args:
        path: File to write, whole or not at all.
        title: Headline of the page.
        summaries: A complete grid.
        rows: The rows that the summaries were made from.
        scores: Raw scores with the label of each row; None leaves out the rank scatters.
        notes: What a reader has to know, a sentence each.
        settings: What reproduces the results; printed as JSON.
        baseline: Predictor that differences are taken from, if one was asked for.

    Raises:
        InputError: The grid is incomplete.
    """
    found = boards(summaries)
    render_page(
        path,
        "report.html.j2",
        "report.js",
        title=title,
        notices=get_notices(rows, found),
        notes=[note for note in notes if note],
        boards=found,
        ranks=_rank_table(found) if len(found) > 1 else None,
        metrics=[METRICS[name] for name in found[0].metrics],
        baseline=baseline,
        settings=settings,
        data=_data(found, rows, scores),
        number=number,
        seconds=seconds,
        repeats=repeats,
        interval=interval,
        p_value=p_value,
        get_ceiling=get_ceiling,
        get_pretraining=get_pretraining,
        calibrated=any(calibration.get_calibrated(board) for board in found),
        build_calibration=calibration.build_table,
        calibration_meaning=calibration.MEANING,
        pretrains=pretrains,
        level=LEVEL,
    )


def get_first_scores(results: Results) -> pd.DataFrame | None:
    """Return the raw scores of repeat 0 with their labels; None where none were kept."""
    import pandas as pd

    if results.folder is not None:  # one repeat is read from the file, in place of all of them
        path = results.folder / "scores.parquet"
        scores = pd.read_parquet(path, filters=[("repeat", "==", 0)]) if path.is_file() else None
    else:
        try:
            scores = results.scores()
        except InputError:  # made without scores
            return None
        scores = scores.loc[scores["repeat"] == 0]
    return scores if scores is not None and "label" in scores else None


def _rank_table(found: Sequence[Board]) -> list[tuple[str, list[float]]]:
    by_metric = ranks(found, found[0].metrics)
    table = [(name, [by_metric[m][name] for m in found[0].metrics]) for name in found[0].predictors]
    return sorted(table, key=lambda line: line[1][0])


def _data(found: Sequence[Board], rows: Sequence[Row], scores: pd.DataFrame | None) -> dict[str, Any]:
    """Return what the page's script draws."""
    names = sorted(found[0].predictors, key=[row["predictor"] for row in rows].index)
    return {
        "predictors": names,
        "metrics": [
            {"name": m.name, "direction": m.direction, "low": m.range[0], "high": _finite(m.range[1])}
            for m in (METRICS[name] for name in found[0].metrics)
        ],
        "tasks": [
            {
                "title": board.title,
                "metrics": [_metric(board, names, metric) for metric in board.metrics],
                "pretrain": [_first(board, name).pretrain_seconds for name in names],
                "fit": [_first(board, name).fit_seconds for name in names],
                "predict": [_first(board, name).predict_seconds for name in names],
                "size": board.first.train_size,
                "repeats": board.first.repeats,
                "decidable": board.decidable,
                "twins": board.first.n_twins > 0,
                "calibration": calibration.get_data(board, names),
            }
            for board in found
        ],
        "coverages": list(COVERAGES),
        "curves": group_curves(found),
        "scatters": [] if scores is None else get_scatters(found, names, scores),
    }


def _first(board: Board, name: str) -> Summary:
    return board.cells[name, board.metrics[0]]


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _metric(board: Board, names: Sequence[str], metric: str) -> dict[str, Any]:
    column = [board.cells[name, metric] for name in names]
    return {
        "mean": [s.mean for s in column],
        "low": [s.ci_low for s in column],
        "high": [s.ci_high for s in column],
        "clean": [s.mean_no_twins for s in column],
        "rank": ["best" if s.best else "tied" if s.tied else "" for s in column],
        "chance": column[0].chance,
        "ceiling": column[0].ceiling,
        "bound": column[0].ceiling_bound or "",
        "decimals": board.decimals(metric),
        "base": names.index(column[0].baseline),
        "difference": [[s.difference, s.difference_low, s.difference_high] for s in column],
        "conclusion": get_conclusion(board, metric),
    }


def group_curves(found: Sequence[Board]) -> list[list[int]]:
    """Return the tasks that differ in nothing but the training size, smallest first, if there are several."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, board in enumerate(found):
        groups.setdefault(board.task[:-1], []).append(i)
    return [
        sorted(group, key=lambda i: found[i].first.train_size) for group in groups.values() if len(group) > 1
    ]


def get_scatters(
    found: Sequence[Board], names: Sequence[str], scores: pd.DataFrame
) -> list[list[dict[str, Any]]]:
    """Return a rank scatter for each task and predictor; no task where one has no scores."""
    keys = [key for key in (*TASK_KEYS, "predictor") if key in scores and key != "label"]  # here, a value
    groups = scores.groupby(keys, observed=True, sort=False)[["label", "score"]]
    by_key = {key: (np.array(g["label"], float), np.array(g["score"], float)) for key, g in groups}
    bins = _FINE if len(found) * len(names) <= _FEW_PANELS else _COARSE
    panels = []
    for board in found:
        task = dict(zip(TASK_KEYS, board.task, strict=True))
        wanted = [tuple({**task, "predictor": name}[key] for key in keys) for name in names]
        if any(key not in by_key for key in wanted):
            return []
        panels.append([_scatter(*_known(*by_key[key]), bins) for key in wanted])
    return panels


def _known(label: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(label) & np.isfinite(score)
    return label[known], score[known]


def _scatter(y: np.ndarray, scores: np.ndarray, bins: int) -> dict[str, Any]:
    """Return percentiles (0 worst, 100 best) of the best architectures, and of the others or their counts."""
    truth, predicted = Ranking(y), Ranking(scores)
    n, top = truth.n, min(_TOP, max(1, truth.n // 10))
    x, true = (50.0 * (1.0 - side.centred / n) for side in (predicted, truth))
    best = truth.order[:top]
    panel: dict[str, Any] = {
        "n": n,
        "top": [np.round(x[best], 1).tolist(), np.round(true[best], 1).tolist()],
        "hits": float(predicted.inclusion(top) @ truth.inclusion(top)),
    }
    if n <= _POINTS:
        rest = truth.order[top:]
        panel["rest"] = [np.round(x[rest], 1).tolist(), np.round(true[rest], 1).tolist()]
    else:
        counts = np.histogram2d(true, x, bins=bins, range=[[0, 100], [0, 100]])[0]
        panel["counts"] = counts.astype(int).tolist()
    return panel
