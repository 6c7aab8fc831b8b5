"""From options to tasks, and from a grid of cells to rows: resumable, on any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.base import Benchmark
from data.errors import InputError
from data.split import Protocol, get_protocol
from eval.evaluator import make, run_cell, split_of
from eval.grid.parallel import run_all
from eval.grid.weak import file_hash
from eval.metrics import DEFAULT_METRICS, METRICS
from eval.results import Row, Store, rows_of
from eval.task import Cell, Spec, Task

DEFAULT_TRAIN_SIZE = 100


@dataclass(frozen=True)
class Request:
    """What a user asked for; None where the benchmark or the protocol has a default."""

    bench: str
    datasets: Sequence[str] | None
    target: str | None
    label: str | None
    protocols: Sequence[str]
    train_sizes: Sequence[int] | None
    seed: int
    weak_table: str = ""
    encoder: str = ""


def tasks_of(request: Request, bench: Benchmark) -> list[Task]:
    """Return the tasks of a request, each checked to be possible on the table.

    Raises:
        UnknownNameError: An unknown data set, label, target or protocol.
        InputError: A protocol contradicts another option, or asks for more rows than there are.
    """
    tasks = []
    encoder_hash = file_hash(request.encoder) if request.encoder else ""
    for dataset in request.datasets or [bench.info.dataset]:
        target = request.target or bench.info.target
        if not target:
            labels = ", ".join(bench.labels(dataset))
            raise InputError(f"{bench.info.key} has several labels ({labels}): name one with --target")
        bench.label_column(dataset, target)
        for name in request.protocols:
            protocol = get_protocol(name)
            label = _label(request.label, protocol, bench, dataset, target)
            for size in _sizes(request.train_sizes, protocol):
                task = Task(
                    request.bench,
                    dataset,
                    target,
                    label,
                    name,
                    size,
                    request.seed,
                    bench.table.content_hash,
                    request.weak_table,
                    request.encoder,
                    encoder_hash,
                )
                split_of(task, bench, 0)
                tasks.append(task)
    return tasks


def _label(asked: str | None, protocol: Protocol, bench: Benchmark, dataset: str, target: str) -> str:
    fixed = protocol.label if protocol.label in bench.labels(dataset) else None
    if asked and fixed and asked != fixed:
        raise InputError(f"protocol '{protocol.name}' trains on {fixed}, not on {asked}")
    default = bench.info.label if bench.info.label in bench.labels(dataset) else target
    label = asked or fixed or default
    bench.label_column(dataset, label)
    return label


def _sizes(asked: Sequence[int] | None, protocol: Protocol) -> list[int]:
    if protocol.train_size is None:
        return list(asked or [DEFAULT_TRAIN_SIZE])
    if asked and list(asked) != [protocol.train_size]:
        raise InputError(f"protocol '{protocol.name}' has {protocol.train_size} training labels")
    return [protocol.train_size]


def describe(task: Task, bench: Benchmark) -> str:
    """Return one line that says exactly which labels were trained on and judged on."""
    label, target = (bench.label_column(task.dataset, name) for name in (task.label, task.target))
    line = (
        f"{task.dataset}: trained on {task.train_size} × {label.target} ({label.note or label.name}), "
        f"judged on {target.target} ({target.note or target.name}); protocol {task.protocol}: "
        f"{get_protocol(task.protocol).description}"
    )
    if bench.info.label not in bench.labels(task.dataset) and task.label == task.target:
        line += f". {task.dataset} has no {bench.info.label}: the {task.label} of the training rows is used"
    return line


def applicable(
    specs: Sequence[Spec], bench: Benchmark, tasks: Sequence[Task]
) -> tuple[list[Spec], list[str]]:
    """Return the predictors that have the weak labels they need, and a line for each that has not."""
    judged = [np.isfinite(bench.target(task.dataset, task.target)) for task in tasks]
    weak = {name: np.isfinite(values) for name, values in bench.graphs.weak.items()}
    known = [name for name, there in weak.items() if all(there[rows].any() for rows in judged)]
    fit, lines = [], []
    for spec in specs:
        lacking = make(spec).lacks(known)
        if lacking:
            lines.append(f"{spec.label} is left out: {bench.info.key} has no weak label {', '.join(lacking)}")
        else:
            fit.append(spec)
    return fit, lines


def metrics_of(asked: Sequence[str] | None, tasks: Sequence[Task], bench: Benchmark) -> list[str]:
    """Return the metrics asked for, or the default ones that the test sets are large enough for.

    Raises:
        UnknownNameError: An unknown metric.
        InputError: A metric that was asked for looks at more architectures than there are.
    """
    n = min(len(split_of(task, bench, 0).test) for task in tasks)
    names = list(asked or DEFAULT_METRICS)
    for name in asked or ():
        if METRICS[name].parameter and METRICS[name].argument is None:
            METRICS[name].depth(n)  # a family without its k: says so
    too_deep = [name for name in names if METRICS[name].min_items > n]
    if asked and too_deep:
        raise InputError(f"{', '.join(too_deep)}: only {n} architectures are tested")
    return [name for name in names if name not in too_deep]


def run_grid(
    cells: Sequence[Cell],
    metrics: Sequence[str],
    store: Store,
    *,
    jobs: int,
    done: Callable[[Cell], object] = lambda cell: None,
) -> list[Row]:
    """Run the cells that are not stored yet; return the rows of all, in the order of `cells`.

    Args:
        cells: The grid.
        metrics: Metrics of the rows.
        store: Where finished cells are kept.
        jobs: Processes; any number gives the same rows.
        done: Called with each cell when it is finished, or found finished.
    """
    rows = {cell: store.rows(cell, metrics) for cell in cells}
    missing = [cell for cell in cells if rows[cell] is None]
    for cell in cells:
        if rows[cell] is not None:
            done(cell)
    begun = False
    for cell, of_cell in run_all(_run, [(cell, metrics, store.folder) for cell in missing], jobs):
        if not begun:  # not before: a run that is refused leaves the rows of an earlier one alone
            store.write_rows(row for found in rows.values() for row in found or [])
            begun = True
        rows[cell] = of_cell
        store.append_rows(of_cell)
        done(cell)
    ordered = [row for cell in cells for row in rows[cell] or []]
    store.write_rows(ordered)
    store.write_scores(cells)
    return ordered


def _run(cell: Cell, metrics: Sequence[str], folder: Path) -> tuple[Cell, list[Row]]:
    scored = run_cell(cell)
    rows = rows_of(cell, scored, metrics)
    Store(folder).save(cell, scored, rows)
    return cell, rows
