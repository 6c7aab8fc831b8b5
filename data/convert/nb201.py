"""NAS-Bench-201: public exports of its accuracies, zero-cost proxies and hardware costs -> tables.

The exports name a cell by the official architecture string or by a tuple of six numbers. Both have
exactly one spelling for each of the 15,625 cells, so a cell is looked up among all of them by its text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from data.errors import TableError
from data.spaces.edges import NB201 as SPACE
from data.spaces.nb201_costs import get_costs
from data.table import Table

N_CELLS = 15_625
N_REACHABLE = 9_445  # the cells without unreachable branches, all that some exports hold
N_TRAIN, N_TEST = 4_675, 4_770
EXPORT_OPS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
TEST_COLUMNS = {
    "cifar10_test_acc": "CIFAR10TestAccuracy200Epochs",
    "cifar100_test_acc": "CIFAR100TestAccuracy200Epochs",
    "imagenet16_test_acc": "ImageNetTestAccuracy200Epochs",
}
PROXIES = (
    "epe_nas",
    "fisher",
    "grad_norm",
    "grasp",
    "jacov",
    "l2_norm",
    "nwot",
    "plain",
    "snip",
    "synflow",
    "zen",
)
HARDWARE = (
    "edgegpu_latency",
    "edgegpu_energy",
    "raspi4_latency",
    "edgetpu_latency",
    "pixel3_latency",
    "eyeriss_latency",
    "eyeriss_energy",
    "eyeriss_arithmetic_intensity",
    "fpga_latency",
    "fpga_energy",
)


def accuracies(files: Mapping[str, Path]) -> Table:
    """Return the main table: 15,625 rows in the official index order, accuracy in %, costs in M."""
    main = _read_csv(
        get_file(files, "nats_bench.csv"),
        {
            **dict.fromkeys(TEST_COLUMNS.values(), pa.float64()),
            "ArchitectureString": pa.string(),
            "UniqueString": pa.string(),
        },
        N_CELLS,
    )
    source = files["nats_bench.csv"]
    cells = get_cells(source, main["ArchitectureString"], get_strings())
    tests = {
        name: _percent(source, official, _float(main[official])) for name, official in TEST_COLUMNS.items()
    }
    gdas = _gdas(get_file(files, "nas-201-GDAS-accuracies.json"), (230, 249))
    costs = get_costs(SPACE.enumerate())
    return _table(
        cells,
        {
            **tests,
            "arch": None,
            "unique_class": _classes(main["UniqueString"]),
            "cifar10_valid_acc": _valid(get_file(files, "robustness_targets.csv"), N_CELLS)[cells],
            "imagenet16_valid_acc": _valid(
                get_file(files, "nb201_ImageNet16-120_valid_nets.csv"), N_REACHABLE, named=True
            )[cells],
            **{f"gdas{epoch}_acc": values for epoch, values in gdas.items()},
            "flops": costs.flops[cells],
            "params": costs.params[cells],
            "ta_gates_split": _ta_gates(files).take(pa.array(cells)),
        },
    )


def zero_cost(files: Mapping[str, Path]) -> Table:
    """Return the zero-cost proxies of 9,445 cells, as published: no unit, failed proxies are -1e8."""
    return _numbers(get_file(files, "nb201_zc_proxies.csv"), PROXIES, N_REACHABLE, named=True)


def hardware(files: Mapping[str, Path]) -> Table:
    """Return latency in ms and energy in mJ of all cells; -1 where a device cannot run the network."""
    return _numbers(get_file(files, "hw_cifar10.csv"), HARDWARE, N_CELLS)


def get_file(files: Mapping[str, Path], name: str) -> Path:
    """Return one of the originals by its name; TableError if it was not given."""
    if name not in files:
        raise TableError(f"{name}: not among the originals given ({', '.join(files) or 'none'})")
    return files[name]


def _read_csv(path: Path, types: Mapping[str, pa.DataType], rows: int) -> dict[str, pa.Array]:
    """Return the columns `types` of a CSV file; TableError if it is incomplete."""
    try:
        table = pacsv.read_csv(
            path,
            read_options=pacsv.ReadOptions(use_threads=False),  # threads would cost us the row numbers
            convert_options=pacsv.ConvertOptions(include_columns=list(types), column_types=dict(types)),
        )
    except KeyError as error:
        reason = str(error.args[0]).replace(" in include_columns", "")
        raise TableError(f"{path.name}: {reason}") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise TableError(f"{path.name}: not a complete CSV file: {_one_line(error)}") from error
    if table.num_rows != rows:
        raise TableError(f"{path.name}: {table.num_rows:,} rows; expected {rows:,}")
    return {name: table.column(name).combine_chunks() for name in types}


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."


def refuse(path: Path, bad: np.ndarray, what: str, values: pa.Array | np.ndarray) -> None:
    """Raise TableError if any row of `bad` is True; the first such line is named, with its value."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        value = values[row].as_py() if isinstance(values, pa.Array) else values[row]
        line = f"line {row + 2}" if path.suffix == ".csv" else f"row {row}"
        raise TableError(f"{path.name}, {line}: {what}: {value!r} ({bad.sum():,} such rows)")


@cache
def get_strings() -> pa.Array:
    """Return the official strings of all cells; a cell's place here is its number below."""
    return pa.array(SPACE.format(SPACE.enumerate()))


@cache
def _tuples() -> pa.Array:
    """Return the exports' tuples of all cells: edges ordered by source, operations as in EXPORT_OPS."""
    order = [SPACE.edges.index(edge) for edge in sorted(SPACE.edges)]
    export = np.array([EXPORT_OPS.index(op) for op in SPACE.edge_ops])
    return pa.array([str(tuple(code)) for code in export[SPACE.enumerate()[:, order]].tolist()])


def get_cells(path: Path, texts: pa.Array, known: pa.Array) -> np.ndarray:
    """Return the number (n,) of each row's cell: its place in `known`; each cell at most once."""
    found = pc.index_in(texts, known)  # pyright: ignore[reportAttributeAccessIssue]  # made at import
    refuse(path, np.asarray(found.is_null()), "not a NAS-Bench-201 cell", texts)
    cells = np.asarray(found.to_numpy(), np.int64)
    first = np.zeros(len(cells), bool)
    first[np.unique(cells, return_index=True)[1]] = True
    refuse(path, ~first, "a cell that an earlier line has", texts)
    return cells


def _net_cells(path: Path, columns: Mapping[str, pa.Array]) -> np.ndarray:
    """Return the cell numbers of an export's `net` column, checked against `net_str` if that is there."""
    cells = get_cells(path, columns["net"], _tuples())
    if "net_str" in columns:
        differ = cells != get_cells(path, columns["net_str"], get_strings())
        refuse(path, differ, "net and net_str are different cells", columns["net_str"])
    return cells


def _percent(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """Return `values` (n,), percent; TableError for a missing one or one outside 0 to 100."""
    refuse(path, ~((values >= 0) & (values <= 100)), f"{name} is not an accuracy in 0..100 %", values)
    return values


def _float(column: pa.Array) -> np.ndarray:
    """Return a column as float64, NaN where it is empty."""
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _valid(path: Path, rows: int, *, named: bool = False) -> np.ndarray:
    """Return the validation accuracy of each cell number (15,625,) in percent, NaN where missing."""
    types = {"net": pa.string(), "val_accs": pa.float64(), **({"net_str": pa.string()} if named else {})}
    columns = _read_csv(path, types, rows)
    values = np.full(N_CELLS, np.nan)
    values[_net_cells(path, columns)] = _percent(path, "val_accs", _float(columns["val_accs"]))
    return values


def _gdas(path: Path, epochs: tuple[int, ...]) -> dict[int, np.ndarray]:
    """Return epoch -> accuracy (15,625,) in percent, in the official index order."""
    try:
        by_epoch = json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError) as error:
        raise TableError(f"{path.name}: not a complete JSON file: {_one_line(error)}") from error
    values = {}
    for epoch in epochs:
        listed = by_epoch.get(str(epoch)) if isinstance(by_epoch, dict) else None
        if not isinstance(listed, list) or len(listed) != N_CELLS:
            raise TableError(f"{path.name}: epoch {epoch} is not a list of {N_CELLS:,} numbers")
        bad = np.array([type(v) is not float and not (type(v) is int and 0 <= v <= 1) for v in listed])
        refuse(path, bad, f"epoch {epoch} is not a number in 0..1", np.array(listed, object))
        values[epoch] = _percent(path, f"epoch {epoch}", 100 * np.array(listed, np.float64))
    return values


def _ta_gates(files: Mapping[str, Path]) -> pa.Array:
    """Return "train", "test" or null for each cell number, by the two lists of the TA-GATES protocol."""
    part = np.full(N_CELLS, -1)
    for code, (name, rows) in enumerate((("ta_gates_train.csv", N_TRAIN), ("ta_gates_test.csv", N_TEST))):
        path = get_file(files, name)
        columns = _read_csv(path, {"net": pa.string()}, rows)
        cells = _net_cells(path, columns)
        refuse(path, part[cells] >= 0, "a training network of the protocol too", columns["net"])
        part[cells] = code
    return pa.array(["train", "test"], pa.large_string()).take(pa.array(part, mask=part < 0))


def _classes(unique: pa.Array) -> np.ndarray:
    """Return a number for each distinct string, in order of first appearance."""
    return np.asarray(unique.dictionary_encode().indices.to_numpy(), np.int64)


def _numbers(path: Path, names: Sequence[str], rows: int, *, named: bool = False) -> Table:
    """Return the numeric columns `names` of an export, in its row order (15,625 rows: the official order)."""
    texts = {"net": pa.string(), **({"net_str": pa.string()} if named else {})}
    columns = _read_csv(path, {**texts, **dict.fromkeys(names, pa.float64())}, rows)
    cells = _net_cells(path, columns)
    for name in names:
        values = _float(columns[name])
        refuse(path, ~np.isfinite(values), f"{name} is not a finite number", values)
    return _table(cells, {"arch": None, **{name: columns[name] for name in names}})


def _table(cells: np.ndarray, columns: Mapping[str, np.ndarray | pa.Array | None]) -> Table:
    """Return a table; "arch" is filled in from the cell numbers, NaN becomes null."""
    arch = get_strings().take(pa.array(cells)).cast(pa.large_string())
    arrays = {
        name: arch if values is None else pa.array(values, from_pandas=True)
        for name, values in columns.items()
    }
    return Table(pa.table(arrays))
