"""Ablations and few-shot curves: which arms there are, the comparison with the base, labels saved."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from data.errors import InputError
from eval.ablate.arms import arms_of, compare
from eval.curve.savings import labels_needed
from eval.report.summary import Summary
from eval.stats import paired_difference, paired_pvalue


def test_arms_one_at_a_time_and_grid():
    vary = ["loss=ranknet,mse", "weak=none,flops+params"]
    assert arms_of("acenas", vary, "one") == [
        "acenas", "acenas:loss=ranknet", "acenas:loss=mse", "acenas:weak=none", "acenas:weak=flops+params"
    ]  # fmt: skip
    assert arms_of("acenas", vary, "grid")[1:] == [
        "acenas:loss=ranknet:weak=none", "acenas:loss=ranknet:weak=flops+params",
        "acenas:loss=mse:weak=none", "acenas:loss=mse:weak=flops+params",
    ]  # fmt: skip


@pytest.mark.parametrize("vary", [[], ["loss"], ["=mse"], ["loss="], ["loss=mse", "loss=ranknet"]])
def test_what_cannot_be_varied(vary):
    with pytest.raises(InputError, match="vary"):
        arms_of("acenas", vary, "one")


def rows(**by_arm):
    task = {"bench": "b", "dataset": "d", "target": "t", "label": "l", "protocol": "p", "train_size": 9}
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


def curve(*points, direction=1):
    blank = Summary(
        *["b", "d", "t", "l", "p", 0, "x", "kendall_tau", direction, 0.0, None, None, 1, None, 0.0, None],
        *[True, True, 1.0, 0.0, 0.0, 0.0, 0.0],
    )
    return [replace(blank, train_size=size, mean=mean) for size, mean in points]


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
