"""Pareto fronts as flat rows, for a frame or a file: those that searches found, and the true ones."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from data.errors import InputError
from eval.search.front_summary import group_fronts, has_fronts
from eval.search.rows import Row

FRONTS = "search_fronts.tsv"
TRUE = "true front"


def build_front_rows(rows: Sequence[Row], fronts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each network on a front.

    Args:
        rows: Rows of searches for Pareto fronts.
        fronts: True fronts, as the settings of searches hold them.

    Raises:
        InputError: The searches were for accuracy alone.
    """
    if not has_fronts(rows):
        raise InputError(
            "these searches have no Pareto front: they were given no objective besides the target"
        )
    found = []
    for front in fronts:
        common = {key: front[key] for key in ("bench", "dataset")}
        names = [axis["name"] for axis in front["axes"][1:]]
        for row, name, (target, *costs) in zip(front["rows"], front["names"], front["points"], strict=True):
            values = {"row": row, "name": name, "label": None, "target": target}
            values |= dict(zip(names, costs, strict=True))
            found.append({**common, "strategy": TRUE, "predictor": "", "repeat": None, **values})
    for runs in group_fronts(rows).values():
        for each in runs:
            for row in (row for front in each.fronts for row in front):
                common = {key: row[key] for key in ("bench", "dataset", "strategy", "predictor", "repeat")}
                values = {"label": row["label_value"], "target": row["target_value"], **row["costs"]}
                found.append({**common, "row": row["row"], "name": row["name"], **values})
    return found


def to_tsv(found: Sequence[dict[str, Any]]) -> str:
    """Return rows as tab-separated text; what is missing is empty."""
    text = io.StringIO()
    columns = list(dict.fromkeys(key for row in found for key in row))
    writer = csv.DictWriter(text, columns, dialect="excel-tab", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue()
