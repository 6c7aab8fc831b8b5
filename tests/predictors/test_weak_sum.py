"""What weak labels say together: the floor that adds them up, and the line of `ace`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata

from benchmarks import load
from benchmarks.base import Benchmark
from data.errors import InputError
from eval import evaluate
from eval.grid.entries import leave_out, parse
from eval.task import Task
from predictors.ace import Ace
from predictors.acenas import Acenas
from predictors.ensemble.weak_line import LABELS, WeakLine
from predictors.weak_sum import WeakSum


@pytest.fixture(scope="module")
def mini() -> Benchmark:
    return load("nb201_mini", offline=True)


def made(n: int, labels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return weak labels (n, 2 · labels), known and predicted, and what they are noisy copies of."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    known = (truth[:, None] + rng.normal(size=(n, labels))) / np.sqrt(2)
    return np.concatenate([known, known], axis=1), truth


def tau(a: np.ndarray, b: np.ndarray) -> float:
    return float(kendalltau(a, b)[0])  # pyright: ignore[reportArgumentType]


# The floor.


def test_the_sum_is_the_mean_rank_of_what_is_known(mini: Benchmark) -> None:
    graphs = mini.graphs.with_weak({})
    flops, acc = mini.weak("flops").copy(), mini.weak("supernet_acc").copy()
    flops[:3], acc[:2] = np.nan, np.nan
    floor = WeakSum().pretrain(graphs, {"flops": flops, "supernet_acc": acc})
    floor.fit(graphs.take(np.arange(5)), np.arange(5.0))
    ranks = [(rankdata(v, nan_policy="omit") - 0.5) / np.isfinite(v).sum() - 0.5 for v in (flops, acc)]
    found = floor.predict(graphs)
    np.testing.assert_allclose(found[3:], np.sqrt(12) * np.mean(ranks, axis=0)[3:])
    np.testing.assert_allclose(found[2], np.sqrt(12) * ranks[1][2])
    assert (found[:2] < found[2:].min()).all()
    assert floor.covers(graphs).tolist() == [False, False, *[True] * 998]


def test_the_sum_does_not_look_at_labels(mini: Benchmark) -> None:
    graphs, weak = mini.graphs.with_weak({}), {"flops": mini.weak("flops")}
    floor = WeakSum().pretrain(graphs, weak)
    y = np.arange(20.0)
    up = floor.fit(graphs.take(np.arange(20)), y).predict(graphs)
    np.testing.assert_array_equal(up, floor.fit(graphs.take(np.arange(20)), -y).predict(graphs))
    assert tau(up, weak["flops"]) == pytest.approx(1)


def test_without_pretraining_the_labels_of_the_graphs_are_added_up(mini: Benchmark) -> None:
    graphs = mini.graphs.with_weak({name: mini.weak(name) for name in ("flops", "params")})
    train = np.arange(50)
    found = WeakSum().fit(graphs.take(train), np.arange(50.0)).predict(graphs)
    scaled = [(v - v[train].mean()) / v[train].std() for v in (graphs.weak["flops"], graphs.weak["params"])]
    np.testing.assert_allclose(found, np.mean(scaled, axis=0))


def test_any_encoder_file_holds_the_labels_of_the_sum(mini: Benchmark, tmp_path: Path) -> None:
    graphs, weak = mini.graphs.with_weak({}), {n: mini.weak(n) for n in ("flops", "supernet_acc")}
    own = WeakSum().pretrain(graphs, weak)
    own.save_encoder(tmp_path / "own")
    Acenas(pretrain_epochs=1, width=8).pretrain(graphs, weak).save_encoder(tmp_path / "acenas")
    train, y = graphs.take(np.arange(20)), np.arange(20.0)
    expected = own.fit(train, y).predict(graphs)
    for name in ("own", "acenas"):
        loaded = WeakSum().load_encoder(tmp_path / name)
        assert loaded.pretrained_on == ("flops", "supernet_acc")
        np.testing.assert_allclose(loaded.fit(train, y).predict(graphs), expected)
    with pytest.raises(InputError, match="nothing to save"):
        WeakSum().save_encoder(tmp_path / "none")


def test_the_floor_stands_in_a_comparison_of_what_learns_from_the_same_labels() -> None:
    results = evaluate("nb201_mini", "weak_sum,weak_sum:weak=flops,flops", repeats=3, progress=False)
    mean = {s.predictor: s.mean for s in results.summaries() if s.metric == "kendall_tau"}
    assert mean["weak_sum:weak=flops"] == pytest.approx(mean["flops"])
    assert mean["weak_sum"] > mean["flops"]


@pytest.mark.parametrize("predictor", ["weak_sum:weak=none", "weak_sum"])
def test_a_sum_of_nothing_is_refused(predictor: str) -> None:
    with pytest.raises(InputError, match="needs weak labels"):
        evaluate("nb201_mini", [predictor, "ace"], weak="none", repeats=2, progress=False)


def test_the_default_comparison_without_weak_labels_leaves_the_sum_out(mini: Benchmark) -> None:
    task = Task(mini, "mini", "test_acc", "valid_acc", "leakfree", 20, 0)
    kept, lines = leave_out(parse("weak_sum,flops"), mini, [task], ["none"])
    assert [each.title for each in kept] == ["flops"]
    assert lines == ["weak_sum is left out: it adds up weak labels, and there are none to pretrain on"]
    assert len(leave_out(parse("weak_sum,flops"), mini, [task])[0]) == 2


# The line.


def test_without_labels_that_say_otherwise_the_line_is_the_mean() -> None:
    weak, _ = made(10, 4)
    y = weak[:, :4].mean(1)  # nothing is left to correct
    line = WeakLine().fit(weak, y)
    np.testing.assert_allclose(line.weights, 0.25)
    np.testing.assert_allclose(line.predict(weak), y)
    np.testing.assert_allclose(line.held_out, y)


def test_many_labels_give_each_weak_label_its_own_weight() -> None:
    weak, truth = made(3000, 3)
    y = truth + 0.5 * weak[:, 0] - 0.5 * weak[:, 1]
    expected = np.linalg.lstsq(weak[:, :3], y, rcond=None)[0]
    np.testing.assert_allclose(WeakLine().fit(weak, y).weights, expected, atol=0.02)


def test_held_out_predictions_are_those_of_lines_that_did_not_see_the_label() -> None:
    weak, truth = made(12, 3)
    line = WeakLine().fit(weak, truth)
    for row in range(12):
        rest = np.delete(np.arange(12), row)
        other = WeakLine().fit(weak[rest], truth[rest])
        assert line.held_out[row] == pytest.approx(other.predict(weak[row : row + 1])[0])


def test_the_share_falls_with_labels_and_vanishes_for_noise() -> None:
    weak, truth = made(400, 3)
    few, many = (WeakLine().fit(weak[:n], truth[:n]).share(truth[:n]) for n in (10, 400))
    assert many == pytest.approx((LABELS / (LABELS + 400)) ** 2, rel=0.05)
    assert 0.1 < few <= 0.25
    assert WeakLine().fit(weak[:20], -truth[:20]).share(-truth[:20]) < few
    assert WeakLine().fit(np.zeros((5, 2)), np.arange(5.0)).share(np.arange(5.0)) == 0.0


def test_ace_of_few_labels_follows_good_weak_labels(mini: Benchmark) -> None:
    """A weak label that is the truth but for some noise, and ten true labels: `ace` ranks nearly as well."""
    truth = mini.target("mini", "test_acc")
    weak = {"good": truth + np.random.default_rng(0).normal(0, 0.3 * truth.std(), len(truth))}
    rows, graphs = np.random.default_rng(1).permutation(1000), mini.graphs.with_weak({})
    ranker = Ace(**Ace.quick).pretrain(graphs, weak)
    train, rest = rows[:10], rows[10:]
    scores = ranker.fit(graphs.take(train), truth[train], seed=0).predict(graphs.take(rest))
    assert ranker.stacks_.stacks[0].line is not None
    assert tau(scores, truth[rest]) > tau(weak["good"][rest], truth[rest]) - 0.12
    alone = Ace(**Ace.quick).fit(graphs.take(train), truth[train], seed=0)
    assert alone.stacks_.stacks[0].line is None
