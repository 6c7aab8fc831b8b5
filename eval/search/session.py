"""From the options of a search to its results: resolve, run, summarise, print, report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from joblib import cpu_count

import benchmarks
from benchmarks.base import Benchmark
from data.errors import InputError
from data.files import atomic_path
from data.names import check_name
from eval.command.leaderboard import announce, request_of, say, settings_of
from eval.command.options import Options
from eval.command.specs import parse
from eval.grid.requests import applicable, tasks_of
from eval.grid.weak import resolve, weak_option
from eval.report.page import write_page
from eval.report.sheets import show
from eval.search.loop import Plan, Pool, Unit, batch_sizes, check_size
from eval.search.report import figures_of, legend, picks_of, sheets_of
from eval.search.strategies import names
from eval.search.summary import summarise
from eval.search.units import Row, run_units
from eval.task import Spec, Task, grid

_THRESHOLDS = {"%": (1.0, 0.5, 0.2)}  # by the unit of the target
_TIME = "train_time"  # columns of training times, in seconds, begin with this


@dataclass(frozen=True)
class SearchOptions(Options):
    """What the command line was given; see `python -m eval.search --help`."""

    strategies: Sequence[str] = ("half_random",)
    budget: int = 100
    rounds: int = 5
    explore: float = 0.5
    final_top: int = 10
    twins: bool = False
    regrets: Sequence[float] | None = None
    cost: str | None = None


def run(options: SearchOptions, format_: str) -> None:
    """Run the searches of `options`, print their table and write the report."""
    specs = parse(options.predictors, options.settings)
    for name in options.strategies:
        check_name("strategy", name, names())
    sizes = batch_sizes(options.budget, options.rounds)
    bench = benchmarks.load(options.bench, offline=options.offline)
    announce(bench)
    weak, weak_table, bench = weak_option(options.weak, bench)
    tasks = _tasks(options, bench, str(weak_table or ""))
    if not options.chosen:
        specs, left_out = applicable(specs, bench, tasks)
        for line in left_out:
            say(line)
    specs = resolve(specs, bench, [task.dataset for task in tasks], weak, str(options.encoder or ""))
    units = _units(options, bench, tasks, specs)
    notes = [_describe(task, options, bench, sizes) for task in tasks]
    for note in notes:
        say(note)
    folder = options.out or Path("runs") / f"{Path(options.bench).stem}-search"
    finished = iter(range(1, len(units) + 1))

    def done(unit: Unit, seconds: float | None) -> None:
        cell, took = unit.cell, "found" if seconds is None else f"{seconds:.1f} s"
        what = f"{cell.task.dataset}, {unit.plan.strategy}, {cell.spec.label}"
        say(f"{next(finished)}/{len(units)}: {what}, repeats {cell.repeats[0]}-{cell.repeats[-1]}: {took}")

    rows = run_units(units, folder, jobs=options.jobs or cpu_count(), done=done)
    _report(options, format_, folder, bench, tasks, rows, "s" if units[0].plan.cost else "trainings", notes)


def _report(
    options: SearchOptions,
    format_: str,
    folder: Path,
    bench: Benchmark,
    tasks: Sequence[Task],
    rows: Sequence[Row],
    cost_unit: str,
    notes: Sequence[str],
) -> None:
    """Summarise the rows; write settings.json and search.html; print."""
    target_units = {task.dataset: bench.label_column(task.dataset, task.target).unit for task in tasks}
    summaries = summarise(rows, _thresholds(options, target_units), target_units, cost_unit)
    settings = settings_of(options, bench, "eval.search")
    with atomic_path(folder / "settings.json") as part:
        part.write_text(json.dumps(settings, indent=2), "utf-8")
    sheets, signs = sheets_of(summaries), legend(summaries)
    archs = bench.table.column("arch").to_pylist() if "arch" in bench.table.names else None
    cite = f"Cite: {bench.info.citation}. Licence: {bench.info.licence}."
    write_page(
        folder / "search.html",
        title=f"{bench.info.title}: search under a budget of {options.budget} labels",
        notes=[note for note in (*notes, bench.info.notes, cite, signs) if note],
        figures=figures_of(rows),
        sheets=[*sheets, *picks_of(rows, archs)],
        settings=settings,
    )
    show(format_, sheets, [asdict(s) for s in summaries])
    say(signs)
    say(f"search_rows.jsonl and search.html are in {folder}")


def _tasks(options: SearchOptions, bench: Benchmark, weak_table: str) -> list[Task]:
    """Return a task for each data set, with the budget as its training size."""
    # Nothing is split here: one row of any protocol resolves data sets, label and target.
    request = replace(request_of(options, weak_table), protocols=["uniform"], train_sizes=[1])
    found = tasks_of(request, bench)
    return [replace(task, protocol="search", train_size=options.budget) for task in found]


def _units(
    options: SearchOptions, bench: Benchmark, tasks: Sequence[Task], specs: Sequence[Spec]
) -> list[Unit]:
    """Return the units, each checked to be possible on the table."""
    cost = _cost(options.cost, bench)
    units = []
    for name in options.strategies:
        plan = Plan(name, options.rounds, options.explore, options.final_top, options.twins, cost)
        units += [Unit(cell, plan) for cell in grid(tasks, specs, options.repeats)]
    units.sort(key=lambda unit: tasks.index(unit.cell.task))
    for task in tasks:
        unit = next(unit for unit in units if unit.cell.task == task)
        check_size(unit, Pool.of(task, bench, twins=options.twins))
    return units


def _cost(asked: str | None, bench: Benchmark) -> str:
    """Return the column of training times; "" if the table has none, or several and none was asked for.

    Raises:
        UnknownNameError: The table has no such column.
        InputError: The column lacks the time of some network.
    """
    found = [name for name in bench.table.names if name.startswith(_TIME)]
    name = asked or (found[0] if len(found) == 1 else "")
    if name and not np.isfinite(bench.table.values(name)).all():
        raise InputError(f"--cost {name}: some networks have no training time in this column")
    return name


def _thresholds(options: SearchOptions, units: dict[str, str]) -> Sequence[float]:
    """Return the regrets to count the queries to; no default where the targets differ in unit."""
    if options.regrets is not None:
        return options.regrets
    different = set(units.values())
    return _THRESHOLDS.get(different.pop(), ()) if len(different) == 1 else ()


def _describe(task: Task, options: SearchOptions, bench: Benchmark, sizes: Sequence[int]) -> str:
    """Return one line that says what is seen, how much of it, and what the best pick could be."""
    label, target = (bench.label_column(task.dataset, name) for name in (task.label, task.target))
    values, labels = (bench.target(task.dataset, name) for name in (task.target, task.label))
    pool = Pool.of(task, bench, twins=options.twins)
    least = np.nanmax(values) - values[pool.rows[np.argmax(labels[pool.rows])]]
    seen = f"{task.train_size} queries in rounds of {', '.join(map(str, sizes))}"
    if options.final_top:
        seen += (
            f", then the predicted top {options.final_top}: {task.train_size + options.final_top} labels seen"
        )
    line = (
        f"{task.dataset}: searched by {label.target} ({label.note or label.name}), judged on {target.target} "
        f"({target.note or target.name}); {seen} of {len(pool.rows):,} architectures, "
        f"{len(np.unique(pool.networks)):,} networks; the table's best has {np.nanmax(values):.3f}, and "
        f"whoever saw every {task.label} would pick one with a regret of {least:.3f}"
    )
    if task.label == task.target:
        line += f". The search sees {task.target} itself" + (
            f": {task.dataset} has no {bench.info.label}"
            if bench.info.label not in bench.labels(task.dataset)
            else ""
        )
    return line
