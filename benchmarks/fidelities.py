"""Low fidelities: labels from shorter trainings, and the share of a full training that each costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.column import Column
from data.errors import InputError
from data.names import check_name

if TYPE_CHECKING:
    from benchmarks.base import Benchmark
    from benchmarks.prices import Price


@dataclass(frozen=True, eq=False)
class Fidelity:
    """A label from a shorter training.

    Attributes:
        name: The column or weak label.
        share: Share of a full training that one costs, between 0 and 1.
        values: (n,) the label of each architecture, higher is better, NaN where unknown.
        seconds: Column with the time of each shorter training; "" if the table has none.
    """

    name: str
    share: float
    values: np.ndarray
    seconds: str = ""


def get_fidelities(
    bench: Benchmark, dataset: str, label: str, shares: Mapping[str, float] | None = None
) -> list[Fidelity]:
    """Return the low fidelities of a label, the cheapest first.

    By default these are the columns called as the label is, with fewer epochs at the end: valid_acc_4 for
    valid_acc_108, cifar10_valid_acc_12 for valid_acc. Their share is the one in the benchmark's prices, else
    their epochs over the label's.

    Args:
        bench: The benchmark.
        dataset: Data set of the label.
        label: The label of full trainings.
        shares: Share of a full training by column, in place of the default.

    Raises:
        UnknownNameError: A column is neither a label nor a weak label.
        InputError: A share is not between 0 and 1, or two columns have the same one.
    """
    full = bench.label_column(dataset, label)
    columns = [c for c in bench.described if c.kind == "weak" or c.dataset == dataset]
    found = dict(shares or match_fidelities(columns, bench.prices, full))
    known = {c.target: c for c in columns} | {c.name: c for c in columns}
    for name, share in found.items():
        check_name("label of a shorter training", name, known)
        if not 0 < share < 1:
            raise InputError(f"'{name}' must cost a share between 0 and 1 of a full training, not {share:g}")
        if known[name].name == full.name:
            raise InputError(f"'{name}' is the label of full trainings: it is no lower fidelity of itself")
    if len(set(found.values())) < len(found):
        raise InputError("labels of shorter trainings must differ in their share of a full training")
    return [
        Fidelity(name, share, _get_values(bench, dataset, known[name]), _get_seconds(bench, name))
        for name, share in sorted(found.items(), key=lambda item: item[1])
    ]


def match_fidelities(
    columns: Iterable[Column], prices: Mapping[str, Price], label: Column
) -> dict[str, float]:
    """Return the share of a full training by column, for columns called as a label is, with their epochs."""
    stem, full = _split_epochs(label.name)
    stems = {stem, label.name, label.target, f"{label.dataset}_{label.target}"}
    found = {}
    for column in columns:
        own, epochs = _split_epochs(column.name)
        if epochs is None or own not in stems or column.name == label.name:
            continue
        price = prices.get(column.name)
        share = price.trainings if price else epochs / full if full else None
        if share is not None and 0 < share < 1:
            found[column.name if column.kind == "weak" else column.target] = share
    return found


def list_benchmarks() -> list[str]:
    """Return the keys of the registered benchmarks that have labels of shorter trainings."""
    from benchmarks import REGISTRY

    found = []
    for key in REGISTRY:
        kind = REGISTRY[key]
        labels = [c for c in kind.columns if c.kind == "label"]
        if any(match_fidelities(kind.columns, kind.prices, label) for label in labels):
            found.append(key)
    return found


def _split_epochs(name: str) -> tuple[str, int | None]:
    stem, _, epochs = name.rpartition("_")
    return (stem, int(epochs)) if stem and epochs.isdecimal() else (name, None)


def _get_values(bench: Benchmark, dataset: str, column: Column) -> np.ndarray:
    return bench.weak(column.name) if column.kind == "weak" else bench.target(dataset, column.target)


def _get_seconds(bench: Benchmark, name: str) -> str:
    epochs = _split_epochs(name)[1]
    column = f"train_time_{epochs}"
    return column if column in bench.table.names and np.isfinite(bench.table.values(column)).all() else ""
