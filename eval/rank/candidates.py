"""Candidates: the architectures without a label, scored by a predictor that learned from all labels."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import is_table
from benchmarks.base import Benchmark
from benchmarks.custom import Custom
from benchmarks.own_rows import block_columns
from data.errors import InputError
from eval.evaluator import fit_and_score
from eval.grid.plan import Loaded, with_target
from eval.grid.pretraining import pretrain
from eval.task import Task, Trial

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.table_options import TableOptions
    from eval.rank.estimate import Estimate

_log = logging.getLogger("acerank")
_SHOWN = 3  # names of twins that a note spells out


@dataclass(frozen=True)
class Candidates:
    """The labelled networks and the candidates of a table.

    Attributes:
        task: Data set and target; the label is the target.
        labelled: (l,) first row of each labelled network.
        labels: (n,) the mean label of each labelled network at its first row, else NaN; higher is better.
        rows: (m,) rows of the candidates, each a network of its own.
        twins: For a candidate's row, the rows that are the same network.
    """

    task: Task
    labelled: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    twins: dict[int, list[int]]


def read_candidates(
    bench: str | Path | Benchmark, path: str | Path, target: str | None, options: TableOptions | None
) -> Benchmark:
    """Read a user's table with the architectures of a second one as further rows.

    Raises:
        InputError: The benchmark is not a table of the user's.
    """
    if isinstance(bench, Benchmark) or not is_table(bench):
        raise InputError(
            f"candidates from a file need labels from a file; {bench!r} is not a table of your own"
        )
    return Custom.read_with_candidates(Path(bench), Path(path), with_target(options, target))


def find_candidates(loaded: Loaded, dataset: str | None) -> Candidates:
    """Find labelled networks and candidates.

    Raises:
        InputError: There are no candidates, or fewer than two labelled networks.
    """
    bench = loaded.bench
    dataset = dataset or bench.info.dataset
    target = loaded.target or bench.info.target
    if not target:
        raise InputError(
            f"{bench.info.key} has several labels ({', '.join(bench.labels(dataset))}): name the target"
        )
    task = Task(bench, dataset, target, target, "cv", 0, 0)
    truth, classes = task.truth, bench.classes
    known = np.isfinite(truth)
    networks, _, network = np.unique(classes, return_index=True, return_inverse=True)
    has_label = np.bincount(network[known], minlength=len(networks)) > 0
    open_rows = np.flatnonzero(~known)
    unseen = open_rows[~has_label[network[open_rows]]]
    kept = np.sort(unseen[np.unique(network[unseen], return_index=True)[1]])
    if not len(open_rows):
        raise InputError(
            f"every row of {bench.info.key} has the label '{target}': candidates are rows without it, or "
            "those of a second table"
        )
    if not len(kept):
        raise InputError("every candidate is the same network as a labelled architecture")
    if has_label.sum() < 2:
        raise InputError(f"{int(has_label.sum())} labelled networks: there is nothing to learn from")
    total = np.bincount(network[known], truth[known], len(networks))
    mean = total / np.maximum(np.bincount(network[known], minlength=len(networks)), 1)
    known_rows = np.flatnonzero(known)
    labelled = np.sort(known_rows[np.unique(network[known_rows], return_index=True)[1]])
    labels = np.full(len(bench), np.nan)
    labels[labelled] = mean[network[labelled]]
    labelled_twins = len(open_rows) - len(unseen)
    _log.info(
        "%s labelled networks, %s candidates (%s without a label: %s are networks with a label, %s repeat "
        "another candidate)",
        f"{len(labelled):,}", f"{len(kept):,}", f"{len(open_rows):,}", f"{labelled_twins:,}",
        f"{len(unseen) - len(kept):,}",
    )  # fmt: skip
    repeated: dict[int, list[int]] = {}
    place = {int(network[row]): int(row) for row in kept}
    for row in np.setdiff1d(unseen, kept).tolist():
        repeated.setdefault(place[int(network[row])], []).append(row)
    return Candidates(task, labelled, labels, kept, repeated)


def score_candidates(found: Candidates, estimate: Estimate, seed: int) -> pd.DataFrame:
    """Fit the predictor of an estimate on all labels, and return the candidates best first."""
    import pandas as pd

    task, entry = found.task, estimate.entry
    bench = task.bench
    predictor = entry.predictor.clone()
    with threadpool_limits(1):
        pretrain(predictor, Trial(replace(task, seed=seed), entry, (0,)))
    predicted = fit_and_score(
        predictor,
        task.graphs,
        found.labels,
        [found.labelled],
        [seed],
        found.rows,
        return_std=predictor.has_std,
    )
    scores = predicted.scores[0]
    std = {} if predicted.std is None else {"std": predicted.std[0]}
    order = np.argsort(-scores, kind="stable")
    rows = found.rows[order]
    names = bench.row_names
    frame = pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1),
            "score": scores[order],
            **{name: values[order] for name, values in std.items()},
            "name": [names[row] for row in rows],
            "note": [_note(found.twins.get(int(row), []), names) for row in rows],
        }
    )
    made = {"ops", "stage"} if block_columns(bench.table.names) else set()
    for name in bench.table.names:
        if name not in frame.columns and name not in made:
            column = bench.table.column(name).take(rows).to_pylist()
            if any(value is not None for value in column):
                frame[name] = column
    frame.attrs.update(
        predictor=entry.name,
        estimate=estimate.records,
        verdict=estimate.verdict,
        notes=estimate.notes,
    )
    return frame


def _note(twins: list[int], names: list[str]) -> str:
    if not twins:
        return ""
    more = f" and {len(twins) - _SHOWN} more" if len(twins) > _SHOWN else ""
    return f"same network as {', '.join(names[row] for row in twins[:_SHOWN])}{more}"
