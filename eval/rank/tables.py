"""What people read of ranked candidates: the estimate of the ranker, and the first of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eval.calibration import get_half_width
from eval.report.numbers import half_width, interval, number
from eval.report.table import TextTable

if TYPE_CHECKING:
    import pandas as pd

_METRICS = 4  # columns of the estimate
_WIDEST = 48  # characters of a cell
_COLUMNS = 6  # of the candidates' own


def build_tables(ranked: pd.DataFrame, top: int) -> list[TextTable]:
    """Return the estimate, where there is one, and the first candidates."""
    tables = [_candidates(ranked, top)]
    if ranked.attrs["estimate"]:
        tables.insert(0, _estimate(ranked.attrs["estimate"], ranked.attrs["predictor"]))
    return tables


def _estimate(records: list[dict[str, Any]], chosen: str) -> TextTable:
    metrics = list(dict.fromkeys(record["metric"] for record in records))[:_METRICS]
    cells = {(record["predictor"], record["metric"]): record for record in records}
    first = metrics[0]
    names = sorted(
        dict.fromkeys(record["predictor"] for record in records), key=lambda name: -cells[name, first]["mean"]
    )
    rows = []
    for name in names:
        found = [cells[name, metric] for metric in metrics]
        texts = [f"{number(f['mean'])} {half_width(f['mean'], f['ci_high'])}".strip() for f in found]
        rows.append([f"{name} (used below)" if name == chosen else name, *texts])
    chance = [number(cells[names[0], metric]["chance"]) for metric in metrics]
    any_record = records[0]
    return TextTable(
        "What a ranker is worth here",
        ["predictor", *metrics],
        rows,
        directions=[0, *(cells[names[0], metric]["direction"] for metric in metrics)],
        subtitle=f"cross-validation: {any_record['train_size']:,} labels to train on, ± 95 % interval",
        foot=[["chance", *chance]],
    )


def _candidates(ranked: pd.DataFrame, top: int) -> TextTable:
    first = ranked.head(top)
    names = [str(name) for name in first["name"]]
    own = [
        column
        for column in first.columns
        if column not in ("rank", "score", "std", "name", "note") and [str(v) for v in first[column]] != names
    ][:_COLUMNS]
    notes = ["note"] if any(first["note"]) else []
    sure = "std" in first.columns
    columns = ["rank", "name", "score", *own, *notes]
    header = ["score, 80 % interval" if sure and name == "score" else name for name in columns]
    rows = [
        [_score(row, sure=sure) if name == "score" else _text(row[name]) for name in columns]
        for row in first.to_dict("records")
    ]
    return TextTable(
        f"Top {len(first)} of {len(ranked):,} candidates by {ranked.attrs['predictor']}",
        header,
        rows,
        subtitle="higher scores are better" + ("; the interval is that of a label" if sure else ""),
    )


def _score(row: dict[Any, Any], *, sure: bool) -> str:
    score = row["score"]
    if not sure:
        return number(score)
    half = get_half_width(80) * row["std"]
    return interval(score, score - half, score + half)


def _text(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    text = "" if value is None else str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
