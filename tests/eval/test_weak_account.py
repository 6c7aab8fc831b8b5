"""The account of weak labels: agreement and errors by hand, gains, greedy sums, prices, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from support.small_benchmarks import small

import benchmarks
from benchmarks.prices import get_price
from data.errors import InputError, UnknownNameError
from eval.weak import account
from eval.weak.__main__ import _get_one
from eval.weak.agreement import Agreement, get_agreement
from eval.weak.arms import build_arms
from eval.weak.fidelity import build_fidelity_plan
from eval.weak.greedy import choose_sums
from eval.weak.labels import add_noise, choose_labels, get_others
from eval.weak.parts import get_parts
from eval.weak.ranks import add_up, percentiles, residuals
from eval.weak.tables import get_tables
from eval.weak.teaching import get_teaching
from eval.weak.worth import ADDED, ALONE, Worth, get_loss, get_worth, mean_gain


@pytest.fixture(scope="module")
def mini():
    return benchmarks.load("nb201_mini")


def rows(direction=1, sizes=(10,), **by_arm):
    task = {"bench": "b", "dataset": "d", "target": "t", "label": "l", "protocol": "p", "seed": 0}
    task |= {"direction": direction, "value_no_twins": None, "chance": 0.0, "ceiling": None, "n_test": 50}
    task |= {"n_twins": 0, "fit_seconds": 0.0, "predict_seconds": 0.0, "pretrain_seconds": 0.0}
    return [
        {**task, "train_size": size, "predictor": arm, "metric": "m", "repeat": r, "value": float(v)}
        for size in sizes
        for arm, values in by_arm.items()
        for r, v in enumerate(values)
    ]


def test_percentiles_and_sums_by_hand():
    np.testing.assert_allclose(
        percentiles(np.array([30.0, np.nan, 10, 20, 20])), [87.5, np.nan, 12.5, 50, 50]
    )
    np.testing.assert_allclose(
        add_up([np.array([1.0, 2, 3, np.nan]), np.array([9.0, 8, 7, 6])])[:3], [47.92, 56.25, 64.58], atol=5.1
    )
    assert np.isnan(add_up([np.array([1.0, np.nan]), np.array([1.0, 2])])[1])


def test_what_a_linear_model_leaves():
    x = np.arange(6.0)[:, None]
    assert residuals(3 * x[:, 0] + 1, x) is None
    bump = np.array([1.0, -1, 0, 0, -1, 1])
    np.testing.assert_allclose(residuals(x[:, 0] + bump, x), bump, atol=1e-12)


def test_parts_are_edges_blocks_or_whole_cells(mini):
    edges = get_parts(mini.graphs)
    assert edges.positions == ("0→1", "0→2", "1→2", "0→3", "1→3", "2→3")
    assert (edges.counts.sum((1, 2)) == 6).all()
    assert edges.operations[3] == "nor_conv_3x3"
    chain = get_parts(small("macro").graphs)
    assert chain.positions[:2] == ("stage 1, block 1", "stage 1, block 2")
    assert chain.counts.max() == 1
    assert get_parts(small("nb101").graphs).positions == ("cell",)


def test_the_truth_agrees_with_itself(mini):
    bench = mini.with_direction({"test_acc": 1})
    own = get_agreement(bench, "mini", "test_acc", "supernet_acc", get_parts(bench.graphs))
    assert own.kendall_tau == pytest.approx(bench.weak_cover("supernet_acc", "mini", "test_acc").kendall_tau)
    assert (own.known, own.total) == (1000, 1000)
    assert own.duplicate_noise is None  # every cell is another network


class Made:
    """A benchmark whose weak labels are made of its truth."""

    info = SimpleNamespace(key="made")

    def __init__(self, mini, weak):
        self.truth, self.values, self.classes = mini.target("mini", "test_acc"), weak, mini.classes
        self.weak_names = ["weak"]

    def target(self, dataset, name):
        return self.truth

    def weak_for(self, name, dataset):
        return self.values


def test_errors_are_found_where_they_are(mini):
    parts = get_parts(mini.graphs)
    truth = percentiles(mini.target("mini", "test_acc"))
    same = get_agreement(Made(mini, truth), "mini", "test_acc", "weak", parts)
    assert (same.kendall_tau, same.ndcg, same.additive_error, same.biases) == (1.0, 1.0, 0.0, ())
    assert same.place_top == pytest.approx(97.5, abs=0.1)
    wrong = truth + 30 * parts.counts[:, 3, 1]  # skip_connect from input to output counts too much
    found = get_agreement(Made(mini, wrong), "mini", "test_acc", "weak", parts)
    assert (found.biases[0].position, found.biases[0].operation) == ("0→3", "skip_connect")
    assert found.biases[0].points > 10
    assert found.main_position == "0→3"
    assert found.additive_error > 0.8
    assert found.tau_beyond_operations > 0.85  # an additive error can be corrected


def test_an_additive_label_says_nothing_beyond_operations(mini):
    parts = get_parts(mini.graphs)
    additive = parts.counts.reshape(1000, -1) @ np.random.default_rng(0).normal(size=30)
    found = get_agreement(Made(mini, additive.astype(float)), "mini", "test_acc", "weak", parts)
    assert found.tau_beyond_operations is None or abs(found.tau_beyond_operations) < 0.1


def test_which_labels_an_account_covers(mini):
    chosen = choose_labels(mini, None, "mini", "test_acc")
    assert chosen.labels[:3] == ["supernet_loss", "flops", "params"]
    assert chosen.labels[-1] == "noise"
    named = choose_labels(mini, ["default", "supernet+jacov", "noise"], "mini", "test_acc")
    assert named.labels == ["supernet_loss+flops+params", "supernet_loss+jacov", "noise"]
    assert "noise" not in mini.weak_names
    same = add_noise(mini, "mini", 3).weak("noise")
    np.testing.assert_array_equal(same, add_noise(mini, "mini", 3).weak("noise"))
    assert not np.array_equal(same, add_noise(mini, "mini", 4).weak("noise"))


@pytest.mark.parametrize(
    ("items", "error"),
    [(["none"], InputError), (["supernett_acc"], UnknownNameError), (["mini/test_acc"], InputError)],
)
def test_what_is_no_weak_label_is_refused(mini, items, error):
    with pytest.raises(error):
        choose_labels(mini, items, "mini", "test_acc")


def test_labels_of_other_data_sets_and_one_of_each_kind(nb201):
    assert get_others(nb201, "cifar10", "test_acc") == ["cifar100/test_acc", "imagenet16/test_acc"]
    chosen = choose_labels(nb201, None, "cifar10", "test_acc")
    assert {"gdas249_acc", "flops", "params", "fewshot_acc", "nwot", "cifar100/test_acc"} <= set(
        chosen.labels
    )
    assert sum(label.endswith("_latency") for label in chosen.labels) == 1
    assert any("fpga_energy" in note for note in chosen.notes)


def test_gains_are_better_when_positive_and_count_labels():
    found = get_worth(rows(sizes=(10, 40), none=[0.2, 0.4], arm=[0.3, 0.5]), {"arm": "flops"}, "none", ALONE)
    assert [(w.train_size, w.label) for w in found] == [(10, "flops"), (40, "flops")]
    assert found[0].gain == pytest.approx(0.1)
    assert found[0].needed == np.inf  # the curve without weak labels is flat
    assert found[0].saved == 4.0
    (regret,) = get_worth(rows(-1, none=[2.0, 3.0, 4.0], arm=[1.0, 2.5, 3.0]), {"arm": "x"}, "none", ALONE)
    assert regret.gain == pytest.approx(2.5 / 3)
    assert regret.gain_low < regret.gain < regret.gain_high


def test_what_a_part_of_a_set_adds_is_what_the_rest_lacks():
    (lost,) = get_loss(rows(whole=[0.5, 0.7], rest=[0.4, 0.5]), {"rest": "a"}, "whole", "a+b")
    assert (lost.label, lost.against, lost.kind) == ("a", "b", ADDED)
    assert lost.gain == pytest.approx(0.15)
    assert lost.gain_low < lost.gain < lost.gain_high
    assert lost.mean == pytest.approx(0.6)


def test_greedy_sums_are_chosen_on_even_repeats_and_evaluated_on_odd_ones():
    gains = {"a": (0.3, 0.1), "b": (0.2, 0.3), "a+b": (0.4, 0.2), "a+c": (0.1, 0.9), "c": (0.0, 0.9)}
    arms = SimpleNamespace(repeats=4, metrics=["m"], reference="none", sets={})

    def add(*labels):
        name = "+".join(labels)
        arms.sets[name] = None
        return name

    def run():
        return rows(none=[0.0] * 4, **{name: [gains[name][r % 2] for r in range(4)] for name in arms.sets})

    arms.add = add
    found = choose_sums(arms, ["a", "b", "c"], 2, run)
    assert found.sums == ["a", "a+b"]
    assert [(w.kind, w.label) for w in found.worth] == [("sum", "a"), ("sum", "a+b"), ("step", "a+b")]
    assert [w.gain for w in found.worth] == pytest.approx([0.1, 0.2, 0.1])
    with pytest.raises(InputError, match="4 repeats"):
        choose_sums(SimpleNamespace(repeats=3), ["a"], 1, run)


def test_mean_gain_averages_over_budgets_and_repeats():
    found = rows(sizes=(10, 20), none=[1.0, 2.0], arm=[2.0, 4.0])
    assert mean_gain(found, "arm", "none", "m") == pytest.approx(1.5)


def test_which_properties_go_with_gains():
    n = 8
    tau = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    teaches = np.array([3, 1, 4, 8, 5, 9, 2, 6]) / 10
    agreements = [
        Agreement(str(i), 9, 9, tau[i], None, None, None, 50, 50, None, teaches[i], 0, "", None, None, ())
        for i in range(n)
    ]
    worth = [
        Worth(str(i), ALONE, "", 10, "m", 0, None, None, teaches[i], None, None, None, None, None, 2, 0, 0)
        for i in range(n)
    ]
    found = {each.property: each for each in get_teaching(agreements, worth)}
    assert found["tau_beyond_operations"].spearman == pytest.approx(1)
    assert found["kendall_tau"].given_tau is None
    assert "ndcg" not in found
    assert get_teaching(agreements[:5], worth) == []


def test_prices():
    nb201 = benchmarks.get("nb201")
    assert nb201.prices["cifar10_test_acc_12"].trainings == pytest.approx(0.06)
    bench = SimpleNamespace(prices=nb201.prices, weak_names=[], table=SimpleNamespace(names=[]))
    assert get_price(bench, "gdas249_acc").seconds(15_625) == 28_926
    assert get_price(bench, "flops").seconds(100) == 0
    assert get_price(bench, "cifar100/test_acc").trainings == 1
    assert get_price(bench, "synflow") is None
    darts = benchmarks.load("oncenas_darts", offline=True)
    assert get_price(darts, "valid_acc_10").each == pytest.approx(
        np.nanmean(darts.table.values("train_time_10"))
    )


def test_an_account_is_of_one_predictor_that_learns_from_weak_labels(mini):
    options = {"dataset": "mini", "target": "test_acc", "label": None, "protocol": None, "train_sizes": [10]}
    options |= {
        "further_sizes": [20, 5000],
        "repeats": 2,
        "metrics": ["kendall_tau"],
        "seed": 0,
        "settings": (),
    }
    for refused in ("acenas,ace", "acenas:weak=flops", "random_forest", "weak_sum"):
        with pytest.raises((InputError, UnknownNameError)):
            build_arms(mini, refused, **options).add("flops")
    arms = build_arms(mini, "acenas", **options)
    assert arms.add("flops+params") == arms.add("params", "flops")  # one set, one arm
    plan = arms.get_plan()
    assert [(t.entry.name, t.task.train_size) for t in plan.trials] == [
        ("acenas:weak=none", 10), ("acenas:weak=flops+params", 10), ("acenas:weak=none", 20)
    ]  # fmt: skip


def test_short_trainings_stand_for_as_many_labels_as_they_cost():
    arms = build_arms(
        small("nb101"),
        "acenas",
        dataset="cifar10",
        target="valid_acc",
        label=None,
        protocol=None,
        train_sizes=[2, 30],
        further_sizes=[],
        repeats=1,
        metrics=["kendall_tau"],
        seed=0,
        settings=(),
    )
    found = build_fidelity_plan(arms, ["valid_acc_12", "params", "valid_acc_4+params"])
    assert found.stands_for == {("valid_acc_12", 18): 2}  # 30 labels would be 270 trainings of 60
    (trial,) = found.plan.trials
    assert (trial.entry.name, trial.task.label, trial.task.target) == (
        "acenas:weak=none",
        "valid_acc_12",
        "valid_acc",
    )
    assert build_fidelity_plan(arms, ["params"]) is None


def test_the_command(tmp_path):
    given = ["--bench", "nb201_mini", "--predictor", "acenas:pretrain_steps=2:epochs=1", "--train-size", "10"]
    given += [
        "--weak",
        "supernet_acc,flops+params,noise",
        "--further",
        "20",
        "--repeats",
        "4",
        "--greedy",
        "2",
    ]
    command = [sys.executable, "-m", "eval.weak", *given, "--jobs", "1", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--format", "json"], capture_output=True, text=True, cwd=tmp_path, timeout=100
    )
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)
    assert {r["kind"] for r in records} >= {"alone", "added"}
    alone = [r for r in records if r["kind"] == "alone" and r["metric"] == "kendall_tau"]
    assert {r["label"] for r in alone} == {"supernet_acc", "flops+params", "noise"}
    stored = json.loads((tmp_path / "out" / "weak.json").read_text("utf-8"))
    assert [label["label"] for label in stored["labels"]][:3] == ["supernet_acc", "flops+params", "noise"]
    assert stored["labels"][0]["biases"]
    page = (tmp_path / "out" / "weak.html").read_text("utf-8")
    assert "weak-errors" in page
    again = account(
        "nb201_mini",
        ["supernet_acc", "flops+params", "noise"],
        predictor="acenas:pretrain_steps=2:epochs=1",
        train_sizes=[10],
        further_sizes=[20],
        repeats=4,
        greedy=2,
        out=tmp_path / "out",
    )
    assert again.to_pandas().shape == (len(records), len(records[0]))  # the run resumes, greedy sums and all
    assert [table.title for table in get_tables(again)][4] == "Where each weak label errs"


def test_an_account_is_of_one_benchmark():
    assert _get_one(["nb201"], "--bench") == "nb201"
    with pytest.raises(typer.BadParameter, match="--bench names nb201, nb101"):
        _get_one(["nb201", "nb101"], "--bench")
