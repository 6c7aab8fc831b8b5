"""A grid of trials to rows: resumable, on any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.cluster import Cluster
from data.files import atomic_path
from eval.evaluator import Scored, run_trial
from eval.grid.blocks import Part, merge_parts, split_blocks
from eval.grid.parallel import run_all
from eval.grid.store import Store, pack
from eval.provenance import code_hash
from eval.scoring import Row, Scorer
from eval.task import Task, Trial

TASK_COLUMNS = ("bench", "dataset", "target", "protocol", "train_size")
LARGE = 500_000  # test rows beyond which scores are kept in single precision
_MEASURED = ("fit_seconds", "predict_seconds", "pretrain_seconds", "weak_hash")


@dataclass(frozen=True)
class Finished:
    """What came out of a trial: its rows, and the content of its file in a store."""

    rows: list[Row]
    content: bytes


def run_grid(
    trials: Sequence[Trial],
    metrics: Sequence[str],
    store: Store,
    *,
    jobs: int,
    cluster: Cluster | None = None,
    done: Callable[[Trial, bool], object] = lambda trial, was_stored: None,
) -> Sequence[Row]:
    """Run the trials that are not stored yet; return the rows of all, in the order of `trials`.

    Args:
        trials: The grid.
        metrics: Metrics of the rows.
        store: Where finished trials are kept; rows.jsonl and scores.parquet are written there.
        jobs: Processes; any number gives the same rows.
        cluster: Where trials are run in place of processes of this machine; the rows are the same.
        done: Called with each finished trial, and whether it was found in the store.
    """

    def run(missing: Sequence[Trial]) -> Iterator[tuple[int, list[Row]]]:
        if cluster is None:
            parts = split_blocks(missing, jobs)
            if len(parts) > len(missing):
                return _run_parts(missing, parts, tuple(metrics), store, jobs)
            shared = missing, tuple(metrics), store.folder
            return run_all(_run, shared, range(len(missing)), jobs)
        return _run_remote(cluster, missing, tuple(metrics), store)

    ordered = store.resume(
        trials,
        lambda trial: _stored_rows(trial, metrics, store),
        run,
        done,
    )
    _write_scores(store, trials)
    return ordered


def _run(shared: tuple[Sequence[Trial], Sequence[str], Path], index: int) -> list[Row]:
    trials, metrics, folder = shared
    finished = compute(trials[index], metrics)
    Store(folder).put(trials[index].id, finished.content)
    return finished.rows


def _run_parts(
    trials: Sequence[Trial], parts: Sequence[Part], metrics: Sequence[str], store: Store, jobs: int
) -> Iterator[tuple[int, list[Row]]]:
    """Run trials in parts; a trial is stored when all of its parts are there."""
    waiting: dict[int, dict[Part, Scored | None]] = {}
    for part in parts:
        waiting.setdefault(part[0], {})[part] = None
    for position, scored in run_all(_run_part, trials, parts, jobs):
        index = parts[position][0]
        waiting[index][parts[position]] = scored
        found = [each for each in waiting[index].values() if each is not None]
        if len(found) == len(waiting[index]):
            del waiting[index]
            finished = finish(trials[index], merge_parts(found), metrics)
            store.put(trials[index].id, finished.content)
            yield index, finished.rows


def _run_part(trials: Sequence[Trial], part: Part) -> Scored:
    index, repeats = part
    return run_trial(trials[index], repeats)


def _run_remote(
    cluster: Cluster, trials: Sequence[Trial], metrics: Sequence[str], store: Store
) -> Iterator[tuple[int, list[Row]]]:
    """Run trials on a cluster; what comes back is stored here."""
    from eval.grid.remote import Remote

    sources = ["eval.evaluator", "eval.scoring", __name__]
    for index, finished in Remote(cluster, compute, metrics, lambda trial: trial, sources).run(trials):
        store.put(trials[index].id, finished.content)
        yield index, finished.rows


def compute(trial: Trial, metrics: Sequence[str]) -> Finished:
    """Run a trial; nothing is stored, but its file is made here: one process stores what many compute."""
    return finish(trial, run_trial(trial), metrics)


def finish(trial: Trial, scored: Scored, metrics: Sequence[str]) -> Finished:
    """Return the rows of a trial's result, and its file."""
    scored = _shorten(scored)
    rows = _scorer(trial.task).rows(trial, scored, metrics)
    score = np.concatenate(scored.scores)
    kind = pa.from_numpy_dtype(score.dtype)
    scores = pa.table(
        {
            "repeat": np.repeat(np.array(trial.repeats, np.int32), [len(s) for s in scored.scores]),
            "row": np.concatenate([split.test for split in scored.splits]).astype(np.int32),
            "score": score,
            "std": pa.nulls(len(score), kind) if scored.std is None else np.concatenate(scored.std),
        }
    )
    measured = {name: getattr(scored, name) for name in _MEASURED}
    return Finished(rows, pack(scores, _describe(trial, rows, measured)))


def _shorten(scored: Scored) -> Scored:
    """Return scores in single precision where a table is large; rows are made of what is stored."""
    if max(map(len, scored.scores)) <= LARGE:
        return scored
    std = None if scored.std is None else [each.astype(np.float32) for each in scored.std]
    return replace(scored, scores=[each.astype(np.float32) for each in scored.scores], std=std)


@lru_cache(maxsize=8)
def _scorer(task: Task) -> Scorer:
    return Scorer(task)


def _stored_rows(trial: Trial, metrics: Sequence[str], store: Store) -> list[Row] | None:
    """Return a trial's rows for these metrics, or None if it has not been run.

    Metrics that were not asked for before, or whose code has changed, are computed from the scores.
    """
    if (found := store.load(trial.id)) is None:
        return None
    stored, extra = found
    rows: list[Row] = extra["rows"]
    fresh = extra["scoring"] == _scoring(trial.task)
    if not fresh or set(metrics) - {row["metric"] for row in rows}:
        scored = _restore(trial, stored, extra["measured"])
        rows = _scorer(trial.task).rows(trial, scored, metrics)
        store.put(trial.id, pack(stored, _describe(trial, rows, extra["measured"])))
    by_key = {(row["repeat"], row["metric"]): row for row in rows}
    named = {**trial.task.names, "predictor": trial.entry.name, "trial": trial.id}
    return [{**by_key[repeat, name], **named} for repeat in trial.repeats for name in metrics]


def _restore(trial: Trial, stored: pa.Table, measured: dict[str, Any]) -> Scored:
    """Return the result of a trial that was stored."""
    repeat = stored["repeat"].to_numpy()
    values = {
        name: [column[repeat == each] for each in trial.repeats]
        for name in ("score", "std")
        if stored[name].null_count == 0
        for column in [stored[name].to_numpy()]
    }
    splits = [trial.task.split(each) for each in trial.repeats]
    return Scored(splits, values["score"], values.get("std"), **measured)


def _describe(trial: Trial, rows: Sequence[Row], measured: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored of a trial besides its scores."""
    return {
        "identity": trial.identity,
        "scoring": _scoring(trial.task),
        "rows": rows,
        "measured": measured,
    }


def _scoring(task: Task) -> str:
    return f"{_scoring_code()} {_scorer(task).content}"


@cache
def _scoring_code() -> str:
    return code_hash(["eval.scoring"])


def _write_scores(store: Store, trials: Sequence[Trial]) -> None:
    """Write scores.parquet: the score of every trial, repeat and test row, next to the row's label.

    The names of rows are written once for each benchmark, to architectures.parquet.
    """
    with atomic_path(store.folder / "scores.parquet") as part:
        writer: pq.ParquetWriter | None = None
        for trial in trials:
            scores = pq.read_table(store.path(trial.id)).replace_schema_metadata(None)
            task = trial.task.names
            named = {name: task[name] for name in TASK_COLUMNS} | {"predictor": trial.entry.name}
            for at, (name, value) in enumerate(named.items()):
                column = pa.repeat(pa.scalar(value), len(scores))
                scores = scores.add_column(at, name, column.dictionary_encode())
            label = trial.task.truth[scores["row"].to_numpy()]
            scores = scores.append_column("label", pa.array(label))
            writer = writer or pq.ParquetWriter(part, scores.schema, compression="zstd")
            writer.write_table(scores)
        if writer:
            writer.close()
    benches = {trial.task.bench.info.key: trial.task.bench for trial in trials}
    named_rows = [
        pa.table({"bench": [key] * len(bench), "row": range(len(bench)), "name": bench.row_names})
        for key, bench in benches.items()
    ]
    with atomic_path(store.folder / "architectures.parquet") as part:
        pq.write_table(pa.concat_tables(named_rows), part, compression="zstd")
