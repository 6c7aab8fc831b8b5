"""NAS-Bench-Macro and Channel-Bench-Macro: chains of blocks, and of widths, each trained three times."""

from __future__ import annotations

import numpy as np

from benchmarks.base import Benchmark, Info
from benchmarks.columns import spread
from benchmarks.lists import parsed
from data.graphs import Graphs
from data.spaces.chains import CHANNEL_MACRO, MACRO
from data.table import Column, Table

_RUNS = tuple(f"test_acc_{run}" for run in range(3))
_COSTS = tuple(
    Column(c, "cifar10", c, "M", kind="weak", note="as published; larger ranks higher", scale=1e-6)
    for c in ("flops", "params")
)


class Macro(Benchmark):
    """NAS-Bench-Macro: 6,561 codes of eight layers, 3,969 networks."""

    info = Info(
        key="macro",
        title="NAS-Bench-Macro",
        total=6_561,
        dataset="cifar10",
        target="test_acc",
        label="test_acc",
        weak=("flops", "params"),
        notes="Codes of one network carry the same three trainings. No validation accuracy: training labels "
        "are test accuracies too.",
    )
    columns = (
        Column("test_acc_mean", "cifar10", "test_acc", note="mean of three trainings", seeds=_RUNS),
        *_COSTS,
    )

    def build_graphs(self) -> Graphs:
        """Return chains of up to eight blocks."""
        return MACRO.graphs(parsed(self.table, "arch", MACRO))


class ChannelMacro(Benchmark):
    """Channel-Bench-Macro: 16,384 networks of seven widths, for MobileNet and for ResNet blocks."""

    info = Info(
        key="channel_macro",
        title="Channel-Bench-Macro",
        total=2 * 16_384,
        dataset="resnet",
        target="test_acc",
        label="test_acc",
        weak=("flops", "params"),
        notes="CIFAR-10; the data sets are the two kinds of blocks. No validation accuracy.",
    )
    columns = (
        *(
            Column(
                f"{kind}/test_acc_mean", kind, "test_acc", note="mean of three trainings, CIFAR-10",
                seeds=tuple(f"{kind}/{run}" for run in _RUNS),
            )
            for kind in ("resnet", "mobilenet")
        ),
        *_COSTS,
    )  # fmt: skip

    @classmethod
    def arrange(cls, table: Table) -> Table:
        """Return the table with labels for each kind of blocks."""
        return spread(table, "subset", ["test_acc_mean", *(r for r in _RUNS if r in table.names)])

    def build_graphs(self) -> Graphs:
        """Return chains of seven layers; the kind of blocks is a feature of the input."""
        resnet = np.array(self.table.column("subset").to_pylist()) == "resnet"
        network = np.stack([np.zeros(len(resnet)), resnet], axis=1)
        return CHANNEL_MACRO.graphs(parsed(self.table, "arch", CHANNEL_MACRO), network)
