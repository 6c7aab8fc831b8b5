"""The leaderboard: statistics worked out on paper, and a run on two small tables with its page."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import predictors
from data.errors import InputError, MissingTableError
from eval import Results
from eval.leaderboard.__main__ import app
from eval.leaderboard.bencheval import build_frame
from eval.leaderboard.choice import choose_benchmarks, choose_predictors
from eval.leaderboard.plots import get_plots
from eval.leaderboard.published import build_tables
from eval.leaderboard.standings import (
    Splits,
    average,
    get_improvability,
    get_splits,
    get_wins,
    group,
    rank,
)
from eval.report.runs import open_runs


def make(*benches, direction=1, best=1.0):
    """Splits of predictors a, b, ... on benchmarks with one task each."""
    k = np.shape(benches[0])[1]
    values = tuple((np.array(task, float),) for task in benches)
    return Splits(
        "kendall_tau", direction, best, tuple("abcdefgh"[:k]), tuple(map(str, range(len(values)))), values
    )


def test_benchmarks_weigh_the_same_whatever_their_number_of_splits():
    many = [[0.9, 0.1]] * 9
    splits = make(many, [[0.1, 0.9]])
    np.testing.assert_allclose(rank(splits).mean, [1.5, 1.5])
    np.testing.assert_allclose(get_wins(splits), [[0.5, 0.5], [0.5, 0.5]])


def test_ranks_are_taken_within_splits():
    splits = make([[0.5, 0.4], [0.5, 0.4], [0.0, 0.9]])  # b has the higher mean, a wins twice of three
    np.testing.assert_allclose(rank(splits).mean, [4 / 3, 5 / 3])
    assert get_wins(splits)[0, 1] == pytest.approx(2 / 3)


def test_lower_is_better_turns_ranks():
    splits = make([[0.0, 2.0, 1.0]], direction=-1, best=0.0)
    np.testing.assert_allclose(rank(splits).mean, [1, 3, 2])
    np.testing.assert_allclose(get_improvability(splits).mean, [0, 100, 100])


def test_improvability_is_the_share_of_the_error_beyond_the_best():
    splits = make([[0.8, 0.6], [1.0, 1.0]])  # errors 0.2 and 0.4; then both 0
    np.testing.assert_allclose(get_improvability(splits).mean, [0, 25])


def test_intervals_hold_the_mean_and_vanish_without_spread():
    rng = np.random.default_rng(0)
    standing = average([[rng.normal(size=(10, 3))] for _ in range(4)])
    assert (standing.low < standing.mean).all()
    assert (standing.mean < standing.high).all()
    same = average([[np.ones((10, 2))]] * 3)
    np.testing.assert_allclose([same.low, same.high], 1)


def test_critical_difference_is_the_published_constant():
    rng = np.random.default_rng(0)
    found = group(make(rng.normal(size=(15, 5)), rng.normal(size=(15, 5))))
    assert found is not None
    assert found.blocks == 30
    assert found.distance == pytest.approx(2.728 * np.sqrt(5 * 6 / (6 * 30)), abs=1e-3)  # Demšar, Table 5


def test_clear_orders_are_told_apart_and_twins_are_not():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(40, 4)) * 0.01
    found = group(make(noise + np.array([0.9, 0.5, 0.5, 0.0])))
    assert found is not None
    assert found.p_friedman < 0.001
    assert found.order[0] == 0
    assert found.order[-1] == 3
    assert found.cliques == [(1, 2)]


def test_two_predictors_have_no_critical_difference():
    assert group(make([[0.1, 0.2], [0.3, 0.4]])) is None


def test_costly_predictors_are_named_and_left_out():
    chosen, costly = choose_predictors()
    assert not set(chosen) & set(costly)
    assert {*chosen, *costly} == set(predictors.names())
    assert all(predictors.get(name).costly for name in costly)


def test_without_any_table_the_next_step_is_named(monkeypatch):
    monkeypatch.setattr("eval.leaderboard.choice.find", lambda name: None)
    with pytest.raises(MissingTableError, match="acerank fetch"):
        choose_benchmarks()


def test_published_figures_are_not_measured():
    tables = build_tables(["nb201"])
    assert tables
    assert all("not measured" in table.title and "further labels" in table.header for table in tables)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A leaderboard of three quick predictors on two tables at two training sizes."""
    folder = tmp_path_factory.mktemp("leaderboard")
    rng = np.random.default_rng(0)
    ops = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    lines = ["arch,params,test_acc"]
    for code in {tuple(code) for code in rng.integers(5, size=(150, 6))}:
        a, b, c, d, e, f = (ops[i] for i in code)
        convolutions = sum(i == 3 for i in code)
        arch = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
        lines.append(f"{arch},{convolutions},{50 + 5 * convolutions + rng.normal():.2f}")
    paths = []
    for name in ("first", "second"):
        path = folder / f"{name}.csv"
        path.write_text("\n".join(lines), "utf-8")
        paths.append(str(path))
        lines = [lines[0], *lines[:20:-1]]
    out = folder / "out"
    words = ["--bench", ",".join(paths), "--predictors", "gaussian_process,random_forest,random_order"]
    words += ["--protocol", "leakfree", "--train-size", "20,40", "--repeats", "3", "--jobs", "1"]
    words += ["--metrics", "kendall_tau,ndcg@10", "--format", "json", "--out", str(out)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return out, json.loads(done.stdout), words


def test_every_predictor_has_a_standing_by_every_metric(run):
    _, records, _ = run
    assert len(records) == 3 * 2
    last = {record["metric"]: record for record in sorted(records, key=lambda r: r["mean_rank"])}
    assert {record["predictor"] for record in last.values()} == {"random_order"}
    assert all(r["mean_rank_low"] <= r["mean_rank"] <= r["mean_rank_high"] for r in records)


def test_page_is_one_file_with_every_figure(run):
    out, _, _ = run
    page = (out / "leaderboard.html").read_text("utf-8")
    assert "connect-src 'none'" in page
    plots = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])["plots"]
    names = {plot["name"] for plot in plots}
    for kind in ("critical-difference", "mean-ranks", "improvability", "wins", "pareto", "labels"):
        assert {f"{kind}-kendall_tau", f"{kind}-ndcg@10"} <= names
    assert "calibration" in names
    assert page.count('id="save-plot-') == len(plots)
    for name in names:
        assert (out / "figures" / f"{name}.svg").is_file()
        assert (out / "figures" / f"{name}.pdf").is_file()


def test_frame_of_bencheval(run):
    out, _, _ = run
    frame = pd.read_parquet(out / "bencheval.parquet")
    rows = Results.load(out).rows
    assert len(frame) == len(rows)
    assert {"method", "dataset", "fold", "metric_error", "time_train_s", "time_infer_s"} <= set(frame)
    assert not frame.duplicated(["method", "dataset", "fold"]).any()
    first = build_frame(rows[:1]).iloc[0]
    assert first["metric_error"] == pytest.approx(1 - rows[0]["value"])


def test_run_is_shown_again(run):
    out, records, _ = run
    shown = open_runs([out])
    assert shown.page == "leaderboard.html"
    assert len(shown.records) == len(records)


def test_rerun_resumes(run):
    out, records, words = run
    before = {path.name: path.stat().st_mtime_ns for path in (out / "trials").iterdir()}
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    assert json.loads(done.stdout) == records
    assert {path.name: path.stat().st_mtime_ns for path in (out / "trials").iterdir()} == before


def test_one_size_has_no_curve_of_labels(run):
    results = Results.load(run[0])
    one = Results([row for row in results.rows if row["train_size"] == 20])
    names = {plot.name for plot in get_plots(one, "kendall_tau", one.summaries())}
    assert "labels-kendall_tau" not in names


def test_incomplete_grids_are_refused(run):
    results = Results.load(run[0])
    some = Results([row for row in results.rows if (row["predictor"], row["repeat"]) != ("random_order", 0)])
    with pytest.raises(InputError, match="incomplete"):
        some.summaries()


def test_splits_hold_a_value_for_each_predictor(run):
    splits = get_splits(Results.load(run[0]).rows, "kendall_tau")
    assert [len(tasks) for tasks in splits.values] == [2, 2]
    assert all(task.shape == (3, 3) and np.isfinite(task).all() for tasks in splits.values for task in tasks)
