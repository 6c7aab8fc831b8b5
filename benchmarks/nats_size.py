"""NATS-Bench size space: 32,768 networks of five widths on three data sets."""

from __future__ import annotations

from benchmarks.base import SEEDS, Benchmark, Info
from benchmarks.lists import parsed
from benchmarks.prices import Price
from data.graphs import Graphs
from data.spaces.chains import NATS_SIZE as SPACE
from data.table import Column

_DATASETS = ("cifar10", "cifar100", "imagenet16")
_SPLITS = {"valid": "validation", "test": "test"}


def _columns() -> tuple[Column, ...]:
    labels = [
        Column(
            f"{d}_{split}_acc", d, f"{split}_acc", note=f"{of} accuracy, 90 epochs, mean over the seeds",
            seeds=tuple(f"{d}_{split}_acc_{seed}" for seed in SEEDS),
        )
        for d in _DATASETS
        for split, of in _SPLITS.items()
    ]  # fmt: skip
    early = [
        Column(
            f"{d}_valid_acc_{epochs}", d, f"valid_acc_{epochs}", kind="weak",
            note=f"validation accuracy of a training of {int(epochs)} epochs",
        )
        for d in _DATASETS
        for epochs in ("01", "12")
    ]  # fmt: skip
    costs = [
        Column(c, "cifar10", c, "M", kind="weak", note=f"{of} of the CIFAR-10 network; larger ranks higher")
        for c, of in (("flops", "multiply-adds of convolutions and classifier"), ("params", "parameters"))
    ]
    return (*labels, *early, *costs)


class NatsSize(Benchmark):
    """The size space of NATS-Bench; architectures are their five widths, "64:8:16:64:32"."""

    info = Info(
        key="nats_size",
        title="NATS-Bench, size space",
        total=32_768,
        dataset="cifar10",
        target="test_acc",
        label="valid_acc",
        weak=("cifar10_valid_acc_01", "cifar10_valid_acc_12", "flops", "params"),
    )
    columns = _columns()
    prices = {  # noqa: RUF012
        f"{dataset}_valid_acc_{epochs}": Price(trainings=int(epochs) / 90, note=f"{int(epochs)} of 90 epochs")
        for dataset in _DATASETS
        for epochs in ("01", "12")
    }

    def build_graphs(self) -> Graphs:
        """Return chains of five layers."""
        return SPACE.graphs(parsed(self.table, "arch", SPACE))
