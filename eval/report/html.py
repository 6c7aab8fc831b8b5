"""One-file HTML report: leaderboard, intervals, paired differences, rank scatters, curves, leak audit.

The page loads nothing: plotly.js and the data lie inside it, and its content security policy lets no other
script run and nothing be fetched, whatever a predictor or a note is called.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.files import atomic_path
from eval.evaluator import load_benchmark
from eval.metrics import METRICS
from eval.ranking import Ranking
from eval.report.board import LEVEL, Board, boards, ranks
from eval.report.numbers import number, repeats, seconds
from eval.report.summary import TASK_KEYS, Summary
from eval.report.table import UNICODE
from eval.results import Row
from eval.stats import paired_difference

_TEMPLATES = Path(__file__).parent / "templates"
_POINTS = 500  # up to so many architectures each is drawn, beyond it a histogram is
_TOP = 100  # true best architectures that are always drawn
_FEW_PANELS, _FINE, _COARSE = 120, 32, 20  # histogram bins a side, for few panels and for many

Values = dict[tuple[Any, ...], np.ndarray]


def write_report(
    path: Path,
    *,
    title: str,
    summaries: Sequence[Summary],
    rows: Sequence[Row],
    scores: Path | None,
    notes: Sequence[str],
    settings: dict[str, Any],
) -> None:
    """Write the report of a complete grid as one HTML file that needs no network.

    Args:
        path: File to write, whole or not at all.
        title: Headline of the page.
        summaries: A complete grid.
        rows: The rows that the summaries were made from.
        scores: File of raw scores as `Store.write_scores` writes it; None leaves out the rank scatters.
        notes: What a reader has to know, a sentence each: what was trained on and judged on.
        settings: What reproduces the results; printed as JSON.

    Raises:
        InputError: The grid is incomplete.
    """
    found = boards(summaries)
    html = _render(
        title=title,
        notes=[note for note in notes if note],
        boards=found,
        ranks=_rank_table(found) if len(found) > 1 else None,
        metrics=[METRICS[name] for name in found[0].metrics],
        settings=json.dumps(settings, indent=2, ensure_ascii=False, default=str),
        data=_data(found, rows, scores),
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
    helpers = {"number": number, "seconds": seconds, "repeats": repeats, "marks": UNICODE, "level": LEVEL}
    scripts = [get_plotlyjs(), (_TEMPLATES / "report.js").read_text("utf-8")]
    return page.get_template("report.html.j2").render(
        **context,
        **helpers,
        scripts=[Markup(script) for script in scripts],
        hashes=" ".join(f"'{_csp_hash(script)}'" for script in scripts),
        style=Markup((_TEMPLATES / "report.css").read_text("utf-8")),
    )


def _csp_hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _rank_table(found: Sequence[Board]) -> list[tuple[str, list[float]]]:
    by_metric = ranks(found, found[0].metrics)
    table = [(name, [by_metric[m][name] for m in found[0].metrics]) for name in found[0].predictors]
    return sorted(table, key=lambda line: line[1][0])


def _data(found: Sequence[Board], rows: Sequence[Row], scores: Path | None) -> dict[str, Any]:
    """Return what the page's script draws."""
    names = sorted(found[0].predictors, key=[row["predictor"] for row in rows].index)
    values = _by_repeat(rows)
    return {
        "predictors": names,
        "metrics": [
            {"name": m.name, "direction": m.direction, "low": m.range[0], "high": _finite(m.range[1])}
            for m in (METRICS[name] for name in found[0].metrics)
        ],
        "tasks": [
            {
                "title": board.title,
                "metrics": [_metric(board, names, metric, values) for metric in board.metrics],
                "fit": [_first(board, name).fit_seconds for name in names],
                "predict": [_first(board, name).predict_seconds for name in names],
                "size": board.first.train_size,
                "repeats": board.first.repeats,
                "decidable": board.decidable,
                "twins": board.first.n_twins > 0,
            }
            for board in found
        ],
        "curves": _curves(found),
        "scatters": [] if scores is None else _scatters(found, names, scores),
    }


def _first(board: Board, name: str) -> Summary:
    return board.cells[name, board.metrics[0]]


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _by_repeat(rows: Iterable[Row]) -> Values:
    """Return the values of (task, predictor, metric) in the order of the repeats."""
    found: dict[tuple[Any, ...], dict[int, float]] = {}
    for row in rows:
        key = (*(row[name] for name in TASK_KEYS), row["predictor"], row["metric"])
        found.setdefault(key, {})[row["repeat"]] = row["value"]
    return {key: np.array([of[repeat] for repeat in sorted(of)]) for key, of in found.items()}


def _metric(board: Board, names: Sequence[str], metric: str, values: Values) -> dict[str, Any]:
    column = [board.cells[name, metric] for name in names]
    best = values[(*board.task, board.best(metric).predictor, metric)]
    differences = [paired_difference(values[(*board.task, name, metric)], best, 1 - LEVEL) for name in names]
    return {
        "mean": [s.mean for s in column],
        "low": [s.ci_low for s in column],
        "high": [s.ci_high for s in column],
        "clean": [s.mean_no_twins for s in column],
        "rank": ["best" if s.best else "tied" if s.tied else "" for s in column],
        "chance": column[0].chance,
        "ceiling": column[0].ceiling,
        "decimals": board.decimals(metric),
        "difference": [[d.mean, _finite(d.low), _finite(d.high)] for d in differences],
    }


def _curves(found: Sequence[Board]) -> list[list[int]]:
    """Return the tasks that differ in nothing but the training size, smallest first, if there are several."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, board in enumerate(found):
        groups.setdefault(board.task[:-1], []).append(i)
    return [
        sorted(group, key=lambda i: found[i].first.train_size) for group in groups.values() if len(group) > 1
    ]


def _scatters(found: Sequence[Board], names: Sequence[str], scores: Path) -> list[list[dict[str, Any]]]:
    """Return a rank scatter of repeat 0 for each task and predictor."""
    import pyarrow.parquet as pq

    keys = ["dataset", "protocol", "train_size", "predictor"]
    table = pq.read_table(scores, columns=[*keys, "row", "score"], filters=[("repeat", "==", 0)])
    groups = table.to_pandas().groupby(keys, observed=True, sort=False)
    by_key = {key: (g["row"].to_numpy(), g["score"].to_numpy()) for key, g in groups}
    bins = _FINE if len(found) * len(names) <= _FEW_PANELS else _COARSE
    panels = []
    for board in found:
        s = board.first
        target = load_benchmark(s.bench).target(s.dataset, s.target)
        of_task = [by_key[s.dataset, s.protocol, s.train_size, name] for name in names]
        panels.append([_scatter(target[row], score, bins) for row, score in of_task])
    return panels


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
