"""NAS-Bench-301: the folder of training logs `<optimizer>/results_<n>.json` -> table of DARTS networks.

The folder's shape and the fields of a log are those of a published example and of the loader of
automl/nasbench301 (surrogate_models/test/results_fidelity_0/results_0.json, surrogate_models/utils.py, the
data splits' paths); the learning curve, which only the later release has, as its successor NAS-Bench-x11
reads it. A cell is named by the two inputs of each of the nodes 3 to 5 (node 2 has inputs 0 and 1) and the
operations of the chosen ones among 14 possible edges, numbered node by node (configspace.json).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from data.convert import Progress
from data.convert.fields import Fields
from data.convert.jsonstream import document, said
from data.convert.members import Member, members, share_of
from data.errors import TableError
from data.table import Table

OPS = (
    "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3",
    "dil_conv_5x5",
)  # fmt: skip
NODES = (2, 3, 4, 5)

EARLY_EPOCH = 10
"""Epoch, from 1, of the learning curve whose validation accuracy is kept: a tenth of the usual budget."""

SCHEMA = pa.schema(
    {
        "optimizer": pa.large_string(),
        "normal": pa.list_(pa.string()),
        "reduce": pa.list_(pa.string()),
        "valid_acc": pa.float64(),
        "test_acc": pa.float64(),
        f"valid_acc_ep{EARLY_EPOCH}": pa.float64(),
        "params": pa.float64(),
        "train_time": pa.float64(),
        "epochs": pa.int64(),
        "layers": pa.int64(),
        "channels": pa.int64(),
    }
)

_NAME = re.compile(r"results_(\d+)(_\w+)?\.json")
_PREFIX = "NetworkSelectorDatasetInfo:darts:"
_CURVE = "Train/val_accuracy"


def matches(path: Path) -> bool:
    """Return whether `path` is a folder that holds a log somewhere below, or an archive."""
    return path.suffix == ".zip" or bool(path.is_dir() and _logs(path))


def read(path: Path, progress: Progress) -> Table:
    """Return one row of each log, by folder and number; an architecture trained again is one more row.

    `optimizer` is the folder of the log, below the one given: the search method that proposed the network.

    Raises:
        TableError: A log is not what the format says; the log and the field are named.
    """
    logs = _logs(path)
    if not logs:
        raise TableError(f"{path.name}: holds no results_*.json")
    read_one = share_of(len(logs), progress)
    batches = []
    for chunk in _chunks(logs, 1000):
        batches.append(pa.Table.from_pylist([_row(log) for log in chunk], SCHEMA))
        read_one(len(chunk))
    return Table(pa.concat_tables(batches).combine_chunks())


def _logs(path: Path) -> list[Member]:
    found = []
    for member in members(path, ".json"):
        match = _NAME.fullmatch(member.base)
        if match:
            found.append((member.name.removesuffix(member.base), int(match[1]), match[2] or "", member))
    return [member for *_, member in sorted(found, key=lambda item: item[:3])]


def _chunks(logs: list[Member], size: int) -> Iterator[list[Member]]:
    return (logs[start : start + size] for start in range(0, len(logs), size))


def _row(member: Member) -> dict[str, Any]:
    with member.open() as stream:
        log = Fields(document(stream, member.name), member.name)
    config = log.inner("optimized_hyperparamater_config")  # the official spelling
    info = Fields(log.items("info", 1)[0], member.name, "info[0]")
    return {
        "optimizer": PurePosixPath(member.name).parent.as_posix().removeprefix("."),
        "normal": _cell(config, "normal"),
        "reduce": _cell(config, "reduce"),
        "valid_acc": info.percent("val_accuracy"),
        "test_acc": log.percent("test_accuracy"),
        f"valid_acc_ep{EARLY_EPOCH}": _early(log),
        "params": info.integer("model_parameters", 0) / 1e6,
        "train_time": log.number("runtime", 0),
        "epochs": info.integer("epochs", 1),
        "layers": config.integer(f"{_PREFIX}layers", 1),
        "channels": config.integer(f"{_PREFIX}init_channels", 1),
    }


def _cell(config: Fields, kind: str) -> list[str]:
    """Return "operation:input" of the eight edges, by node and input."""
    edges, chosen = [], set()
    first = 0  # number of the edge from input 0 to the node
    for node in NODES:
        for source in _inputs(config, kind, node):
            name = f"{_PREFIX}edge_{kind}_{first + source}"
            op = config.text(name)
            if op not in OPS:
                config.fail(name, f"not an operation of DARTS: {said(op)}")
            edges.append(f"{op}:{source}")
            chosen.add(name)
        first += node
    for key in config.value:
        if key.startswith(f"{_PREFIX}edge_{kind}_") and key not in chosen:
            config.fail(key, "given, but no node has chosen this edge")
    return edges


def _inputs(config: Fields, kind: str, node: int) -> tuple[int, int]:
    if node == NODES[0]:
        return 0, 1
    name = f"{_PREFIX}inputs_node_{kind}_{node}"
    pairs = {f"{i}_{j}": (i, j) for i, j in itertools.combinations(range(node), 2)}
    text = config.text(name)
    if text not in pairs:
        config.fail(name, f"not a pair of inputs of node {node}: {said(text)}")
    return pairs[text]


def _early(log: Fields) -> float | None:
    if "learning_curves" not in log:
        return None
    curve = log.inner("learning_curves").numbers(_CURVE, 0, 100)
    return curve[EARLY_EPOCH - 1] if len(curve) >= EARLY_EPOCH else None
