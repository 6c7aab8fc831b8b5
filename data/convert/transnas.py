"""TransNAS-Bench-101: the official file transnas-bench_v10141024.pth -> transnas_micro and transnas_macro.

Both spaces are in the one file: space -> architecture -> task -> metrics after each epoch. A column holds
the metric by which the authors evaluate a task, after the last epoch: top1 and mIoU in %, ssim from -1 to 1,
neg_loss (the loss, turned round) at most 0; larger is better in all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data.convert import Progress
from data.convert.pickle_machine import Limits
from data.convert.pickle_names import shown
from data.convert.pickle_shed import Shed
from data.convert.pickles import mapping, number, read_pickle
from data.errors import TableError
from data.table import Table

METRICS = {
    "class_scene": "top1",
    "class_object": "top1",
    "room_layout": "neg_loss",
    "jigsaw": "top1",
    "segmentsemantic": "mIoU",
    "normal": "ssim",
    "autoencoder": "ssim",
}
RANGES = {"top1": (0.0, 100.0), "mIoU": (0.0, 100.0), "ssim": (-1.0, 1.0), "neg_loss": (-1e6, 0.0)}
COST_TASK = "class_scene"
"""The task whose backbone's costs are taken: they differ only where the task needs other outputs."""
EARLY = 5
"""The number of epochs of the columns with an early validation result."""
# The release gives no unit. The smallest backbone has 20,000 weights and ten million multiply-adds, the
# largest fewer than 10,000 million of either: a number is a count if it is above this, else millions.
_COUNTS_FROM = 10_000
_LIMITS = Limits(size=1 << 34, held=1 << 26, objects=2_000_000)


@dataclass(frozen=True)
class Space:
    """One of the two spaces.

    Attributes:
        name: What the file calls it.
        archs: Its architectures, all of them.
    """

    name: str
    archs: frozenset[str]

    def matches(self, path: Path) -> bool:
        """Whether `path` may be transnas-bench_v10141024.pth."""
        return path.is_file() and path.suffix == ".pth"

    def read(self, path: Path, progress: Progress) -> Table:
        """Return the table: a row for each architecture in the order of the file.

        Raises:
            TableError: The file is not what its format says; the architecture and the task are named.
        """
        return _read(self, path, progress)


def _micro_archs() -> frozenset[str]:
    """Return the 4,096 architectures of the micro space: cells of six operations."""
    codes = ("".join(code) for code in itertools.product("0123", repeat=6))
    return frozenset(f"64-41414-{code[0]}_{code[1:3]}_{code[3:]}" for code in codes)


def _macro_archs() -> frozenset[str]:
    """Return the 3,256 of the macro space: 4 to 6 modules, 1 to 3 that widen and 1 to 4 that shrink."""
    found = []
    for length in (4, 5, 6):
        for code in itertools.product("1234", repeat=length):
            wider, smaller = (sum(module in kind for module in code) for kind in ("24", "34"))
            if 1 <= wider <= 3 and 1 <= smaller <= 4:
                found.append(f"64-{''.join(code)}-basic")
    return frozenset(found)


MICRO = Space("micro", _micro_archs())
MACRO = Space("macro", _macro_archs())


def _read(space: Space, path: Path, progress: Progress) -> Table:
    """Return the table of a space, in memory for an architecture at a time."""
    rows: dict[str, dict[str, float]] = {}

    def reduce(name: str, arch: object, tasks: object) -> None:
        if name != space.name:
            return
        if type(arch) is not str or arch not in space.archs or arch in rows:
            raise TableError(f"{path.name}: {shown(arch)} is not in the {name} space, or occurs twice")
        rows[arch] = _numbers(tasks, f"{path.name}, {arch}")

    shed = Shed(frozenset({"micro", "macro"}), reduce)
    found = read_pickle(path, limits=_LIMITS, shed=shed, progress=progress)
    spaces = mapping(mapping(found, path.name).get("data"), f"{path.name}, data")
    if space.name not in spaces or len(rows) != len(space.archs):
        missing = min(space.archs - rows.keys())
        raise TableError(
            f"{path.name}: {len(rows):,} architectures of the {space.name} space, not "
            f"{len(space.archs):,}; {missing} is missing"
        )
    columns = {name: np.array([row[name] for row in rows.values()]) for name in next(iter(rows.values()))}
    for name in ("flops", "params"):
        columns[name] = columns[name] / (1e6 if np.nanmin(columns[name]) > _COUNTS_FROM else 1)
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    return Table(pa.table({"arch": pa.array(list(rows), pa.large_string()), **arrays}))


def _numbers(tasks: object, place: str) -> dict[str, float]:
    """Return the columns of one architecture."""
    numbers = {}
    for task, metric in METRICS.items():
        where = f"{place}, {task}"
        result = mapping(mapping(tasks, place).get(task), where)
        curves = mapping(result.get("metrics"), where)
        for split in ("test", "valid"):
            curve = _curve(curves, f"{split}_{metric}", result.get("total_epochs"), RANGES[metric], where)
            numbers[f"{task}_{split}_{metric}"] = curve[-1]
        numbers[f"{task}_valid_{metric}_ep{EARLY}"] = curve[EARLY - 1]
    info = mapping(mapping(tasks, place)[COST_TASK].get("model_info"), f"{place}, {COST_TASK}")
    for column, name in (("flops", "encoder_FLOPs"), ("params", "encoder_params")):
        numbers[column] = number(info.get(name), 0, 1e15, f"{place}, {COST_TASK}: {name}")
    return numbers


def _curve(
    curves: Mapping[Any, Any], name: str, epochs: object, limits: tuple[float, float], place: str
) -> list[float]:
    """Return a metric after each epoch."""
    values = curves.get(name)
    if not isinstance(values, list) or type(epochs) is not int or not EARLY <= epochs == len(values):
        what = f"{len(values)} values" if isinstance(values, list) else shown(values)
        raise TableError(f"{place}: {name} is {what} for a training of {shown(epochs)} epochs")
    return [number(value, *limits, f"{place}: {name}[{epoch}]") for epoch, value in enumerate(values)]
