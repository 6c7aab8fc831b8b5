"""Chains of blocks in users' tables: positions, columns of blocks, lists as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_own_tables import networks, put, put_rows, said

from benchmarks import load
from benchmarks.table_options import TableOptions


def test_the_position_of_a_block_counts_in_a_chain(tmp_path: Path) -> None:
    path = put_rows(
        tmp_path / "t.jsonl", [{"ops": ops, "acc": 1.0} for ops in (["a", "b"], ["b", "a"], ["a", "b", "a"])]
    )
    placed = load(path).graphs
    assert placed.space.stages == ("block 1", "block 2", "block 3")
    np.testing.assert_array_equal(placed.stage[2], [0, 0, 1, 2, 0])
    assert len(load(path, options=TableOptions(position=False)).graphs.space.stages) == 1


def test_the_position_in_a_long_chain_is_a_number(tmp_path: Path) -> None:
    rows = [{"ops": ["a"] * 200, "acc": 1.0}, {"ops": ["a", "skip"] * 50, "acc": 2.0}]
    graphs = load(put_rows(tmp_path / "t.jsonl", rows)).graphs
    assert graphs.space.features == ("position",)
    np.testing.assert_allclose(graphs.features[0, :, 0], [0, *np.arange(1, 201) / 200, 0])
    np.testing.assert_allclose(graphs.features[1, [100, 101, 102], 0], [0.5, 0, 0])
    assert graphs.space.identity == ()


def test_nothing_is_folded_unasked_in_a_chain(tmp_path: Path) -> None:
    chains = [["a", "skip", "b"], ["a", "b", "skip"], ["a", "none", "b"], ["b", "none", "a"]]
    path = put_rows(tmp_path / "t.jsonl", [{"ops": ops, "acc": 1.0} for ops in chains])
    bench = load(path)
    assert networks(bench) == 4
    assert bench.graphs.space.identity == bench.graphs.space.zero == ()
    assert said(bench, "none, skip: kept")
    asked = load(path, options=TableOptions(fold=True))
    assert asked.graphs.space.identity == ("skip",)
    assert asked.graphs.space.zero == ()  # a chain with a zero in it would compute nothing
    assert networks(asked) == 4
    loose = load(path, options=TableOptions(position=False))
    assert networks(loose) == 3
    assert said(loose, "identity operations: skip", "4 rows are 3 networks", "1 merged")


def test_a_column_for_each_block(tmp_path: Path) -> None:
    header = ";".join(f"block{i}" for i in range(8)) + ";acc\n"
    text = header + "a;b;a;b;a;b;a;3;93,1\na;b;a;b;a;b;a;;92,5\nb;;a;b;a;b;a;3;91\n"
    bench = load(put(tmp_path / "t.csv", text))
    np.testing.assert_array_equal(bench.target("table", "acc"), [93.1, 92.5, 91])
    assert bench.labels("table") == ["acc"]
    graphs = bench.graphs
    np.testing.assert_array_equal(graphs.n_nodes, [10, 9, 9])
    assert graphs.space.stages == tuple(f"block{i}" for i in range(8))
    np.testing.assert_array_equal(graphs.stage[2, 1:8], [0, 2, 3, 4, 5, 6, 7])
    assert said(bench, "block0", "block7", "2 blocks are missing")


@pytest.mark.parametrize("names", [("block1", "block2"), ("Layer 1", "Layer 2"), ("op_0", "op_1")])
def test_columns_of_numbers_for_blocks(names: tuple[str, str], tmp_path: Path) -> None:
    pq.write_table(
        pa.table({names[1]: [3, 5], names[0]: [7.0, None], "acc": [1.0, 2.0]}), tmp_path / "t.parquet"
    )
    bench = load(tmp_path / "t.parquet")
    assert bench.labels("table") == ["acc"]
    ops = bench.graphs.space.ops
    assert [[ops[c] for c in row if c >= 0] for row in bench.graphs.ops] == [
        ["input", "7", "3", "output"],
        ["input", "5", "output"],
    ]


@pytest.mark.parametrize("text", ["['a', 'b']", "['a' 'b']", '["a", "b"]', "[a, b]", "('a', 'b')"])
def test_lists_as_python_and_numpy_write_them(text: str, tmp_path: Path) -> None:
    bench = load(put(tmp_path / "t.csv", f"ops\tacc\n{text}\t1\n"))
    assert [bench.graphs.space.ops[c] for c in bench.graphs.ops[0]] == ["input", "a", "b", "output"]
