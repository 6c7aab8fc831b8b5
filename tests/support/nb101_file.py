"""Makes files in the official format of NAS-Bench-101, of real cells and invented runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from data.convert.nb101_record import Run, encode
from data.convert.tfrecord import write_records

REPEATS = 3


def runs(cells: list[dict], budgets: tuple[int, ...] = (108,), seed: int = 0) -> Iterator[Run]:
    """Yield three runs of each cell at each budget; the first has the real validation accuracy."""
    rng = np.random.default_rng(seed)
    for cell in cells:
        adjacency, ops = "".join(map(str, cell["adjacency"])), ",".join(cell["ops"])
        for epochs in budgets:
            for repeat in range(REPEATS):
                accuracies = rng.random((3, 3), np.float32).astype(float)
                if repeat == 0:
                    accuracies[2, 1] = cell[f"valid_acc_{epochs}"]
                times = np.array([0.0, 0.5, 1.0]) * cell["train_time_108"] * epochs / 108
                evaluations = tuple(
                    (epochs * point / 2, float(times[point]), *accuracies[point].tolist())
                    for point in range(3)
                )
                yield Run(
                    cell["hash"], epochs, adjacency, ops, evaluations, cell["params"], float(times[2] + 60)
                )


def write(path: Path, rows: Iterable[Run]) -> Path:
    """Write runs to an official file."""
    return write_records(path, (encode(run) for run in rows))


def real_cells(data_dir: Path) -> list[dict]:
    """Return the real cells, a dict for each."""
    return pq.read_table(data_dir / "nb101.parquet").to_pylist()
