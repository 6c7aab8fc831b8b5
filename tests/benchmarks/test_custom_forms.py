"""Users' tables in the forms beside graphs: chains, pairs of cells, texts of known spaces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.small_benchmarks import small
from test_benchmarks import write

from benchmarks import load
from benchmarks.base import Benchmark
from benchmarks.custom_texts import TEXT_SPACES
from benchmarks.info import describe
from benchmarks.table_options import TableOptions
from data.errors import TableError
from data.spaces import get

BY_SUFFIX = pytest.mark.parametrize("suffix", (".parquet", ".csv", ".jsonl"))


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two vectors call the same pairs of rows equal."""
    pairs = len(set(zip(a.tolist(), b.tolist(), strict=True)))
    return pairs == len(set(a.tolist())) == len(set(b.tolist()))


@BY_SUFFIX
@pytest.mark.parametrize("name", TEXT_SPACES)
def test_texts_of_known_spaces(name: str, suffix: str, tmp_path: Path) -> None:
    space = get(name)
    codes = space.sample(30, np.random.default_rng(0))
    rows = [{"arch": text, "acc": 1.0 + i} for i, text in enumerate(space.format(codes))]
    bench = load(write(tmp_path / f"mine{suffix}", rows))
    assert bench.graphs.space == space
    np.testing.assert_array_equal(bench.classes, space.graphs(codes).canonical_hash())


@BY_SUFFIX
def test_pairs_of_cells(suffix: str, tmp_path: Path, real_tables: Path) -> None:
    real = small("oncenas_darts")
    rows = real.table.arrow.select(["normal", "reduce", "valid_acc_50"]).to_pylist()
    bench = load(write(tmp_path / f"mine{suffix}", rows))
    bench.graphs.validate()
    assert bench.graphs.space.stages == ("normal", "reduction")
    assert bench.info.target == "valid_acc_50"
    assert same_partition(bench.classes, real.classes)


def test_width_and_depth_tell_networks_apart(tmp_path: Path) -> None:
    cell = {"normal": ["conv:0", "pool:1"], "reduce": ["conv:0", "pool:1"]}
    rows = [{**cell, "width": w, "depth": d, "acc": 1.0} for w, d in ((16, 8), (32, 8), (16, 20), (16, 8))]
    bench = load(write(tmp_path / "mine.jsonl", rows))
    assert bench.labels("table") == ["acc"]
    assert (
        len(bench) == len(set(bench.classes.tolist())) == 3
    )  # the last row is another training of the first
    rows[2]["width"] = None
    with pytest.raises(TableError, match="row 2: width or depth is missing"):
        _ = load(write(tmp_path / "other.jsonl", rows)).graphs


@BY_SUFFIX
def test_chains_with_stages(suffix: str, tmp_path: Path, real_tables: Path) -> None:
    real = small("accel_mnasnet")
    graphs, space = real.graphs, real.graphs.space
    rows = [
        {
            "ops": [space.ops[code] for code in graphs.ops[i, 1 : n - 1]],
            "stage": [space.stages[stage] for stage in graphs.stage[i, 1 : n - 1]],
            "acc": 1.0,
        }
        for i, n in enumerate(graphs.n_nodes.tolist())
    ]
    bench = load(write(tmp_path / f"mine{suffix}", rows))
    bench.graphs.validate()
    assert set(bench.graphs.space.stages) == set(space.stages)
    assert same_partition(bench.classes, real.classes)
    path = write(tmp_path / f"other{suffix}", [{"ops": r["ops"], "acc": 1.0} for r in rows])
    longest = max(len(row["ops"]) for row in rows)
    assert len(load(path).graphs.space.stages) == longest
    assert len(load(path, options=TableOptions(position=False)).graphs.space.stages) == 1


def test_stages_of_shuffled_graphs_go_with_their_nodes(tmp_path: Path) -> None:
    straight = {
        "adjacency": [0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        "ops": ["input", "conv", "pool", "output"],
        "stage": ["", "a", "b", ""],
    }
    backward = {
        "adjacency": [0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0],
        "ops": ["input", "pool", "conv", "output"],
        "stage": ["", "b", "a", ""],
    }
    other = {**straight, "stage": ["", "b", "a", ""]}
    rows = [{**row, "acc": 1.0} for row in (straight, backward, other)]
    classes = load(write(tmp_path / "mine.parquet", rows)).classes
    assert classes[0] == classes[1] != classes[2]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"arch": "64:8:16:64:33"}, r"row 0: arch '64:8:16:64:33' is of no space .*\(nats_size\)"),
        ({"arch": None}, "row 0: arch None is of no space"),
        ({"ops": ["input", "conv"]}, "row 0: a chain has no input and output among its ops"),
        ({"ops": "conv"}, "row 0: ops is no list of names: conv"),
        ({"ops": ["conv"], "stage": ["a", "b"]}, "row 0: 'stage' is no list of as many names"),
        ({"normal": ["conv:0"], "reduce": ["conv:0", "conv:1"]}, "row 0: a cell of 1 edges"),
        ({"normal": ["conv:0", "conv:2"], "reduce": ["conv:0", "conv:1"]}, "row 0: edge 1 is no operation"),
        ({"normal": ["conv:0", "1"], "reduce": ["conv:0", "conv:1"]}, "row 0: edge 1 is no operation:input"),
    ],
)
def test_rows_that_are_no_architectures(row: dict, reason: str, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text(json.dumps({**row, "acc": 1.0}) + "\n")
    with pytest.raises(TableError, match=reason):
        _ = load(str(tmp_path / "mine.jsonl")).graphs


def test_info_of_odd_tables(tmp_path: Path) -> None:
    rows = [{"ops": ["conv"] * (1 + i % 3), "acc": 1.0, "flops": float(i)} for i in range(20)]
    constant = describe(load(write(tmp_path / "constant.jsonl", rows)), ["table"])
    json.dumps(constant, allow_nan=False)
    assert constant["datasets"][0]["noise"] is None
    endless = load(write(tmp_path / "endless.csv", [{**row, "acc": float("inf")} for row in rows]))
    with pytest.raises(TableError, match="label 'acc' of table has no finite value"):
        describe(endless, ["table"])


@pytest.mark.parametrize("key", ["nb101", "macro", "ofa"])
def test_info_says_what_the_table_holds(key: str, real_tables: Path) -> None:
    bench: Benchmark = small(key)
    said = describe(bench, [bench.info.dataset])
    json.dumps(said, allow_nan=False)
    (one,) = said["datasets"]
    y = bench.target(bench.info.dataset, bench.info.target)
    assert said["architectures"] == len(bench) == sum(one["histogram"]["counts"])
    assert one["quantiles"]["1"] == y.max()
    assert [weak["name"] for weak in one["weak_labels"]] == bench.weak_names
    assert (one["noise"] is not None) == (key == "macro")
