"""Rows of results: their schema, and the folder where finished cells are kept.

A cell is stored as one file under DIR/cells, put there whole: raw scores, and the rows computed from them.
rows.jsonl and scores.parquet are made from these files, so a run that is killed loses the cells it was in
and no others, and a metric that is asked for later needs no refit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import TableError
from data.files import atomic_path
from data.split import get_protocol
from eval.ceiling import Ceiling, get_ceilings
from eval.evaluator import Scored, bench_of, split_of
from eval.metrics import METRICS, evaluate
from eval.provenance import code_hash, device, versions
from eval.ranking import Truth
from eval.task import Cell, Task

SCHEMA = 1
_MEASURED = ("fit_seconds", "predict_seconds", "pretrain_seconds", "weak_hash")
Row = dict[str, Any]


def rows_of(cell: Cell, scored: Scored, metrics: Sequence[str]) -> list[Row]:
    """Return the rows of a cell: one for each repeat and metric.

    A row's `value` is over all test rows of the protocol, `value_no_twins` over those of them that are not
    the same network as a training row; `n_twins` says how many those are.
    """
    time = datetime.now(UTC).isoformat(timespec="seconds")
    rows: list[Row] = []
    bench, dataset = bench_of(cell.task), cell.task.dataset
    notes = [bench.label_column(dataset, name).note for name in (cell.task.label, cell.task.target)]
    for repeat, split, scores in zip(cell.repeats, scored.splits, scored.scores, strict=True):
        audit = _audit(cell.task, repeat)
        values = evaluate(metrics, audit.truth, scores)
        clean = audit.without_twins(metrics, scores)
        limits = _limits(cell.task, repeat, tuple(metrics))
        common = {
            "schema": SCHEMA,
            "cell": cell.id,
            **vars(cell.task),
            "label_note": notes[0],
            "target_note": notes[1],
            "repeat": repeat,
            "split_seed": cell.task.seed + repeat,
            "fit_seed": cell.task.seed + repeat,
            "labels_seen": len(split.train),
            "predictor": cell.spec.label,
            "params": dict(cell.spec.params),
            "weak_hash": scored.weak_hash,
            "n_test": len(split.test),
            "n_twins": audit.n_twins,
            "fit_seconds": scored.fit_seconds,
            "predict_seconds": scored.predict_seconds,
            "pretrain_seconds": scored.pretrain_seconds,
            "device": device(),
            "versions": versions(),
            "time": time,
        }
        rows += [
            {
                **common,
                "metric": name,
                "direction": METRICS[name].direction,
                "value": values[name],
                "value_no_twins": clean[name],
                "chance": limits[name][0],
                **_ceiling_fields(limits[name][1]),
            }
            for name in metrics
        ]
    return rows


class _Audit:
    """The leak audit of one split: which test rows are networks that were trained on."""

    def __init__(self, task: Task, repeat: int) -> None:
        bench = bench_of(task)
        split = split_of(task, bench, repeat)
        self.target = bench.target(task.dataset, task.target)
        self.rows = split.test
        self.truth = Truth(self.target[split.test])
        self.unseen = ~np.isin(bench.classes[split.test], bench.classes[split.train])
        self.n_twins = int((~self.unseen).sum())
        self._clean = Truth(self.target[split.test[self.unseen]]) if self.n_twins else self.truth

    def without_twins(self, metrics: Sequence[str], scores: np.ndarray) -> dict[str, float | None]:
        """Evaluate over the test rows that have no twin in training; None where too few are left."""
        n = int(self.unseen.sum())
        possible = [name for name in metrics if n >= max(2, METRICS[name].min_items)]
        values = evaluate(possible, self._clean, scores[self.unseen]) if possible else {}
        return {name: values.get(name) for name in metrics}


@lru_cache(maxsize=32)
def _audit(task: Task, repeat: int) -> _Audit:
    return _Audit(task, repeat)


@lru_cache(maxsize=256)
def _limits(task: Task, repeat: int, metrics: tuple[str, ...]) -> dict[str, tuple[float, Ceiling | None]]:
    """Return (chance on a split, noise ceiling of the task) of each metric."""
    audit, ceilings = _audit(task, repeat), _ceilings(task, metrics)
    return {name: (METRICS[name].chance(audit.truth), ceilings[name]) for name in metrics}


@lru_cache(maxsize=32)
def _ceilings(task: Task, metrics: tuple[str, ...]) -> dict[str, Ceiling | None]:
    bench, protocol = bench_of(task), get_protocol(task.protocol)
    return get_ceilings(
        metrics,
        bench.target(task.dataset, task.target),
        bench.repeated,
        seeds=bench.seeds(task.dataset, task.target),
        networks=bench.classes if protocol.one_per_network else None,
    )


def _ceiling_fields(ceiling: Ceiling | None) -> Row:
    found = {"value": None, "low": None, "high": None, "bound": None} if ceiling is None else vars(ceiling)
    return {"ceiling": found["value"], **{f"ceiling_{end}": found[end] for end in ("low", "high", "bound")}}


class Store:
    """Finished cells in a folder."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is made when something is first stored."""
        self.folder = folder

    def path(self, cell: Cell) -> Path:
        """Return where a cell is kept."""
        return self.folder / "cells" / f"{cell.id}.parquet"

    def save(self, cell: Cell, scored: Scored, rows: Sequence[Row]) -> None:
        """Store a finished cell, whole or not at all."""
        scores = pa.table(
            {
                "repeat": np.repeat(np.array(cell.repeats, np.int32), [len(s) for s in scored.scores]),
                "row": np.concatenate([split.test for split in scored.splits]).astype(np.int32),
                "score": np.concatenate(scored.scores),
            }
        )
        self._write(cell, scores, rows, scored)

    def rows(self, cell: Cell, metrics: Sequence[str]) -> list[Row] | None:
        """Return a cell's rows for these metrics, or None if it has not been run.

        Metrics that were not asked for before, or whose code has changed, are computed from the scores.
        """
        if not self.path(cell).is_file():
            return None
        try:
            stored = pq.read_table(self.path(cell))
            extra = json.loads(stored.schema.metadata[b"acerank"])
        except (pa.ArrowInvalid, OSError, KeyError, ValueError) as error:
            raise TableError(f"{self.path(cell)} is damaged ({error}); delete it and run again") from error
        rows = extra["rows"]
        if extra["metrics_code"] != _metrics_code() or set(metrics) - {row["metric"] for row in rows}:
            bench = bench_of(cell.task)
            splits = [split_of(cell.task, bench, repeat) for repeat in cell.repeats]
            score, repeat = stored["score"].to_numpy(), stored["repeat"].to_numpy()
            scores = [score[repeat == r] for r in cell.repeats]
            scored = Scored(splits, scores, **extra["measured"])
            rows = rows_of(cell, scored, metrics)
            self._write(cell, stored, rows, scored)
        by_key = {(row["repeat"], row["metric"]): row for row in rows}
        keys = [(repeat, name) for repeat in cell.repeats for name in metrics]
        return [{**by_key[key], "predictor": cell.spec.label} for key in keys]

    def write_rows(self, rows: Iterable[Row]) -> None:
        """Write rows.jsonl."""
        with atomic_path(self.folder / "rows.jsonl") as part:
            part.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    def append_rows(self, rows: Iterable[Row]) -> None:
        """Add the rows of a cell to rows.jsonl."""
        with (self.folder / "rows.jsonl").open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))

    def write_scores(self, cells: Sequence[Cell]) -> None:
        """Write scores.parquet: the raw scores of these cells, by task, predictor, repeat and row."""
        with atomic_path(self.folder / "scores.parquet") as part:
            writer: pq.ParquetWriter | None = None
            for cell in cells:
                scores = pq.read_table(self.path(cell)).replace_schema_metadata(None)
                named = {
                    "dataset": cell.task.dataset,
                    "protocol": cell.task.protocol,
                    "train_size": cell.task.train_size,
                    "predictor": cell.spec.label,
                }
                for at, (name, value) in enumerate(named.items()):
                    column = pa.repeat(pa.scalar(value), len(scores))
                    scores = scores.add_column(at, name, column.dictionary_encode())
                writer = writer or pq.ParquetWriter(part, scores.schema, compression="zstd")
                writer.write_table(scores)
            if writer:
                writer.close()

    def _write(self, cell: Cell, scores: pa.Table, rows: Sequence[Row], scored: Scored) -> None:
        measured = {name: getattr(scored, name) for name in _MEASURED}
        extra = {
            "identity": cell.identity,
            "metrics_code": _metrics_code(),
            "rows": rows,
            "measured": measured,
        }
        metadata = {b"acerank": json.dumps(extra, default=repr).encode()}
        with atomic_path(self.path(cell)) as part:
            pq.write_table(scores.replace_schema_metadata(metadata), part, compression="zstd")


@cache
def _metrics_code() -> str:
    return code_hash(["eval.results"])
