"""NDS: the sweep summaries `<space><variant>.json` of facebookresearch/nds (data.zip) -> tables.

A file is a list of trained models; the `_reruns` files hold two lists, under "top" and "mid". The names of
the files, of a model's fields and their units are those that the repository's notebooks (nas, app_a,
complexity) and the data base generator of Microsoft NNI (nni/nas/benchmarks/nds) read from them: errors in
percent by epoch, as many as `optim.max_ep`, FLOPs and parameters in units, time of an iteration in seconds.
Losses may be NaN there; no loss is taken over. The operations are those of the papers' spaces as NNI
(constants.py) and AceNAS (experiments/supernet) list them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.convert import Progress
from data.convert.fields import Fields
from data.convert.jsonstream import records, said, spell
from data.convert.members import Member, members, share_of
from data.errors import TableError
from data.table import Table

EARLY_EPOCHS = (5, 10)
"""Epochs, from 1, whose test accuracy is kept: a tenth of the 50 on ImageNet and of the 100 on CIFAR-10."""

TOLERANCE = 0.01  # percent; the published errors are rounded

_POOLS = ("avg_pool_3x3", "max_pool_3x3", "skip_connect")
_SEPARABLE = ("sep_conv_3x3", "sep_conv_5x5")

# End of a file's name -> subset. The three sweeps _rng1 to _rng3 train the same models with other seeds;
# _reruns trains few models, from the top and the middle of the ranking, many times.
SUBSETS = {
    "": "cifar10",
    "_fix-w-d": "cifar10_fix-w-d",
    "_lr-wd": "cifar10_lr-wd",
    "_rng1": "cifar10_rng1",
    "_rng2": "cifar10_rng2",
    "_rng3": "cifar10_rng3",
    "_reruns": "cifar10_reruns",
    "_in": "imagenet",
    "_lr-wd_in": "imagenet_lr-wd",
}

_INTS, _FLOATS, _TEXTS = pa.list_(pa.int64()), pa.list_(pa.float64()), pa.list_(pa.string())
_CELL = {
    "width": pa.int64(),
    "depth": pa.int64(),
    "normal": _TEXTS,
    "reduce": _TEXTS,
    "normal_concat": _INTS,
    "reduce_concat": _INTS,
}
_STAGES = {"block_type": pa.large_string(), "depths": _INTS, "widths": _INTS, "strides": _INTS}
_GROUPS = {"bot_muls": _FLOATS, "num_gs": _INTS}
_RESULTS = {
    **{f"test_acc{end}": pa.float64() for end in ("", "_best", *(f"_ep{e}" for e in EARLY_EPOCHS))},
    "train_acc": pa.float64(),
    "params": pa.float64(),
    "flops": pa.float64(),
    "rng_seed": pa.int64(),
    "lr": pa.float64(),
    "wd": pa.float64(),
    "epochs": pa.int64(),
    "iter_time": pa.float64(),
}


@dataclass(frozen=True)
class Space:
    """A space of NDS, and the reader of its files.

    Attributes:
        stem: What its files' names start with.
        ops: Operations of a cell; empty for a space of stages.
        nodes: Blocks of a cell, two operations each.
        groups: Whether a stage has a bottleneck ratio and a number of groups.
    """

    stem: str
    ops: tuple[str, ...] = ()
    nodes: int = 5
    groups: bool = False

    @property
    def schema(self) -> pa.Schema:
        """Columns of the table."""
        network = _CELL if self.ops else {**_STAGES, **(_GROUPS if self.groups else {})}
        return pa.schema({"subset": pa.large_string(), **network, **_RESULTS})

    def matches(self, path: Path) -> bool:
        """Return whether `path` is a file of this space, a folder with one, or an archive."""
        return path.suffix == ".zip" or bool(_files(self, path))

    def read(self, path: Path, progress: Progress) -> Table:
        """Return one table of all files of this space in a folder or archive, or of one file.

        Raises:
            TableError: A file or a model in it is not what the format says; both are named.
        """
        files = _files(self, path)
        if not files:
            raise TableError(f"{path.name}: holds no file {self.stem}*.json")
        taken = share_of(sum(member.size for member, _ in files), progress)
        batches = []
        for member, subset in files:
            rows = list(_rows(self, member, subset, taken))
            if not rows:
                raise TableError(f"{member.name}: holds no models")
            batches.append(pa.Table.from_pylist(rows, self.schema))
        return Table(pa.concat_tables(batches).combine_chunks())


DARTS = Space("DARTS", (*_POOLS, *_SEPARABLE, "dil_conv_3x3", "dil_conv_5x5", "none"), nodes=4)
ENAS = Space("ENAS", (*_POOLS, *_SEPARABLE))
PNAS = Space("PNAS", (*_POOLS, *_SEPARABLE, "sep_conv_7x7", "dil_conv_3x3", "conv_7x1_1x7"))
NASNET = Space(
    "NASNet",
    (
        *_POOLS, "max_pool_5x5", "max_pool_7x7", *_SEPARABLE, "sep_conv_7x7", "dil_conv_3x3", "conv_1x1",
        "conv_3x3", "conv_3x1_1x3", "conv_7x1_1x7",
    ),
)  # fmt: skip
AMOEBA = Space("Amoeba", (*_POOLS, *_SEPARABLE, "sep_conv_7x7", "dil_sep_conv_3x3", "conv_7x1_1x7"))
RESNET = Space("ResNet")
RESNEXT_A = Space("ResNeXt-A", groups=True)
RESNEXT_B = Space("ResNeXt-B", groups=True)
VANILLA = Space("Vanilla")


def _files(space: Space, path: Path) -> list[tuple[Member, str]]:
    """Return the files of `space` with their subsets, in the order of SUBSETS."""
    found: dict[str, Member] = {}
    for member in members(path, ".json"):
        # "ResNet-B", "ResNeXt-A": other spaces than "ResNet"; a variant starts with "_".
        match = re.fullmatch(rf"{re.escape(space.stem)}(_.*)?\.json", member.base)
        if match is None:
            continue
        end = match[1] or ""
        if end not in SUBSETS:
            raise TableError(f"{member.name}: no known variant of {space.stem}; known: {', '.join(SUBSETS)}")
        if end in found:
            raise TableError(f"{path.name}: holds both {found[end].name} and {member.name}")
        found[end] = member
    return [(found[end], subset) for end, subset in SUBSETS.items() if end in found]


def _rows(
    space: Space, member: Member, subset: str, taken: Callable[[int], object]
) -> Iterator[dict[str, Any]]:
    seen: dict[bytes, str] = {}
    with member.open(taken) as stream:
        for place, value in records(stream, member.name):
            record = Fields(value, spell(member.name, place))
            if len(place) == 2 and place[0] not in ("top", "mid"):
                record.fail("", f"under {said(place[0])}, which is neither 'top' nor 'mid'")
            row = {"subset": subset, **_network(space, record.inner("net")), **_results(record)}
            # The whole curve, not the end of it: reruns of a model may well end at the same accuracy.
            twin = hashlib.sha256(repr((row, record.take("test_ep_top1"))).encode()).digest()
            if twin in seen:
                record.fail("", f"the same training as {seen[twin]}")
            seen[twin] = record.place
            yield row


def _network(space: Space, net: Fields) -> dict[str, Any]:
    if space.ops:
        genotype = net.inner("genotype")
        cells = {kind: _cell(space, genotype, kind) for kind in ("normal", "reduce")}
        concats = {f"{kind}_concat": _concat(space, genotype, f"{kind}_concat") for kind in cells}
        return {"width": net.integer("width", 1), "depth": net.integer("depth", 1), **cells, **concats}
    stages = len(net.items("ds"))
    row: dict[str, Any] = {"block_type": net.text("block_type")}
    for column, name in (("depths", "ds"), ("widths", "ws"), ("strides", "ss")):
        row[column] = net.integers(name, 1, stages)
    if space.groups:
        row["bot_muls"] = net.numbers("bot_muls", 0, 1e6, stages)
        row["num_gs"] = net.integers("num_gs", 1, stages)
    return row


def _cell(space: Space, genotype: Fields, kind: str) -> list[str]:
    """Return "operation:input" of each edge; the two edges of block b read from inputs 0 to b + 1."""
    edges = []
    for i, edge in enumerate(genotype.items(kind, 2 * space.nodes)):
        known = isinstance(edge, list) and len(edge) == 2 and edge[0] in space.ops
        if not known or type(edge[1]) is not int or not 0 <= edge[1] < i // 2 + 2:
            genotype.fail(f"{kind}[{i}]", f"not an operation and an input of {space.stem}: {said(edge)}")
        edges.append(f"{edge[0]}:{edge[1]}")
    return edges


def _concat(space: Space, genotype: Fields, name: str) -> list[int]:
    nodes = genotype.integers(name, 0)
    if not nodes or len(set(nodes)) < len(nodes) or max(nodes) >= space.nodes + 2:
        genotype.fail(name, f"not a choice of the nodes 0 to {space.nodes + 1}: {said(nodes)}")
    return nodes


def _results(record: Fields) -> dict[str, Any]:
    optim = record.inner("optim")
    epochs = optim.integer("max_ep", 1)
    test = record.numbers("test_ep_top1", 0, 100, epochs)
    train = record.numbers("train_ep_top1", 0, 100, epochs)
    best = record.percent("min_test_top1")
    # A training that was interrupted and went on forgets its minimum so far: only these bounds are sure.
    if not min(test) - TOLERANCE <= best <= test[-1] + TOLERANCE:
        curve = f"the errors by epoch reach {min(test):g} and end at {test[-1]:g}"
        record.fail("min_test_top1", f"{best:g}, but {curve}")
    early = {f"test_acc_ep{e}": 100 - test[e - 1] if e <= epochs else None for e in EARLY_EPOCHS}
    return {
        "test_acc": 100 - test[-1],
        "test_acc_best": 100 - best,
        **early,
        "train_acc": 100 - train[-1],
        "params": record.number("params", 0) / 1e6,
        "flops": record.number("flops", 0) / 1e6,
        "rng_seed": record.integer("rng_seed", 0),
        "lr": optim.number("base_lr", 0),
        "wd": optim.number("wd", 0),
        "epochs": epochs,
        "iter_time": record.number("iter_time", 0) if "iter_time" in record else None,
    }
