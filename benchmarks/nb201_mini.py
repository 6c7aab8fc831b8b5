"""The embedded stand-in for NAS-Bench-201: cells that this project trained itself, on reduced CIFAR-10."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import data
from benchmarks.base import PROXIES, ZERO_COST, Benchmark, Info
from benchmarks.nb201 import parse_strings
from benchmarks.prices import Price
from data.graphs import Graphs
from data.spaces.edges import NB201 as SPACE
from data.table import Column, Table

DATASET = "mini"
FILE = Path(data.__file__).with_name("tables") / "nb201_mini.parquet"
_TEST = "cifar10_test_acc"


class NB201Mini(Benchmark):
    """NAS-Bench-201 cells in tiny networks; see data/tables/nb201_mini.md for how they were trained."""

    info = Info(
        key="nb201_mini",
        title="NAS-Bench-201 MINI (embedded stand-in)",
        citation="this project, data/tables/nb201_mini.md; cells of Dong & Yang, NAS-Bench-201, ICLR 2020",
        licence="MIT",
        dataset=DATASET,
        target="test_acc",
        label="valid_acc",
        weak=("supernet_loss", "flops", "params"),
        supernet="supernet_loss",
        notes="Tiny networks, few and small images: to try things out. Results are not those of the real "
        "NAS-Bench-201, which `python -m data.fetch nb201` gets.",
    )
    prices = dict.fromkeys(
        ("supernet_acc", "supernet_loss"), Price(once=420, each=0.06, note="seconds of one core")
    )
    file = FILE
    columns = (
        Column("cifar10_valid_acc", DATASET, "valid_acc", note="held-out images, mean over the seeds"),
        Column(_TEST, DATASET, "test_acc", note="10,000 test images, mean over the seeds"),
        Column("supernet_acc", DATASET, "supernet_acc", kind="weak", note="this project's supernet"),
        Column(
            "supernet_loss",
            DATASET,
            "supernet_loss",
            "",
            direction=-1,
            kind="weak",
            note="this project's supernet",
        ),
        Column("flops", DATASET, "flops", "M", kind="weak", note="larger ranks higher", decimals=6),
        Column("params", DATASET, "params", "M", kind="weak", note="larger ranks higher", decimals=6),
        *(Column(p, DATASET, p, "", kind="weak", note=ZERO_COST.partition(",")[0]) for p in PROXIES),
    )

    def describe(self, table: Table) -> Iterable[Column]:
        """Return the columns, the target with the seeds that it is the mean of."""
        seeds = tuple(name for name in table.names if re.fullmatch(rf"{_TEST}_\d+", name))
        test = Column(_TEST, DATASET, "test_acc", note=f"10,000 test images, {len(seeds)} seeds", seeds=seeds)
        return [test if column.name == _TEST else column for column in self.columns]

    def build_graphs(self) -> Graphs:
        """Return the 8-node graphs of all rows."""
        return SPACE.graphs(parse_strings(self.table.column("arch")))
