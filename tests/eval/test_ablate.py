"""Ablations and few-shot curves: which arms there are, the comparison with the base, labels saved."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from data.errors import InputError
from eval.ablate.arms import build_arms, compare, get_conclusions, get_plots, get_tables
from eval.curve.savings import get_conclusions as conclude_curve
from eval.curve.savings import labels_needed
from eval.report.summary import CORRECTED_T, summarise
from eval.stats import paired_difference, paired_pvalue


def test_arms_one_at_a_time_and_grid():
    vary = ["loss=ranknet,mse", "weak=none,flops+params"]
    assert build_arms("acenas", vary, "one") == [
        "acenas", "acenas:loss=ranknet", "acenas:loss=mse", "acenas:weak=none", "acenas:weak=flops+params"
    ]  # fmt: skip
    assert build_arms("acenas", vary, "grid")[1:] == [
        "acenas:loss=ranknet:weak=none", "acenas:loss=ranknet:weak=flops+params",
        "acenas:loss=mse:weak=none", "acenas:loss=mse:weak=flops+params",
    ]  # fmt: skip


@pytest.mark.parametrize("vary", [[], ["loss"], ["=mse"], ["loss="], ["loss=mse", "loss=ranknet"]])
def test_what_cannot_be_varied(vary):
    with pytest.raises(InputError, match="vary"):
        build_arms("acenas", vary, "one")


def rows(**by_arm):
    task = {"bench": "b", "dataset": "d", "target": "t", "label": "l", "protocol": "p", "train_size": 9}
    task |= {"seed": 0, "direction": 1, "value_no_twins": None, "chance": 0.0, "ceiling": None}
    task |= {"n_test": 50, "n_twins": 0, "fit_seconds": 0.0, "predict_seconds": 0.0, "pretrain_seconds": 0.0}
    return [
        {**task, "predictor": arm, "metric": "kendall_tau", "repeat": r, "value": float(v)}
        for arm, values in by_arm.items()
        for r, v in enumerate(values)
    ]


def test_arms_are_compared_with_the_base_by_pairs():
    rng = np.random.default_rng(0)
    base = rng.normal(size=12)
    better, worse = base + 1 + 0.1 * rng.normal(size=12), base - 0.01 * rng.normal(size=12)
    arms = {arm.arm: arm for arm in compare(rows(base=base, better=better, worse=worse), "base")}
    expected = paired_difference(better, base)
    assert (arms["better"].difference, arms["better"].difference_low) == (expected.mean, expected.low)
    assert arms["better"].p_adjusted == pytest.approx(2 * paired_pvalue(better, base))  # Holm over two arms
    assert arms["better"].p_adjusted < 0.05 < arms["worse"].p_adjusted
    assert (arms["base"].difference, arms["base"].p_adjusted) == (0.0, 1.0)


def test_an_incomplete_ablation_is_refused():
    with pytest.raises(InputError, match="incomplete ablation"):
        compare(rows(base=[1, 2, 3], arm=[1, 2]), "base")
    with pytest.raises(InputError, match="incomplete ablation"):
        compare(rows(arm=[1, 2]), "base")


def test_ablations_of_small_tables_use_the_corrected_test():
    rng = np.random.default_rng(0)
    found = [
        {**row, "protocol": "cv", "train_size": 40, "n_test": 10}
        for row in rows(base=rng.normal(size=10), arm=rng.normal(0.5, 1, 10))
    ]
    arm = next(arm for arm in compare(found, "base") if arm.arm == "arm")
    values = [[row["value"] for row in found if row["predictor"] == name] for name in ("arm", "base")]
    assert arm.test == CORRECTED_T
    assert arm.p_adjusted == pytest.approx(paired_pvalue(*values, test_to_train=10 / 40))
    (table,) = get_tables(compare(found, "base"), "base")
    assert CORRECTED_T in table.caption


def test_ablations_are_shown_with_a_conclusion_first():
    base = np.linspace(0, 1, 12)
    arms = compare(rows(base=base, better=base + 0.5, same=base + 0.01 * np.tile([1, -1], 6)), "base")
    (sentence,) = get_conclusions(arms, "base")
    assert "better (+0.500)" in sentence
    assert "same" not in sentence
    (table,) = get_tables(arms, "base")
    assert [row[0].text for row in table.cells] == ["base", "better", "− base", "same", "− base"]
    (plot,) = get_plots(arms, "base")
    assert (list(plot.rows), list(plot.series[0].y)) == (["better", "same"], [0, 1])


def test_one_repeat_has_neither_interval_nor_test():
    arms = compare(rows(base=[0.5], arm=[0.6]), "base")
    (table,) = get_tables(arms, "base")
    shown = " ".join(cell.text for row in table.cells for cell in row)
    assert "nan" not in shown
    assert "1 repeats" not in f"{shown} {table.subtitle} {table.caption}"
    assert get_plots(arms, "base")[0].series[0].low == [None]


def curve(*points, direction=1, predictor="x"):
    task = {"bench": "b", "dataset": "d", "target": "t", "label": "l", "protocol": "p", "seed": 0}
    return [
        s
        for size, mean in points
        for s in summarise(
            [
                {
                    **task,
                    "train_size": size,
                    "predictor": predictor,
                    "metric": "kendall_tau",
                    "direction": direction,
                    "repeat": 0,
                    "value": mean,
                    "value_no_twins": None,
                    "chance": 0.0,
                    "ceiling": None,
                    "n_test": 50,
                    "n_twins": 0,
                    "fit_seconds": 0.0,
                    "predict_seconds": 0.0,
                    "pretrain_seconds": 0.0,
                }
            ]
        )
    ]


def test_curves_say_first_how_many_labels_are_saved():
    theirs = curve((10, 0.2), (40, 0.6), (160, 0.7), predictor="y")
    assert "(4.0×)" in conclude_curve(curve((10, 0.6), (40, 0.65), (160, 0.7)) + theirs, "x", "y")[0]
    assert "up to 160" in conclude_curve(curve((10, 0.8), (40, 0.8), (160, 0.8)) + theirs, "x", "y")[0]
    assert "no saving" in conclude_curve(curve((10, 0.1), (40, 0.1), (160, 0.1)) + theirs, "x", "y")[0]


def test_labels_needed_by_hand():
    rising = curve((10, 0.2), (40, 0.6), (160, 0.5))
    assert labels_needed(rising, 0.4) == pytest.approx(20)  # half way from 10 to 40 in the logarithm
    assert labels_needed(rising, 0.6) == pytest.approx(40)
    assert labels_needed(rising, 0.1) == 0
    assert labels_needed(rising, 0.7) == math.inf
    assert labels_needed(curve((10, 2.0), (40, 1.0), direction=-1), 1.5) == pytest.approx(20)


def call(module, folder, *arguments):
    command = [
        sys.executable,
        "-m",
        module,
        "--bench",
        "nb201",
        "--repeats",
        "3",
        "--out",
        str(folder / "out"),
    ]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=folder, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("nb201")
def test_the_ablation_command(tmp_path):
    given = ["--base", "mlp:epochs=2", "--vary", "loss=ranknet,mse", "--train-size", "20"]
    records = json.loads(call("eval.ablate.__main__", tmp_path, *given, "--format", "json"))
    arms = list(dict.fromkeys(record["arm"] for record in records))
    assert arms == ["mlp:epochs=2", "mlp:epochs=2:loss=mse"]  # ranknet is the base's loss: one arm, not two
    assert {record["repeats"] for record in records} == {3}
    page = (tmp_path / "out" / "ablation.html").read_text("utf-8")
    assert "mlp:epochs=2:loss=mse" in page
    assert (tmp_path / "out" / "rows.jsonl").is_file()
    assert "− base" in call("eval.ablate.__main__", tmp_path, *given, "--format", "markdown")


@pytest.mark.usefixtures("nb201")
def test_the_curve_command(tmp_path):
    given = ["--predictor", "mlp:epochs=2", "--reference", "mlp:epochs=2:loss=mse", "--train-size", "20,40"]
    records = json.loads(call("eval.curve.__main__", tmp_path, *given, "--format", "json"))
    assert [r["train_size"] for r in records if r["metric"] == "kendall_tau"] == [20, 40]
    assert "reference_needs" in records[0]
    assert (tmp_path / "out" / "curve.html").stat().st_size > 1_000_000
