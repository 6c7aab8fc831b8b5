"""From what a user asks of a benchmark to tasks, and to the metrics that fit them."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np

from benchmarks.base import Benchmark
from benchmarks.target_choice import split_target
from data.column import Column
from data.errors import InputError
from data.split import DEFAULT_TRAIN_SIZE, FOLDS, Protocol, default_protocol, get_protocol
from eval.metrics import METRICS, default_metrics
from eval.task import Task

_log = logging.getLogger("acerank")
_END = {1: "higher", -1: "lower"}
MEAN = "_acc_mean"  # end of the names of labels that are means over several trainings


def build_tasks(
    bench: Benchmark,
    *,
    datasets: Sequence[str] | None = None,
    target: str | None = None,
    label: str | None = None,
    protocols: Sequence[str] | None = None,
    train_sizes: Sequence[int] | None = None,
    seed: int = 0,
) -> list[Task]:
    """Return the tasks that are asked for, each checked to be possible; None where there is a default.

    Args:
        bench: The benchmark.
        datasets: Data sets; by default the benchmark's own choice.
        target: Target that scores are evaluated on.
        label: Training label, "NAME", "NAME:min" or "NAME:max".
        protocols: Names of protocols; by default "leakfree", or cross-validation of a small table.
        train_sizes: Numbers of training labels; by default what fits the table.
        seed: Seed of the first repeat.

    Raises:
        UnknownNameError: An unknown data set, label, target or protocol.
        InputError: A protocol contradicts another choice, or asks for more rows than there are.
    """
    label, direction = split_target(label or "")
    if direction:
        bench = bench.with_direction({label: direction})
    tasks = []
    for dataset in datasets or [_default_dataset(bench)]:
        target_name = target or bench.info.target
        if not target_name:
            labels = ", ".join(bench.labels(dataset))
            raise InputError(f"{bench.info.key} has several labels ({labels}): name the target")
        bench.label_column(dataset, target_name)
        default = None
        if protocols is None:
            training = _label(label, None, bench, dataset, target_name)
            default = default_protocol(_count_networks(bench, dataset, training, target_name))
        names = protocols or ["leakfree" if train_sizes or not default else default[0]]
        for name in names:
            protocol = get_protocol(name)
            training = _label(label, protocol, bench, dataset, target_name)
            n = _count_networks(bench, dataset, training, target_name)
            for size in _sizes(train_sizes, protocol, n):
                task = Task(bench, dataset, target_name, training, name, size, seed)
                task.split(0)
                tasks.append(task)
    return tasks


def _default_dataset(bench: Benchmark) -> str:
    """Return the benchmark's first choice, or another data set where a partial table lacks that one.

    Raises:
        InputError: The table has no labels at all.
    """
    if bench.info.dataset in bench.datasets:
        return bench.info.dataset
    if not bench.datasets:
        raise InputError(
            f"the table of {bench.info.key} on this machine has no labels (converted from a part of the "
            f"release?); convert all of it: python -m data.convert {bench.info.key} PATH"
        )
    _log.info(
        "the table of %s on this machine has no labels of %s: %s is used",
        bench.info.key, bench.info.dataset, bench.datasets[0],
    )  # fmt: skip
    return bench.datasets[0]


def _label(asked: str | None, protocol: Protocol | None, bench: Benchmark, dataset: str, target: str) -> str:
    """Return the training label: the one asked for, the one of the protocol's paper, or the benchmark's."""
    known = bench.labels(dataset)
    likely = [protocol.trained_on, protocol.label] if protocol else []
    label = asked or next((name for name in [*likely, bench.info.label] if name in known), target)
    ends = [_direction(bench, dataset, name) for name in (label, target)]
    if not asked and ends[0] != ends[1]:
        words = [_END[end] for end in ends]
        raise InputError(
            f"{words[0]} {label} is better, but {words[1]} {target}: training on {label} would put the "
            f"worst first; name the label to train on, e.g. {target}"
        )
    return label


def _direction(bench: Benchmark, dataset: str, label: str) -> int:
    """Return the direction of a label; of one that only other tables have, the message says which."""
    if label.endswith(MEAN) and label not in bench.labels(dataset):
        raise InputError(
            f"{bench.info.key}, {dataset}: no label '{label}', the mean over several trainings: this table "
            f"has one training of each architecture. The official files have more: python -m data.convert "
            f"{bench.info.key} PATH; known labels: {', '.join(bench.labels(dataset))}"
        )
    return bench.label_column(dataset, label).direction


def _count_networks(bench: Benchmark, dataset: str, label: str, target: str) -> int:
    """Return how many networks have the training label and the target."""
    known = np.isfinite(bench.target(dataset, label)) & np.isfinite(bench.target(dataset, target))
    return len(np.unique(bench.classes[known]))


def _sizes(asked: Sequence[int] | None, protocol: Protocol, n_networks: int) -> list[int]:
    if protocol.train_size is None:
        most = n_networks - math.ceil(n_networks / FOLDS)  # of a cross-validation
        return list(asked or [most if protocol.corrected else DEFAULT_TRAIN_SIZE])
    if asked and list(asked) != [protocol.train_size]:
        raise InputError(f"protocol '{protocol.name}' has {protocol.train_size} training labels")
    return [protocol.train_size]


def describe(task: Task) -> str:
    """Return one line that says exactly which labels were trained on and evaluated on."""
    bench, protocol = task.bench, get_protocol(task.protocol)
    label, target = (bench.label_column(task.dataset, name) for name in (task.label, task.target))
    line = (
        f"{task.dataset}: trained on {task.train_size} × {label.target}{_bracket(label)}, "
        f"evaluated on {target.target}{_bracket(target)}; protocol {task.protocol}: "
        f"{protocol.description}"
    )
    if bench.info.label not in bench.labels(task.dataset) and task.label == task.target:
        line += f". {task.dataset} has no {bench.info.label}: the {task.label} of the training rows is used"
    differs = protocol.differs_from_paper(task.label)
    return f"{line}. {differs}" if differs else line


def _bracket(column: Column) -> str:
    """Return what a label is, in brackets, where its name does not say all of it."""
    notes = [column.note or (column.name if column.name != column.target else "")]
    if column.direction < 0:
        notes.append("lower is better")
    return f" ({', '.join(filter(None, notes))})" if any(notes) else ""


def choose_metrics(asked: Sequence[str] | None, tasks: Sequence[Task]) -> list[str]:
    """Return the metrics asked for, or the default ones that fit the size of the smallest test set.

    Raises:
        UnknownNameError: An unknown metric.
        InputError: A metric that was asked for looks at more architectures than there are.
    """
    n = min(len(task.split(0).test) for task in tasks)
    if not asked:
        return default_metrics(n)
    for name in asked:
        if METRICS[name].parameter and METRICS[name].argument is None:
            METRICS[name].depth(n)  # a family without its k: says so
    too_deep = [name for name in asked if METRICS[name].min_items > n]
    if too_deep:
        raise InputError(f"{', '.join(too_deep)}: only {n} architectures are tested")
    return list(asked)
