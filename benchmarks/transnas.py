"""TransNAS-Bench-101: cells (micro) and skeletons (macro) on seven vision tasks."""

from __future__ import annotations

from typing import ClassVar

from benchmarks.base import Benchmark, Info
from benchmarks.lists import parsed
from data.graphs import Graphs
from data.spaces.chains import TRANSNAS_MACRO
from data.spaces.codes import CodeSpace
from data.spaces.edges import TRANSNAS_MICRO
from data.table import Column

# How each task is judged: metric, unit. All are higher is better; a loss is published negated.
TASKS = {
    "class_scene": ("top1", "%"),
    "class_object": ("top1", "%"),
    "room_layout": ("neg_loss", ""),
    "jigsaw": ("top1", "%"),
    "segmentsemantic": ("mIoU", "%"),
    "normal": ("ssim", ""),
    "autoencoder": ("ssim", ""),
}
_EARLY = 5


def _columns() -> tuple[Column, ...]:
    labels = [
        Column(f"{task}_{split}_{metric}", task, f"{split}_score", unit, note=f"{metric}, last epoch")
        for task, (metric, unit) in TASKS.items()
        for split in ("valid", "test")
    ]
    early = [
        Column(name, task, name, unit, kind="weak", note=f"the same training, epoch {_EARLY}")
        for task, (metric, unit) in TASKS.items()
        for name in [f"{task}_valid_{metric}_ep{_EARLY}"]
    ]
    costs = [
        Column(c, "class_scene", c, "M", kind="weak", note="of the backbone; larger ranks higher")
        for c in ("flops", "params")
    ]
    return (*labels, *early, *costs)


def _info(key: str, level: str, total: int, noun: str) -> Info:
    return Info(
        key=key,
        title=f"TransNAS-Bench-101, {level} level",
        total=total,
        noun=noun,
        dataset="class_scene",
        target="test_score",
        label="valid_score",
        weak=("flops", "params"),
        notes="One training a network and task.",
    )


class _Transnas(Benchmark):
    space: ClassVar[CodeSpace]
    columns = _columns()

    def build_graphs(self) -> Graphs:
        """Return the graphs of the official names."""
        return self.space.graphs(parsed(self.table, "arch", self.space))


class TransnasMicro(_Transnas):
    """4,096 cells in one skeleton."""

    info, space = _info("transnas_micro", "cell", 4_096, "cells"), TRANSNAS_MICRO


class TransnasMacro(_Transnas):
    """3,256 skeletons of one cell."""

    info, space = _info("transnas_macro", "macro", 3_256, "skeletons"), TRANSNAS_MACRO
