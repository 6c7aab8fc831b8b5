"""Summaries of made rows: baselines, small tables, pairing, several benchmarks."""

from typing import Any

import numpy as np
import pytest

from data.errors import InputError, UnknownNameError
from eval.report.board import boards
from eval.report.summary import CORRECTED_T, SIGN_FLIPS, summarise
from eval.stats import holm, paired_difference, paired_pvalue

VALUES = {
    "good": [0.61, 0.72, 0.66, 0.71, 0.64, 0.69, 0.70, 0.66],
    "fair": [0.60, 0.68, 0.67, 0.66, 0.62, 0.68, 0.66, 0.65],
    "poor": [0.11, 0.20, 0.15, 0.13, 0.18, 0.22, 0.10, 0.16],
}


def make_rows(**changes: Any) -> list[dict[str, Any]]:
    """Return the rows of three predictors on one task by one metric."""
    common = {
        "bench": "b", "dataset": "d", "target": "t", "label": "l", "protocol": "leakfree", "train_size": 100,
        "metric": "kendall_tau", "direction": 1, "chance": 0.0, "value_no_twins": None, "ceiling": 0.9,
        "ceiling_low": 0.8, "ceiling_high": 0.95, "ceiling_bound": "lower", "n_test": 4830, "n_twins": 0,
        "labels_seen": 100, "fit_seconds": 1.0, "predict_seconds": 1.0, "pretrain_seconds": 0.0,
    }  # fmt: skip
    return [
        {
            **common,
            "predictor": name,
            "repeat": repeat,
            "value": value,
            "trial": name,
            "split_hash": str(repeat),
            **changes,
        }
        for name, values in VALUES.items()
        for repeat, value in enumerate(values)
    ]


def test_the_baseline_is_the_best_or_the_one_named():
    by_default = {s.predictor: s for s in summarise(make_rows())}
    assert {s.baseline for s in by_default.values()} == {"good"}
    assert by_default["fair"].difference == pytest.approx(np.mean(VALUES["fair"]) - np.mean(VALUES["good"]))
    own = by_default["good"]
    assert (own.difference, own.difference_low, own.p_adjusted, own.verdict) == (0.0, None, None, "")

    found = {s.predictor: s for s in summarise(make_rows(), baseline="fair")}
    assert {s.baseline for s in found.values()} == {"fair"}
    assert [s.best for s in found.values()] == [True, False, False]
    expected = holm([paired_pvalue(VALUES[name], VALUES["fair"]) for name in ("good", "poor")])
    assert [found["good"].p_adjusted, found["poor"].p_adjusted] == pytest.approx(expected.tolist())
    interval = paired_difference(VALUES["poor"], VALUES["fair"])
    assert (found["poor"].difference_low, found["poor"].difference_high) == (interval.low, interval.high)
    assert found["poor"].test == SIGN_FLIPS
    with pytest.raises(UnknownNameError, match="fare"):
        summarise(make_rows(), baseline="fare")


def test_small_tables_are_tested_with_the_correction():
    rows = make_rows(protocol="cv", train_size=45, labels_seen=45, n_test=12)
    found = {s.predictor: s for s in summarise(rows)}
    fair = found["fair"]
    assert fair.test == CORRECTED_T
    p = [paired_pvalue(VALUES[name], VALUES["good"], test_to_train=12 / 45) for name in ("fair", "poor")]
    assert fair.p_adjusted == pytest.approx(holm(p)[0])
    assert fair.tied
    assert fair.labels_needed is not None
    assert fair.labels_needed > 60
    assert "60 labels" in fair.verdict  # five folds of 12
    naive = {s.predictor: s for s in summarise(make_rows())}["fair"]
    assert fair.ci_high is not None
    assert naive.ci_high is not None
    assert fair.ci_high - fair.mean > 1.5 * (naive.ci_high - naive.mean)
    # The same holds for random splits that train on half of the networks.
    assert summarise(make_rows(train_size=30, labels_seen=30, n_test=27))[0].test == CORRECTED_T


def test_the_conclusion_is_about_the_best_and_the_next():
    board = boards(summarise(make_rows(protocol="cv", labels_seen=45, n_test=12)))[0]
    assert all(word in board.conclusion("kendall_tau") for word in ("kendall_tau", "good", "fair", "60"))
    assert board.decidable
    alone = [row for row in make_rows() if row["predictor"] == "good"]
    assert boards(summarise(alone))[0].conclusion("kendall_tau") == ""


def test_one_repeat_has_no_difference_to_test():
    found = {s.predictor: s for s in summarise([row for row in make_rows() if row["repeat"] == 0])}
    fair = found["fair"]
    assert (fair.difference_low, fair.difference_high, fair.p_adjusted) == (None, None, None)
    assert fair.difference == pytest.approx(-0.01)


def test_ceilings_and_sizes_are_carried():
    s = summarise(make_rows())[0]
    assert (s.ceiling, s.ceiling_low, s.ceiling_high, s.ceiling_bound) == (
        pytest.approx(0.9),
        0.8,
        0.95,
        "lower",
    )
    assert (s.n_train, s.n_test) == (100, 4830)


def test_several_benchmarks_are_kept_apart():
    found = summarise([*make_rows(), *make_rows(bench="c", table_hash="other")], baseline="poor")
    assert [s.bench for s in found] == ["b"] * 3 + ["c"] * 3
    assert len(boards(found)) == 2


@pytest.mark.parametrize("field", ["split_hash", "table_hash", "split_seed"])
def test_other_splits_are_refused(field):
    rows = make_rows(table_hash="same", split_seed=1)
    rows[-1] = {**rows[-1], field: "another"}
    with pytest.raises(InputError, match=rf"poor and good cannot be compared.*{field} of repeat 7"):
        summarise(rows)


def test_missing_and_doubled_repeats_are_refused():
    with pytest.raises(InputError, match="missing poor repeat 7"):
        summarise(make_rows()[:-1])
    with pytest.raises(InputError, match="two different results for poor, repeat 7"):
        summarise([*make_rows(), {**make_rows()[-1], "trial": "another", "value": 0.5}])
    assert summarise([*make_rows(), *make_rows()]) == summarise(make_rows())
