"""Once-for-all supernets: sub-networks with inherited weights -> one table.

Two public originals: the data sets of accuracy predictors (dataset.pkl) of
MaximeGirard/memory-optimized-once-for-all, six supernets, and the searches (mbnv3w10_*.csv) of
IntelLabs/DyNAS-T, one. A pickle is a dict of equally long lists: configs ({ks, e, d, image_size}), accuracies
(fractions), efficiencies (peak memory) and features, which are not read (create_accuracy_dataset.py and
merge_accuracy_data.py there); its folder says which supernet it is. A line of the CSV has the sub-network as
the text of a Python dict. Never loaded with `pickle` or `eval`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.convert import Progress
from data.convert.csvlines import Line, lines
from data.convert.fields import Fields
from data.convert.jsonstream import shorten
from data.convert.members import Member, members, share_of
from data.convert.pickles import read_pickle
from data.errors import TableError
from data.table import Table

# Folders of a dataset.pkl -> supernet. The ablations were trained on Imagenette, the others on ImageNet.
SUPERNETS: Mapping[tuple[str, str], str] = {
    ("adapted", "CompOFA"): "CompOFA",
    ("adapted", "MC_OFA"): "MOOFA",
    ("adapted", "MIT_OFA"): "MIT_OFA",
    ("acc_predictor_datasets", "config1"): "ablation_e346_imagenette",
    ("acc_predictor_datasets", "config2"): "ablation_e1_1.5_2_imagenette",
    ("acc_predictor_datasets", "config3"): "ablation_e234_imagenette",
}
SEARCHES = (
    "mbnv3w10_evoga_acc",
    "mbnv3w10_evonsga2_acc_macs",
    "mbnv3w10_evounsga3_acc_macs_params",
    "mbnv3w10_linasga_acc",
    "mbnv3w10_linasnsga2_acc_macs",
)
SEARCHED = "MIT_OFA_W10"

SLOTS, STAGES = 20, 5
KERNELS, DEPTHS = (3, 5, 7), (2, 3, 4)

_NAMES = pa.dictionary(pa.int8(), pa.string())
SCHEMA = pa.schema(
    {
        "source": _NAMES,
        "supernet": _NAMES,
        "ks": pa.list_(pa.int64()),
        "e": pa.list_(pa.float64()),
        "d": pa.list_(pa.int64()),
        "image_size": pa.int16(),
        "acc": pa.float32(),
        "peak_memory": pa.int64(),
        "params": pa.int64(),
        "macs": pa.int64(),
    }
)

_LIST = r"\[(\d+(?:, \d+)*)\]"
_NETWORK = re.compile(rf"\{{'wid': None, 'ks': {_LIST}, 'e': {_LIST}, 'd': {_LIST}, 'r': {_LIST}\}}")
_NETWORK_COLUMN, _ACC_COLUMN = "Sub-network", "Top-1 Acc (%)"
_COSTS = {"params": "Model Parameters", "macs": "MACs"}


def matches(path: Path) -> bool:
    """Return whether `path` is a folder with files of one of the originals, or one CSV of them."""
    return bool(_pickles(path) or _searches(path))


def read(path: Path, progress: Progress) -> Table:
    """Return all sub-networks: supernets in the order of SUPERNETS, then the searches.

    Raises:
        TableError: A file is not what its format says; the file and the record are named.
    """
    pickles, searches = _pickles(path), _searches(path)
    taken = share_of(sum(file.size for file in (*pickles.values(), *searches.values())), progress)
    rows: list[dict[str, Any]] = []
    for supernet, member in pickles.items():
        rows += _dataset(member, supernet)
        taken(member.size)
    for source, member in searches.items():
        with member.open(taken) as stream:
            table = lines(stream, member.name, _NETWORK_COLUMN, _ACC_COLUMN, *_COSTS.values())
            found = [_searched(line, source) for line in table]
        if not found:
            raise TableError(f"{member.name}: holds no sub-networks")
        rows += found
    return Table(pa.Table.from_pylist(rows, SCHEMA))


def _pickles(path: Path) -> dict[str, Member]:
    """Return the pickles by supernet; of a folder, as its name belongs to the format."""
    found = {}
    for member in members(path, ".pkl") if path.is_dir() else []:
        above = member.source.resolve().parents
        supernet = SUPERNETS.get((above[1].name, above[0].name))
        if member.base == "dataset.pkl" and supernet:
            if supernet in found:
                raise TableError(f"{path.name}: contains both {found[supernet].name} and {member.name}")
            found[supernet] = member
    return {supernet: found[supernet] for supernet in SUPERNETS.values() if supernet in found}


def _searches(path: Path) -> dict[str, Member]:
    found = {}
    for member in members(path, ".csv") if path.suffix != ".zip" else []:
        source = member.base.removesuffix(".csv")
        if source in SEARCHES:
            if source in found:
                raise TableError(f"{path.name}: contains both {found[source].name} and {member.name}")
            found[source] = member
    return {source: found[source] for source in SEARCHES if source in found}


def _dataset(member: Member, supernet: str) -> Iterator[dict[str, Any]]:
    content = Fields(read_pickle(member.source), member.name)
    configs = content.items("configs")
    accuracies = content.numbers("accuracies", 0, 1, len(configs))
    memory = content.numbers("efficiencies", 0, 1e15, len(configs))
    for n, (value, accuracy, peak) in enumerate(zip(configs, accuracies, memory, strict=True)):
        config = Fields(value, member.name, f"configs[{n}]")
        row = {"ks": config.integers("ks", 0), "e": config.numbers("e", 0.5, 8), "d": config.integers("d", 0)}
        wrong = _misfit(**row)
        if wrong:
            config.fail("", wrong)
        yield {
            "source": "moofa",
            "supernet": supernet,
            **row,
            "image_size": config.integer("image_size", 1),
            "acc": 100 * accuracy,
            "peak_memory": int(peak),
        }


def _searched(line: Line, source: str) -> dict[str, Any]:
    match = _NETWORK.fullmatch(line.fields[_NETWORK_COLUMN])
    if match is None:
        line.fail(f"not a sub-network: {shorten(line.fields[_NETWORK_COLUMN])}")
    ks, e, d, sizes = ([int(number) for number in text.split(", ")] for text in match.groups())
    wrong = _misfit(ks, e, d) or ("" if len(sizes) == 1 else f"{len(sizes)} image sizes")
    if wrong:
        line.fail(wrong)
    return {
        "source": source,
        "supernet": SEARCHED,
        "ks": ks,
        "e": e,
        "d": d,
        "image_size": sizes[0],
        "acc": line.number_in(_ACC_COLUMN, 0, 100),
        **{column: int(line.number_in(name, 0, 1e15)) for column, name in _COSTS.items()},
    }


def _misfit(ks: list[int], e: list[Any], d: list[int]) -> str:
    """Return why lists are no sub-network of a supernet, "" if they are one."""
    if (len(ks), len(e), len(d)) != (SLOTS, SLOTS, STAGES):
        return f"{len(ks)}, {len(e)} and {len(d)} choices; expected {SLOTS}, {SLOTS} and {STAGES}"
    if not set(ks) <= set(KERNELS) or not set(d) <= set(DEPTHS):
        return f"not kernel sizes of {KERNELS} and depths of {DEPTHS}: {shorten(f'{ks} {d}')}"
    return ""
