"""The grid on the real table: resumed, on several processes, and audited from the stored scores."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from benchmarks import load
from benchmarks.base import Benchmark
from data.errors import InputError, TableError
from data.split import PROTOCOLS
from data.table import Table
from eval.grid.entries import build_entries, leave_out, parse
from eval.grid.run import run_grid
from eval.grid.store import Store
from eval.grid.tasks import build_tasks, choose_metrics, describe
from eval.metrics import DEFAULT_METRICS, METRICS
from eval.report.summary import summarise
from eval.scoring import Row
from eval.task import BLOCK, Task, Trial, build_trials, get_blocks

CHEAP = "random_forest:n_estimators=10,flops,random_order,mlp:epochs=2"
METRIC_NAMES = ["kendall_tau", "ndcg@10", "regret@10"]
REQUIRED = {
    "bench", "dataset", "target", "label", "protocol", "train_size", "repeat", "predictor", "metric", "value",
    "n_test", "fit_seconds", "predict_seconds", "schema", "trial", "table_hash", "split_seed", "fit_seed",
    "labels_seen", "params", "weak", "weak_hash", "split_hash", "n_twins", "value_no_twins", "chance",
    "ceiling", "direction", "device", "versions", "time",
}  # fmt: skip


def tasks_of(bench: Benchmark, **changed: Any) -> list[Task]:
    return build_tasks(bench, **{"train_sizes": [20], **changed})


def trials_of(bench: Benchmark, predictors: str, repeats: int = 2, **changed: Any) -> list[Trial]:
    tasks = tasks_of(bench, **changed)
    return build_trials(tasks, build_entries(parse(predictors), tasks), repeats, "code")


def run(
    folder: Path,
    bench: Benchmark,
    predictors: str = CHEAP,
    repeats: int = 2,
    *,
    jobs: int = 1,
    metrics: list[str] = METRIC_NAMES,
    **changed: Any,
) -> list[Row]:
    """Run a grid; return its rows."""
    return run_grid(trials_of(bench, predictors, repeats, **changed), metrics, Store(folder), jobs=jobs)


def told(rows: list[Row]) -> list[Row]:
    """The rows without what was measured on the clock."""
    return [
        {key: value for key, value in row.items() if not key.endswith(("_seconds", "time"))} for row in rows
    ]


def on_disk(folder: Path) -> list[Row]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "trials").iterdir()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, nb201: Benchmark) -> Path:
    """The folder of a finished run: two protocols, four predictors, two repeats."""
    folder = tmp_path_factory.mktemp("finished")
    run(folder, nb201, protocols=["leakfree", "acenas"], train_sizes=[30])
    return folder


# Rows.


def test_rows_have_every_field(finished: Path) -> None:
    rows = on_disk(finished)
    assert len(rows) == 2 * 4 * 2 * len(METRIC_NAMES)
    for row in rows:
        assert set(row) >= REQUIRED
        assert (row["bench"], row["dataset"], row["target"], row["label"]) == (
            "nb201",
            "cifar10",
            "test_acc",
            "valid_acc",
        )
        assert row["train_size"] == row["labels_seen"] == 30
        assert row["split_seed"] == row["fit_seed"] == row["repeat"]
        assert row["direction"] == METRICS[row["metric"]].direction
        assert np.isfinite([row["value"], row["chance"]]).all()
        assert (row["ceiling"] is not None) == (row["metric"] == "kendall_tau")  # twins: whole order only
        assert row["fit_seconds"] >= 0
        assert row["predict_seconds"] >= 0
        assert row["versions"]["numpy"] == np.__version__
    assert {row["params"].get("epochs") for row in rows if row["predictor"] == "mlp:epochs=2"} == {2}
    assert {row["predictor"] for row in rows} == set(CHEAP.split(","))


def test_scores_are_readable_by_others(finished: Path, nb201: Benchmark) -> None:
    scores = pd.read_parquet(finished / "scores.parquet")
    columns = ["bench", "dataset", "target", "protocol", "train_size", "predictor"]
    assert list(scores) == [*columns, "repeat", "row", "score", "std", "label"]
    truth = nb201.target("cifar10", "test_acc")
    assert (scores["label"].to_numpy() == truth[scores["row"]]).all()
    assert scores["row"].between(0, 15_624).all()
    assert np.isfinite(scores["score"]).all()
    rows = pd.DataFrame(on_disk(finished))
    sizes = scores.groupby(["protocol", "predictor", "repeat"], observed=True).size()
    for key, found in rows.groupby(["protocol", "predictor", "repeat"]):
        assert (found["n_test"] == sizes[key]).all()
    assert len(sizes) == 2 * 4 * 2
    sure = scores["std"].notna().groupby(scores["predictor"].astype(str)).mean()
    measured = rows.groupby("predictor")["coverage_80"].apply(lambda found: found.notna().mean())
    assert (sure == measured).all()


def test_values_are_those_of_the_stored_scores(finished: Path, nb201: Benchmark) -> None:
    scores = pd.read_parquet(finished / "scores.parquet")
    y = nb201.target("cifar10", "test_acc")
    rows = [row for row in on_disk(finished) if row["metric"] == "kendall_tau"]
    for row in rows:
        keys = ("protocol", "predictor", "repeat")
        of_row = scores[np.logical_and.reduce([scores[key] == row[key] for key in keys])]
        expected = kendalltau(y[of_row["row"]], of_row["score"]).statistic
        assert row["value"] == pytest.approx(expected, abs=1e-12)
    assert len(rows) == 16


def test_every_predictor_has_the_same_splits(finished: Path) -> None:
    scores = pd.read_parquet(finished / "scores.parquet")
    for _, of_repeat in scores.groupby(["protocol", "repeat"], observed=True):
        lists = [group["row"].tolist() for _, group in of_repeat.groupby("predictor", observed=True)]
        assert len(lists) == 4
        assert all(rows == lists[0] for rows in lists)
    by_repeat = [set(group["row"]) for _, group in scores[scores["protocol"] == "leakfree"].groupby("repeat")]
    assert by_repeat[0] != by_repeat[1]
    for _, of_repeat in pd.DataFrame(on_disk(finished)).groupby(["protocol", "repeat"]):
        for name in ("n_test", "n_twins", "split_seed", "labels_seen"):
            assert of_repeat[name].nunique() == 1


def test_the_leak_audit_is_right(finished: Path, nb201: Benchmark) -> None:
    scores = pd.read_parquet(finished / "scores.parquet")
    scores = scores[scores["protocol"] == "acenas"]
    y, twins = nb201.target("cifar10", "test_acc"), []
    for trial in trials_of(nb201, CHEAP, protocols=["acenas"], train_sizes=[30]):
        for repeat in trial.repeats:
            train = trial.task.split(repeat).train
            seen = set(nb201.classes[train].tolist())
            of_repeat = scores[(scores["predictor"] == trial.entry.name) & (scores["repeat"] == repeat)]
            unseen = np.array([nb201.classes[row] not in seen for row in of_repeat["row"]])
            twins.append(int((~unseen).sum()))
            for row in on_disk(finished):
                if (row["predictor"], row["repeat"]) == (trial.entry.name, repeat) and row[
                    "protocol"
                ] == "acenas":
                    assert row["n_twins"] == twins[-1]
                    clean = METRICS[row["metric"]](y[of_repeat["row"][unseen]], of_repeat["score"][unseen])
                    assert row["value_no_twins"] == pytest.approx(clean, abs=1e-12)
                    whole = METRICS[row["metric"]](y[of_repeat["row"]], of_repeat["score"])
                    assert row["value"] == pytest.approx(whole, abs=1e-12)
    assert min(twins) >= 30  # the training rows themselves, at least
    assert len(twins) == 8


def test_the_ceiling_is_the_known_one(finished: Path) -> None:
    """Over all rows, as `acenas` tests, twins predict each other with a Kendall tau of 0.931."""
    rows = [row for row in on_disk(finished) if row["metric"] == "kendall_tau"]
    found = {row["ceiling"] for row in rows if row["protocol"] == "acenas"}
    assert len(found) == 1
    assert found.pop() == pytest.approx(0.931, abs=2e-3)


def test_leakfree_has_no_twins(finished: Path) -> None:
    rows = [row for row in on_disk(finished) if row["protocol"] == "leakfree"]
    assert {row["n_twins"] for row in rows} == {0}
    assert {row["n_test"] for row in rows} == {4930 - 30}
    assert all(row["value_no_twins"] == row["value"] for row in rows)


def test_twins_help_those_who_saw_them(tmp_path: Path, nb201: Benchmark) -> None:
    """A forest that has seen the test rows ranks them better than the others."""
    rows = run(tmp_path, nb201, "random_forest:n_estimators=10", 3, protocols=["acenas"], train_sizes=[3000])
    taus = [row for row in rows if row["metric"] == "kendall_tau"]
    assert all(row["n_twins"] > 3000 for row in taus)
    assert all(row["value_no_twins"] < row["value"] for row in taus)


def test_chance_is_what_a_random_order_gets(tmp_path: Path, nb201: Benchmark) -> None:
    rows = run(tmp_path, nb201, "random_order", 10, metrics=["kendall_tau", "precision_top@5"])
    for summary in summarise(rows):
        assert abs(summary.mean - summary.chance) < 0.02
        assert summary.chance == pytest.approx(
            {"kendall_tau": 0, "precision_top@5": 0.05}[summary.metric], abs=1e-3
        )


# The same rows whatever happens.


def test_any_number_of_processes_gives_the_same_rows(tmp_path: Path, nb201: Benchmark) -> None:
    one = run(tmp_path / "one", nb201)
    two = run(tmp_path / "two", nb201, jobs=2)
    assert told(one) == told(two)
    assert told(on_disk(tmp_path / "two")) == told(one)
    a, b = (pd.read_parquet(tmp_path / name / "scores.parquet") for name in ("one", "two"))
    pd.testing.assert_frame_equal(a, b)


SLOW = "random_order,flops,random_forest"  # the third cell takes a while


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_run_goes_on(jobs: int, tmp_path: Path, nb201: Benchmark) -> None:
    folder = tmp_path / "killed"
    command = [
        sys.executable, "-m", "eval.run", "--bench", "nb201", "--predictors", SLOW, "--train-size", "20,30",
        "--repeats", "2", "--metrics", ",".join(METRIC_NAMES), "--out", str(folder), "--jobs", str(jobs),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    end = time.monotonic() + 60
    while not list(folder.glob("trials/*.parquet")):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("trials/*.parquet")}
    assert 0 < len(before) < 6
    assert not (folder / "scores.parquet").exists()
    rows = run(folder, nb201, SLOW, train_sizes=[20, 30])
    expected = run(tmp_path / "whole", nb201, SLOW, train_sizes=[20, 30])
    assert told(rows) == told(expected) == told(on_disk(folder))
    assert before.items() <= stamps(folder).items()  # what was finished is as it was


def test_a_second_run_fits_nothing(tmp_path: Path, nb201: Benchmark) -> None:
    first = run(tmp_path, nb201)
    before = stamps(tmp_path)
    assert len(before) == 4
    second = run(tmp_path, nb201, jobs=2)
    assert stamps(tmp_path) == before
    assert second == first == on_disk(tmp_path)


def test_a_new_metric_needs_no_fit(tmp_path: Path, nb201: Benchmark) -> None:
    first = run(tmp_path / "a", nb201, metrics=["kendall_tau"])
    scores = pd.read_parquet(tmp_path / "a" / "scores.parquet")
    both = run(tmp_path / "a", nb201, metrics=["kendall_tau", "best_rank@10"])
    assert told([row for row in both if row["metric"] == "kendall_tau"]) == told(first)
    # Nobody takes the same time twice to the last digit: what is in the rows is the first fit's.
    taken = [(row["predictor"], row["repeat"], row["fit_seconds"], row["predict_seconds"]) for row in first]
    for row in both:
        assert (row["predictor"], row["repeat"], row["fit_seconds"], row["predict_seconds"]) in taken
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a" / "scores.parquet"), scores)
    fresh = run(tmp_path / "b", nb201, metrics=["best_rank@10"])
    assert told([row for row in both if row["metric"] == "best_rank@10"]) == told(fresh)


def test_more_repeats_only_add_blocks(tmp_path: Path, nb201: Benchmark) -> None:
    predictors = "random_forest:n_estimators=10,random_order"
    first = run(tmp_path, nb201, predictors, BLOCK)
    before = stamps(tmp_path)
    more = run(tmp_path, nb201, predictors, BLOCK + 2)
    after = stamps(tmp_path)
    assert before.items() <= after.items()
    assert len(after) == 2 * len(before) == 4
    assert [row for row in more if row["repeat"] < BLOCK] == first
    assert {row["repeat"] for row in more} == set(range(BLOCK + 2))


def test_fewer_repeats_are_the_first_ones(tmp_path: Path, nb201: Benchmark) -> None:
    predictors = "random_forest:n_estimators=10,random_order,flops"
    three, two = (run(tmp_path / str(n), nb201, predictors, n) for n in (3, 2))
    values = [[row["value"] for row in rows if row["repeat"] < 2] for rows in (three, two)]
    assert values[0] == values[1]


def test_blocks() -> None:
    assert get_blocks(1) == [(0,)]
    assert get_blocks(23) == [tuple(range(10)), tuple(range(10, 20)), (20, 21, 22)]
    assert get_blocks(20) == get_blocks(23)[:2]
    assert get_blocks(5, 2, apart=2) == [(0, 2), (4,), (1, 3)]
    assert get_blocks(2, apart=3) == [(0,), (1,)]


def test_seeds_shift_repeats(tmp_path: Path, nb201: Benchmark) -> None:
    predictors = "random_forest:n_estimators=10,random_order"
    first = run(tmp_path, nb201, predictors, 2, seed=0)
    second = run(tmp_path, nb201, predictors, 1, seed=1)
    expected = [row["value"] for row in first if row["repeat"] == 1]
    assert [row["value"] for row in second] == expected


def test_whatever_determines_the_scores_is_another_trial(nb201: Benchmark) -> None:
    found = [
        *trials_of(nb201, "mlp,mlp:epochs=2,mlp:epochs=3,random_order"),
        *trials_of(nb201, "mlp", train_sizes=[21]),
        *trials_of(nb201, "mlp", seed=1),
        *trials_of(nb201, "mlp", protocols=["uniform"]),
        *trials_of(nb201, "mlp", label="test_acc"),
        *trials_of(nb201, "mlp", target="valid_acc"),
        *trials_of(nb201, "mlp", datasets=["imagenet16"]),
        *trials_of(nb201, "mlp", repeats=3),
    ]
    ids = [trial.id for trial in found]
    assert len(set(ids)) == len(ids) == 11
    again = trials_of(nb201, "mlp:epochs=120,mlp:epochs=2")
    assert [trial.id for trial in again] == ids[:2]  # the default, written out, is the default


def test_predictors_beside_it_do_not_matter(tmp_path: Path, nb201: Benchmark) -> None:
    alone = run(tmp_path / "alone", nb201, "mlp:epochs=2")
    beside = run(tmp_path / "beside", nb201, "flops,mlp:epochs=2,random_order")
    assert told([row for row in beside if row["predictor"] == "mlp:epochs=2"]) == told(alone)


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign"])
def test_a_damaged_trial_is_named(damage: str, tmp_path: Path, nb201: Benchmark) -> None:
    run(tmp_path, nb201, "flops,random_order")
    path = Store(tmp_path).path(trials_of(nb201, "random_order")[0].id)
    whole = path.read_bytes()
    if damage == "foreign":
        pd.DataFrame({"score": [1.0]}).to_parquet(path)
    else:
        path.write_bytes(whole[: {"cut": len(whole) // 2, "empty": 0}[damage]])
    with pytest.raises(TableError, match=rf"{path.name} is damaged .*; delete it and run again"):
        run(tmp_path, nb201, "flops,random_order")
    path.unlink()
    assert len(run(tmp_path, nb201, "flops,random_order")) == 2 * 2 * len(METRIC_NAMES)


def test_a_task_with_every_protocol(tmp_path: Path, nb201: Benchmark) -> None:
    names = [name for name in PROTOCOLS if PROTOCOLS[name].train_size is None or name in ("pinat-1", "vkdnw")]
    tasks = [task for name in names for task in tasks_of(nb201, **_choices_for(name))]
    entries = build_entries(parse("random_forest:n_estimators=5"), tasks)
    rows = run_grid(build_trials(tasks, entries, 1, ""), ["kendall_tau"], Store(tmp_path), jobs=1)
    assert [row["protocol"] for row in rows] == names
    tested = {row["protocol"]: row["n_test"] for row in rows}
    assert tested == {
        "leakfree": 4910,
        "uniform": 15_605,
        "acenas": 15_625,
        "pinat-1": 15_625,
        "ta-gates": 4770,
        "vkdnw": 8421,
        "cv": 986,
    }
    assert {row["protocol"]: row["labels_seen"] for row in rows}["pinat-1"] == 78
    assert all(row["n_twins"] > 0 for row in rows if row["protocol"] not in ("leakfree", "cv"))


@pytest.mark.parametrize(
    ("protocol", "label", "expected"),
    [
        ("pinat-1", None, "valid_acc"),
        ("pinat-1", "test_acc", "test_acc"),
        ("acenas", None, "valid_acc"),
        ("vkdnw", None, "test_acc"),
        ("vkdnw", "valid_acc", "valid_acc"),
        ("leakfree", "test_acc", "test_acc"),
    ],
)
def test_another_label_than_the_papers_is_said(
    protocol: str, label: str | None, expected: str, nb201: Benchmark
) -> None:
    task = tasks_of(nb201, label=label, **_choices_for(protocol))[0]
    assert task.label == expected
    paper = PROTOCOLS[protocol].trained_on
    line = describe(task)
    assert ("not the label of the paper" in line) == (paper not in ("", expected))
    if "not the label" in line:
        assert f"{expected} is not the label of the paper: protocol {protocol} trained on {paper}" in line


def _choices_for(protocol: str) -> dict[str, Any]:
    return {"protocols": [protocol], "train_sizes": None if PROTOCOLS[protocol].train_size else [20]}


# From what was asked to tasks.


def test_defaults_of_labels(nb201: Benchmark) -> None:
    tasks = tasks_of(nb201, datasets=nb201.datasets)
    assert [(task.dataset, task.label, task.target) for task in tasks] == [
        ("cifar10", "valid_acc", "test_acc"),
        ("cifar100", "test_acc", "test_acc"),
        ("imagenet16", "valid_acc", "test_acc"),
    ]
    lines = [describe(task) for task in tasks]
    assert "cifar100 has no valid_acc: the test_acc of the training rows is used" in lines[1]
    assert "has no" not in lines[0] + lines[2]
    for line, task in zip(lines, tasks, strict=True):
        assert line.startswith(f"{task.dataset}: trained on 20 × {task.label} (")
        assert "mean over the official seeds" in line


def test_missing_labels_are_not_trained_on(tmp_path: Path, nb201: Benchmark) -> None:
    rows = run(tmp_path, nb201, "random_forest:n_estimators=10", datasets=["imagenet16"], train_sizes=[500])
    assert {row["labels_seen"] for row in rows} == {500}
    known = np.isfinite(nb201.target("imagenet16", "valid_acc"))
    for repeat in range(2):
        task = tasks_of(nb201, datasets=["imagenet16"], train_sizes=[500])[0]
        assert known[task.split(repeat).train].all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_sizes": [4931]}, "can train on 4,930 architectures here, fewer than the 4,931 asked for"),
        ({"train_sizes": [4930]}, "leaves no architecture to test on"),
        ({"train_sizes": [0]}, "train size must be at least 1, not 0"),
        ({"protocols": ["pinat-1"]}, "protocol 'pinat-1' has 78 training labels"),
        ({"label": "valid_acc_mean"}, "this table has one training of each architecture"),
        ({"protocols": ["leakfre"]}, "did you mean leakfree"),
        ({"datasets": ["cifar"]}, "did you mean cifar10"),
        ({"label": "val_acc"}, "did you mean valid_acc"),
        ({"target": "valid_ac"}, "did you mean valid_acc"),
    ],
)
def test_impossible_requests(changed: dict, message: str, nb201: Benchmark) -> None:
    with pytest.raises((InputError, KeyError), match=message):
        tasks_of(nb201, **changed)


def test_predictors_that_lack_a_weak_label_are_left_out(nb201: Benchmark) -> None:
    asked = parse("flops,random_order,weak_label,weak_label:column=gone")
    kept, lines = leave_out(asked, nb201, tasks_of(nb201))
    assert [each.title for each in kept] == ["flops", "random_order", "weak_label"]
    assert lines == ["weak_label:column=gone is left out: nb201 has no weak label gone"]


def test_a_named_floor_without_a_value_is_refused_before_anything_runs(real_tables: Path) -> None:
    with pytest.raises(InputError, match="has no value for any of the 2,610 architectures with acc of ofa"):
        trials_of(load("ofa"), "params")


def test_metrics_fit_the_test_set(nb201: Benchmark) -> None:
    few = tasks_of(nb201, train_sizes=[4900])  # 30 networks are left
    chosen = choose_metrics(None, few)
    assert "ndcg@10" in chosen
    assert "ndcg@30" not in chosen  # a top 30 of 30 says nothing
    assert choose_metrics(None, tasks_of(nb201)) == list(DEFAULT_METRICS)
    with pytest.raises(InputError, match="ndcg@31: only 30 architectures are tested"):
        choose_metrics(["ndcg@31", "ndcg@30"], few)


# Predictors as users write them.


def test_specs() -> None:
    specs = parse(" gcn, gcn:loss=mse:width=32 ,flops", ["gcn.lr=1", "gcn.dropout=0"])
    assert [each.title for each in specs] == [
        "gcn:dropout=0.0:lr=1.0",
        "gcn:dropout=0.0:loss=mse:lr=1.0:width=32",
        "flops",
    ]
    assert specs[1].predictor.params()["width"] == 32
    assert isinstance(specs[0].predictor.params()["lr"], float)


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("gnc", [], "unknown predictor 'gnc'; did you mean gcn"),
        ("gcn:lss=mse", [], "unknown hyper-parameter of gcn 'lss'; did you mean loss"),
        ("gcn", ["gcn.lss=mse"], "unknown hyper-parameter of gcn 'lss'; did you mean loss"),
        ("gcn", ["gnc.loss=mse"], "unknown predictor 'gnc'; did you mean gcn"),
        ("gcn", ["mlp.loss=mse"], "'mlp.loss=mse' sets a predictor that is not run; run are gcn"),
        ("gcn", ["loss=mse"], "'loss=mse' is not of the form PREDICTOR.PARAMETER=VALUE"),
        ("gcn", ["gcn.loss"], "'loss' in 'gcn.loss' is not of the form PARAMETER=VALUE"),
        ("gcn:loss", [], "'loss' in 'gcn:loss' is not of the form PARAMETER=VALUE"),
        ("gcn:width=1.5", [], "gcn.width=1.5: expected a value like the default, 48"),
        ("gcn:width=wide", [], "gcn.width=wide: expected a value like the default, 48"),
        ("gcn:lr=fast", [], "gcn.lr=fast: expected a value like the default, 0.003"),
        ("gcn:lr=__import__('os')", [], "gcn.lr=.*: expected a value like the default"),
        ("gcn,gcn", [], "listed twice: gcn"),
        ("gcn,gcn:width=48", [], "listed twice: gcn"),
        ("flops:column=params", [], "unknown hyper-parameter of flops 'column'"),
        (" , ", [], "no predictors were named"),
    ],
)
def test_bad_specs(text: str, settings: list[str], message: str) -> None:
    with pytest.raises((InputError, KeyError), match=message):
        parse(text, settings)


# An incomplete grid is refused.


def test_summaries_refuse_an_incomplete_grid(finished: Path) -> None:
    rows = on_disk(finished)
    assert len(summarise(rows)) == 2 * 4 * len(METRIC_NAMES)
    lost = [row for row in rows if (row["predictor"], row["repeat"]) != ("flops", 1)]
    with pytest.raises(InputError, match=r"incomplete grid .*: missing flops repeat 1"):
        summarise(lost)


def test_summaries_by_hand(finished: Path) -> None:
    rows = pd.DataFrame(on_disk(finished))
    for summary in summarise(on_disk(finished)):
        of_summary = rows[
            (rows["protocol"] == summary.protocol)
            & (rows["predictor"] == summary.predictor)
            & (rows["metric"] == summary.metric)
        ]
        assert summary.repeats == len(of_summary) == 2
        assert summary.mean == pytest.approx(of_summary["value"].mean())
        assert summary.mean_no_twins == pytest.approx(of_summary["value_no_twins"].mean())
        # Student's t with one degree of freedom.
        half = 12.706204736 * of_summary["value"].std() / np.sqrt(2)
        assert summary.ci_high - summary.mean == pytest.approx(half, abs=1e-9)
        assert summary.mean - summary.ci_low == pytest.approx(half, abs=1e-9)
    for protocol in ("leakfree", "acenas"):
        for name in METRIC_NAMES:
            of_board = [s for s in summarise(on_disk(finished)) if (s.protocol, s.metric) == (protocol, name)]
            best = max(of_board, key=lambda s: s.direction * s.mean)
            assert [s.best for s in of_board] == [s is best for s in of_board]
            assert best.tied


def test_a_refused_run_leaves_the_rows_of_an_earlier_one(nb201: Benchmark, tmp_path: Path) -> None:
    run(tmp_path, nb201, "flops", metrics=["kendall_tau"])
    before = (tmp_path / "rows.jsonl").read_text()
    with pytest.raises(InputError, match="gcn"):
        run(tmp_path, nb201, "flops,gcn:width=-1", metrics=["kendall_tau"])
    assert (tmp_path / "rows.jsonl").read_text() == before != ""


# Tables converted from a part of a release.


def test_a_partial_table_uses_what_it_has(nb201: Benchmark) -> None:
    names = [name for name in nb201.table.names if not name.startswith("cifar10_")]
    partial = type(nb201)(Table(nb201.table.arrow.select(names), nb201.table.columns))
    (task,) = build_tasks(partial, train_sizes=[20])
    assert task.dataset == "cifar100"
    without = [name for name in names if not name.endswith("_acc")]
    bare = type(nb201)(Table(nb201.table.arrow.select(without), nb201.table.columns))
    with pytest.raises(InputError, match=r"has no labels.*python -m data\.convert nb201"):
        build_tasks(bare)
