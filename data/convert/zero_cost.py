"""NAS-Bench-Suite-Zero: zc_nasbench201.json, zc_nasbench101.json -> tables of zero-cost proxies by cell.

A file is data set -> cell -> {proxy: {score, time}, ..., id, val_accuracy} (branch zerocost of automl/NASLib,
its issues 144 and 171, and public code that reads the files). A cell is the text of a tuple of numbers; what
they mean is in NASLib's search_spaces/nasbench201/conversions.py and nasbench101/conversions.py:

- NAS-Bench-201, "(4, 0, 3, 1, 4, 3)": the six edges ordered by source, operations as in `nb201.EXPORT_OPS`.
- NAS-Bench-101: the adjacency matrix row by row, then the operation of each vertex, as in NB101_EXPORT_OPS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import isqrt
from pathlib import Path

import numpy as np
import pyarrow as pa

from data import module_hash
from data.convert import Progress
from data.convert.fields import Fields
from data.convert.jsonstream import records, said, spell
from data.convert.members import Member, members, share_of
from data.convert.nb201 import EXPORT_OPS, PROXIES
from data.errors import TableError
from data.spaces.edges import NB201
from data.spaces.nb101 import NB101, VERTICES
from data.table import Table

# Data set -> prefix of its columns; those of CIFAR-10 have none. The file has three more, with fewer cells.
DATASETS: Mapping[str, str] = {"cifar10": "", "cifar100": "cifar100_", "ImageNet16-120": "imagenet16_"}

NB101_EXPORT_OPS = ("input", "output", "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")

_NB201_FILE, _NB101_FILE = "zc_nasbench201.json", "zc_nasbench101.json"
_TUPLE = re.compile(r"\(\d(?:, \d)+\)")

Scores = dict[str, dict[tuple[int, ...], dict[str, float]]]
"""Data set -> cell -> proxy -> score."""


def matches(path: Path) -> bool:
    """Return whether `path` is, or holds, zc_nasbench201.json."""
    return path.suffix == ".zip" or bool(_files(path, _NB201_FILE))


def read(path: Path, progress: Progress) -> Table:
    """Return the proxies of the cells that CIFAR-10 has, in that order; null where another data set has none.

    Raises:
        TableError: The file is not what its format says; the data set, the cell and the proxy are named.
    """
    scores = _scores(_one(path, _NB201_FILE), DATASETS, _nb201_cell, progress)
    cells = list(scores["cifar10"])
    columns = {"arch": pa.array(NB201.format(_nb201_codes(cells)), pa.large_string())}
    for dataset, found in scores.items():
        columns |= _columns(DATASETS[dataset], [found.get(cell, dict.fromkeys(PROXIES)) for cell in cells])
    return Table(pa.table(columns))


def nb101_matches(path: Path) -> bool:
    """Return whether `path` is, or holds, zc_nasbench101.json."""
    return path.suffix == ".zip" or bool(_files(path, _NB101_FILE))


def nb101_read(path: Path, progress: Progress) -> Table:
    """Return module hash and proxies, in the file's order.

    A cell that comes again with its vertices in another order is the same network: its first scores are kept.

    Raises:
        TableError: The file is not what its format says; the cell and the proxy are named.
    """
    member = _one(path, _NB101_FILE)
    found = _scores(member, ["cifar10"], _nb101_cell, progress)["cifar10"]
    codes = np.array([_nb101_code(cell) for cell in found], np.int8)
    valid = NB101.valid(codes)
    if not valid.all():
        wrong = str(list(found)[int(np.flatnonzero(~valid)[0])])
        raise TableError(f"{spell(member.name, ('cifar10', wrong))}: no path, or more than nine edges")
    rows = dict(zip(reversed(_module_hashes(codes)), reversed(found.values()), strict=True))
    rows = dict(reversed(rows.items()))
    hashes = {"hash": pa.array(rows, pa.large_string())}
    return Table(pa.table({**hashes, **_columns("", rows.values())}))


def _files(path: Path, name: str) -> list[Member]:
    return [member for member in members(path, ".json") if member.base == name]


def _one(path: Path, name: str) -> Member:
    files = _files(path, name)
    if len(files) != 1:
        raise TableError(f"{path.name}: holds {len(files)} files {name}")
    return files[0]


def _scores(
    member: Member, datasets: Iterable[str], fits: Callable[[tuple[int, ...]], bool], progress: Progress
) -> Scores:
    """Return the scores of `datasets`, in that order; CIFAR-10 must have some."""
    scores: Scores = {dataset: {} for dataset in datasets}
    with member.open(share_of(member.size, progress)) as stream:
        for place, value in records(stream, member.name, 2):
            dataset, text = place
            if dataset not in scores:
                continue
            record = Fields(value, spell(member.name, place))
            cell: tuple[int, ...] = ()
            if isinstance(text, str) and len(text) < 200 and _TUPLE.fullmatch(text):
                cell = tuple(map(int, text[1:-1].split(", ")))
            if not fits(cell):
                record.fail("", f"not a cell of the space: {said(text)}")
            scores[str(dataset)][cell] = {proxy: record.inner(proxy).number("score") for proxy in PROXIES}
    if not scores["cifar10"]:
        raise TableError(f"{member.name}: holds no cells of cifar10")
    return {dataset: found for dataset, found in scores.items() if found}


def _columns(prefix: str, rows: Iterable[Mapping[str, float | None]]) -> dict[str, pa.Array]:
    rows = list(rows)
    return {prefix + proxy: pa.array([row[proxy] for row in rows], pa.float64()) for proxy in PROXIES}


def _nb201_cell(cell: tuple[int, ...]) -> bool:
    return len(cell) == len(NB201.edges) and max(cell) < len(EXPORT_OPS)


def _nb201_codes(cells: list[tuple[int, ...]]) -> np.ndarray:
    """Return the codes (n, 6) of cells."""
    codes = np.empty((len(cells), len(NB201.edges)), np.int8)
    op_codes = np.array([NB201.edge_ops.index(op) for op in EXPORT_OPS])
    codes[:, [NB201.edges.index(edge) for edge in sorted(NB201.edges)]] = op_codes[np.array(cells)]
    return codes


def _nb101_cell(cell: tuple[int, ...]) -> bool:
    v = isqrt(len(cell))  # v · v numbers of the matrix and v operations
    if not 2 <= v <= VERTICES or len(cell) != v * (v + 1):
        return False
    matrix, ops = np.array(cell[: v * v]).reshape(v, v), cell[v * v :]
    inner = range(2, len(NB101_EXPORT_OPS))
    upper = not np.tril(matrix).any() and matrix.max() <= 1
    return upper and (ops[0], ops[-1]) == (0, 1) and all(op in inner for op in ops[1:-1])


def _nb101_code(cell: tuple[int, ...]) -> list[int]:
    """Return the code (26,) of a cell: its output last, vertices without edges before it."""
    v = isqrt(len(cell))
    place = [*range(v - 1), VERTICES - 1]
    matrix = np.zeros((VERTICES, VERTICES), np.int8)
    matrix[np.ix_(place, place)] = np.array(cell[: v * v]).reshape(v, v)
    ops = [NB101.ops.index(NB101_EXPORT_OPS[op]) for op in cell[v * v + 1 : -1]]
    return [*matrix[np.triu_indices(VERTICES, 1)].tolist(), *ops, *[0] * (VERTICES - v)]


def _module_hashes(codes: np.ndarray) -> list[str]:
    graphs = NB101.graphs(codes)
    names = np.array([module_hash.OPS.index(op) for op in NB101.ops])
    ops = np.where(graphs.ops < 0, -1, names[graphs.ops])
    return module_hash.module_hashes(ops.astype(np.int8), graphs.adjacency, graphs.n_nodes)
