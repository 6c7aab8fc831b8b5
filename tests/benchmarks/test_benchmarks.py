"""Benchmarks: NAS-Bench-201 as published, and users' own tables in every form they may have."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import kendalltau
from support.small_benchmarks import small

from benchmarks import REGISTRY, load
from benchmarks.base import Benchmark
from benchmarks.leaks import find_leak
from benchmarks.nb201_mini import FILE
from data.errors import InputError, MissingTableError, TableError, UnknownNameError
from data.graphs import Graphs
from data.table import Column, Table

Row = dict[str, Any]

# Every registered benchmark.


@pytest.mark.parametrize("key", REGISTRY)
def test_every_benchmark_is_what_it_says(key: str, real_tables: Path) -> None:
    bench = small(key)
    assert bench.info.key == key
    for text in (bench.info.title, bench.info.citation, bench.info.licence):
        assert text
    assert bench.info.dataset in bench.datasets
    assert bench.info.target in bench.labels(bench.info.dataset)
    bench.graphs.validate()
    assert len(bench.graphs) == len(bench) == len(bench.classes) == len(bench.repeated)
    assert set(bench.info.weak) <= set(bench.weak_names)
    assert list(bench.graphs.weak) == bench.weak_names
    names = {column.name for column in bench.columns if column.kind == "label"}
    assert not names & set(bench.graphs.weak)
    for dataset in bench.datasets:
        for name in bench.labels(dataset):
            y = bench.target(dataset, name)
            assert y.shape == (len(bench),)
            assert y.dtype == np.float64
            if (dataset, name) == (bench.info.dataset, bench.info.target):
                assert np.isfinite(y).all()
            assert not np.isinf(y).any()
            assert bench.label_column(dataset, name).note


# NAS-Bench-201.


@pytest.mark.parametrize(
    ("dataset", "best"), [("cifar10", 94.373), ("cifar100", 73.513), ("imagenet16", 47.311)]
)
def test_nb201_has_the_published_maxima(dataset: str, best: float, nb201: Benchmark) -> None:
    y = nb201.target(dataset, "test_acc")
    assert y.shape == (15_625,)
    assert np.isfinite(y).all()
    assert y.max() == pytest.approx(best, abs=5e-4)
    assert y.min() > 0


def test_nb201_validation_labels(nb201: Benchmark) -> None:
    assert nb201.datasets == ["cifar10", "cifar100", "imagenet16"]
    assert nb201.labels("cifar10") == ["valid_acc", "test_acc"]
    assert nb201.labels("cifar100") == ["test_acc"]
    assert nb201.target("cifar10", "valid_acc").max() == pytest.approx(91.57, abs=5e-3)
    assert np.isfinite(nb201.target("imagenet16", "valid_acc")).sum() == 9445
    assert "one seed" in nb201.label_column("cifar10", "valid_acc").note
    assert "mean over the official seeds" in nb201.label_column("cifar100", "test_acc").note
    assert nb201.label_column("cifar10", "test_acc").unit == "%"


def test_nb201_rows_are_in_the_official_order(nb201: Benchmark, real_tables: Path) -> None:
    raw = pq.read_table(real_tables / "nb201.parquet").to_pydict()
    assert nb201.table.column("arch").to_pylist() == raw["arch"]
    np.testing.assert_array_equal(nb201.target("cifar10", "test_acc"), raw["cifar10_test_acc"])
    # Row 3 as the official string says, edge by edge: (0→1), (0→2), (1→2), (0→3), (1→3), (2→3).
    graphs = nb201.graphs
    for row in (0, 3, 15_624):
        ops = re.findall(r"(\w+)~\d", raw["arch"][row])
        assert [graphs.space.ops[code] for code in graphs.ops[row]] == ["input", *ops, "output"]


def test_nb201_weak_labels(nb201: Benchmark) -> None:
    assert nb201.weak_names[:3] == ["gdas249_acc", "flops", "params"]
    assert {"gdas230_acc", "synflow", "zen", "raspi4_latency", "fpga_energy"} <= set(nb201.weak_names)
    for name in ("gdas249_acc", "flops", "params"):
        assert np.isfinite(nb201.weak(name)).all()
    assert nb201.weak("gdas249_acc").max() < 100
    # All operations are 3×3 convolutions in the network with the most parameters.
    largest = nb201.table.column("arch")[int(nb201.weak("params").argmax())].as_py()
    assert set(re.findall(r"(\w+)~", largest)) == {"nor_conv_3x3"}


@pytest.mark.parametrize(
    ("name", "tau"),
    [
        ("cifar10_test_acc_12", 0.700),
        ("cifar10_valid_acc_12", 0.594),
        ("oneshot_acc", 0.484),
        ("fewshot_acc", 0.550),
        ("pixel2_latency", 0.468),
    ],
)
def test_nb201_side_tables_are_weak_labels_but_no_defaults(name: str, tau: float, nb201: Benchmark) -> None:
    assert name in nb201.weak_names
    assert name not in nb201.info.weak
    cover = nb201.weak_cover(name, "cifar10", "test_acc")
    assert cover.known == cover.total == 15_625
    assert cover.kendall_tau == pytest.approx(tau, abs=1e-3)
    assert not find_leak(nb201, name)


def test_nb201_has_29_latencies(nb201: Benchmark) -> None:
    assert sum(name.endswith("_latency") for name in nb201.weak_names) == 6 + 23


def test_nb201_equal_op_counts_have_equal_costs(nb201: Benchmark) -> None:
    """The costs depend on the counts alone; arithmetic noise in the file must not break ties."""
    counts = np.stack([(nb201.graphs.ops == code).sum(1) for code in range(5)], axis=1)
    kinds = len(np.unique(counts, axis=0))
    for name in ("flops", "params"):
        both = np.column_stack([counts, nb201.weak(name)])
        assert len(np.unique(both, axis=0)) == kinds


@pytest.mark.parametrize(
    ("table", "failed"), [("nb201_zero_cost", -1e8), ("nb201_hardware", -1.0)], ids=["zero cost", "hardware"]
)
def test_nb201_failed_measurements_are_missing(
    table: str, failed: float, nb201: Benchmark, real_tables: Path
) -> None:
    raw = Table.read(real_tables / f"{table}.parquet")
    place = {arch: row for row, arch in enumerate(raw.column("arch").to_pylist())}
    at = np.array([place.get(arch, -1) for arch in nb201.table.column("arch").to_pylist()])
    found = 0
    for name in set(raw.names) - {"arch"}:
        expected = np.where(at < 0, np.nan, raw.values(name)[at])
        bad = expected == failed
        found += bad.sum()
        np.testing.assert_array_equal(nb201.weak(name), np.where(bad, np.nan, expected))
    assert found >= 4


def test_nb201_ta_gates_parts(nb201: Benchmark) -> None:
    parts = nb201.split_column("ta_gates_split")
    assert {part: (parts == part).sum() for part in set(parts.tolist())} == {
        "train": 4675,
        "test": 4770,
        "": 6180,
    }
    with pytest.raises(InputError, match="nb201 has no column 'pinat_split'"):
        nb201.split_column("pinat_split")


def test_nb201_twins_of_the_noise_ceiling_are_the_official_ones(nb201: Benchmark) -> None:
    assert len(np.unique(nb201.repeated)) == 6466
    assert len(np.unique(nb201.classes)) == 4930


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda b: load("nb2o1"), "unknown benchmark 'nb2o1'; did you mean nb201"),
        (lambda b: b.target("cifar01", "test_acc"), "unknown data set 'cifar01'; did you mean cifar10"),
        (lambda b: b.target("cifar10", "tset_acc"), "unknown label of cifar10 .*; did you mean test_acc"),
        (lambda b: b.target("cifar100", "valid_acc"), "unknown label of cifar100 'valid_acc'"),
        (lambda b: b.target("cifar10", "flops"), "unknown label of cifar10 'flops'"),
        (lambda b: b.weak("synflw"), "unknown weak label 'synflw'; did you mean synflow"),
        (lambda b: b.weak("cifar10_test_acc"), "unknown weak label 'cifar10_test_acc'"),
    ],
)  # fmt: skip
def test_unknown_names_get_the_closest(ask: Callable, message: str, nb201: Benchmark) -> None:
    with pytest.raises(UnknownNameError, match=message):
        ask(nb201)


def test_without_side_tables_the_weak_labels_say_where_they_are(
    tmp_path: Path, nb201: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Table(nb201.table.arrow.select(["arch", "cifar10_test_acc", "unique_class", "flops"]))
    alone.write(tmp_path / "nb201.parquet")
    monkeypatch.setenv("ACERANK_DATA", str(tmp_path))
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path))
    bench = load("nb201", offline=True)
    assert bench.weak_names == ["flops", "official_flops"]  # both are computed
    with pytest.raises(
        MissingTableError, match=r"'synflow' of nb201 is in a table that was not found.*fetch"
    ):
        bench.weak("synflow")


def test_no_table_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACERANK_DATA", raising=False)
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path))
    with pytest.raises(MissingTableError, match=r"python -m data\.fetch nb101"):
        load("nb101", offline=True)
    stand_in = load("nb201", offline=True)
    assert "python -m data.fetch nb201" in stand_in.stands_in_for
    assert stand_in.datasets == ["mini"]


def test_direction_and_failure_are_turned_once() -> None:
    column = Column("err", "d", "err", direction=-1, failed=-1)

    class Errors(Benchmark):
        columns = (column,)

        def build_graphs(self) -> Graphs:
            return small("nb201", 4).build_graphs()

    bench = Errors(Table(pa.table({"err": [5.0, -1.0, 3.0, None]})))
    np.testing.assert_array_equal(bench.target("d", "err"), [-5, np.nan, -3, np.nan])
    np.testing.assert_array_equal(bench.table.values("err"), [5, -1, 3, np.nan])


# The embedded table.


def test_the_embedded_table_is_what_it_should_be() -> None:
    bench = load("nb201_mini", offline=True)
    assert bench.stands_in_for == ""
    assert FILE.stat().st_size < 500_000
    assert len(bench) == len(np.unique(bench.classes)) >= 1000
    seeds = bench.seeds("mini", "test_acc")
    assert seeds is not None
    assert seeds.shape[1] >= 3
    np.testing.assert_allclose(seeds.mean(1), bench.target("mini", "test_acc"), atol=1e-4)
    half = seeds.shape[1] // 2
    assert kendalltau(seeds[:, :half].mean(1), seeds[:, half:].mean(1))[0] > 0.7
    assert 0.3 < kendalltau(bench.weak("supernet_acc"), bench.target("mini", "test_acc"))[0] < 0.9


# Users' own tables.

SUFFIXES = (".parquet", ".csv", ".jsonl")
BY_SUFFIX = pytest.mark.parametrize("suffix", SUFFIXES)
STRINGS = [
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|",
    "|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
]


def write(path: Path, rows: list[Row]) -> str:
    """Write rows in the format of the suffix; lists become JSON in the cells of a CSV file."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(
                {k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows
            )
    return str(path)


def graph_row(ops: str, *edges: tuple[int, int], acc: float | None = 1.0, nested: bool = False) -> Row:
    names = ["input", *ops.split(), "output"]
    matrix = np.zeros((len(names), len(names)), int)
    for i, j in edges:
        matrix[i, j] = 1
    return {
        "adjacency": matrix.tolist() if nested else matrix.ravel().tolist(),
        "ops": names,
        "acc": acc,
    }


GOOD = graph_row("conv pool", (0, 1), (1, 2), (2, 3), (0, 3))


@BY_SUFFIX
def test_nb201_strings(suffix: str, tmp_path: Path, nb201: Benchmark) -> None:
    rows = [{"arch": arch, "acc": 90.0 + i, "seed": i} for i, arch in enumerate(STRINGS)]
    bench = load(write(tmp_path / f"mine{suffix}", rows))
    assert len(bench) == 3
    assert bench.labels("table") == ["acc", "seed"]
    np.testing.assert_array_equal(bench.target("table", "acc"), [90, 91, 92])
    place = [nb201.table.column("arch").to_pylist().index(arch) for arch in STRINGS]
    np.testing.assert_array_equal(bench.classes, nb201.classes[place])


@BY_SUFFIX
@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_adjacency_and_operations(suffix: str, nested: bool, tmp_path: Path) -> None:
    rows = [
        graph_row("conv pool", (0, 1), (1, 2), (2, 3), (0, 3), acc=1.5, nested=nested),
        graph_row("", (0, 1), acc=2.5, nested=nested),
        graph_row("pool skip conv", (0, 1), (1, 2), (2, 3), (3, 4), acc=3.5, nested=nested),
        graph_row("none pool conv", (0, 1), (1, 4), (0, 2), (2, 3), (3, 4), acc=4.5, nested=nested),
    ]
    bench = load(write(tmp_path / f"mine{suffix}", rows))
    graphs = bench.graphs.validate()
    np.testing.assert_array_equal(graphs.n_nodes, [4, 2, 5, 5])
    assert graphs.space.max_nodes == 5
    assert set(graphs.space.ops) == {"input", "output", "conv", "pool", "skip", "none"}
    assert (graphs.space.identity, graphs.space.zero) == (("skip",), ("none",))
    for row, given in enumerate(rows):
        n = graphs.n_nodes[row]
        assert [graphs.space.ops[code] for code in graphs.ops[row, :n]] == given["ops"]
        np.testing.assert_array_equal(graphs.adjacency[row, :n, :n].ravel(), np.ravel(given["adjacency"]))
    np.testing.assert_array_equal(bench.target("table", "acc"), [1.5, 2.5, 3.5, 4.5])
    assert bench.info.target == "acc"
    assert len(set(bench.classes.tolist())) == 3
    assert bench.classes[2] == bench.classes[3]


def test_real_cells_are_the_same_in_every_format(tmp_path: Path, real_tables: Path) -> None:
    table = pq.read_table(real_tables / "nb101.parquet")
    columns = ["adjacency", "ops", "valid_acc_108", "params"]
    rows = table.select(columns).take(list(range(0, 20_001, 67))).to_pylist()
    loaded = [load(write(tmp_path / f"mine{suffix}", rows)) for suffix in SUFFIXES]
    assert len(rows) == 299
    for bench in loaded:
        np.testing.assert_array_equal(bench.classes, loaded[0].classes)
        np.testing.assert_allclose(
            bench.target("table", "valid_acc_108"), [row["valid_acc_108"] for row in rows], rtol=1e-12
        )
        np.testing.assert_array_equal(bench.weak("params"), [row["params"] for row in rows])
    assert len({bench.table.content_hash for bench in loaded}) <= 2  # JSON text in CSV is another column type
    assert len(set(loaded[0].classes.tolist())) > 290


def test_shuffled_nodes_are_sorted(tmp_path: Path, real_tables: Path) -> None:
    """Real cells whose inner nodes are renumbered at random, so that edges go both ways."""
    rows = pq.read_table(real_tables / "nb101.parquet").slice(0, 200).to_pylist()
    rng, shuffled, backward = np.random.default_rng(0), [], 0
    for row in rows:
        v = row["num_vertices"]
        order = np.array([0, *(1 + rng.permutation(v - 2)), v - 1])
        matrix = np.array(row["adjacency"]).reshape(v, v)[np.ix_(order, order)]
        backward += np.tril(matrix).any()
        ops = [row["ops"][i] for i in order]
        shuffled.append({"adjacency": matrix.ravel().tolist(), "ops": ops, "acc": row["valid_acc_108"]})
    assert backward > 100
    straight = [{**row, "acc": row["valid_acc_108"]} for row in rows]
    first = load(write(tmp_path / "straight.parquet", straight))
    second = load(write(tmp_path / "shuffled.parquet", shuffled))
    second.graphs.validate()
    np.testing.assert_array_equal(first.classes, second.classes)


def test_many_identities_and_zeros_are_known_by_name(tmp_path: Path) -> None:
    names = ["skip_connect", "identity", "skip"]
    rows = [graph_row(f"{name} conv", (0, 1), (1, 2), (2, 3)) for name in names]
    rows += [
        graph_row(f"{name} conv", (0, 1), (1, 3), (0, 2), (2, 3)) for name in ("none", "zero", "zeroize")
    ]
    bench = load(write(tmp_path / "mine.jsonl", rows))
    assert len(set(bench.classes.tolist())) == 1


BAD_GRAPHS = {
    "a cycle": (graph_row("conv pool", (0, 1), (1, 2), (2, 1), (2, 3)), "adjacency has a cycle"),
    "a loop": (graph_row("conv", (0, 1), (1, 1), (1, 2)), "adjacency has a cycle"),
    "a wrong size": ({**GOOD, "adjacency": [0] * 9}, "adjacency has 9 entries; 4 operations need 16"),
    "a number": ({**GOOD, "adjacency": [2, *GOOD["adjacency"][1:]]}, "adjacency is not all 0 and 1"),
    "a negative": ({**GOOD, "adjacency": [-1, *GOOD["adjacency"][1:]]}, "adjacency is not all 0 and 1"),
    "no input": ({**GOOD, "ops": ["conv", "conv", "pool", "output"]}, "ops must begin with input and end"),
    "no output": ({**GOOD, "ops": ["input", "conv", "pool", "conv"]}, "ops must begin with input and end"),
    "one node": ({**GOOD, "ops": ["input"], "adjacency": [0]}, "ops must begin with input and end"),
    "no nodes": ({**GOOD, "ops": [], "adjacency": []}, "ops must begin with input and end"),
    "two inputs": ({**GOOD, "ops": ["input", "input", "pool", "output"]}, "input or output is in the middle"),
    "into the input": (graph_row("conv", (0, 1), (1, 0), (1, 2)), "adjacency has a cycle|enters the input"),
    "out of the output": (graph_row("conv", (0, 1), (2, 1)), "leaves the output"),
    "only into the input": (graph_row("conv", (1, 0), (0, 2)), "an edge enters the input"),
    "no operations": ({**GOOD, "ops": None}, "ops is no list of names"),
    "no adjacency": ({**GOOD, "adjacency": None}, "adjacency"),
}  # fmt: skip


@BY_SUFFIX
@pytest.mark.parametrize("fault", BAD_GRAPHS)
def test_bad_graphs_are_named(fault: str, suffix: str, tmp_path: Path) -> None:
    row, reason = BAD_GRAPHS[fault]
    bench = load(write(tmp_path / f"mine{suffix}", [GOOD, GOOD, row, GOOD]))
    with pytest.raises(TableError, match=rf"1 rows are no graphs \(rows count from 0\): row 2: .*({reason})"):
        _ = bench.graphs


@pytest.mark.parametrize(
    ("adjacency", "ops", "reason"),
    [
        ("[[0,1],[0]]", '["input","output"]', "adjacency has rows of different lengths"),
        ("[0,0.5,0,0]", '["input","output"]', "adjacency is not all 0 and 1"),
        ('["a","b","c","d"]', '["input","output"]', "adjacency is not all 0 and 1"),
        ("[0,1,0,null]", '["input","output"]', "adjacency is not all 0 and 1"),
        ("[0,1", '["input","output"]', "adjacency"),
        ("[0,1,0,0]", "input output", "ops is no list of names"),
        ("[0,1,0,0]", '["input",3]', "ops is no list of names"),
        ("[0,1,0,0]", "7", "ops is no list of names"),
        ("", '["input","output"]', "adjacency"),
    ],
)
def test_bad_cells_of_a_csv_are_named(adjacency: str, ops: str, reason: str, tmp_path: Path) -> None:
    rows = [
        {"adjacency": "[0,1,0,0]", "ops": '["input","output"]', "acc": 1},
        {"adjacency": adjacency, "ops": ops, "acc": 2},
    ]
    bench = load(write(tmp_path / "mine.csv", rows))
    with pytest.raises(TableError, match=f"row 1: .*{reason}"):
        _ = bench.graphs


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    bad = {**GOOD, "ops": ["conv", "conv", "pool", "output"]}
    bench = load(write(tmp_path / "mine.parquet", [GOOD, *[bad] * 9]))
    with pytest.raises(TableError, match=r"9 rows are no graphs.*row 1: .*row 5: .*; and 4 more$"):
        _ = bench.graphs


@BY_SUFFIX
@pytest.mark.parametrize(
    "arch",
    ["|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|", STRINGS[0][:-1], STRINGS[0] + "x", "", None],
)
def test_bad_strings_are_named(arch: str | None, suffix: str, tmp_path: Path) -> None:
    rows = [{"arch": text, "acc": 1.0} for text in (STRINGS[0], arch, STRINGS[1])]
    bench = load(write(tmp_path / f"mine{suffix}", rows))
    with pytest.raises(TableError, match=r"row 1: .* is not a NAS-Bench-201 string.*\(1 such rows\)"):
        _ = bench.graphs


@BY_SUFFIX
def test_no_label(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"mine{suffix}", [{"arch": STRINGS[0], "flops": 1.0, "note": "text"}])
    with pytest.raises(TableError, match=r"no numeric column that could be a label.*note"):
        load(path)


@BY_SUFFIX
def test_no_architectures(suffix: str, tmp_path: Path) -> None:
    bench = load(write(tmp_path / f"mine{suffix}", [{"architecture": STRINGS[0], "acc": 1.0}]))
    with pytest.raises(
        TableError, match=r"needs the columns 'adjacency' and 'ops', or .*, or 'arch'; it has"
    ):
        _ = bench.graphs


@BY_SUFFIX
def test_no_file(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(MissingTableError, match=f"there is no file '.*mine{suffix}'"):
        load(str(tmp_path / f"mine{suffix}"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.csv", ""),
        ("mine.csv", "arch,acc\n"),
        ("mine.csv", "arch,acc\nx,1,2\n"),
        ("mine.csv", "arch,acc,acc\nx,1,2\n"),
        ("mine.jsonl", ""),
        ("mine.jsonl", '{"arch": "x", "acc": 1}\n{"arch": \n'),
        ("mine.jsonl", "arch,acc\nx,1\n"),
        ("mine.parquet", ""),
        ("mine.parquet", "arch,acc\nx,1\n"),
        ("mine.txt", "arch,acc\nx,1\n"),
    ],
)
def test_a_file_that_is_no_table(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TableError, match=name):
        load(str(tmp_path / name))


def test_costs_are_weak_labels(tmp_path: Path) -> None:
    rows = [{"arch": arch, "acc": 1.0, "flops": 2.0 + i, "params": 3.0} for i, arch in enumerate(STRINGS)]
    bench = load(write(tmp_path / "mine.parquet", rows))
    assert bench.labels("table") == ["acc"]
    assert sorted(bench.weak_names) == sorted(bench.graphs.weak) == ["flops", "params"]
    np.testing.assert_array_equal(bench.graphs.take(np.array([2, 0])).weak["flops"], [4, 2])


@BY_SUFFIX
def test_missing_values_of_a_column(suffix: str, tmp_path: Path) -> None:
    rows = [
        {"arch": arch, "acc": value, "flops": None}
        for arch, value in zip(STRINGS, [1.5, None, 2], strict=True)
    ]
    rows[0]["flops"] = 1.0
    bench = load(write(tmp_path / f"mine{suffix}", rows))
    np.testing.assert_array_equal(bench.target("table", "acc"), [1.5, np.nan, 2])
    np.testing.assert_array_equal(bench.weak("flops"), [1, np.nan, np.nan])


def test_descriptions_in_the_file_are_kept(tmp_path: Path) -> None:
    latency = Column("ms", "phone", "latency", "ms", direction=-1, note="measured")
    table = Table(pa.table({"arch": STRINGS, "acc": [1.0, 2.0, 3.0], "ms": [4.0, 5.0, 6.0]}), {"ms": latency})
    bench = load(str(table.write(tmp_path / "mine.parquet")))
    assert bench.datasets == ["table", "phone"]
    np.testing.assert_array_equal(bench.target("phone", "latency"), [-4, -5, -6])


def test_the_content_hash_is_that_of_the_rows(tmp_path: Path) -> None:
    rows = [{"arch": arch, "acc": 1.5 + i} for i, arch in enumerate(STRINGS)]
    hashes = {load(write(tmp_path / f"mine{suffix}", rows)).table.content_hash for suffix in SUFFIXES}
    rows[1]["acc"] = 9.0
    changed = load(write(tmp_path / "changed.csv", rows)).table.content_hash
    assert len(hashes) == 1
    assert changed not in hashes
