"""NDS: random networks of DARTS, ENAS, PNAS, NASNet and Amoeba cells, plain ones, ResNets, ResNeXts.

Each part of the release (data set, and what was sampled or fixed) is a data set of its own here: their
networks are trained with other settings and never in one ranking.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from benchmarks.base import Benchmark, Info
from benchmarks.columns import spread
from benchmarks.lists import cells, padded
from data.graphs import Graphs
from data.spaces.cells import NDS_AMOEBA, NDS_DARTS, NDS_ENAS, NDS_NASNET, NDS_PNAS, UNITS, CellsSpace
from data.spaces.codes import CodeSpace
from data.spaces.stages import NDS_RESNET, NDS_RESNEXT_A, NDS_RESNEXT_B, NDS_VANILLA, STAGES, StagesSpace
from data.table import Column, Table

SUBSETS = (
    *("cifar10", "cifar10_fix-w-d", "cifar10_lr-wd", "cifar10_rng1", "cifar10_rng2", "cifar10_rng3"),
    *("cifar10_reruns", "imagenet", "imagenet_lr-wd"),
)
_EARLY = (5, 10)


def _columns() -> tuple[Column, ...]:
    of_network = "larger ranks higher"
    return (
        *(
            Column(f"{subset}/test_acc", subset, "test_acc", note="test accuracy, last epoch, one training")
            for subset in SUBSETS
        ),
        *(
            Column(f"test_acc_ep{e}", "", f"test_acc_ep{e}", kind="weak", note=f"same training, epoch {e}")
            for e in _EARLY
        ),
        Column("flops", "", "flops", "M", kind="weak", note=of_network),
        Column("params", "", "params", "M", kind="weak", note=of_network),
    )


class Nds(Benchmark):
    """A space of NDS; a subclass names it.

    Attributes:
        space: Its search space.
    """

    space: ClassVar[CodeSpace]
    columns = _columns()

    @classmethod
    def arrange(cls, table: Table) -> Table:
        """Return the table with a label for each subset."""
        return spread(table, "subset", ["test_acc"])


class _Cells(Nds):
    space: ClassVar[CellsSpace]  # pyright: ignore[reportIncompatibleVariableOverride]

    def build_graphs(self) -> Graphs:
        """Return the pairs of cells of all rows, width and depth at their input."""
        ops, sources, concat = cells(self.table, self.space)
        size = np.stack([self.table.values(name) / unit for name, unit in UNITS.items()], axis=1)
        return self.space.build(ops, sources, concat, size)


class _Stages(Nds):
    space: ClassVar[StagesSpace]  # pyright: ignore[reportIncompatibleVariableOverride]

    def build_graphs(self) -> Graphs:
        """Return chains of stages."""
        depths, widths = (padded(self.table, name, STAGES) for name in ("depths", "widths"))
        ones = np.ones_like(depths)
        grouped = "num_gs" in self.table.names
        others = [padded(self.table, name, STAGES) if grouped else ones for name in ("bot_muls", "num_gs")]
        return self.space.build([depths, widths, *others])


def _info(key: str, space: str) -> Info:
    return Info(
        key=key,
        title=f"NDS, {space} space",
        dataset="cifar10",
        target="test_acc",
        label="test_acc",
        weak=("test_acc_ep5", "flops", "params"),
        notes="One training a network, no validation accuracy: training labels are test accuracies too.",
    )


class NdsDarts(_Cells):
    """Networks of DARTS cells."""

    info, space = _info("nds_darts", "DARTS"), NDS_DARTS


class NdsEnas(_Cells):
    """Networks of ENAS cells."""

    info, space = _info("nds_enas", "ENAS"), NDS_ENAS


class NdsPnas(_Cells):
    """Networks of PNAS cells."""

    info, space = _info("nds_pnas", "PNAS"), NDS_PNAS


class NdsNasnet(_Cells):
    """Networks of NASNet cells."""

    info, space = _info("nds_nasnet", "NASNet"), NDS_NASNET


class NdsAmoeba(_Cells):
    """Networks of AmoebaNet cells."""

    info, space = _info("nds_amoeba", "AmoebaNet"), NDS_AMOEBA


class NdsResnet(_Stages):
    """ResNets of three or four stages."""

    info, space = _info("nds_resnet", "ResNet"), NDS_RESNET


class NdsVanilla(_Stages):
    """Plain networks, without residual connections, of three stages."""

    info, space = _info("nds_vanilla", "Vanilla"), NDS_VANILLA


class NdsResnextA(_Stages):
    """ResNeXts of three or four stages, narrow ones."""

    info, space = _info("nds_resnext_a", "ResNeXt-A"), NDS_RESNEXT_A


class NdsResnextB(_Stages):
    """ResNeXts of three or four stages, wide ones."""

    info, space = _info("nds_resnext_b", "ResNeXt-B"), NDS_RESNEXT_B
