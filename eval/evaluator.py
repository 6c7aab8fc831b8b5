"""The one evaluator: splits a table, lets a predictor learn and score. The only caller of fit and predict.

A predictor is given graphs and the labels of its training rows. It never sees a table, a target or a test
label, so nothing can leak around this file.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import load
from benchmarks.base import Benchmark
from data.errors import InputError
from data.split import Pool, Split, get_protocol
from data.table import Table
from eval.cells import Cell, Spec, Task
from eval.weak import prepare
from predictors import get
from predictors.base import Predictor


@dataclass(frozen=True)
class Scored:
    """What came of a cell.

    Attributes:
        splits: The split of each repeat.
        scores: (test rows,) scores of each repeat, in the order of the split's test rows.
        fit_seconds: Seconds to fit a repeat (a repeat's share, where they train together).
        predict_seconds: Seconds to score the whole table for a repeat.
        pretrain_seconds: Seconds to pretrain, or to load what was pretrained before, for all repeats.
        weak_hash: Hash of the weak labels that were pretrained on; "" for none.
    """

    splits: list[Split]
    scores: list[np.ndarray]
    fit_seconds: float
    predict_seconds: float
    pretrain_seconds: float
    weak_hash: str


@lru_cache(maxsize=4)
def load_benchmark(bench: str, weak_table: str = "") -> Benchmark:
    """Load a benchmark once a process, with a table of further weak labels; both must be on this machine."""
    found = load(bench, offline=True)
    if weak_table:
        found.add_weak(Table.read(Path(weak_table)))
    return found


def bench_of(task: Task) -> Benchmark:
    """Return the benchmark of a task."""
    return load_benchmark(task.bench, task.weak_table)


def make(spec: Spec) -> Predictor:
    """Return the unfitted predictor of a spec."""
    return get(spec.name)(**dict(spec.params))


def split_of(task: Task, bench: Benchmark, repeat: int) -> Split:
    """Return the split of a repeat: the same for every predictor."""
    protocol = get_protocol(task.protocol)
    part = bench.split_column(protocol.split_column) if protocol.split_column else None
    trainable = np.isfinite(bench.target(task.dataset, task.label))
    testable = np.isfinite(bench.target(task.dataset, task.target))
    return protocol.split(Pool(trainable, testable, bench.classes, part), task.train_size, task.seed + repeat)


def run_cell(cell: Cell) -> Scored:
    """Fit a cell's repeats and score their test rows.

    Results do not depend on how many cells run beside this one: every library computes on one thread.

    Raises:
        InputError: The protocol cannot be drawn from the table, or the predictor refuses; names it.
    """
    bench = bench_of(cell.task)
    splits = [split_of(cell.task, bench, repeat) for repeat in cell.repeats]
    labels = bench.target(cell.task.dataset, cell.task.label)
    predictor = make(cell.spec)
    with threadpool_limits(1):
        start = time.perf_counter()
        weak_hash = prepare(predictor, cell, bench)
        pretrain_seconds = time.perf_counter() - start
        start = time.perf_counter()
        fitted = predictor.fit_repeats(
            [bench.graphs.take(split.train) for split in splits],
            [labels[split.train] for split in splits],
            [cell.task.seed + repeat for repeat in cell.repeats],
        )
        fit_seconds = time.perf_counter() - start
        rows = np.unique(np.concatenate([split.test for split in splits]))
        start = time.perf_counter()
        scores = fitted.predict(bench.graphs.take(rows))
        predict_seconds = time.perf_counter() - start
    if scores.shape != (len(splits), len(rows)):
        raise InputError(
            f"predictor '{cell.spec.name}': scores of shape {scores.shape}, not ({len(splits)}, {len(rows)})"
        )
    place = [np.searchsorted(rows, split.test) for split in splits]
    return Scored(
        splits,
        [of_repeat[at] for of_repeat, at in zip(scores, place, strict=True)],
        fit_seconds / len(splits),
        predict_seconds / len(splits),
        pretrain_seconds,
        weak_hash,
    )
