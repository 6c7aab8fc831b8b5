"""From the options of a command to a leaderboard: resolve, run, summarise, print, report."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from joblib import cpu_count
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import benchmarks
from benchmarks.base import Benchmark
from data.files import atomic_path
from eval.command.options import Options
from eval.command.specs import parse
from eval.grid.requests import Request, applicable, describe, metrics_of, run_grid, tasks_of
from eval.grid.weak import encoder_cell, resolve, save_encoder, weak_option
from eval.provenance import device, versions
from eval.report import table as report
from eval.report.summary import Summary, summarise
from eval.results import Row, Store
from eval.task import Cell, Spec, grid


@dataclass(frozen=True)
class Finished:
    """A grid that was run.

    Attributes:
        bench: The benchmark.
        rows: Its rows, in the order of the grid.
        summaries: Its summaries.
        notes: What a reader has to know, a line each.
        folder: Where everything is.
        settings: What reproduces it.
    """

    bench: Benchmark
    rows: list[Row]
    summaries: list[Summary]
    notes: list[str]
    folder: Path
    settings: dict[str, Any]


def execute(options: Options, module: str = "eval.run") -> Finished:
    """Run the grid of `options`, saying on stderr what is done; write settings.json.

    Args:
        options: What was asked for.
        module: The command line that asked, for settings.json.
    """
    specs = parse(options.predictors, options.settings, distinct=options.distinct)
    bench = benchmarks.load(options.bench, offline=options.offline)
    weak, weak_table, bench = weak_option(options.weak, bench)
    announce(bench)
    tasks = tasks_of(request_of(options, str(weak_table or "")), bench)
    if not options.chosen:
        specs, left_out = applicable(specs, bench, tasks)
        for line in left_out:
            say(line)
    specs = resolve(specs, bench, [t.dataset for t in tasks], weak, str(options.encoder or ""))
    if options.distinct:
        first: dict[object, Spec] = {}
        for spec in specs:  # what the user wrote differently may be the same by now: the first spelling stays
            first.setdefault((spec.name, spec.params), spec)
        specs = list(first.values())
    metrics = metrics_of(options.metrics, tasks, bench)
    notes = [describe(task, bench) for task in tasks]
    for note in notes:
        say(note)
    command = module.removeprefix("eval.")
    name = Path(options.bench).stem + ("" if command == "run" else f"-{command}")
    folder = options.out or Path("runs") / name
    folder.mkdir(parents=True, exist_ok=True)
    store, cells = Store(folder), grid(tasks, specs, options.repeats)
    saved = encoder_cell(cells) if options.save_encoder else None
    with _progress(len(cells)) as done:
        rows = run_grid(cells, metrics, store, jobs=options.jobs or cpu_count(), done=done)
    if saved and options.save_encoder:
        save_encoder(saved, options.save_encoder)
    settings = settings_of(options, bench, module)
    with atomic_path(folder / "settings.json") as part:
        part.write_text(json.dumps(settings, indent=2), "utf-8")
    notes += [bench.info.notes, f"Cite: {bench.info.citation}. Licence: {bench.info.licence}."]
    return Finished(bench, rows, summarise(rows), [note for note in notes if note], folder, settings)


def run(options: Options, format_: str) -> None:
    """Run the grid of `options`, print the leaderboard and write the report."""
    from eval.report.html import write_report

    finished = execute(options)
    write_report(
        finished.folder / "report.html",
        title=f"{finished.bench.info.title}: predictors as rankers",
        summaries=finished.summaries,
        rows=finished.rows,
        scores=finished.folder / "scores.parquet",
        notes=finished.notes,
        settings=finished.settings,
    )
    if format_ == "table":
        report.render_table(finished.summaries, Console())
    else:
        write = {"json": report.to_json, "tsv": report.to_tsv, "markdown": report.to_markdown}[format_]
        sys.stdout.write(write(finished.summaries).rstrip("\n") + "\n")
    say(f"rows, scores and report.html are in {finished.folder}")


def announce(bench: Benchmark) -> None:
    """Say which benchmark it is; loudly if it stands in for another."""
    if bench.stands_in_for:
        loud = f"WARNING: THIS IS {bench.info.title.upper()}, NOT THE REAL TABLE: {bench.stands_in_for}"
        Console(stderr=True, highlight=False).print(loud, markup=False, soft_wrap=True, style="bold red")
    networks = len(set(bench.classes.tolist()))
    say(f"{bench.info.title}: {len(bench):,} architectures, {networks:,} effective networks")


def say(line: str) -> None:
    """Write a line to stderr."""
    Console(stderr=True, highlight=False).print(line, markup=False, soft_wrap=True)


def request_of(options: Options, weak_table: str) -> Request:
    """Return what is asked for; `weak_table` is the path of a table of weak labels, or ""."""
    return Request(
        bench=options.bench,
        datasets=options.datasets,
        target=options.target,
        label=options.label,
        protocols=options.protocols,
        train_sizes=options.train_sizes,
        seed=options.seed,
        weak_table=weak_table,
        encoder=str(options.encoder or ""),
    )


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Cell], object]]:
    """Show finished cells on stderr, if that is a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("cells", total=total)

        def done(cell: Cell) -> None:
            bar.update(task, advance=1, description=f"{cell.spec.label} on {cell.task.train_size}")

        yield done


def settings_of(options: Options, bench: Benchmark, module: str) -> dict[str, Any]:
    """Return what reproduces a run of the command line `module`."""
    given = {name: str(v) if isinstance(v, Path) else v for name, v in asdict(options).items()}
    return {
        "command": ["python", "-m", module, *sys.argv[1:]],
        "options": given,
        "benchmark": asdict(bench.info),
        "table_hash": bench.table.content_hash,
        "device": device(),
        "versions": versions(),
    }
