"""What people read of ranked candidates: the estimate of the ranker, and the first of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eval.rank.estimate import choose_shown
from eval.report.numbers import half_width, interval, number
from eval.report.table import TextTable

if TYPE_CHECKING:
    import pandas as pd

_WIDEST = 48  # characters of a cell


def build_tables(ranked: pd.DataFrame, top: int) -> list[TextTable]:
    """Return the estimate, where there is one, and the chosen candidates, or else the first."""
    tables = [_candidates(ranked, top)]
    if ranked.attrs["estimate"]:
        tables.insert(0, _estimate(ranked.attrs["estimate"], ranked.attrs["predictor"]))
    return tables


def take_first(ranked: pd.DataFrame, top: int) -> pd.DataFrame:
    """Return the candidates to show: the chosen ones in their order, and without any the first."""
    numbers = ranked["chosen"].to_numpy()
    chosen = np.flatnonzero(numbers)
    return ranked.iloc[chosen[np.argsort(numbers[chosen])]] if len(chosen) else ranked.head(top)


def _estimate(records: list[dict[str, Any]], chosen: str) -> TextTable:
    metrics = choose_shown(list(dict.fromkeys(record["metric"] for record in records)))
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
    first = take_first(ranked, top)
    texts = [_describe(row, ranked.attrs["top"]) for row in first.to_dict("records")]
    shown = list(dict.fromkeys(name for row in texts for name in row))
    results = list(first.columns)[: list(first.columns).index("trained") + 1]
    own = [name for name in ranked.attrs["named"] if name not in results]
    last = ["note"] if any(first["note"]) else []
    rows = [
        [*(text.get(name, "") for name in shown), *(_text(row[name]) for name in (*own, *last))]
        for text, row in zip(texts, first.to_dict("records"), strict=True)
    ]
    chosen = "Chosen" if ranked["chosen"].to_numpy().any() else "First"
    return TextTable(
        f"{chosen} {len(first):,} of {len(ranked):,} candidates by {ranked.attrs['predictor']}",
        [*shown, *own, *last],
        rows,
        subtitle="expected label with its 80 % interval" if any("expected" in name for name in shown)
        else "higher scores are better",
    )  # fmt: skip


def _describe(row: dict[Any, Any], top: int) -> dict[str, str]:
    """Return what is shown of a candidate, by the head of the column; chances are to be in the best `top`."""
    shown = {"rank": str(row["rank"]), "name": str(row["name"])}
    if "front" in row:
        shown["front"] = str(row["front"])
    for column, value in row.items():
        kind, _, target = str(column).partition("_")
        if kind == "score" and f"expected{column[5:]}" not in row:
            shown[f"score {target}".strip()] = number(value)
        elif kind == "expected":
            low, high = row.get(f"low{column[8:]}"), row.get(f"high{column[8:]}")
            shown[f"expected {target}".strip()] = (
                number(value) if low is None or high is None else interval(value, low, high)
            )
    chance = next((value for column, value in row.items() if str(column).startswith("top_prob")), None)
    if chance is not None and chance == chance:
        shown[f"in top {top}"] = f"{100 * chance:.0f} %"
    return shown | {"nearest": f"{_text(row['nearest'])} ({number(row['distance'])})"}


def _text(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    text = "" if value is None else str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
