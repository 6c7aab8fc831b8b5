"""NAS-Bench-201 (the topology space of NATS-Bench): 15,625 cells of four nodes, three data sets."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.base import PROXIES, SEEDS, ZERO_COST, Benchmark, Info
from benchmarks.prices import Price, Prices
from data.arrow import floats
from data.errors import TableError
from data.graphs import Graphs
from data.spaces.edges import NB201 as SPACE
from data.spaces.nb201_costs import get_costs
from data.table import Column, Table

_COST = "of the CIFAR-10 network; larger ranks higher"
_HARDWARE = "measured or simulated for the CIFAR-10 network, HW-NAS-Bench"
_DEVICES = {
    "latency": ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga"),
    "energy": ("edgegpu", "eyeriss", "fpga"),
}
_SHORT = {"valid": "validation", "test": "test"}
_SUPERNETS = {
    "oneshot_acc": "one-shot supernet, inherited weights, Few-shot NAS",
    "fewshot_acc": "five sub-supernets split by one edge, inherited weights, Few-shot NAS",
}
_FURTHER = "measured, HELP; the source gives no unit, ms by their size"
_FURTHER_DEVICES = (
    *(
        f"{gpu}_{batch}"
        for gpu in ("1080ti", "2080ti", "titanx", "titanxp", "titan_rtx")
        for batch in (1, 32, 256)
    ),
    "gold_6226", "gold_6240", "silver_4114", "silver_4210r", "pixel2", "samsung_a50", "samsung_s7",
    "essential_ph_1",
)  # fmt: skip


_PRICES: Prices = {
    "gdas249_acc": Price(once=28_926, note="GPU seconds of GDAS's search, NAS-Bench-201, table 5"),
    "nwot": Price(each=0.18, note="GPU seconds, Mellor et al., code of NAS without training"),
    **{
        f"{dataset}_{split}_acc_12": Price(trainings=12 / 200, note="12 of 200 epochs")
        for dataset in ("cifar10", "cifar100", "imagenet16")
        for split in _SHORT
    },
}


def _test(dataset: str) -> Column:
    name = f"{dataset}_test_acc"
    note = "200 epochs, mean over the official seeds"
    return Column(name, dataset, "test_acc", note=note, seeds=tuple(f"{name}_{seed}" for seed in SEEDS))


def _valid_mean(dataset: str) -> Column:
    """Return the label of tables made from official files alone: the public exports have one seed."""
    name = f"{dataset}_valid_acc"
    note = "validation split, 200 epochs, mean over the official seeds"
    seeds = tuple(f"{name}_{seed}" for seed in SEEDS)
    return Column(f"{name}_mean", dataset, "valid_acc_mean", note=note, seeds=seeds)


def _columns() -> tuple[Column, ...]:
    return (
        Column("cifar10_valid_acc", "cifar10", "valid_acc", note="validation split, 200 epochs, one seed"),
        _valid_mean("cifar10"),
        _test("cifar10"),
        Column("cifar100_valid_acc", "cifar100", "valid_acc", note="validation split, 200 epochs, one seed"),
        _valid_mean("cifar100"),
        _test("cifar100"),
        Column(
            "imagenet16_valid_acc",
            "imagenet16",
            "valid_acc",
            note="validation split, 200 epochs, one seed; only the 9,445 cells without unreachable branches",
        ),
        _valid_mean("imagenet16"),
        _test("imagenet16"),
        *(
            Column(
                name := f"{d}_{split}_acc_12", d, name, kind="weak", decimals=6,
                note=f"{of} split, a training of 12 epochs: a low fidelity, not weight sharing",
            )
            for d in ("cifar10", "cifar100", "imagenet16")
            for split, of in _SHORT.items()
        ),
        Column(
            "gdas249_acc", "cifar10", "gdas249_acc", kind="weak", note="GDAS supernet, last epoch (249)"
        ),
        Column("gdas230_acc", "cifar10", "gdas230_acc", kind="weak", note="GDAS supernet, epoch 230"),
        *(Column(name, "cifar10", name, kind="weak", note=note) for name, note in _SUPERNETS.items()),
        Column("flops", "cifar10", "flops", "M", kind="weak", note=f"all operations {_COST}", decimals=6),
        Column(
            "official_flops", "cifar10", "official_flops", "M", kind="weak", decimals=6,
            note=f"multiply-adds of convolutions and classifier {_COST}; FLOPs in the official files",
        ),
        Column("params", "cifar10", "params", "M", kind="weak", note=_COST, decimals=6),
        *(Column(p, "cifar10", p, "", kind="weak", note=ZERO_COST, failed=-1e8) for p in PROXIES),
        *(
            Column(name, "cifar10", name, unit, kind="weak", note=_HARDWARE, failed=-1)
            for kind, unit in (("latency", "ms"), ("energy", "mJ"))
            for name in (f"{device}_{kind}" for device in _DEVICES[kind])
        ),
        Column(
            "eyeriss_arithmetic_intensity", "cifar10", "eyeriss_arithmetic_intensity", "", kind="weak",
            note=_HARDWARE,
        ),
        *(
            Column(name := f"{device}_latency", "cifar10", name, "ms", kind="weak", note=_FURTHER)
            for device in _FURTHER_DEVICES
        ),
    )  # fmt: skip


class NB201(Benchmark):
    """NAS-Bench-201; architectures are the official strings, rows in the official index order."""

    info = Info(
        key="nb201",
        title="NAS-Bench-201",
        total=15_625,
        noun="cells",
        dataset="cifar10",
        target="test_acc",
        label="valid_acc",
        weak=("gdas249_acc", "flops", "params"),
        supernet="gdas249_acc",
        notes="15,625 strings are 6,466 networks by the official API and 4,930 effective networks.",
    )
    columns = _columns()
    prices = _PRICES
    side_tables = ("nb201_zero_cost", "nb201_hardware", "nb201_epoch12", "nb201_supernets", "nb201_latency")

    @classmethod
    def arrange(cls, table: Table) -> Table:
        """Return the table with both counts of FLOPs, each under its name, from whichever originals."""
        costs = get_costs(parse_strings(table.column("arch")))
        names = [name for name in table.names if name != "flops"]
        arrow = table.arrow.select(names).append_column("flops", pa.array(costs.flops))
        if "official_flops" not in names:
            arrow = arrow.append_column("official_flops", pa.array(costs.official_flops))
        return Table(arrow, table.columns)

    def build_graphs(self) -> Graphs:
        """Return the 8-node graphs of all rows: input, six operations, output."""
        return SPACE.graphs(parse_strings(self.table.column("arch")))

    @property
    def repeated(self) -> np.ndarray:
        """(n,) the official API's class numbers, which keep more networks apart than `classes` does."""
        if "unique_class" not in self.table.names:
            return self.classes
        return self.table.values("unique_class")


def parse_strings(arch: pa.ChunkedArray) -> np.ndarray:
    """Return the codes (n, 6) of official architecture strings.

    Raises:
        TableError: A string is not one of the space; the first such row is named.
    """
    arch = arch.cast(pa.string()).combine_chunks()
    op = "|".join(SPACE.edge_ops)
    nodes = [r"\|" + "".join(rf"({op})~{i}\|" for i in range(j)) for j in range(1, SPACE.cell_nodes)]
    matches = pc.match_substring_regex(arch, "^" + r"\+".join(nodes) + "$")  # pyright: ignore[reportAttributeAccessIssue]
    good = floats(matches) == 1
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise TableError(
            f"row {row}: {arch[row].as_py()!r} is not a NAS-Bench-201 string such as "
            "'|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|' "
            f"({(~good).sum()} such rows)"
        )
    # Each operation becomes one digit, so that all strings have one length and are a table of bytes.
    for code, name in enumerate(SPACE.edge_ops):
        arch = pc.replace_substring(arch, name + "~", f"{code}~")  # pyright: ignore[reportAttributeAccessIssue]
    shape = "+".join("|" + "".join(f"#~{i}|" for i in range(j)) for j in range(1, SPACE.cell_nodes))
    letters = np.frombuffer(arch.buffers()[2], np.uint8, count=len(arch) * len(shape)).reshape(-1, len(shape))
    return (letters[:, [at for at, sign in enumerate(shape) if sign == "#"]] - ord("0")).astype(np.int8)
