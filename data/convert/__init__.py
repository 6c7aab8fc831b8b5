"""Converters: public originals -> Table. Converters are registered by name, so listing imports none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import MissingTableError, TableError
from data.impostors import find_impostor
from data.names import check_name
from data.registry import Registry, load_attribute

if TYPE_CHECKING:
    from data.table import Table

Progress = Callable[[float], object]
"""Called with the share (0 to 1) of the original that has been read."""


@dataclass(frozen=True)
class Format:
    """The official files of a table, in every form they are published in.

    Attributes:
        title: The files, as people know them: "nasbench_only108.tfrecord, nasbench_full.tfrecord".
        matches: "module:function" of (path) -> bool: a quick check of a file or folder.
        read: "module:function" of (path, progress) -> Table: reads everything, in bounded memory.
    """

    title: str
    matches: str
    read: str


def _official(title: str, at: str) -> Format:
    """Return the format whose functions are `matches` and `read` at "module:" or "module:prefix"."""
    return Format(title, f"data.convert.{at}matches", f"data.convert.{at}read")


FORMATS: Mapping[str, Format] = {
    "nb201": _official(
        "NATS-tss-v1_0-3ffb9-simple folder, NAS-Bench-201-v1_0-e61699.pth or NAS-Bench-201-v1_1-096897.pth",
        "nats:TOPOLOGY.",
    ),
    "nats_size": _official("NATS-sss-v1_0-50262-simple folder", "nats:SIZE."),
    "transnas_micro": _official("transnas-bench_v10141024.pth", "transnas:MICRO."),
    "transnas_macro": _official("transnas-bench_v10141024.pth", "transnas:MACRO."),
    "nb101": _official("nasbench_only108.tfrecord, nasbench_full.tfrecord", "nb101:"),
    "nds_darts": _official("nds_data folder, data.zip or DARTS*.json", "nds:DARTS."),
    "nds_enas": _official("nds_data folder, data.zip or ENAS*.json", "nds:ENAS."),
    "nds_pnas": _official("nds_data folder, data.zip or PNAS*.json", "nds:PNAS."),
    "nds_nasnet": _official("nds_data folder, data.zip or NASNet*.json", "nds:NASNET."),
    "nds_amoeba": _official("nds_data folder, data.zip or Amoeba*.json", "nds:AMOEBA."),
    "nds_resnet": _official("nds_data folder, data.zip or ResNet*.json", "nds:RESNET."),
    "nds_resnext_a": _official("nds_data folder, data.zip or ResNeXt-A*.json", "nds:RESNEXT_A."),
    "nds_resnext_b": _official("nds_data folder, data.zip or ResNeXt-B*.json", "nds:RESNEXT_B."),
    "nds_vanilla": _official("nds_data folder, data.zip or Vanilla*.json", "nds:VANILLA."),
    "nb301": _official("folder or zip of results_*.json", "nb301:"),
    "proxyless": _official(
        "random_architectures.csv, searched_architectures.csv, proxyless-*.csv or their folder", "proxyless:"
    ),
    "oncenas_darts": _official("data-545.csv", "oncenas:"),
    "ofa": _official("folder with dataset.pkl by supernet, mbnv3w10_*.csv, or both", "ofa:"),
    "macro": _official("nas-bench-macro_cifar10.json", "macro:"),
    "nb201_zero_cost": _official("zc_nasbench201.json", "zero_cost:"),
    "nb101_zero_cost": _official("zc_nasbench101.json", "zero_cost:nb101_"),
    "nb201_hardware": _official("HW-NAS-Bench-v1_0.pickle", "hardware:"),
    "nb201_epoch12": _official("mini-bench-arch-cell-accs.pd", "nb201_side:epoch12_"),
    "nb201_supernets": _official(
        "folder with one-shot-supernet and few-shot-supernet", "nb201_side:supernets_"
    ),
    "nb201_latency": _official("folder with str_arch2idx.pt and 23 files DEVICE.pt", "nb201_side:latency_"),
    "channel_macro": _official(
        "Results_MobileNet.json, Results_ResNet.json or their folder", "macro:channel_"
    ),
}

CONVERTERS: Registry[Callable[[Mapping[str, Path]], Table]] = Registry(
    "converter",
    table={
        "nb201": "data.convert.nb201:accuracies",
        "nb201_zero_cost": "data.convert.nb201:zero_cost",
        "nb201_hardware": "data.convert.nb201:hardware",
        "nb201_supernets": "data.convert.nb201_side:supernets",
        "nb201_latency": "data.convert.nb201_side:latency",
    },
)


def convert(key: str, files: Mapping[str, Path]) -> Table:
    """Return the table made from the originals `files` (by file name).

    Raises:
        UnknownNameError: There is no converter `key`.
        TableError: A file is not what its format says; the file and the line are named.
    """
    with _impostors_named(files.values()):
        return CONVERTERS[key](files)


def convert_path(key: str, path: Path, progress: Progress = lambda share: None) -> Table:
    """Return the table `key` made from an official file or folder; its content decides the format.

    Raises:
        UnknownNameError: No official format of `key` is known.
        MissingTableError: Nothing exists at `path`.
        TableError: `path` is in none of the formats, or not what its format says.
    """
    form = FORMATS[check_name("table with official formats", key, FORMATS)]
    if not path.exists():
        raise MissingTableError(f"there is no file or folder '{path}'")
    with _impostors_named([path]):
        if not load_attribute(form.matches)(path):
            raise TableError(f"{path} is in no official format of {key}; known: {form.title}")
        return load_attribute(form.read)(path, progress)


@contextmanager
def _impostors_named(originals: Iterable[Path]) -> Iterator[None]:
    """Name the cause where a reader rejects a pointer or a web page in place of an original."""
    try:
        yield
    except TableError as error:
        if impostor := find_impostor(originals):
            raise TableError(impostor) from error
        raise
