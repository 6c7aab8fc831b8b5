"""Rows of very large runs: parquet files that are read part by part."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from eval import evaluate, row_parts
from eval.grid import store
from eval.results import Results
from eval.row_parts import RowParts, find_parts, write_parts

ROWS = [
    {"a": i, "b": None if i % 2 else i / 3, "weak": ["x"] * (i % 3), "params": {"i": i}} for i in range(10)
]


def test_rows_come_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_parts, "PART", 4)
    parts = write_parts(tmp_path, iter(ROWS))
    assert [path.name for path in parts.paths] == [f"rows-0000{i}.parquet" for i in range(3)]
    assert list(parts) == ROWS
    assert (len(parts), parts[9], parts[-10], parts[3:5]) == (10, ROWS[9], ROWS[0], ROWS[3:5])
    assert parts.to_pandas(["weak", "a"])["weak"].tolist() == [row["weak"] for row in ROWS]
    write_parts(tmp_path, ROWS[:3])
    assert list(RowParts(tmp_path)) == ROWS[:3]
    with pytest.raises(IndexError):
        parts[10]


def test_one_file_is_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_parts, "PART", 2)
    parts = write_parts(tmp_path, ROWS)
    for path in parts.paths[1:]:
        path.write_bytes(b"damaged")
    rows = iter(parts)
    assert [next(rows), next(rows)] == ROWS[:2]


def test_a_large_run_has_parts_in_place_of_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"repeats": 12, "progress": False, "metrics": "kendall_tau,ndcg@10", "out": tmp_path / "run"}
    small = evaluate("nb201_mini", "params,random_order", **options)
    monkeypatch.setattr(store, "MOST", 30)
    monkeypatch.setattr(row_parts, "PART", 20)
    found = evaluate("nb201_mini", "params,random_order", **options)
    assert len(find_parts(tmp_path / "run")) == 3
    assert not (tmp_path / "run" / "rows.jsonl").exists()
    loaded = Results.load(tmp_path / "run")
    assert isinstance(loaded.rows, RowParts)
    assert list(loaded.rows) == list(found.rows) == small.rows
    assert loaded.to_pandas().equals(small.to_pandas())
    assert [math.isfinite(each.mean) for each in loaded.summaries()] == [True] * 4
    monkeypatch.undo()
    assert evaluate("nb201_mini", "params,random_order", **options).rows == small.rows
    assert not find_parts(tmp_path / "run")
