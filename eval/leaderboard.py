"""From the options of a command to a leaderboard: resolve, run, summarise, print, report."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import benchmarks
from benchmarks.base import Benchmark
from data.files import atomic_path
from eval import report
from eval.cells import Cell, grid
from eval.grid import Request, applicable, describe, metrics_of, run_grid, tasks_of
from eval.provenance import device, versions
from eval.results import Row, Store
from eval.specs import parse
from eval.summary import Summary, summarise
from eval.weak import resolve, save_encoder, weak_option


@dataclass(frozen=True)
class Options:
    """What the command line was given; see `python -m eval.run --help`."""

    bench: str
    predictors: str
    chosen: bool
    settings: Sequence[str]
    datasets: Sequence[str] | None
    label: str | None
    target: str | None
    weak: Sequence[str] | None
    encoder: Path | None
    save_encoder: Path | None
    protocols: Sequence[str]
    train_sizes: Sequence[int] | None
    repeats: int
    seed: int
    metrics: Sequence[str] | None
    jobs: int
    out: Path | None
    format: str
    offline: bool


def run(options: Options) -> None:
    """Run the grid of `options`, print the leaderboard and write the report."""
    console = Console(stderr=True, highlight=False)

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    specs = parse(options.predictors, options.settings)
    bench = benchmarks.load(options.bench, offline=options.offline)
    weak, weak_table = weak_option(options.weak, bench)
    networks = len(set(bench.classes.tolist()))
    say(f"{bench.info.title}: {len(bench):,} architectures, {networks:,} effective networks")
    request = _request(options, str(weak_table or ""))
    tasks = tasks_of(request, bench)
    if not options.chosen:
        specs, left_out = applicable(specs, bench)
        for line in left_out:
            say(line)
    specs = resolve(specs, bench, [task.dataset for task in tasks], weak)
    metrics = metrics_of(options.metrics, tasks, bench)
    notes = [describe(task, bench) for task in tasks]
    for note in notes:
        say(note)
    folder = options.out or Path("runs") / Path(options.bench).stem
    store, cells = Store(folder), grid(tasks, specs, options.repeats)
    with _progress(len(cells)) as done:
        rows = run_grid(cells, metrics, store, jobs=options.jobs or _cores(), done=done)
    summaries = summarise(rows)
    if options.save_encoder:
        save_encoder(cells, options.save_encoder)
    _write(folder, options, bench, summaries, rows, notes)
    _print(options.format, summaries)
    say(f"rows, scores and report.html are in {folder}")


def _request(options: Options, weak_table: str) -> Request:
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


def _cores() -> int:
    from joblib import cpu_count

    return cpu_count()


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


def _write(
    folder: Path,
    options: Options,
    bench: Benchmark,
    summaries: Sequence[Summary],
    rows: Sequence[Row],
    notes: Sequence[str],
) -> None:
    """Write settings.json and report.html."""
    from eval.html import write_report

    settings = {
        "command": ["python", "-m", "eval.run", *sys.argv[1:]],
        "options": {name: str(v) if isinstance(v, Path) else v for name, v in asdict(options).items()},
        "benchmark": asdict(bench.info),
        "table_hash": bench.table.content_hash,
        "device": device(),
        "versions": versions(),
    }
    with atomic_path(folder / "settings.json") as part:
        part.write_text(json.dumps(settings, indent=2), "utf-8")
    write_report(
        folder / "report.html",
        title=f"{bench.info.title}: predictors as rankers",
        summaries=summaries,
        rows=rows,
        scores=folder / "scores.parquet",
        notes=[*notes, bench.info.notes, f"Cite: {bench.info.citation}. Licence: {bench.info.licence}."],
        settings=settings,
    )


def _print(format_: str, summaries: Sequence[Summary]) -> None:
    if format_ == "table":
        report.render_table(summaries, Console())
    else:
        write = {"json": report.to_json, "tsv": report.to_tsv, "markdown": report.to_markdown}[format_]
        sys.stdout.write(write(summaries).rstrip("\n") + "\n")
