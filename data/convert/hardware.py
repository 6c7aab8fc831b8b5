"""HW-NAS-Bench: HW-NAS-Bench-v1_0.pickle -> table of hardware costs of the 15,625 cells of NAS-Bench-201.

The pickle is "nasbench201" -> data set -> {metric: a number for each cell, config: a list of
{"arch_str", ...}}, cells in the official order, and "fbnet" beside it, which is not read (README and
hw_nas_bench_api of GATECH-EIC/HW-NAS-Bench). Latency is in ms, energy in mJ, -1 where a device cannot run
the network. Never loaded with `pickle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.convert import Progress
from data.convert.fields import Fields
from data.convert.jsonstream import said
from data.convert.nb201 import HARDWARE, N_CELLS
from data.convert.pickles import read_pickle
from data.errors import InputError, TableError
from data.spaces.edges import NB201 as SPACE
from data.table import Table

# Data set -> prefix of its columns; those of CIFAR-10 have none.
DATASETS: Mapping[str, str] = {"cifar10": "", "cifar100": "cifar100_", "ImageNet16-120": "imagenet16_"}

_FILE = "HW-NAS-Bench-v1_0.pickle"


def matches(path: Path) -> bool:
    """Return whether `path` has the name of the release."""
    return path.name == _FILE


def read(path: Path, progress: Progress) -> Table:
    """Return the costs of all cells, in the official order.

    Raises:
        TableError: The pickle is not what its format says, or asks for more than data; the place is named.
    """
    spaces = Fields(read_pickle(path, progress=progress), path.name)
    costs = spaces.inner("nasbench201")
    columns: dict[str, pa.Array] = {}
    archs: list[str] = []
    for dataset, prefix in DATASETS.items():
        if dataset not in costs and prefix:
            continue
        metrics = costs.inner(dataset)
        found = _archs(metrics)
        if not archs:
            archs = found
            columns["arch"] = pa.array(archs, pa.large_string())
        elif found != archs:
            metrics.fail("config", "not in the order of cifar10's")
        columns |= {prefix + name: pa.array(_values(metrics, name)) for name in HARDWARE}
    return Table(pa.table(columns))


def _archs(metrics: Fields) -> list[str]:
    """Return the architecture strings, all cells of the space."""
    configs = metrics.items("config", N_CELLS)
    place = f"{metrics.place}: {metrics.where}"
    archs = [Fields(config, place, f"config[{i}]").text("arch_str") for i, config in enumerate(configs)]
    try:
        SPACE.parse(archs)
    except (InputError, TableError) as error:
        raise TableError(f"{place}.config: {error}") from error
    if len(set(archs)) < len(archs):
        metrics.fail("config", f"{len(set(archs)):,} different cells, not {N_CELLS:,}")
    return archs


def _values(metrics: Fields, name: str) -> np.ndarray:
    """Return a metric of all cells: a list or an array of numbers, none missing."""
    value = metrics.take(name)
    try:
        values = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (N_CELLS,):
        metrics.fail(name, f"not {N_CELLS:,} numbers but {said(value)}")
    bad = ~((values >= 0) | (values == -1)) | np.isinf(values)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        metrics.fail(f"{name}[{row}]", f"neither a cost nor -1: {values[row]!r} ({bad.sum():,} such cells)")
    return values
