"""NAS-Bench-101: the official TFRecord files -> table, in one pass, one row for each cell."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from concurrent.futures import Future
from math import inf, isqrt
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from joblib import cpu_count
from joblib.externals.loky import get_reusable_executor

from data.convert.nb101_record import Evaluation, Run, decode
from data.convert.tfrecord import Record, looks_like_records, place, read_records
from data.errors import TableError
from data.module_hash import OPS, module_hashes
from data.table import Table

MAX_NODES, MAX_EDGES = 7, 9
MAX_REPEATS, MAX_EPOCHS = 10, 1000
MAX_JOBS = 4  # processes that compute hashes
HASHED_AT_ONCE = 10_000  # cells
POINTS = ("start", "halfway", "end")
KEPT = ("valid", "test", "train", "half", "time")  # of each run


def matches(path: Path) -> bool:
    """Return whether a file looks like one of the official ones."""
    return looks_like_records(path)


def read(path: Path, progress: Callable[[float], object] = lambda share: None) -> Table:
    """Return the table of an official file, cells in the order of their hashes.

    Columns: hash, num_vertices, num_edges, adjacency, ops, params; and for each number of epochs E the
    validation and test accuracy of every run in file order (valid_acc_E_0, test_acc_E_0, ...; fractions) and
    means over the runs: valid_acc_E, test_acc_E, train_acc_E, valid_acc_E_half (halfway through the
    training) and train_time_E (seconds).

    Raises:
        TableError: The file is incomplete, or a record contradicts the format or another one; it is named.
    """
    cells = _Cells(path)
    with _Hasher() as hasher:
        for record in read_records(path, lambda share: progress(0.95 * share)):
            try:
                cells.add(record)
            except ValueError as error:
                raise TableError(f"{place(path, record.number, record.offset)}: {error}") from error
            if len(cells) >= hasher.given + HASHED_AT_ONCE:
                hasher.give(cells.structure(hasher.given))
        if not cells:
            raise TableError(f"{path.name}: holds no record")
        hasher.give(cells.structure(hasher.given))
        cells.check_hashes(hasher.hashes())
    table = cells.table()
    progress(1.0)
    return table


class _Hasher:
    """Computes module hashes in other processes while the file is read on; here, if they are few."""

    def __init__(self) -> None:
        self.given = 0  # cells
        self._hashes: list[list[str] | Future[list[str]]] = []
        self._pool: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, kill_workers=True)

    def give(self, structure: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        """Take in the next cells: ops, adjacency and number of nodes of each."""
        self.given += len(structure[0])
        jobs = min(MAX_JOBS, cpu_count())
        if len(structure[0]) < HASHED_AT_ONCE or jobs < 2:
            self._hashes.append(module_hashes(*structure))
            return
        if not self._pool:
            self._pool = get_reusable_executor(max_workers=jobs)
        self._hashes.append(self._pool.submit(module_hashes, *structure))

    def hashes(self) -> list[str]:
        """Return the hashes of all cells given, in their order."""
        done = [part if isinstance(part, list) else part.result() for part in self._hashes]
        return [name for part in done for name in part]


class _Texts:
    """Texts that many records share, each checked and turned into a row of bytes once."""

    def __init__(self, parse: Callable[[str], bytes]) -> None:
        self._parse, self._numbers, self._rows = parse, dict[str, int](), bytearray()

    def number(self, text: str) -> int:
        """Return the number of a text; ValueError if it is not what it should be."""
        number = self._numbers.get(text)
        if number is None:
            self._rows += self._parse(text)
            number = self._numbers[text] = len(self._numbers)
        return number

    def rows(self, numbers: array[int]) -> np.ndarray:
        """Return the rows (n, bytes of a row) int8 of these numbers."""
        return np.frombuffer(self._rows, np.int8).reshape(len(self._numbers), -1)[np.asarray(numbers)]


class _Cells:
    """The cells of a file and their runs, gathered record by record in compact arrays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.numbers: dict[str, int] = {}  # hash -> cell, in order of appearance
        self.operations, self.adjacencies = _Texts(_operations), _Texts(_adjacency)
        self.ops, self.edges, self.params = array("i"), array("i"), array("i")  # of each cell
        self.records, self.offsets = array("q"), array("q")  # where each cell appears first
        self.runs: dict[int, tuple[array[int], array[float]]] = {}  # epochs -> cell and KEPT of each run

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, record: Record) -> None:
        """Take in a record; ValueError if it contradicts the format or an earlier one."""
        run = decode(record.data)
        values = _values(run)
        ops, edges = self.operations.number(run.operations), self.adjacencies.number(run.adjacency)
        cell = self.numbers.get(run.hash)
        if cell is None:
            cell = self._new_cell(run, ops, edges, record)
        elif self.ops[cell] != ops or self.edges[cell] != edges:
            raise ValueError(
                f"another cell than in record {self.records[cell]:,}, of the same hash {run.hash}"
            )
        elif self.params[cell] != run.params:
            raise ValueError(
                f"{run.params:,} parameters; in record {self.records[cell]:,}, of the same cell, "
                f"{self.params[cell]:,}"
            )
        if run.epochs not in self.runs:
            if not 0 < run.epochs <= MAX_EPOCHS:
                raise ValueError(f"{str(run.epochs)[:20]} epochs; expected 1 to {MAX_EPOCHS:,}")
            self.runs[run.epochs] = array("i"), array("d")
        cells, kept = self.runs[run.epochs]
        cells.append(cell)
        kept.extend(values)

    def _new_cell(self, run: Run, ops: int, edges: int, record: Record) -> int:
        if not re.fullmatch("[0-9a-f]{32}", run.hash):
            raise ValueError(f"{run.hash[:40]!r} is not a module hash")
        n_ops, n_nodes = run.operations.count(",") + 1, isqrt(len(run.adjacency))
        if n_ops != n_nodes:
            raise ValueError(f"{n_ops} operations for the {n_nodes} nodes of the adjacency")
        if not 0 < run.params < 2**31:
            raise ValueError(f"{run.params} parameters")
        for values, value in (
            (self.ops, ops), (self.edges, edges), (self.params, run.params),
            (self.records, record.number), (self.offsets, record.offset),
        ):  # fmt: skip
            values.append(value)
        cell = self.numbers[run.hash] = len(self.numbers)
        return cell

    def structure(self, start: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ops (n, v), adjacency (n, v, v) and number of nodes (n,) of the cells from `start` on."""
        ops = self.operations.rows(self.ops[start:])
        adjacency = self.adjacencies.rows(self.edges[start:]).reshape(-1, MAX_NODES, MAX_NODES)
        return ops, adjacency, (ops >= 0).sum(1)

    def check_hashes(self, hashes: list[str]) -> None:
        """Raise TableError if a cell has another hash than its name."""
        bad = np.array([name != other for name, other in zip(self.numbers, hashes, strict=True)])
        self._refuse(bad, lambda cell: f"the module hash of this cell is {hashes[cell]}")

    def table(self) -> Table:
        """Return the table; TableError if cells differ in their runs."""
        names = np.array(list(self.numbers), "S32")
        order = np.argsort(names)
        columns: dict[str, pa.Array] = {
            "hash": pa.array(names[order].astype(str), pa.large_string()),
            **_structure(*(part[order] for part in self.structure())),
            "params": pa.array(np.asarray(self.params)[order].astype(np.int64)),
        }
        for epochs in sorted(self.runs):
            columns |= self._columns(epochs, order)
        return Table(pa.table(columns))

    def _columns(self, epochs: int, order: np.ndarray) -> dict[str, pa.Array]:
        """Return the columns of one number of epochs; its runs are dropped."""
        cells, values = (np.asarray(part) for part in self.runs.pop(epochs))
        counts = np.bincount(cells, minlength=len(order))
        usual = int(np.bincount(counts).argmax())
        self._refuse(
            counts != usual,
            lambda cell: f"{counts[cell]} runs of {epochs} epochs; the other cells have {usual}",
        )
        if usual > MAX_REPEATS:
            raise TableError(f"{self.path.name}: {usual} runs of each cell; at most {MAX_REPEATS} are read")
        by_cell = np.argsort(cells, kind="stable").reshape(-1, usual)[order]
        runs = dict(zip(KEPT, np.moveaxis(values.reshape(-1, len(KEPT))[by_cell], 2, 0), strict=True))
        names = {
            "valid": f"valid_acc_{epochs}", "test": f"test_acc_{epochs}", "train": f"train_acc_{epochs}",
            "half": f"valid_acc_{epochs}_half", "time": f"train_time_{epochs}",
        }  # fmt: skip
        columns = {names[part]: pa.array(runs[part].mean(1)) for part in KEPT}
        for part in ("valid", "test"):
            columns |= {f"{names[part]}_{r}": pa.array(runs[part][:, r]) for r in range(usual)}
        return columns

    def _refuse(self, bad: np.ndarray, why: Callable[[int], str]) -> None:
        """Raise TableError if any cell of `bad` (n,) is True; the one that appears first is named."""
        if bad.any():
            cell = int(np.flatnonzero(bad)[0])
            name = list(self.numbers)[cell]
            where = place(self.path, self.records[cell], self.offsets[cell])
            raise TableError(f"{where}: cell {name}: {why(cell)} ({bad.sum():,} such cells)")


def _values(run: Run) -> tuple[float, ...]:
    """Return KEPT of a run; ValueError for what cannot be an accuracy or a time."""
    if len(run.evaluations) != len(POINTS):
        raise ValueError(f"{len(run.evaluations)} evaluations; expected {len(POINTS)}: {', '.join(POINTS)}")
    _, half, end = run.evaluations
    for point, evaluation in (("halfway", half), ("at the end", end)):
        _, time, train, valid, test = evaluation
        if not (0 <= valid <= 1 and 0 <= test <= 1 and 0 <= train <= 1 and 0 <= time < inf):
            raise ValueError(f"{point}: {_fault(evaluation)}")
    _, time, train, valid, test = end
    return valid, test, train, half[3], time


def _fault(evaluation: Evaluation) -> str:
    for name, value in zip(("training", "validation", "test"), evaluation[2:], strict=True):
        if not 0 <= value <= 1:
            return f"the {name} accuracy is {value}; expected 0 to 1"
    return f"the training time is {evaluation[1]} s"


def _operations(text: str) -> bytes:
    """Return the op code of each node, -1 beyond the last; ValueError if no cell has these operations."""
    names = text[:1000].split(",")
    if not 2 <= len(names) <= MAX_NODES:
        raise ValueError(f"{len(names)} operations; expected 2 to {MAX_NODES}")
    unknown = [name for name in names if name not in OPS]
    if unknown:
        raise ValueError(f"unknown operation {unknown[0][:40]!r}; known: {', '.join(OPS)}")
    codes = [OPS.index(name) for name in names]
    if codes[0] != 0 or codes[-1] != len(OPS) - 1 or not all(0 < code < len(OPS) - 1 for code in codes[1:-1]):
        raise ValueError(f"operations {text}; expected input, ..., output")
    return np.array(codes + [-1] * (MAX_NODES - len(codes)), np.int8).tobytes()


def _adjacency(text: str) -> bytes:
    """Return the matrix, padded to MAX_NODES²; ValueError if it is not that of a cell."""
    v = isqrt(len(text))
    if v * v != len(text) or not 2 <= v <= MAX_NODES:
        raise ValueError(f"an adjacency of {len(text):,} digits; expected the square of 2 to {MAX_NODES}")
    if not set(text) <= {"0", "1"}:
        raise ValueError(f"the adjacency {text!r} holds something else than 0 and 1")
    matrix = np.array(list(text), np.int8).reshape(v, v)
    if np.tril(matrix).any():
        raise ValueError(f"the adjacency {text} is not upper triangular")
    if matrix.sum() > MAX_EDGES:
        raise ValueError(f"{matrix.sum()} edges; a cell has at most {MAX_EDGES}")
    if not (matrix[:-1].any(1).all() and matrix[:, 1:].any(0).all()):
        raise ValueError(f"the adjacency {text} has a node that is on no path from input to output")
    return np.pad(matrix, (0, MAX_NODES - v)).tobytes()


def _structure(ops: np.ndarray, adjacency: np.ndarray, n_nodes: np.ndarray) -> dict[str, pa.Array]:
    """Return the columns that say what the cells are."""
    used = ops >= 0
    starts = np.append(0, np.cumsum(n_nodes)).astype(np.int32)
    squares = np.append(0, np.cumsum(n_nodes**2)).astype(np.int32)
    names = pa.array(OPS).take(pa.array(ops[used]))
    digits = pa.array(adjacency[used[:, :, None] & used[:, None, :]])
    return {
        "num_vertices": pa.array(n_nodes.astype(np.int8)),
        "num_edges": pa.array(adjacency.sum((1, 2)).astype(np.int8)),
        "adjacency": pa.ListArray.from_arrays(pa.array(squares), digits),
        "ops": pa.ListArray.from_arrays(pa.array(starts), names),
    }
