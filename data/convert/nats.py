"""NATS-Bench and NAS-Bench-201: the official pickles -> the tables nb201 and nats_size.

The authors trained each architecture on four sets under the names

    cifar10-valid    half of CIFAR-10's training images; "x-valid" is the other half
    cifar10          all of them; "ori-test" is CIFAR-10's test set
    cifar100, ImageNet16-120    "x-valid" and "x-test" are the two halves of their test set, "ori-test"

for several budgets of epochs, with the seeds 777, 888, 999 as far as their time reached. A trial has an
accuracy in % after each epoch, or after the last one only; a column here holds that after the last one, mean
over the seeds. Exception: the validation accuracy of NAS-Bench-201 after 200 epochs is of the first seed,
as in the public exports, and its mean over the seeds is `..._valid_acc_mean`.
"""

from __future__ import annotations

import re
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

SEEDS = (777, 888, 999)
FIX_SEED = 888
"""The seed whose costs are right where the seeds differ: a few records hold costs of another network."""
SPLITS = {
    "cifar10_test": ("cifar10", "ori-test"),
    "cifar10_valid": ("cifar10-valid", "x-valid"),
    "cifar100_test": ("cifar100", "x-test"),
    "cifar100_valid": ("cifar100", "x-valid"),
    "imagenet16_test": ("ImageNet16-120", "x-test"),
    "imagenet16_valid": ("ImageNet16-120", "x-valid"),
}
_RECORD = Limits(size=1 << 26, held=1 << 26, objects=1_000_000)
_RELEASE = Limits(size=1 << 36, held=1 << 26, objects=2_000_000)
_CELL = r"(none|skip_connect|nor_conv_1x1|nor_conv_3x3|avg_pool_3x3)"
_WIDTH = r"(8|16|24|32|40|48|56|64)"


@dataclass(frozen=True)
class Release:
    """An official release of one of the two spaces.

    Attributes:
        rows: Number of architectures of the space.
        arch: Pattern of an architecture's string.
        full: Epochs of the main training: columns without an ending.
        low: Epochs of the cheap ones, whose columns end in them.
        names: The release's names of the budgets.
        costs: The release's names of costs, by column.
        one_seed: Columns of the main training that hold the first seed; their means end in "_mean".
    """

    rows: int
    arch: str
    full: int
    low: tuple[int, ...]
    names: Mapping[str, int]
    costs: Mapping[str, str]
    one_seed: frozenset[str] = frozenset()

    def matches(self, path: Path) -> bool:
        """Whether `path` is a folder of pickle.pbz2 with their meta data, or a release in one file."""
        if path.is_dir():
            return (path / "meta.pickle.pbz2").is_file()
        return path.name.endswith((".pth", ".pickle.pbz2"))

    def read(self, path: Path, progress: Progress) -> Table:
        """Return the table: a row for each architecture in the official order.

        Raises:
            TableError: Something is not as the format says; the file, the architecture and the training
                are named.
        """
        return _read_folder(self, path, progress) if path.is_dir() else _read_file(self, path, progress)


TOPOLOGY = Release(
    rows=15_625,
    arch=rf"\|{_CELL}~0\|\+\|{_CELL}~0\|{_CELL}~1\|\+\|{_CELL}~0\|{_CELL}~1\|{_CELL}~2\|",
    full=200,
    low=(12,),
    names={"12": 12, "200": 200, "less": 12, "full": 200},
    # "flops" of nb201 counts more than the official files do: see data/spaces/nb201_costs.py.
    costs={"official_flops": "flop", "params": "params"},
    one_seed=frozenset(f"{split}_acc" for split in SPLITS if split.endswith("_valid")),
)
SIZE = Release(
    rows=32_768,
    arch=rf"{_WIDTH}(:{_WIDTH}){{4}}",
    full=90,
    low=(1, 12),
    names={"01": 1, "12": 12, "90": 90},
    costs={"flops": "flop", "params": "params"},
)


def _read_folder(release: Release, path: Path, progress: Progress) -> Table:
    """Return the table of a folder with a file for each architecture."""
    place = f"{path.name}/meta.pickle.pbz2"
    meta = mapping(read_pickle(path / "meta.pickle.pbz2", limits=_RECORD), place)
    archs = _archs(meta, release, place)
    rows = _Rows(release)
    for index, file in enumerate(_record_files(path, release)):
        rows.add(index, read_pickle(file, limits=_RECORD), file.name)
        progress((index + 1) / release.rows)
    return rows.table(archs, path.name)


def _read_file(release: Release, path: Path, progress: Progress) -> Table:
    """Return the table of a release in one file, in memory for a record at a time."""
    rows = _Rows(release)

    def reduce(_: str, index: object, record: object) -> None:
        if type(index) is not int or not 0 <= index < release.rows:
            raise TableError(f"{path.name}: {shown(index)} is not the number of an architecture")
        rows.add(index, record, path.name)

    shed = Shed(frozenset({"arch2infos"}), reduce)
    meta = mapping(read_pickle(path, limits=_RELEASE, shed=shed, progress=progress), path.name)
    return rows.table(_archs(meta, release, path.name), path.name)


def _archs(meta: Mapping[Any, Any], release: Release, place: str) -> list[str]:
    """Return the architectures in the official order; all in the space, without duplicates."""
    archs = meta.get("meta_archs")
    if not isinstance(archs, list) or len(archs) != release.rows:
        count = f"{len(archs):,}" if isinstance(archs, list) else "no"
        raise TableError(f"{place}: {count} architectures; the release has {release.rows:,}")
    seen: dict[str, int] = {}
    for index, arch in enumerate(archs):
        if type(arch) is not str or not re.fullmatch(release.arch, arch):
            raise TableError(f"{place}: architecture {index:,} is {shown(arch)}, not of this space")
        if seen.setdefault(arch, index) != index:
            raise TableError(f"{place}: architectures {seen[arch]:,} and {index:,} are both {arch}")
    return archs


def _record_files(path: Path, release: Release) -> list[Path]:
    """Return the file of each architecture: 000012.pickle.pbz2, or 12.pickle.pbz2, as the API reads them."""
    files: dict[int, Path] = {}
    for file in path.glob("*.pickle.pbz2"):
        name = file.name.removesuffix(".pickle.pbz2")
        if name.isdecimal() and files.setdefault(int(name), file) is not file:
            raise TableError(f"{path.name}: {files[int(name)].name} and {file.name} are one architecture")
    for index in [*range(release.rows), *sorted(files)]:
        if index not in files:
            raise TableError(
                f"{path.name}: {index:06d}.pickle.pbz2 is missing ({len(files):,} of {release.rows:,})"
            )
        if index >= release.rows:
            raise TableError(f"{path.name}: {files[index].name} is beyond the {release.rows:,} of the space")
    return [files[index] for index in range(release.rows)]


class _Rows:
    """Values of all architectures, filled in as their records are read."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self._recorded = [""] * release.rows  # the architecture that each record names
        self._columns: dict[str, np.ndarray] = {}

    def add(self, index: int, record: object, place: str) -> None:
        """Take the numbers of one architecture's record: budget -> trials."""
        place = f"{place}, architecture {index:,}"
        if self._recorded[index]:
            raise TableError(f"{place}: occurs twice")
        done = set()
        for name, trials in mapping(record, place).items():
            epochs = self.release.names.get(name) if type(name) is str else None
            if epochs is None or epochs in done:
                raise TableError(f"{place}: {shown(name)} is not a budget of this release, or occurs twice")
            self._add_budget(index, epochs, mapping(trials, place), place)
            done.add(epochs)
        if self.release.full not in done:
            raise TableError(f"{place}: no training of {self.release.full} epochs")

    def _add_budget(self, index: int, epochs: int, trials: Mapping[Any, Any], place: str) -> None:
        place = f"{place}, {epochs} epochs"
        arch, own = trials.get("arch_str"), trials.get("arch_index")
        if type(arch) is not str or type(own) is not int or own != index:
            raise TableError(f"{place}: claims to be architecture {shown(own)}, {shown(arch)}")
        if self._recorded[index] not in ("", arch):
            raise TableError(f"{place}: is {arch}, but another budget of it is {self._recorded[index]}")
        self._recorded[index] = arch
        full = epochs == self.release.full
        end = "" if full else f"_{epochs:02d}"
        for split, (dataset, kind) in SPLITS.items():
            found = _trials(trials, dataset, epochs, place)
            if not found and full:
                raise TableError(f"{place}: no training on {dataset}")
            accuracies = {seed: _accuracy(t, f"{kind}@{epochs - 1}", where) for seed, t, where in found}
            if accuracies:
                self._set_mean(index, f"{split}_acc{end}", accuracies)
            for seed in accuracies if full else ():
                self._set(index, f"{split}_acc_{seed}", accuracies[seed])
            if full and split == "cifar10_test":
                for column, name in self.release.costs.items():
                    self._set(index, column, _cost(found, name))

    def _set_mean(self, index: int, column: str, accuracies: Mapping[int, float]) -> None:
        mean = sum(accuracies.values()) / len(accuracies)
        if column in self.release.one_seed:
            self._set(index, f"{column}_mean", mean)
            mean = accuracies[min(accuracies)]
        self._set(index, column, mean)

    def _set(self, index: int, column: str, value: float) -> None:
        if column not in self._columns:
            self._columns[column] = np.full(self.release.rows, np.nan)
        self._columns[column][index] = value

    def table(self, archs: list[str], place: str) -> Table:
        """Return the table; every architecture must be present, under its name in the release."""
        for index, (arch, recorded) in enumerate(zip(archs, self._recorded, strict=True)):
            if not recorded:
                raise TableError(f"{place}: architecture {index:,} ({arch}) has no record")
            if recorded != arch:
                raise TableError(
                    f"{place}: architecture {index:,} is {arch}, but its record is of {recorded}"
                )
        columns = {name: self._columns[name] for name in self._names()}
        arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
        return Table(pa.table({"arch": pa.array(archs, pa.large_string()), **arrays}))

    def _names(self) -> list[str]:
        """Return the columns in a fixed order; those of seeds and their mean only where there are several."""
        names = []
        for split in SPLITS:
            seeds = [name for seed in SEEDS if (name := f"{split}_acc_{seed}") in self._columns]
            names += [f"{split}_acc", *((f"{split}_acc_mean", *seeds) if len(seeds) > 1 else ())]
            names += [f"{split}_acc_{epochs:02d}" for epochs in self.release.low]
        return [name for name in (*names, *self.release.costs) if name in self._columns]


def _trials(
    trials: Mapping[Any, Any], dataset: str, epochs: int, place: str
) -> list[tuple[int, Mapping[Any, Any], str]]:
    """Return (seed, trial, its place) of the trainings on `dataset`."""
    results = mapping(trials.get("all_results"), place)
    seeds = mapping(trials.get("dataset_seed"), place).get(dataset, [])
    if not isinstance(seeds, list) or not all(type(seed) is int and seed in SEEDS for seed in seeds):
        raise TableError(f"{place}, {dataset}: its seeds are not among the official ones {SEEDS}")
    present = [key[1] for key in results if isinstance(key, tuple) and len(key) == 2 and key[0] == dataset]
    if sorted(seeds) != sorted(present, key=str):
        raise TableError(f"{place}, {dataset}: the seeds listed are {seeds}, those with results {present}")
    found = []
    for seed in seeds:
        where = f"{place}, {dataset}, seed {seed}"
        trial = mapping(results[dataset, seed], where)
        name, own = trial.get("name"), trial.get("seed")
        if type(name) is not str or name != dataset or _seed(own) != seed:
            raise TableError(f"{where}: claims to be {shown(name)}, seed {shown(own)}")
        if type(trial.get("epochs")) is not int or trial["epochs"] != epochs:
            raise TableError(f"{where}: a training of {shown(trial.get('epochs'))} epochs")
        found.append((seed, trial, where))
    return found


def _seed(value: object) -> int | None:
    """Return a seed given as a number or as text of three or four digits; None for anything else."""
    if type(value) is str and re.fullmatch(r"[0-9]{3,4}", value):
        return int(value)
    return value if type(value) is int else None


def _accuracy(trial: Mapping[Any, Any], key: str, place: str) -> float:
    """Return an accuracy in %."""
    return number(mapping(trial.get("eval_acc1es"), place).get(key), 0, 100, f"{place}: {key}")


def _cost(found: list[tuple[int, Mapping[Any, Any], str]], name: str) -> float:
    """Return the mean over the seeds, or the value of one seed if they differ, as the official API does."""
    values = {seed: number(trial.get(name), 0, 1e6, f"{where}: {name}") for seed, trial, where in found}
    if len({f"{value:.5f}" for value in values.values()}) == 1:
        return sum(values.values()) / len(values)
    if FIX_SEED not in values:
        raise TableError(f"{found[0][2]}: {name} is {list(values.values())} for the seeds {list(values)}")
    return values[FIX_SEED]
