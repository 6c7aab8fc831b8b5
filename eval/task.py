"""Tasks, entries and trials: what is ranked, by what, and the unit of work, run and stored as a whole."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from data.graphs import Graphs
from data.split import Pool, Split, get_protocol
from eval.provenance import versions
from predictors.device import CPU
from predictors.pretraining import Pretrains

if TYPE_CHECKING:
    from benchmarks.base import Benchmark
    from predictors.base import Predictor

BLOCK = 10  # repeats trained together; fixed, so that more repeats later only add blocks
DEVICE_BLOCK = 100  # on a device, which has room for many


@dataclass(frozen=True, eq=False)
class Task:
    """What is ranked and learned from: a resolved benchmark, its labels, and a rule to split it.

    Attributes:
        bench: The benchmark itself; nothing is looked up by its name again.
        dataset: Data set.
        target: Target that scores are evaluated on.
        label: Training label.
        protocol: Name of the protocol that splits the table.
        train_size: Number of training labels.
        seed: Seed of repeat 0; repeat r splits and trains with seed + r.
    """

    bench: Benchmark
    dataset: str
    target: str
    label: str
    protocol: str
    train_size: int
    seed: int
    _splits: dict[int, Split] = field(default_factory=dict, init=False, repr=False)

    @property
    def names(self) -> dict[str, Any]:
        """What rows say of the task."""
        own = ("dataset", "target", "label", "protocol", "train_size", "seed")
        return {"bench": self.bench.info.key, **{name: getattr(self, name) for name in own}}

    @property
    def graphs(self) -> Graphs:
        """The n architectures of the table, with the weak labels that are known of them."""
        return self.bench.graphs

    @cached_property
    def training_labels(self) -> np.ndarray:
        """(n,) labels that predictors train on, higher is better, NaN where unknown."""
        return self.bench.target(self.dataset, self.label)

    @cached_property
    def truth(self) -> np.ndarray:
        """(n,) the target that scores are evaluated on, higher is better, NaN where unknown."""
        return self.bench.target(self.dataset, self.target)

    @cached_property
    def pool(self) -> Pool:
        """What the protocol draws from."""
        column = get_protocol(self.protocol).split_column
        return Pool(
            np.isfinite(self.training_labels),
            np.isfinite(self.truth),
            self.bench.classes,
            self.bench.split_column(column) if column else None,
        )

    def split(self, repeat: int) -> Split:
        """Return the split of a repeat: the same for every predictor, drawn once."""
        if repeat not in self._splits:
            protocol = get_protocol(self.protocol)
            self._splits[repeat] = protocol.split(self.pool, self.train_size, self.seed + repeat)
        return self._splits[repeat]

    @cached_property
    def content(self) -> dict[str, Any]:
        """Everything about the task that shapes scores, as hashes of the arrays themselves.

        Whatever made the arrays (a file, a converter, the features of a search space) is covered by them.
        """
        graphs = self.graphs
        part = self.pool.part
        return {
            "space": {field.name: getattr(graphs.space, field.name) for field in fields(graphs.space)},
            "graphs": hash_arrays(
                graphs.ops, graphs.adjacency, graphs.n_nodes, graphs.stage, graphs.features
            ),
            "weak": {name: hash_arrays(values) for name, values in graphs.weak.items()},
            "classes": hash_arrays(self.bench.classes),
            "labels": hash_arrays(self.training_labels),
            "truth": hash_arrays(self.truth),
            "part": "" if part is None else hash_arrays(part.astype("U")),
            **{name: getattr(self, name) for name in ("protocol", "train_size", "seed")},
        }


@dataclass(frozen=True, eq=False)
class Entry:
    """A predictor as it enters a comparison.

    Attributes:
        name: Name in reports: the predictor's, and what differs from its defaults.
        predictor: The unfitted predictor.
        weak: Names of the weak labels that it is pretrained on; none for training from scratch.
        encoder: Path of a saved encoder to use in place of pretraining; "" for none.
        encoder_hash: Its checksum.
        code: Hash of its code; None if it has no source file (a class of a notebook), so that no result of it
            can be used again.
    """

    name: str
    predictor: Predictor
    weak: tuple[str, ...] = ()
    encoder: str = ""
    encoder_hash: str = ""
    code: str | None = ""
    _once: str = field(default_factory=lambda: uuid.uuid4().hex, init=False, repr=False)

    @cached_property
    def content(self) -> dict[str, Any]:
        """Everything about the predictor that shapes scores."""
        kind = type(self.predictor)
        return {
            "predictor": f"{kind.__module__.rpartition('.')[2]}.{kind.__qualname__}",
            "params": self.predictor.params(),
            "weak": list(self.weak),
            "encoder": self.encoder_hash,
            "code": self._once if self.code is None else self.code,
            **({"device": self.device} if self.device != CPU else {}),
        }

    @property
    def pretrains(self) -> bool:
        """Whether it is pretrained on weak labels here."""
        return isinstance(self.predictor, Pretrains) and bool(self.weak) and not self.encoder

    @property
    def device(self) -> str:
        """Where it computes; "cpu" leaves its identity as it is."""
        return self.predictor.device if self.predictor.has_device else CPU


@dataclass(frozen=True, eq=False)
class Trial:
    """One unit of work: an entry's block of repeats on a task, fitted, scored and stored as a whole.

    Attributes:
        task: The task.
        entry: The predictor.
        repeats: The block.
        code: Hash of the evaluator's code.
        encoder: Which of several pretrained encoders the block uses: its seed is the task's plus this.
    """

    task: Task
    entry: Entry
    repeats: tuple[int, ...]
    code: str = ""
    encoder: int = 0

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the scores; `code` is the evaluator's."""
        return {
            "task": self.task.content,
            "entry": self.entry.content,
            "repeats": list(self.repeats),
            "code": self.code,
            "versions": versions(),
            **({"encoder": self.encoder} if self.encoder else {}),
        }

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits, the hash of `identity`."""
        return digest(self.identity)

    @property
    def pretrain_seed(self) -> int:
        """Seed of the pretraining."""
        return self.task.seed + self.encoder

    @property
    def title(self) -> str:
        """What it is, in a few words, for messages."""
        first, last = self.repeats[0], self.repeats[-1]
        return (
            f"{self.entry.name} on {self.task.dataset}, {self.task.train_size} labels, repeats {first}-{last}"
        )


def build_trials(
    tasks: Sequence[Task], entries: Sequence[Entry], repeats: int, code: str, *, encoders: int = 1
) -> list[Trial]:
    """Return every trial, ordered by task, entry and block.

    Args:
        tasks: The tasks.
        entries: The predictors.
        repeats: Repeats of each.
        code: Hash of the evaluator's code.
        encoders: Encoders that a predictor is pretrained to; repeat r uses number r modulo this.
    """
    return [
        Trial(task, entry, block, code, block[0] % encoders if entry.pretrains else 0)
        for task in tasks
        for entry in entries
        for block in get_blocks(
            repeats,
            BLOCK if entry.device == CPU else DEVICE_BLOCK,
            apart=encoders if entry.pretrains else 1,
        )
    ]


def get_blocks(repeats: int, size: int = BLOCK, *, apart: int = 1) -> list[tuple[int, ...]]:
    """Return the repeats 0, 1, ... in blocks of at most `size`, those of a block being `apart`."""
    return [
        tuple(range(first, min(first + size * apart, repeats), apart))
        for start in range(min(apart, repeats))
        for first in range(start, repeats, size * apart)
    ]


def digest(identity: dict[str, Any], digits: int = 16) -> str:
    """Return hex digits that stand for everything in `identity`."""
    text = json.dumps(identity, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def hash_arrays(*arrays: np.ndarray) -> str:
    """Return sixteen hex digits for the shapes, types and values of arrays."""
    content = hashlib.sha256()
    for array in arrays:
        content.update(f"{array.dtype.str}{array.shape}\0".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()[:16]
