"""Speed figures of NAS-Bench-101: its 423,624 cells enumerated, hashed, read, converted, scored."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eval.speed.figures import Figure

if TYPE_CHECKING:
    from data.graphs import Graphs

_READ = """
import json, sys, time
from pathlib import Path
import benchmarks.nb101
from data.table import Table
start = time.perf_counter()
bench = benchmarks.nb101.NB101(Table.read(Path(sys.argv[1])))
bench.graphs, bench.target("cifar10", "valid_acc")
print(json.dumps(time.perf_counter() - start))
"""
_CONVERT = """
import json, sys, time
from pathlib import Path
from data.convert import convert_path
from eval.speed.figures import peak_memory
start = time.perf_counter()
convert_path("nb101", Path(sys.argv[1]))
seconds = time.perf_counter() - start
print(json.dumps([seconds, peak_memory()]))
"""
SAMPLE = 30_000


def cells() -> Iterator[Figure]:
    """Time the enumeration of all cells, their hashes, and reading them from a table."""
    from data.spaces.nb101 import NB101

    start = time.perf_counter()
    graphs = NB101.graphs(NB101.enumerate())
    enumerated = time.perf_counter() - start
    start = time.perf_counter()
    networks = len(np.unique(graphs.canonical_hash()))
    hashed = time.perf_counter() - start
    note = f"{networks:,} distinct"
    yield Figure("nb101, enumerate and hash all cells", enumerated + hashed, 60, "s", note)
    yield Figure("  canonical hashes", len(graphs) / hashed / 1000, 100, "k/s", "one core", more=True)
    with tempfile.TemporaryDirectory() as folder:
        for n, goal in ((SAMPLE, 0.3), (len(graphs), 3)):
            path = _table(graphs.take(slice(len(graphs) - n, None)), Path(folder) / "nb101.parquet")
            seconds = json.loads(_python(_READ, path))
            note = "fresh process, modules imported"
            yield Figure(f"nb101, {n:,} cells from the table to graphs, targets", seconds, goal, "s", note)


def scoring() -> Iterator[Figure]:
    """Time a GCN that scores all cells."""
    from data.spaces.nb101 import NB101
    from predictors import get

    graphs = NB101.graphs(NB101.enumerate())
    some = np.random.default_rng(0).choice(len(graphs), 100, replace=False)
    predictor = get("gcn")().fit(graphs.take(some), np.arange(100.0))
    start = time.perf_counter()
    predictor.predict(graphs)
    yield Figure(f"gcn scores {len(graphs):,} cells", time.perf_counter() - start, 20, "s", "one repeat")


def streaming() -> Iterator[Figure]:
    """Time rankers that go through cells in chunks and keep the best networks."""
    from data.spaces.nb101 import NB101
    from eval.choose.stream import stream_top
    from predictors import get

    n = 100_000
    graphs = NB101.graphs(NB101.sample(100, np.random.default_rng(1)))
    for name in ("random_forest", "gcn"):
        predictor = get(name)().fit(graphs, np.arange(100.0))
        start = time.perf_counter()
        stream_top(NB101, predictor.predict, 1000, n=n, rng=np.random.default_rng(0))
        speed = n / (time.perf_counter() - start) / 1000
        yield Figure(f"{name} streams {n:,} drawn cells", speed, 50, "k/s", "top 1,000 kept", more=True)


def conversion() -> Iterator[Figure]:
    """Time the conversion of a file like nasbench_only108.tfrecord: all cells, invented results."""
    with tempfile.TemporaryDirectory() as folder:
        path = _official(Path(folder) / "nasbench_only108.tfrecord")
        size = path.stat().st_size / 1e6
        seconds, peak = json.loads(_python(_CONVERT, path))
    name = f"convert {size:.0f} MB of nb101 records"
    yield Figure(name, size / seconds, 20, "MB/s", f"{seconds:.1f} s, every checksum and hash", more=True)
    yield Figure("  its peak memory", peak, 1000, "MB", "main process")


def _python(code: str, path: Path) -> str:
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _official_ops(graphs: Graphs) -> np.ndarray:
    from data.module_hash import OPS

    return np.array([OPS.index(op) for op in graphs.space.ops] + [-1], np.int8)[graphs.ops]


def _table(graphs: Graphs, path: Path) -> Path:
    """Write a table of cells with invented accuracies."""
    import pyarrow as pa

    from data.table import Table

    used = graphs.ops >= 0
    ends = np.concatenate([[0], np.cumsum(graphs.n_nodes, dtype=np.int64)])
    squares = np.concatenate([[0], np.cumsum(graphs.n_nodes.astype(np.int64) ** 2)])
    names = pa.array(graphs.space.ops).take(pa.array(graphs.ops[used]))
    entries = pa.array(graphs.adjacency[used[:, :, None] & used[:, None, :]].astype(np.int8))
    rng = np.random.default_rng(0)
    columns = {
        "adjacency": pa.ListArray.from_arrays(pa.array(squares.astype(np.int32)), entries),
        "ops": pa.ListArray.from_arrays(pa.array(ends.astype(np.int32)), names),
        **{f"valid_acc_{epochs}": rng.random(len(graphs)) for epochs in (4, 12, 36, 108)},
        "params": rng.integers(10**6, 10**8, len(graphs)),
    }
    return Table(pa.table(columns)).write(path)


def _official(path: Path) -> Path:
    """Write a file in the official format, three trainings of 108 epochs of every cell."""
    from data.convert.nb101_record import Run, encode
    from data.convert.tfrecord import write_records
    from data.module_hash import OPS, module_hashes
    from data.spaces.nb101 import NB101

    graphs = NB101.graphs(NB101.enumerate())
    ops = _official_ops(graphs)
    hashes = module_hashes(ops, graphs.adjacency, graphs.n_nodes)
    rng = np.random.default_rng(0)

    def records() -> Iterator[bytes]:
        for row, (name, v) in enumerate(zip(hashes, graphs.n_nodes.tolist(), strict=True)):
            adjacency = "".join(map(str, graphs.adjacency[row, :v, :v].ravel().tolist()))
            operations = ",".join(OPS[code] for code in ops[row, :v].tolist())
            for accuracy in rng.random((3, 3, 3), np.float32).astype(float).tolist():
                points = tuple((54.0 * k, 500.0 * k, *accuracy[k]) for k in range(3))
                yield encode(Run(name, 108, adjacency, operations, points, 5_000_000, 2000.0))

    return write_records(path, records())
