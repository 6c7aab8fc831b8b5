"""Cells of the grid: one predictor on one task, a block of repeats trained together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks import CUSTOM, REGISTRY
from eval.provenance import code_hash, versions

BLOCK = 10  # repeats trained together; fixed, so that more repeats later only add blocks


@dataclass(frozen=True)
class Spec:
    """A predictor with its hyper-parameters.

    Attributes:
        name: Name in the registry.
        params: All hyper-parameters, as (name, value) pairs in alphabetical order.
        label: Name in reports: the registry name and what differs from the defaults.
    """

    name: str
    params: tuple[tuple[str, Any], ...]
    label: str


@dataclass(frozen=True)
class Task:
    """What is to be ranked, learned from which labels: everything but the predictor.

    Attributes:
        bench: Benchmark key, or path of a user's table.
        dataset: Data set.
        target: Target that the scores are judged on.
        label: Label that predictors train on.
        protocol: Name of the protocol that splits the table.
        train_size: Number of training labels.
        seed: Seed of repeat 0; repeat r splits and trains with seed + r.
        table_hash: Content hash of the table, weak labels included.
        weak_table: Path of a table of further weak labels; "" for none.
        encoder: Path of a saved encoder to use in place of pretraining; "" for none.
        encoder_hash: Its checksum.
    """

    bench: str
    dataset: str
    target: str
    label: str
    protocol: str
    train_size: int
    seed: int
    table_hash: str
    weak_table: str = ""
    encoder: str = ""
    encoder_hash: str = ""


@dataclass(frozen=True)
class Cell:
    """One unit of work: fitted, scored and stored as a whole."""

    task: Task
    spec: Spec
    repeats: tuple[int, ...]

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the scores."""
        bench_module = (REGISTRY.place(self.task.bench) if self.task.bench in REGISTRY else CUSTOM).partition(
            ":"
        )[0]
        return {
            "task": vars(self.task),
            "predictor": self.spec.name,
            "params": dict(self.spec.params),
            "repeats": list(self.repeats),
            "code": code_hash(["eval.evaluator", bench_module, f"predictors.{self.spec.name}"]),
            "versions": versions(),
        }

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits, the hash of `identity`."""
        return digest(self.identity)


def digest(identity: dict[str, Any], digits: int = 16) -> str:
    """Return hex digits that stand for everything in `identity`."""
    text = json.dumps(identity, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def blocks(repeats: int) -> list[tuple[int, ...]]:
    """Return the repeats 0, 1, ... in blocks of at most BLOCK."""
    return [tuple(range(i, min(i + BLOCK, repeats))) for i in range(0, repeats, BLOCK)]


def grid(tasks: Sequence[Task], specs: Sequence[Spec], repeats: int) -> list[Cell]:
    """Return every cell, ordered by task, predictor and repeat."""
    return [Cell(task, spec, block) for task in tasks for spec in specs for block in blocks(repeats)]
