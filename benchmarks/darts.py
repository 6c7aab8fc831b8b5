"""DARTS cells on CIFAR-10: OnceNAS's trainings, and the trainings behind NAS-Bench-301."""

from __future__ import annotations

from benchmarks.base import Benchmark, Info
from benchmarks.lists import cells
from data.graphs import Graphs
from data.spaces.cells import DARTS as SPACE
from data.table import Column


class _Darts(Benchmark):
    def build_graphs(self) -> Graphs:
        """Return the pairs of cells of all rows."""
        ops, sources, concat = cells(self.table, SPACE)
        return SPACE.build(ops, sources, concat)


class OncenasDarts(_Darts):
    """545 DARTS networks, trained for 10 and for 50 epochs."""

    info = Info(
        key="oncenas_darts",
        title="OnceNAS DARTS networks",
        total=545,
        dataset="cifar10",
        target="valid_acc",
        label="valid_acc",
        weak=("valid_acc_10", "flops", "params"),
        notes="A small table of short trainings; some did not converge.",
    )
    columns = (
        Column("valid_acc_50", "cifar10", "valid_acc", note="50 epochs, one seed"),
        Column("valid_acc_10", "cifar10", "valid_acc_10", kind="weak", note="a training of 10 epochs"),
        Column("train_acc_10", "cifar10", "train_acc_10", kind="weak", note="a training of 10 epochs"),
        Column("flops", "cifar10", "flops", "M", kind="weak", note="as published; larger ranks higher"),
        Column("params", "cifar10", "params", "M", kind="weak", note="as published; larger ranks higher"),
        Column("gpu_latency", "cifar10", "gpu_latency", "ms", kind="weak", note="as published"),
    )
    join_on = "id"
    renames = {"flops_m": "flops", "params_m": "params", "gpu_latency_ms": "gpu_latency"}  # noqa: RUF012


class NB301(_Darts):
    """The trainings of DARTS networks that the surrogates of NAS-Bench-301 were fitted on."""

    info = Info(
        key="nb301",
        title="NAS-Bench-301 (training runs)",
        dataset="cifar10",
        target="test_acc",
        label="valid_acc",
        weak=("valid_acc_ep10", "params"),
        notes="Networks found by optimisers, not drawn at random; some are there more than once.",
    )
    columns = (
        Column("valid_acc", "cifar10", "valid_acc", note="one training"),
        Column("test_acc", "cifar10", "test_acc", note="one training"),
        Column("valid_acc_ep10", "cifar10", "valid_acc_ep10", kind="weak", note="of the same training"),
        Column("params", "cifar10", "params", "M", kind="weak", note="as published; larger ranks higher"),
    )
