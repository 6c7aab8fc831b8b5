"""How time and memory grow with a table: loaded, hashed, encoded, scored, evaluated, shown."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.speed.figures import peak_memory, reset_peak

SIZES = (10_000, 100_000, 1_000_000)
NODES, OPERATIONS = 8, ("conv1x1", "conv3x3", "conv5x5", "pool", "sep3x3")
TRAIN, PREDICTORS = 1_000, ("random_forest", "gcn")
SOME, PART = 100_000, 50_000  # rows that a table is made of, and that are encoded, at once


@dataclass(frozen=True)
class Step:
    """What a step took on a table.

    Attributes:
        name: The step.
        seconds: Processor time.
        memory: Most memory that the process held during it, in MB; of all steps so far where the system does
            not tell them apart.
    """

    name: str
    seconds: float
    memory: float


def make_table(path: Path, n: int, seed: int = 0) -> Path:
    """Write a table of n random cells of 8 nodes, with an accuracy that their operations explain in part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    writer: pq.ParquetWriter | None = None
    worth = rng.normal(size=len(OPERATIONS))
    for start in range(0, n, SOME):
        size = min(SOME, n - start)
        ops = rng.integers(len(OPERATIONS), size=(size, NODES - 2))
        edges = np.triu(rng.random((size, NODES, NODES)) < 0.4, 1)
        along = np.arange(NODES - 1)
        edges[:, along, along + 1] |= np.logical_not(edges.any(1))[:, 1:]  # each node is fed
        edges[:, along, along + 1] |= np.logical_not(edges.any(2))[:, :-1]  # and feeds another
        names = np.full((size, NODES), "input", object)
        names[:, 1:-1], names[:, -1] = np.array(OPERATIONS, object)[ops], "output"
        acc = 90 + worth[ops].sum(1) + 0.1 * edges.sum((1, 2)) + rng.normal(size=size)
        part = pa.table(
            {
                "adjacency": _as_lists(edges.astype(np.int8).reshape(size, -1)),
                "ops": _as_lists(names),
                "valid_acc": acc,
                "test_acc": acc + 0.3 * rng.normal(size=size),
            }
        )
        writer = writer or pq.ParquetWriter(path, part.schema, compression="zstd")
        writer.write_table(part)
    if writer:
        writer.close()
    return path


def _as_lists(values: np.ndarray):  # noqa: ANN202
    import pyarrow as pa

    ends = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values.ravel()))


def measure(path: Path) -> list[Step]:
    """Return what each step takes on a table in this process, one core."""
    import benchmarks
    from data.encode import graf, path_statistics
    from eval.evaluate import evaluate
    from eval.metrics import DEFAULT_METRICS
    from eval.metrics import evaluate as evaluate_metrics
    from predictors import get

    steps: list[Step] = []

    def timed(name: str, call: Callable[[], object]) -> object:
        reset_peak()
        start = time.process_time()
        result = call()
        steps.append(Step(name, time.process_time() - start, peak_memory()))
        return result

    bench = timed("load", lambda: _load(path))
    assert isinstance(bench, benchmarks.Benchmark)
    timed("hash", lambda: (bench.classes, bench.content_hash))
    timed("path statistics", lambda: path_statistics(bench.graphs))
    parts = range(0, len(bench), PART)  # the columns of a million cells are 1.5 GB
    timed("GRAF, in parts", lambda: [len(graf(bench.graphs.take(slice(i, i + PART)))) for i in parts])
    y = bench.target("table", "valid_acc")
    train = np.random.default_rng(0).permutation(len(bench))[:TRAIN]
    scores = y
    for name in PREDICTORS:
        predictor = get(name)()
        some = bench.graphs.take(train)
        timed(f"{name}: fit {TRAIN:,}", lambda predictor=predictor, some=some: predictor.fit(some, y[train]))
        scores = np.asarray(
            timed(f"{name}: score all", lambda predictor=predictor: predictor.predict(bench.graphs))
        )
    timed(f"{len(DEFAULT_METRICS)} metrics", lambda: evaluate_metrics(DEFAULT_METRICS, y, scores))
    with tempfile.TemporaryDirectory() as folder:
        results = timed(
            "whole run, one repeat",
            lambda: evaluate(
                bench, PREDICTORS, repeats=1, train_sizes=TRAIN, out=Path(folder) / "run", progress=False
            ),
        )
        page = Path(folder) / "report.html"
        timed("report", lambda: results.report(page))  # pyright: ignore[reportAttributeAccessIssue]
        size = page.stat().st_size / 1e6
        steps.append(Step(f"  (page of {size:.1f} MB)", 0.0, 0.0))
    return steps


def _load(path: Path) -> object:
    from benchmarks import load

    bench = load(path)
    _ = bench.graphs
    return bench


def measure_all(sizes: Sequence[int] = SIZES) -> dict[int, list[Step]]:
    """Return the steps by size of the table, each size in a fresh process."""
    found = {}
    code = (
        "import json, sys; from dataclasses import asdict; from pathlib import Path; "
        "from eval.speed.scale import measure; "
        "print(json.dumps([asdict(s) for s in measure(Path(sys.argv[1]))]))"
    )
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            sys.stderr.write(f"measuring {n:,} cells\n")
            path = make_table(Path(folder) / f"{n}.parquet", n)
            command = [sys.executable, "-c", code, str(path)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[n] = [Step(**step) for step in json.loads(said.splitlines()[-1])]
            path.unlink()
    return found


def fit_exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the exponent of the power of n that times follow, by least squares; 1 is linear."""
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(seconds, 1e-3)), 1)[0])


def print_scale(sizes: Sequence[int] = SIZES) -> None:
    """Print the time and memory of each step at each size, and the exponent of the time."""
    from rich.console import Console
    from rich.table import Table

    found = measure_all(sizes)
    table = Table("step", *(f"{n:,}" for n in found), "exponent", title="CPU seconds and peak MB by cells")
    for at, step in enumerate(found[sizes[0]]):
        row = [found[n][at] for n in found]
        if not step.seconds and step.name.startswith("  "):
            table.add_row("  page", *(each.name.strip(" ()") for each in row), "")
            continue
        cells = [f"{each.seconds:.2f} s, {each.memory:,.0f} MB" for each in row]
        seconds = [each.seconds for each in row]
        exponent = f"{fit_exponent(list(found), seconds):.2f}" if len(found) > 1 else ""
        table.add_row(step.name, *cells, exponent)
    Console().print(table)
