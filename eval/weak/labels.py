"""Which weak labels an account covers: those that are named, or one of each kind and noise as the control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.agreement import MIN_ROWS, kendall_tau
from benchmarks.base import Benchmark
from benchmarks.weak_labels import get_weak_columns, read_table
from data.errors import InputError
from data.table import Column
from data.table_files import table_suffix
from eval.grid.weak import take_weak

NOISE, ALL, EACH, DEFAULT, NONE = "noise", "all", "each", "default", "none"
SAME = 0.95  # absolute Kendall tau from which two weak labels are one
_COMPARED = 2000  # rows that decide whether they are


@dataclass(frozen=True)
class Chosen:
    """The weak labels of an account.

    Attributes:
        bench: The benchmark that has them all.
        labels: Each weak label, or several joined by +, in order.
        notes: Which were left out, and why, a sentence each.
    """

    bench: Benchmark
    labels: list[str]
    notes: list[str]


def choose_labels(
    bench: Benchmark,
    items: Sequence[str] | None,
    dataset: str,
    target: str,
    *,
    trusted: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Chosen:
    """Return the weak labels that are asked for; None for one of each kind.

    Args:
        bench: The benchmark.
        items: Names, sums of names joined by +, "DATASET/TARGET", paths of tables, "default" for the sum of
            the benchmark's own, "each" for one of each kind, "all" for every weak label that it has, "noise"
            for random numbers.
        dataset: Data set of the target.
        target: The target.
        trusted: Reason for each weak label that ranks like a true label and is meant to.
        seed: Seed of the noise.

    Raises:
        UnknownNameError: An unknown weak label.
        InputError: A true label in place of a weak one, "none", a label that is known for too few rows, or
            as `take_weak`.
    """
    asked = list(dict.fromkeys(items or [])) or [EACH]
    if any({NOISE, ALL, EACH} & set(item.split("+")) for item in asked):
        bench = add_noise(bench, dataset, seed)
    labels: list[str] = []
    notes: list[str] = []
    named = [item for item in asked if item not in (ALL, EACH, DEFAULT)]
    if NONE in named:
        raise InputError("the account always has no weak labels as its reference: leave out 'none'")
    before = bench
    if named:
        bench, _ = take_weak(bench, named, trusted or {})
    for item in asked:
        if item == EACH:
            found, notes = _one_of_each_kind(before, dataset, target)
            labels += found
        elif item == ALL:
            labels += [*bench.weak_names, *get_others(bench, dataset, target)]
        elif item == DEFAULT:
            labels += ["+".join(get_default(bench))]
        elif table_suffix(Path(item)) and item not in before.weak_names:
            labels += get_weak_columns(before, read_table(Path(item)))
        else:
            labels.append("+".join(_expand(bench, item)))
    labels = [label for label in dict.fromkeys(labels) if label]
    for label in labels:
        for name in label.split("+"):
            _check_known(bench, name, dataset, target)
    return Chosen(bench, labels, notes)


def get_default(bench: Benchmark) -> list[str]:
    """Return the weak labels that the benchmark is pretrained on by default, as far as it has them."""
    return [name for name in bench.info.weak if name in bench.weak_names]


def get_others(bench: Benchmark, dataset: str, target: str) -> list[str]:
    """Return the labels of other data sets, "DATASET/TARGET", that rows with the target have."""
    truth = bench.target(dataset, target)
    found = []
    for other in bench.datasets:
        names = bench.labels(other)
        name = target if target in names else names[0]
        if other != dataset and _shared(bench.target(other, name), truth) >= MIN_ROWS:
            found.append(f"{other}/{name}")
    return found


def add_noise(bench: Benchmark, dataset: str, seed: int) -> Benchmark:
    """Return the benchmark with the weak label "noise", random numbers; one that has it stays as it is."""
    if NOISE in bench.weak_names:
        return bench
    if NOISE in bench.table.names:
        raise InputError(f"{bench.info.key} has a column '{NOISE}' that is no weak label: rename it")
    values = np.random.default_rng(seed).normal(size=len(bench))
    column = Column(
        NOISE, dataset, NOISE, "", kind="weak", note=f"random numbers of seed {seed}, the control"
    )
    return bench.with_columns([column], bench.table.arrow.append_column(NOISE, pa.array(values)))


def _expand(bench: Benchmark, item: str) -> list[str]:
    """Return the names of a sum, the words among them replaced by what they stand for."""
    names: list[str] = []
    for name in item.split("+"):
        if name == DEFAULT:
            names += get_default(bench)
        elif name == "supernet" and bench.info.supernet:
            names.append(bench.info.supernet)
        else:
            names.append(name)
    return list(dict.fromkeys(names))


def _check_known(bench: Benchmark, name: str, dataset: str, target: str) -> None:
    known = _shared(bench.weak_for(name, dataset), bench.target(dataset, target))
    if known < MIN_ROWS:
        raise InputError(
            f"weak label '{name}' is known for {known} of the rows with {dataset} {target}; an account needs "
            f"at least {MIN_ROWS}"
        )


def _shared(a: np.ndarray, b: np.ndarray) -> int:
    return int((np.isfinite(a) & np.isfinite(b)).sum())


def _one_of_each_kind(bench: Benchmark, dataset: str, target: str) -> tuple[list[str], list[str]]:
    """Return the weak labels that differ from each other, and what was left out.

    The benchmark's default ones always stay. Of the measurements of one unit of time or energy, the first
    stays; of labels that order the architectures alike, the first.
    """
    default = get_default(bench)
    units = {column.name: column.unit for column in bench.described}
    truth = bench.target(dataset, target)
    rows = np.flatnonzero(np.isfinite(truth))
    rows = np.random.default_rng(0).permutation(rows)[:_COMPARED]
    kept: dict[str, np.ndarray] = {}
    measured: set[str] = set()
    notes = []
    candidates = [n for n in bench.weak_names if n not in (*default, NOISE)]
    for name in [*default, *candidates, *get_others(bench, dataset, target), NOISE]:
        values = bench.weak_for(name, dataset)
        unit = units.get(name, "")
        if _shared(values, truth) < MIN_ROWS:
            notes.append(f"{name} is left out: it is known for too few rows.")
        elif name not in default and unit in ("ms", "s", "mJ") and unit in measured:
            notes.append(f"{name} is left out: another measurement in {unit} stands for it.")
        elif name not in default and (twin := _find_twin(values[rows], kept)):
            notes.append(f"{name} is left out: it orders the architectures as {twin} does.")
        else:
            measured.add(unit)
            kept[name] = values[rows]
    return list(kept), notes


def _find_twin(values: np.ndarray, kept: Mapping[str, np.ndarray]) -> str:
    """Return the first weak label that orders the rows alike; "" for none."""
    for name, other in kept.items():
        both = np.isfinite(values) & np.isfinite(other)
        tau = kendall_tau(values[both], other[both])
        if both.sum() >= MIN_ROWS and tau is not None and abs(tau) >= SAME:
            return name
    return ""
