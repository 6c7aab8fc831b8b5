"""python -m eval.speed: how fast this toolkit is here, next to its goals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from eval.command.options import sizes
from eval.command.origin import start
from eval.speed import campaign, cluster, nb101
from eval.speed.figures import Figure

NB101_CELLS = 423_624


class Format(StrEnum):
    """What is printed on stdout."""

    table = "table"
    json = "json"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    only: Annotated[str | None, typer.Option(help="Names of parts, separated by commas.")] = None,
    scale: Annotated[
        bool, typer.Option("--scale", help="Print how time and memory grow from 10,000 to a million cells.")
    ] = False,
    sizes_: Annotated[
        str, typer.Option("--sizes", help="With --scale: numbers of cells, separated by commas.")
    ] = "10000,100000,1000000",
    device: Annotated[
        str | None,
        typer.Option(help="Print networks on this device next to the CPU: cuda, mps, or cpu for itself."),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="What to print on stdout.")] = Format.table,
) -> None:
    """Print how fast command line, tables, spaces, predictors, metrics, supernets and a default run are."""
    from data.cache import locate
    from data.names import check_name

    if scale:
        from eval.speed.scale import print_scale

        print_scale(sizes(sizes_))
        return
    if device is not None:
        from eval.speed.devices import print_devices

        print_devices(device)
        return
    names = [check_name("part", name, PARTS) for name in only.split(",")] if only else list(PARTS)
    locate("nb201")
    figures = []
    for name in names:
        sys.stderr.write(f"measuring {name}\n")
        figures += PARTS[name]()
    if format_ is Format.json:
        sys.stdout.write(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    else:
        _print(figures)


def _print(figures: list[Figure]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "measured", "goal", "note", title="Speed here")
    for f in figures:
        measured = "—" if f.value is None else f"{f.value:.3g} {f.unit}"
        table.add_row(f.name, measured, f"{'>' if f.more else '<'} {f.goal:g} {f.unit}", f.note)
    Console().print(table)


def command_line() -> Iterator[Figure]:
    """Time --help and --list as a user sees them, and check that they import no torch."""
    for option in ("--help", "--list"):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "eval.run", option], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        code = (
            "import sys; sys.argv = ['run', %r]\ntry:\n    from eval.run import main; main()\n"
            "finally: sys.stderr.write('torch' if 'torch' in sys.modules else 'clean')"
        )
        said = subprocess.run(
            [sys.executable, "-c", code % option], capture_output=True, text=True, check=True
        )
        note = "imports no torch" if said.stderr.endswith("clean") else "IMPORTS TORCH"
        yield Figure(f"eval.run {option}", sorted(times)[1], 0.6, "s", note)


_READ = """
import json, time
import benchmarks.nb201
from eval.speed.figures import peak_memory
from benchmarks import load
start = time.perf_counter()
bench = load("nb201")
bench.graphs, bench.classes, bench.target("cifar10", "test_acc")
seconds = time.perf_counter() - start
print(json.dumps([seconds, peak_memory()]))
"""


def reading() -> Iterator[Figure]:
    """Time NAS-Bench-201 from the file to graphs, hashes and targets; its conversion; its memory."""
    said = subprocess.run([sys.executable, "-c", _READ], capture_output=True, text=True, check=True)
    seconds, peak = json.loads(said.stdout)
    yield Figure("nb201 to graphs, hashes, targets", seconds, 0.15, "s", "fresh process, modules imported")
    yield Figure("  its peak memory", peak, 400, "MB", "whole process")
    yield _conversion()


def _conversion() -> Figure:
    from data.convert import convert
    from data.folders import folders
    from data.sources import source

    nb201 = source("nb201")
    for folder in folders():
        files = {file.name: folder / "sources" / "nb201" / file.name for file in nb201.files}
        if all(path.is_file() for path in files.values()):
            start = time.perf_counter()
            convert(nb201.converter, files)
            return Figure(
                "cold conversion of nb201", time.perf_counter() - start, 5, "s", "from its originals"
            )
    return Figure("cold conversion of nb201", None, 5, "s", "its originals are not on this machine")


def default_run() -> Iterator[Figure]:
    """Time the default leaderboard as a user starts it, report included."""
    from data.folders import folders

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "eval.run", "--bench", "nb201", "--out", str(Path(folder) / "run")]
        start = time.perf_counter()
        data = os.pathsep.join(str(folder) for folder in folders())
        fresh = {**os.environ, "ACERANK_DATA": data, "ACERANK_CACHE": str(Path(folder) / "cache")}
        subprocess.run(command, check=True, capture_output=True, env=fresh)
        seconds = time.perf_counter() - start
        yield Figure("default run on nb201", seconds, 60, "s", "10 repeats, all cores, nothing cached")


def gcn() -> Iterator[Figure]:
    """Time ten GCNs trained together on 100 labels and scoring the whole of NAS-Bench-201."""
    from benchmarks import load
    from eval.evaluator import run_trial
    from eval.grid.entries import build_entries, parse
    from eval.grid.tasks import build_tasks
    from eval.task import Trial

    bench = load("nb201")
    tasks = build_tasks(bench, protocols=["acenas"], train_sizes=[100])
    scored = run_trial(Trial(tasks[0], build_entries(parse("gcn"), tasks)[0], tuple(range(10))))
    total = scored.fit_seconds + scored.predict_seconds
    note = (
        f"fit {scored.fit_seconds:.3f} s, score all {len(bench):,} {scored.predict_seconds:.3f} s; one core"
    )
    yield Figure("gcn, one repeat of ten", total, 1, "s", note)


def acenas() -> Iterator[Figure]:
    """Time pretraining on the weak labels of the whole table, then ten repeats of 100 labels."""
    import numpy as np

    from benchmarks import load
    from predictors.acenas import Acenas

    bench = load("nb201")
    labels = {name: bench.weak(name) for name in bench.info.weak}
    start = time.perf_counter()
    predictor = Acenas().pretrain(bench.graphs, labels)
    seconds = time.perf_counter() - start
    yield Figure("acenas, pretraining", seconds, 15, "s", f"{len(bench):,} × {len(labels)} weak labels")
    y = bench.target("cifar10", "valid_acc")
    trains = [np.arange(100 * r, 100 * r + 100) for r in range(10)]
    start = time.perf_counter()
    fitted = predictor.fit_repeats([bench.graphs.take(t) for t in trains], [y[t] for t in trains], range(10))
    fitted.predict(bench.graphs)
    seconds = (time.perf_counter() - start) / 10
    yield Figure("acenas, one repeat of ten", seconds, 1, "s", f"100 labels, all {len(bench):,} scored")


def supernet_scoring() -> Iterator[Figure]:
    """Time inherited accuracies of NAS-Bench-201 cells on ten thousand images: on a GPU, or on one core."""
    from predictors.supernet.options import device_named
    from predictors.supernet.speed import judged_per_second

    device = device_named("auto")
    cells, images = (200, 10_000) if device == "cuda" else (10, 1_000)
    for amp in (False, True):
        speed = judged_per_second(images, cells, amp=amp, device=device) * images / 10_000
        note = f"{device}, {'bfloat16' if amp else 'single precision'}"
        note += "" if device == "cuda" else f"; one core, timed on {images:,} images; the goal is a GPU's"
        yield Figure("nb201 cells judged on 10,000 images", speed, 50, "/s", note, more=True)


def supernet_sharing() -> Iterator[Figure]:
    """Compare cells of NAS-Bench-201 scored together with cells scored one by one."""
    from predictors.supernet.speed import measure_sharing

    for amp in (False, True):
        shared, alone, whole = measure_sharing(5_000, 3, amp=amp)
        note = f"{shared:.2f} s a cell, {alone:.2f} s one by one, {'bfloat16' if amp else 'single precision'}"
        yield Figure("all nb201 cells judged together", whole, 3, "times", note, more=True)


def metrics() -> Iterator[Figure]:
    """Time every default metric on as many items as NAS-Bench-101 has cells."""
    import numpy as np
    from scipy.stats import kendalltau

    from eval.metrics import DEFAULT_METRICS, METRICS, evaluate

    rng = np.random.default_rng(0)
    y = rng.normal(size=NB101_CELLS)
    scores = y + rng.normal(size=NB101_CELLS)
    whole = _best_of(lambda: evaluate(DEFAULT_METRICS, y, scores))
    yield Figure(f"{len(DEFAULT_METRICS)} metrics on {NB101_CELLS:,} items", whole, 0.5, "s")
    tau, scipy_tau = (
        _best_of(lambda: METRICS["kendall_tau"](y, scores)),
        _best_of(lambda: kendalltau(y, scores)),
    )
    yield Figure("kendall_tau alone", tau, scipy_tau, "s", "the goal is scipy's time here")


def _best_of(call: Callable[[], object], times: int = 5) -> float:
    """Return the fastest of several calls, in seconds."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "command_line": command_line,
    "reading": reading,
    "gcn": gcn,
    "acenas": acenas,
    "metrics": metrics,
    "nb101_cells": nb101.cells,
    "nb101_scoring": nb101.scoring,
    "nb101_streaming": nb101.streaming,
    "nb101_conversion": nb101.conversion,
    "supernet_scoring": supernet_scoring,
    "supernet_sharing": supernet_sharing,
    "campaign": campaign.figures,
    "cluster": cluster.figures,
    "default_run": default_run,
}


if __name__ == "__main__":
    start(app, prog="python -m eval.speed")
