"""The one evaluator: splits a table, lets a predictor learn and score. The only caller of fit and predict.

A predictor is given graphs and the labels of its training rows. It never sees a table, a target or a test
label, so nothing can leak around this file.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import load
from benchmarks.base import Benchmark
from benchmarks.weak_labels import read_table
from data.errors import InputError
from data.graphs import Graphs
from data.split import Pool, Split, get_protocol
from eval.grid.weak import prepare
from eval.task import Cell, Spec, Task
from predictors import get
from predictors.base import Predictor


@dataclass(frozen=True)
class Scored:
    """What came of a cell.

    Attributes:
        splits: The split of each repeat.
        scores: (test rows,) scores of each repeat, in the order of the split's test rows.
        fit_seconds: Seconds to fit a repeat (a repeat's share, where they train together).
        predict_seconds: Seconds to score the test rows for a repeat.
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
        found = found.with_weak(read_table(Path(weak_table)))
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


def fit_and_score(
    predictor: Predictor,
    graphs: Graphs,
    labels: np.ndarray,
    trains: Sequence[np.ndarray],
    seeds: Sequence[int],
    rows: np.ndarray,
) -> tuple[np.ndarray, float, float]:
    """Fit repeats together on one thread, and score rows by each.

    Args:
        predictor: What is fitted; pretrained, if it is to be.
        graphs: The n architectures of a table.
        labels: (n,) labels, of which the training rows' are shown to the predictor.
        trains: Training rows of each repeat.
        seeds: Seed of each repeat.
        rows: (m,) rows to score.

    Returns:
        Scores (repeats, m), the seconds that fitting took, and those that scoring took, for all repeats.

    Raises:
        InputError: The predictor refuses; names it.
    """
    with threadpool_limits(1):
        start = time.perf_counter()
        fitted = predictor.fit_repeats([graphs.take(t) for t in trains], [labels[t] for t in trains], seeds)
        middle = time.perf_counter()
        scores = fitted.predict(graphs.take(rows))
        end = time.perf_counter()
    if scores.shape != (len(trains), len(rows)):
        raise InputError(
            f"predictor '{predictor.name}': scores of shape {scores.shape}, not ({len(trains)}, {len(rows)})"
        )
    return scores, middle - start, end - middle


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
    rows = np.unique(np.concatenate([split.test for split in splits]))
    scores, fit_seconds, predict_seconds = fit_and_score(
        predictor,
        bench.graphs,
        labels,
        [split.train for split in splits],
        [cell.task.seed + repeat for repeat in cell.repeats],
        rows,
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
