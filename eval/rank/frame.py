"""The table of ranked candidates: what is known, expected and near of each."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.base import Benchmark
from benchmarks.own_rows import block_columns
from data.encode import path_statistics
from eval.choose.diverse import find_nearest
from eval.choose.top import probability_of_top
from eval.rank.candidates import Candidates, Labelled
from eval.rank.ranker import Rated

if TYPE_CHECKING:
    import pandas as pd


_log = logging.getLogger("acerank")
RESULTS = ("score", "std", "expected", "low", "high", "top_probability")  # of each target


def get_target_names(targets: Sequence[str | None]) -> list[str]:
    """Return the names of targets without their directions."""
    return [str(target).partition(":")[0] for target in targets]


def get_result_names(targets: Sequence[str | None]) -> set[str]:
    """Return the names of columns that are added to those of `build_frame`."""
    several = [f"{result}_{name}" for result in RESULTS for name in get_target_names(targets)]
    return {"rank", "chosen", *(["front", *several] if len(targets) > 1 else [])}


def build_frame(
    labelled: Labelled,
    candidates: Candidates,
    rated: Rated,
    top: int,
    rng: np.random.Generator,
    reserved: Collection[str] = (),
) -> pd.DataFrame:
    """Return a row for each candidate, in the order of the candidates.

    Columns: score, std, expected, low, high, top_probability (those but the score only from a ranker that
    says how sure it is), name, nearest, distance, note, trained; of candidates of a search space also space
    and arch, of others their own, save those that are named like one of these or like one of `reserved`.
    """
    import pandas as pd

    columns: dict[str, object] = {"score": rated.scores}
    if rated.std is not None:
        columns |= {"std": rated.std, "expected": rated.expected, "low": rated.low, "high": rated.high}
        columns["top_probability"] = _get_top_probability(candidates, rated, top, rng)
    encoded = [path_statistics(graphs.effective()) for graphs in (candidates.graphs, labelled.graphs)]
    near, distance = find_nearest(*encoded)
    names = labelled.task.bench.row_names
    columns |= {
        "name": candidates.names,
        "nearest": [names[labelled.rows[place]] for place in near],
        "distance": distance,
        "note": candidates.notes,
        "trained": candidates.twins >= 0,
    }
    frame = pd.DataFrame(columns)
    if candidates.rows is None:  # of a search space: what `eval.campaign` and `predictors.supernet` read
        frame["space"], frame["arch"] = candidates.graphs.space.name, candidates.names
    else:
        for name, values in get_own_columns(labelled.task.bench, candidates.rows).items():
            if name not in frame.columns and name not in reserved:
                frame[name] = values
            elif name != "name":
                _log.info("column '%s' of the candidates is left out: a result has this name", name)
    return frame


def get_own_columns(bench: Benchmark, rows: np.ndarray) -> dict[str, list[object]]:
    """Return the columns of the table in which some of these rows have a value."""
    made = {"ops", "stage"} if block_columns(bench.table.names) else set()
    columns = {}
    for name in bench.table.names:
        values = [] if name in made else bench.table.column(name).take(rows).to_pylist()
        if any(value is not None for value in values):
            columns[name] = values
    return columns


def _get_top_probability(
    candidates: Candidates, rated: Rated, top: int, rng: np.random.Generator
) -> np.ndarray:
    """Return (m,) how probable each untrained candidate is among their best; NaN where the label is known."""
    found = np.full(len(rated.scores), np.nan)
    new = np.flatnonzero(candidates.twins < 0)
    if len(new) and rated.std is not None:
        found[new] = probability_of_top(rated.scores[new], rated.std[new], min(top, len(new)), rng)
    return found
