"""Searches of a whole comparison: run on any number of processes, each stored when it is finished."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.base import Benchmark
from data.errors import TableError
from data.files import atomic_path
from eval.evaluator import bench_of
from eval.grid.parallel import run_all
from eval.search.loop import Trace, Unit, search

SCHEMA = 1
Row = dict[str, Any]


def rows_of(unit: Unit, traces: Sequence[Trace], weak_hash: str, bench: Benchmark) -> list[Row]:
    """Return one row for each repeat and query.

    `best_row` is the network that the label picks among those queried so far, `regret` what its target
    lacks of the table's best, `cost` the training of all of them.
    """
    task = unit.cell.task
    labels, target = (bench.target(task.dataset, name) for name in (task.label, task.target))
    cost = bench.table.values(unit.plan.cost) if unit.plan.cost else np.ones(len(bench))
    most = float(np.nanmax(target))
    rows: list[Row] = []
    for repeat, trace in zip(unit.cell.repeats, traces, strict=True):
        best, spent = int(trace.rows[0]), 0.0
        for query, row in enumerate(trace.rows.tolist()):
            best = row if labels[row] > labels[best] else best
            spent += float(cost[row])
            rows.append(
                {
                    "schema": SCHEMA,
                    "unit": unit.id,
                    "bench": task.bench,
                    "dataset": task.dataset,
                    "target": task.target,
                    "label": task.label,
                    "strategy": unit.plan.strategy,
                    "predictor": unit.cell.spec.label,
                    "budget": task.train_size,
                    "repeat": repeat,
                    "seed": task.seed + repeat,
                    "round": int(trace.rounds[query]),
                    "query": query + 1,
                    "row": row,
                    "label_value": float(labels[row]),
                    "target_value": float(target[row]),
                    "best_row": best,
                    "best_label_value": float(labels[best]),
                    "best_by_label_target": float(target[best]),
                    "regret": most - float(target[best]),
                    "labels_seen": query + 1,
                    "cost": spent,
                    "seconds": float(trace.seconds[query]),
                    "weak_hash": weak_hash,
                }
            )
    return rows


def run_units(
    units: Sequence[Unit],
    folder: Path,
    *,
    jobs: int,
    done: Callable[[Unit, float | None], object] = lambda unit, seconds: None,
) -> list[Row]:
    """Run the units that are not stored yet; return the rows of all, in the order of `units`.

    Args:
        units: What to search.
        folder: Where finished units are kept; search_rows.jsonl is written there.
        jobs: Processes; any number gives the same rows.
        done: Called with each finished unit and the seconds it took, None if it was found finished.
    """
    rows = {unit: stored(unit, folder) for unit in units}
    missing = [unit for unit in units if rows[unit] is None]
    for unit in units:
        if rows[unit] is not None:
            done(unit, None)
    for unit, of_unit, seconds in run_all(_run, [(unit, folder) for unit in missing], jobs):
        rows[unit] = of_unit
        done(unit, seconds)
    ordered = [row for unit in units for row in rows[unit] or []]
    with atomic_path(folder / "search_rows.jsonl") as part:
        part.write_text("".join(json.dumps(row) + "\n" for row in ordered), "utf-8")
    return ordered


def _run(unit: Unit, folder: Path) -> tuple[Unit, list[Row], float]:
    start = time.perf_counter()
    bench = bench_of(unit.cell.task)
    traces, weak_hash = search(unit, bench)
    rows = rows_of(unit, traces, weak_hash, bench)
    with atomic_path(_path(unit, folder)) as part:
        part.write_text(json.dumps({"identity": unit.identity, "rows": rows}, default=repr), "utf-8")
    return unit, rows, time.perf_counter() - start


def stored(unit: Unit, folder: Path) -> list[Row] | None:
    """Return the rows of a unit that was finished before, or None."""
    path = _path(unit, folder)
    if not path.is_file():
        return None
    try:
        rows = json.loads(path.read_text("utf-8"))["rows"]
    except (ValueError, KeyError) as error:
        raise TableError(f"{path} is damaged ({error}); delete it and run again") from error
    return [{**row, "predictor": unit.cell.spec.label} for row in rows]


def _path(unit: Unit, folder: Path) -> Path:
    return folder / "units" / f"{unit.id}.json"
