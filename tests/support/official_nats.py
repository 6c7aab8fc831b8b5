"""Releases in the official formats of NAS-Bench-201 and NATS-Bench, as their authors' scripts write them."""

from __future__ import annotations

import bz2
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

EVALUATED = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("ori-test", "x-valid", "x-test"),
    "ImageNet16-120": ("ori-test", "x-valid", "x-test"),
}
CLASSES = {"cifar10-valid": 10, "cifar10": 10, "cifar100": 100, "ImageNet16-120": 120}


def trial(
    dataset: str,
    seed: str,
    epochs: int,
    arch_config: dict[str, Any],
    costs: tuple[float, float],
    rng: np.random.Generator,
    last: dict[str, float],
    *,
    every_epoch: bool = True,
) -> dict[str, Any]:
    """One training. `last` holds accuracies that the sets must have after the last epoch."""

    def curve() -> list[float]:
        return (10 + 80 * rng.random(epochs)).round(4).tolist()

    sets = EVALUATED[dataset]
    at = range(epochs) if every_epoch else (epochs - 1,)
    accuracies, losses, times = {}, {}, {}
    for name in sets:
        values = curve()
        values[-1] = last.get(name, values[-1])
        for epoch in at:
            key = f"{name}@{epoch}"
            accuracies[key], losses[key], times[key] = values[epoch], 1 / (1 + values[epoch]), 2.5
    return {
        "name": dataset,
        "net_state_dict": None,
        "train_acc1es": dict(enumerate(curve())),
        "train_acc5es": dict(enumerate(curve())),
        "train_losses": dict(enumerate(curve())),
        "train_times": OrderedDict((epoch, 12.25) for epoch in range(epochs)),
        "arch_config": {**arch_config, "class_num": CLASSES[dataset]},
        "params": np.float64(costs[1]),
        "flop": costs[0],
        "seed": seed,
        "epochs": epochs,
        "latency": [0.0125],
        "eval_names": list(sets),
        "eval_acc1es": accuracies,
        "eval_times": times,
        "eval_losses": losses,
    }


def budget(
    index: int,
    arch: str,
    epochs: int,
    seeds: dict[str, tuple[int, ...]],
    rng: np.random.Generator,
    *,
    costs: tuple[float, float] = (78.5625, 0.7315),
    last: dict[tuple[str, str], float] | None = None,
    size: bool = False,
) -> dict[str, Any]:
    """All trainings of one architecture for one budget."""
    config: dict[str, Any] = (
        {"name": "infer.shape.tiny", "channels": arch, "arch_str": arch, "genotype": "|nor_conv_3x3~0|"}
        if size
        else {"channel": 16, "num_cells": 5, "arch_str": arch}
    )
    results = {}
    for dataset, listed in seeds.items():
        known = {name: value for (of, name), value in (last or {}).items() if of == dataset}
        last_only = dataset == "cifar100" and not size  # as in the older trainings of the release
        for seed in listed:
            text = f"{seed:04d}" if size else str(seed)
            results[dataset, seed] = trial(
                dataset, text, epochs, config, costs, rng, known, every_epoch=not last_only
            )
            if last_only:
                results[dataset, seed]["eval_times"] = {}
    return {
        "arch_index": index,
        "arch_str": arch,
        "all_results": results,
        "dataset_seed": {dataset: sorted(listed) for dataset, listed in seeds.items()},
        "clear_net_done": True,
    }


def record(index: int, arch: str, rng: np.random.Generator, **options: Any) -> OrderedDict[str, Any]:
    """The record of one architecture of the topology space: budget -> trainings."""
    count = int(rng.integers(1, 4))
    full = dict.fromkeys(EVALUATED, (777, 888, 999)[:count])
    low = {**dict.fromkeys(EVALUATED, (777,)), "cifar10-valid": (777, 888)}
    kept = {name: value for name, value in options.items() if name != "last"}
    return OrderedDict(
        {
            "12": budget(index, arch, 12, low, rng, **kept),
            "200": budget(index, arch, 200, full, rng, **options),
        }
    )


def size_record(index: int, arch: str, rng: np.random.Generator) -> OrderedDict[str, Any]:
    """The record of one architecture of the size space."""
    once = dict.fromkeys(EVALUATED, (777,))
    full = dict.fromkeys(EVALUATED, (777, 888, 999))
    return OrderedDict(
        {
            "01": budget(index, arch, 1, once, rng, size=True),
            "12": budget(index, arch, 12, once, rng, size=True),
            "90": budget(index, arch, 90, full, rng, size=True),
        }
    )


def release(archs: list[str], records: dict[int, Any]) -> dict[str, Any]:
    """What one file of NAS-Bench-201 holds; the budgets have other names there."""
    return {
        "meta_archs": archs,
        "total_archs": len(archs),
        "arch2infos": {
            index: {"full": budgets["200"], "less": budgets["12"]} for index, budgets in records.items()
        },
        "evaluated_indexes": sorted(records),
    }


def write_bz2(path: Path, value: Any) -> None:
    with bz2.open(path, "wb") as file:
        pickle.dump(value, file, protocol=4)


def write_folder(folder: Path, archs: list[str], records: dict[int, Any]) -> Path:
    """A "-simple" folder: meta.pickle.pbz2 and a file for each architecture."""
    folder.mkdir()
    meta = {"meta_archs": archs, "total_archs": len(archs), "arch2infos": None, "evaluated_indexes": set()}
    write_bz2(folder / "meta.pickle.pbz2", meta)
    for index, value in records.items():
        write_bz2(folder / f"{index:06d}.pickle.pbz2", value)
    return folder
