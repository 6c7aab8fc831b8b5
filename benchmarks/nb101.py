"""NAS-Bench-101: cells of at most seven vertices on CIFAR-10, trained for 4, 12, 36 and 108 epochs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.base import PROXIES, ZERO_COST, Benchmark, Info
from benchmarks.lists import codes_of, lists
from benchmarks.prices import Price
from data.arrow import floats
from data.errors import TableError
from data.graphs import PAD, Graphs
from data.spaces.nb101 import NB101 as SPACE
from data.table import Column, Table

BUDGETS = (4, 12, 36, 108)
_LAST = BUDGETS[-1]


def _column(split: str, epochs: int) -> Column:
    name = f"{split}_acc_{epochs}"
    last = epochs == _LAST
    return Column(
        name,
        "cifar10",
        f"{split}_acc" if last else name,
        kind="label" if last else "weak",
        note=f"{'validation' if split == 'valid' else 'test'} accuracy of a training of {epochs} epochs",
        scale=100,
        seeds=tuple(f"{name}_{repeat}" for repeat in range(3)),
    )


class NB101(Benchmark):
    """NAS-Bench-101, all of it or a sample; architectures are named by their module hash."""

    info = Info(
        key="nb101",
        title="NAS-Bench-101",
        total=423_624,
        noun="cells",
        dataset="cifar10",
        target="valid_acc",
        label="valid_acc",
        weak=("valid_acc_4", "valid_acc_12", "params"),
        notes="The four budgets are separate trainings, not points of one learning curve.",
    )
    columns = (
        _column("valid", _LAST),
        _column("test", _LAST),
        *(_column("valid", epochs) for epochs in BUDGETS[:-1]),
        Column("params", "cifar10", "params", "M", kind="weak", note="trainable", scale=1e-6),
        *(Column(p, "cifar10", p, "", kind="weak", note=ZERO_COST, failed=-1e8) for p in PROXIES),
    )
    prices = {  # noqa: RUF012
        f"valid_acc_{epochs}": Price(trainings=epochs / _LAST, note=f"{epochs} of {_LAST} epochs")
        for epochs in BUDGETS[:-1]
    }
    side_tables = ("nb101_zero_cost",)
    join_on = "hash"

    def __init__(self, table: Table) -> None:
        """Wrap a table; scores are evaluated on test accuracy where the table has it."""
        super().__init__(table)
        if "cifar10" in self.datasets and "test_acc" in self.labels("cifar10"):
            self.info = replace(self.info, target="test_acc")

    def build_graphs(self) -> Graphs:
        """Return the cells of all rows."""
        return graphs_of(self.table)


def graphs_of(table: Table) -> Graphs:
    """Return the cells of columns `adjacency` (row-major, v² of 0 and 1) and `ops` (v names).

    Raises:
        TableError: A cell has no operation for each vertex, too many vertices, an unknown operation, or is no
            graph of the space.
    """
    names, n_nodes = lists(table, "ops")
    entries, sizes = lists(table, "adjacency")
    wrong = (sizes != n_nodes**2) | (n_nodes > SPACE.max_nodes)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise TableError(
            f"row {row}: {n_nodes[row]} operations and {sizes[row]} adjacency entries; v operations need v² "
            f"entries, and v is at most {SPACE.max_nodes} ({wrong.sum()} such rows)"
        )
    place = {op: code for code, op in enumerate(SPACE.ops)}
    n, v = len(table), SPACE.max_nodes
    used = np.arange(v) < n_nodes[:, None]
    ops = np.full((n, v), PAD, np.int8)
    ops[used] = codes_of(names, place, "operation")
    adjacency = np.zeros((n, v, v), np.uint8)
    adjacency[used[:, :, None] & used[:, None, :]] = floats(entries)
    return Graphs(ops, adjacency, n_nodes.astype(np.int16), SPACE).validate()
