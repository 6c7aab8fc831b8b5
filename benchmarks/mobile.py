"""Mobile networks on ImageNet: ProxylessNAS chains, Accel-NASBench, once-for-all sub-networks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from benchmarks.base import Benchmark, Info
from benchmarks.columns import spread
from benchmarks.lists import numbers, parsed
from data.graphs import Graphs
from data.spaces.chains import PROXYLESS
from data.spaces.mobile import DEPTHS, MNASNET, OFA, OFA_SLOTS, OFA_STAGES
from data.table import Column, Table

_COST = "as published; larger ranks higher"


class Proxyless(Benchmark):
    """The ProxylessNAS space of TuNAS and AceNAS: 21 inverted bottlenecks."""

    info = Info(
        key="proxyless",
        title="ProxylessNAS space (TuNAS, AceNAS)",
        dataset="imagenet",
        target="valid_acc",
        label="valid_acc",
        weak=("ws_acc", "flops", "params"),
        supernet="ws_acc",
    )
    columns = (
        Column("valid_acc_90", "imagenet", "valid_acc", note="validation accuracy, 90 epochs, one training"),
        Column("test_acc_360", "imagenet", "test_acc", note="test accuracy, 360 epochs, one training"),
        Column("ws_acc", "imagenet", "ws_acc", kind="weak", note="AceNAS's supernet, inherited weights"),
        Column("pixel1_latency", "imagenet", "pixel1_latency", "ms", kind="weak", note="simulated Pixel 1"),
        Column("flops", "imagenet", "flops", "M", kind="weak", note=_COST),
        Column("params", "imagenet", "params", "M", kind="weak", note=_COST),
    )

    def build_graphs(self) -> Graphs:
        """Return chains of up to 21 blocks; the first layer's kernel, beyond 3, is a feature of the input."""
        stem = np.zeros(len(self.table))
        if "stem_kernel" in self.table.names:
            stem = (np.nan_to_num(self.table.values("stem_kernel"), nan=3.0) - 3) / 4
        return PROXYLESS.graphs(parsed(self.table, "arch", PROXYLESS), stem[:, None])


class AccelMnasnet(Benchmark):
    """Accel-NASBench: MnasNet-like networks trained on ImageNet by a shortened recipe."""

    info = Info(
        key="accel_mnasnet",
        title="Accel-NASBench",
        total=5_138,
        dataset="imagenet",
        target="valid_acc",
        label="valid_acc",
        weak=("flops", "params"),
        notes="Trained by a shortened recipe: accuracies and their order are its own, not full training's.",
    )
    columns = (
        Column("valid_top1", "imagenet", "valid_acc", note="top-1 validation accuracy, one training"),
        Column("valid_top5", "imagenet", "valid_top5", note="top-5 validation accuracy, one training"),
        Column("flops", "imagenet", "flops", "M", kind="weak", note="multiply-adds; larger ranks higher"),
        Column("params", "imagenet", "params", "M", kind="weak", note=_COST),
        *(
            Column(f"{d}_latency_mean", "imagenet", f"{d}_latency", "ms", kind="weak", note="measured")
            for d in ("zcu102", "vck190")
        ),
        *(
            Column(f"{d}_throughput_mean", "imagenet", f"{d}_throughput", "/s", kind="weak", note="measured")
            for d in ("a100", "3090", "tpuv2", "tpuv3", "zcu102", "vck190")
        ),
    )
    join_on = "result_id"
    renames = {"macs_m": "flops", "params_m": "params"}  # noqa: RUF012

    def build_graphs(self) -> Graphs:
        """Return chains of seven stages of equal blocks."""
        stages = range(len(DEPTHS))
        expansion, kernel, depth, se = (
            np.stack([self.table.values(f"block{b}_{part}") for b in stages], axis=1).astype(np.int64)
            for part in ("e", "k", "l", "se")
        )
        return MNASNET.build(expansion, kernel, depth, se)


class Ofa(Benchmark):
    """Sub-networks of once-for-all supernets; each supernet is a data set of its own."""

    info = Info(
        key="ofa",
        title="Once-for-all sub-networks",
        total=14_923,
        dataset="MIT_OFA",
        target="acc",
        label="acc",
        weak=("peak_memory", "flops", "params"),
        notes="Accuracies with inherited weights, not of networks trained alone; not a uniform sample.",
    )
    supernets = (
        *("MIT_OFA", "CompOFA", "MOOFA", "MIT_OFA_W10"),
        *("ablation_e346_imagenette", "ablation_e1_1.5_2_imagenette", "ablation_e234_imagenette"),
    )
    columns = (
        *(
            Column(f"{name}/acc", name, "acc", note=f"top-1 with weights inherited from {name}")
            for name in supernets
        ),
        Column("peak_memory", "", "peak_memory", "", kind="weak", note="estimate; larger ranks higher"),
        Column("flops", "", "flops", "M", kind="weak", scale=1e-6, note="multiply-adds, MIT_OFA_W10 only"),
        Column("params", "", "params", "M", kind="weak", scale=1e-6, note="MIT_OFA_W10 only"),
    )
    renames = {"macs": "flops"}  # noqa: RUF012

    @classmethod
    def arrange(cls, table: Table) -> Table:
        """Return the table with a label for each supernet."""
        return spread(super().arrange(table), "supernet", ["acc"])

    def describe(self, table: Table) -> Iterable[Column]:
        """Return the declared columns, and a label for each supernet that is not declared."""
        known = {c.name for c in self.columns}
        found = [name for name in table.names if name.endswith("/acc") and name not in known]
        others = [Column(name, name.removesuffix("/acc"), "acc", note="inherited weights") for name in found]
        return [*self.columns, *others]

    def build_graphs(self) -> Graphs:
        """Return chains of the blocks that are used, the resolution at their input."""
        slots = OFA_STAGES * OFA_SLOTS
        return OFA.build(
            numbers(self.table, "d", OFA_STAGES).astype(np.int64),
            numbers(self.table, "ks", slots).astype(np.int64),
            numbers(self.table, "e", slots),
            self.table.values("image_size"),
        )
