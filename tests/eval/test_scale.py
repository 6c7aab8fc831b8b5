"""Large tables: the same results in parts, memory and pages that do not grow with the table, devices."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import benchmarks
from benchmarks import custom_graphs
from data import canonical, table
from data.encode import path_statistics, statistics
from data.errors import InputError
from data.graphs import Graphs
from eval import evaluate
from eval.evaluator import run_trial
from eval.grid import run as grid
from eval.grid.blocks import merge_parts, split_blocks
from eval.grid.entries import build_entries, parse
from eval.grid.tasks import build_tasks
from eval.report.html import _scatter
from eval.results import Results
from eval.speed import devices, scale
from eval.task import BLOCK, DEVICE_BLOCK, Trial, build_trials
from predictors import distinct
from predictors.device import get_devices
from predictors.random_forest import RandomForest


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scale.make_table(tmp_path_factory.mktemp("cells") / "cells.parquet", 400)


def _same(one: Graphs, other: Graphs) -> bool:
    names = ("ops", "adjacency", "n_nodes", "stage", "features")
    return one.space == other.space and all(
        getattr(one, name).dtype == getattr(other, name).dtype
        and np.array_equal(getattr(one, name), getattr(other, name))
        for name in names
    )


def test_tables_are_read_alike_at_once_and_row_by_row(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = benchmarks.load(path)
    monkeypatch.setattr(custom_graphs, "build_at_once", lambda table, rules: None)
    monkeypatch.setattr(table, "PART", 70)
    by_row = benchmarks.load(path)
    assert _same(at_once.graphs, by_row.graphs)
    assert at_once.content_hash == by_row.content_hash
    assert len(at_once.graphs.space.ops) == len(scale.OPERATIONS) + 2


def test_unusual_rows_are_left_to_the_reader_of_rows(tmp_path: Path) -> None:
    adjacency = [[0, 1, 0, 0, 0, 1, 0, 0, 0], [0, 1, 0, 0]]
    frame = pd.DataFrame({"adjacency": adjacency, "ops": [["input", "a", "output"], ["input", "output"]]})
    frame["acc"] = [1.0, 2.0]
    frame.to_parquet(tmp_path / "two.parquet")
    assert benchmarks.load(tmp_path / "two.parquet").graphs.n_nodes.tolist() == [3, 2]
    frame.at[0, "ops"] = ["input", "a", "a"]
    frame.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(Exception, match="ops must begin with input and end with output"):
        _ = benchmarks.load(tmp_path / "bad.parquet").graphs


def test_parts_of_a_table_have_the_results_of_the_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = benchmarks.load(path).graphs
    y = graphs.adjacency.sum((1, 2)).astype(float)
    forest = RandomForest(n_estimators=5).fit(graphs.take(slice(0, 50)), y[:50])

    def results() -> tuple[Graphs, list[np.ndarray]]:
        fresh = graphs.take(slice(None))
        return fresh.effective(), [fresh.canonical_hash(), path_statistics(fresh), forest.predict(fresh)]

    form, arrays = results()
    for place in (canonical, statistics, distinct):
        monkeypatch.setattr(place, "PART", 37)
    form_in_parts, in_parts = results()
    assert _same(form, form_in_parts)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, in_parts, strict=True))


def test_memory_beyond_the_result_does_not_grow_with_the_table(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = benchmarks.load(path).graphs
    many = few.take(np.tile(np.arange(len(few)), 10))
    monkeypatch.setattr(canonical, "PART", 200)
    peaks = []
    for graphs in (few, many):
        tracemalloc.start()
        graphs.canonical_hash()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 3 * 8 * len(many)  # the hashes, and joining them


def test_a_panel_of_200_000_architectures_is_a_sample() -> None:
    y = np.random.default_rng(0).normal(size=200_000)
    assert len(json.dumps(_scatter(y, y + 1, 32))) < 20_000


def test_scores_of_large_tables_are_in_single_precision(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "LARGE", 100)
    options = {"train_sizes": 20, "repeats": 2, "out": tmp_path / "run", "progress": False}
    rows = evaluate(path, "random_forest:n_estimators=5", **options, metrics="kendall_tau").rows
    assert Results.load(tmp_path / "run").scores()["score"].dtype == np.float32
    again = evaluate(path, "random_forest:n_estimators=5", **options, metrics="kendall_tau,ndcg@10").rows
    assert [row["value"] for row in again if row["metric"] == "kendall_tau"] == [row["value"] for row in rows]


def _trials(path: Path, predictors: str, repeats: int) -> list[Trial]:
    tasks = build_tasks(benchmarks.load(path), train_sizes=[20])
    return build_trials(tasks, build_entries(parse(predictors), tasks), repeats, "code")


def test_a_block_in_parts_has_the_scores_of_the_whole(path: Path) -> None:
    trials = _trials(path, "random_forest:n_estimators=5,gaussian_process,mlp:epochs=2", 4)
    parts = split_blocks(trials, 6)
    assert [repeats for index, repeats in parts if index == 0] == [(0, 1), (2, 3)]
    assert [repeats for index, repeats in parts if index == 2] == [(0, 1, 2, 3)]  # train together
    for index, trial in enumerate(trials[:2]):
        whole = run_trial(trial)
        merged = merge_parts([run_trial(trial, repeats) for at, repeats in parts if at == index])
        for name in ("scores", "std"):
            pairs = zip(getattr(whole, name), getattr(merged, name), strict=True)
            assert all(np.array_equal(a, b) for a, b in pairs)
    assert split_blocks(trials, 3) == [(index, (0, 1, 2, 3)) for index in range(3)]


def test_the_device_is_part_of_an_identity_and_cpu_leaves_it_as_it_was(path: Path) -> None:
    texts = ("gcn", "mlp", "mlp:device=cpu", "gcn:device=cuda")
    plain, unsaid, spelled, other = (_trials(path, text, 200)[0] for text in texts)
    assert "device" not in plain.identity["entry"]
    assert spelled.id == unsaid.id
    assert other.identity["entry"]["device"] == "cuda"
    assert other.entry.name == "gcn:device=cuda"
    assert (len(plain.repeats), len(other.repeats)) == (BLOCK, DEVICE_BLOCK)


def test_a_device_without_effect_is_refused_or_named(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = {"train_sizes": 20, "repeats": 1, "progress": False}
    with pytest.raises(InputError, match=r"'cuda' would have no effect: random_forest"):
        evaluate(path, "random_forest:n_estimators=5", device="cuda", **options)
    with caplog.at_level("INFO", "acerank"):
        missing = "mps" if "mps" not in get_devices() else "cuda:63"
        with pytest.raises(InputError, match=f"'{missing}' is not available here; available: "):
            evaluate(path, "mlp:epochs=2,random_order", device=missing, **options)
    assert "on the CPU all the same: random_order" in caplog.text


def test_speed_on_a_device_is_measured() -> None:
    sizes = devices.Sizes(repeats=1, pretrained=(60,), scored=100, part=50, steps=2)
    found = devices.measure("cpu", sizes)
    assert len(found) == 4
    assert all(seconds > 0 for _, seconds in found)


def test_exponent_of_a_linear_step_is_one() -> None:
    assert scale.fit_exponent([10, 100, 1000], [0.1, 1.0, 10.0]) == pytest.approx(1)
