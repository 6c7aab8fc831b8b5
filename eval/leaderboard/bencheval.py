"""Results in the columns of bencheval, the engine of TabArena (https://github.com/autogluon/tabarena)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.files import atomic_path
from eval.leaderboard.standings import get_best
from eval.results import Row

if TYPE_CHECKING:
    import pandas as pd


def build_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return a row for each predictor, split and metric.

    Columns: `method`, `dataset` (benchmark, data set, target, protocol, training labels, metric), `fold` (the
    repeat), `metric`, `metric_error` (distance from the best possible value, 0 is best), `time_train_s`
    (pretraining included), `time_infer_s`, `problem_type` ("ranking").
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "method": [row["predictor"] for row in rows],
            "dataset": [_name(row) for row in rows],
            "fold": [int(row["repeat"]) for row in rows],
            "metric": [row["metric"] for row in rows],
            "metric_error": [abs(get_best(row["metric"]) - row["value"]) for row in rows],
            "time_train_s": [row["pretrain_seconds"] + row["fit_seconds"] for row in rows],
            "time_infer_s": [row["predict_seconds"] for row in rows],
            "problem_type": "ranking",
        }
    )


def _name(row: Row) -> str:
    keys = ("dataset", "target", "protocol", "train_size", "metric")
    return "/".join([Path(row["bench"]).stem, *(str(row[key]) for key in keys)])


def write_frame(path: Path, rows: Sequence[Row]) -> None:
    """Write the frame as parquet."""
    with atomic_path(path) as part:
        build_frame(rows).to_parquet(part, index=False)
