"""Metrics by hand, by property and against outside implementations; the batteries come from the registry."""

import math
import subprocess
import sys
from bisect import bisect_left, insort
from itertools import pairwise, permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr, weightedtau
from sklearn.metrics import ndcg_score

from data.errors import InputError, UnknownNameError
from eval.metrics import DEFAULT_METRICS, METRICS, Metric, default_metrics, evaluate
from eval.ranking import Truth, earlier_smaller

FAMILIES = list(METRICS)
WITH_PARAMETER = [name for name, metric in METRICS.items() if metric.parameter]
WITHOUT_PARAMETER = [name for name, metric in METRICS.items() if not metric.parameter]
quick = settings(deadline=None, derandomize=True, max_examples=40)


def member(family: str, n: int, share: float = 0.5) -> Metric:
    """A member of the family that is defined on n items and reaches about this share of them."""
    metric = METRICS[family]
    if metric.parameter == "k":
        return metric.at(str(max(1, round(share * n))))
    return metric.at(f"{max(1, round(100 * share))}") if metric.parameter else metric


def tie_breaks(values):
    """Every strict ranking that is consistent with the values, each as likely as the others."""
    groups = [[i for i, v in enumerate(values) if v == level] for level in sorted(set(values))]
    for orders in product(*(permutations(group) for group in groups)):
        strict = np.empty(len(values))
        strict[[i for order in orders for i in order]] = np.arange(len(values))
        yield strict


def vectors(min_size=1, max_size=12, spread=4):
    """Two vectors of small integers (so with many ties), and a share that picks k."""
    return st.integers(min_size, max_size).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(-spread, spread), min_size=n, max_size=n).map(np.array),
            st.lists(st.integers(-spread, spread), min_size=n, max_size=n).map(np.array),
            st.floats(0.01, 1.0),
        )
    )


# By hand


@pytest.mark.parametrize(
    ("name", "y", "scores", "expected"),
    [
        # 20 % quantile 0, maximum 4: relevance 0 0 5 10 15 20. First is relevance 10.
        ("ndcg@1", [0, 0, 1, 2, 3, 4], [0, 0, 0, 9, 0, 0], 1023 / 1048575),
        # Order 5, 20 against 20, 15.
        (
            "ndcg_linear@2",
            [0, 0, 1, 2, 3, 4],
            [0, 1, 9, 2, 3, 8],
            (5 + 20 / math.log2(3)) / (20 + 15 / math.log2(3)),
        ),
        # 20 and 10 share the first place.
        ("ndcg_linear@1", [0, 0, 1, 2, 3, 4], [0, 0, 0, 9, 0, 9], 0.75),
        # 2^2 - 1 = 3 and 2^1 - 1 = 1 against 2^3 - 1 = 7 and 3; what is below 0 gains nothing.
        ("ndcg_pow@2", [0, -2, 1, 2, 3], [0, 0, 8, 9, 0], (3 + 1 / math.log2(3)) / (7 + 3 / math.log2(3))),
        ("ndcg_pow@1", [0, 1], [1, 0], 0.0),
        # The example of the paper: the best two are third and fourth.
        ("ndcg_pow@1", [80, 70, 100, 90], [4, 3, 2, 1], 2.0**-20),
        # Five pairs agree, one does not.
        ("kendall_tau", [1, 2, 3, 4], [1, 3, 2, 4], 4 / 6),
        # Four agree; five pairs are untied in each.
        ("kendall_tau", [1, 1, 2, 3], [1, 2, 2, 3], 4 / 5),
        # 1 - 6 * (1 + 1) / (4 * 15)
        ("spearman", [1, 2, 3, 4], [1, 3, 2, 4], 0.8),
        # Weights 1, 1/2, 1/3: the pair that disagrees weighs 3/2, the others 4/3 and 5/6.
        ("weighted_tau", [3, 2, 1], [2, 3, 1], 2 / 11),
        # Labels tied at the top share (1 + 1/2) / 2; pairs with the last weigh 3/4 + 1/3 each: one of two.
        ("weighted_tau", [2, 2, 1], [1, 2, 1], (13 / 12) / math.sqrt(26 / 12 * (18 / 12 + 13 / 12))),
        # Predicted {0, 2}, true {0, 1}.
        ("precision@2", [4, 3, 2, 1], [4, 1, 3, 2], 0.5),
        # Two random of {0, 1, 2}: both true ones are in with probability 2/3.
        ("precision@2", [4, 3, 2, 1], [1, 1, 1, 0], 2 / 3),
        # The second true place goes to 1 or 2, each with 1/2.
        ("precision@2", [4, 3, 3, 1], [4, 3, 2, 1], 0.75),
        ("precision_top@50", [4, 3, 2, 1], [4, 1, 3, 2], 0.5),
        ("regret@1", [90, 94, 91, 93], [0, 1, 3, 2], 3.0),
        ("regret@2", [90, 94, 91, 93], [0, 1, 3, 2], 1.0),
        # Two random of 90, 94, 91: 94 is missed once in three, then 91 is the best.
        ("regret@2", [90, 94, 91, 93], [1, 1, 1, 0], 1.0),
        ("best_rank@1", [90, 94, 91, 93], [0, 1, 3, 2], 3.0),
        ("best_rank@2", [90, 94, 91, 93], [0, 1, 3, 2], 2.0),
        # Rank 4 or 1.
        ("best_rank@1", [90, 94, 91, 93], [1, 1, 0, 0], 2.5),
        # Two are strictly better than each of the tied 91s.
        ("best_rank@1", [91, 94, 91, 93], [9, 0, 0, 0], 3.0),
    ],
)
def test_by_hand(name, y, scores, expected):
    assert METRICS[name](y, scores) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("p", "n", "k"), [("5", 10, 1), ("5", 100, 5), ("5", 101, 6), ("100", 7, 7), ("1.1", 3000, 33)]
)
def test_top_percent_rounds_up(p, n, k):
    assert METRICS[f"precision_top@{p}"].depth(n) == k


@pytest.mark.parametrize("unit", [0.01, 1.0, 10.0])
def test_power_gains_are_those_of_scikit_learn_and_never_overflow(unit):
    rng = np.random.default_rng(0)
    y, scores = rng.uniform(10, 95, 300), rng.permutation(300).astype(float)
    value = METRICS["ndcg_pow@100"](unit * y, scores)
    assert 0 < value < 1
    if unit <= 1:
        gains = (np.exp2(unit * y) - 1) / np.exp2(unit * y).max()
        assert value == pytest.approx(ndcg_score([gains], [scores], k=100), rel=1e-12)
    assert METRICS["ndcg_pow@100"](1e6 * y, y) == 1.0


def test_constant_scores_get_the_expected_ndcg_whatever_the_input_order():
    y = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    ndcg = METRICS["ndcg@2"]
    expected = np.mean([ndcg(y, order) for order in permutations(range(5))])
    assert 0 < expected < 1
    assert ndcg(y, np.zeros(5)) == pytest.approx(expected)
    assert ndcg(y[::-1], np.zeros(5)) == pytest.approx(expected)


def test_zero_accuracies_are_labels_like_any_other():
    y = np.array([0.0, 0.0, 0.0, 55.0, 90.0])
    assert METRICS["ndcg@1"](y, [0, 0, 0, 0, 1]) == 1.0
    assert METRICS["ndcg@1"](y, [1, 0, 0, 0, 0]) == 0.0
    assert METRICS["ndcg@3"](np.zeros(5), [1, 2, 3, 4, 5]) == 1.0


def test_most_labels_at_the_maximum():
    # The 20 % quantile is the maximum: relevance 20 at the maximum, else 0.
    assert METRICS["ndcg@1"]([1.0] * 9 + [0.0], np.arange(10)) == 0.0


def test_half_a_million_ties():
    # The smallest of k random ranks out of 1..n is (n + 1) / (k + 1) on average.
    n = 500_000
    y = np.random.default_rng(0).permutation(n)
    assert METRICS["best_rank@10"](y, np.zeros(n)) == pytest.approx((n + 1) / 11, rel=1e-9)
    assert METRICS["regret@1"](y, np.zeros(n)) == pytest.approx((n - 1) / 2, rel=1e-9)


# By property, for every registered family


@pytest.mark.parametrize("family", FAMILIES)
@quick
@given(case=vectors())
def test_in_range_and_no_order_beats_the_true_one(family, case):
    y, scores, share = case
    metric = member(family, len(y), share)
    value, best = metric(y, scores), metric(y, y)
    assert metric.range[0] <= value <= metric.range[1]
    assert metric.direction * (best - value) >= -1e-12


@pytest.mark.parametrize("family", FAMILIES)
@quick
@given(case=vectors(), seed=st.integers(0, 99))
def test_permuting_items_changes_nothing(family, case, seed):
    y, scores, share = case
    metric, order = member(family, len(y), share), np.random.default_rng(seed).permutation(len(y))
    assert metric(y[order], scores[order]) == pytest.approx(metric(y, scores), abs=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
@quick
@given(case=vectors())
def test_monotone_rescaling_of_scores_changes_nothing(family, case):
    y, scores, share = case
    metric = member(family, len(y), share)
    for rescaled in (scores**3, 2.0**scores - 7, (100 * scores).astype(np.float32)):
        assert metric(y, rescaled) == metric(y, scores)


@pytest.mark.parametrize("family", FAMILIES)
@quick
@given(case=vectors(min_size=2), seed=st.integers(0, 99))
def test_an_improving_adjacent_swap_never_worsens(family, case, seed):
    y, _, share = case
    metric = member(family, len(y), share)
    order = np.random.default_rng(seed).permutation(len(y))
    scores = np.empty(len(y))
    scores[order] = -np.arange(len(y))
    before = metric(y, scores)
    for above, below in pairwise(order):
        if y[below] > y[above]:
            swapped = scores.copy()
            swapped[[above, below]] = scores[[below, above]]
            assert metric.direction * (metric(y, swapped) - before) >= -1e-12


@pytest.mark.parametrize("family", WITH_PARAMETER)
@quick
@given(case=vectors(max_size=6, spread=1))
def test_tied_scores_give_the_mean_over_all_ways_to_break_them(family, case):
    y, scores, share = case
    metric = member(family, len(y), share)
    expected = np.mean([metric(y, strict) for strict in tie_breaks(scores)])
    assert metric(y, scores) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("family", ["precision@k", "precision_top@p"])
@quick
@given(case=vectors(max_size=5, spread=1))
def test_tied_labels_give_the_mean_over_all_ways_to_break_them(family, case):
    # Only these ask which of the tied labels are in the top; the others read values alone.
    y, scores, share = case
    metric = member(family, len(y), share)
    expected = np.mean([metric(strict, scores) for strict in tie_breaks(y)])
    assert metric(y, scores) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
@settings(quick, max_examples=15)
@given(case=vectors(max_size=5, spread=2))
def test_chance_is_the_mean_over_all_orders(family, case):
    y, _, share = case
    metric = member(family, len(y), share)
    expected = np.mean([metric(y, order) for order in permutations(range(len(y)))])
    assert metric.chance(y) == pytest.approx(expected, abs=1e-9)
    assert metric.chance(y) == metric(y, np.full(len(y), 3.0))


@pytest.mark.parametrize("family", WITHOUT_PARAMETER)
def test_correlations_are_zero_where_nothing_can_be_compared(family):
    metric = METRICS[family]
    assert metric([1, 2, 3], [5, 5, 5]) == metric([5, 5, 5], [1, 2, 3]) == metric([1], [1]) == 0.0
    assert metric([1, 2, 3], [1, 2, 3]) == 1.0
    assert metric([1, 2, 3], [3, 2, 1]) == -1.0


# Against outside implementations


def sample(seed, n, label_step=None, score_step=None):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    scores = y + rng.normal(size=n)
    return [
        v if step is None else np.round(v / step) * step
        for v, step in ((y, label_step), (scores, score_step))
    ]


SAMPLES = [(2, None, None), (50, 0.5, None), (130, None, 0.5), (300, 0.5, 0.5), (17_000, 0.01, 0.1)]


@pytest.mark.parametrize(("n", "label_step", "score_step"), SAMPLES)
def test_correlations_agree_with_scipy(n, label_step, score_step):
    y, scores = sample(1, n, label_step, score_step)
    assert METRICS["kendall_tau"](y, scores) == pytest.approx(kendalltau(y, scores)[0], abs=1e-12)
    assert METRICS["spearman"](y, scores) == pytest.approx(spearmanr(y, scores)[0], abs=1e-12)
    weights = Truth(y).weights
    items: Any = np.arange(n)  # scipy's stubs know only the bool form of `rank`
    expected = weightedtau(y, scores, rank=items, weigher=lambda item: weights[item])[0]
    assert METRICS["weighted_tau"](y, scores) == pytest.approx(expected, abs=1e-9)


def test_weighted_tau_without_ties_is_scipys():
    y, scores = sample(2, 200)
    rank: Any = np.argsort(np.argsort(-y))
    expected = weightedtau(y, scores, rank=rank, additive=True)[0]
    assert METRICS["weighted_tau"](y, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("n", "label_step", "score_step"), SAMPLES[1:])
@pytest.mark.parametrize("k", [1, 10, 50])
def test_linear_ndcg_agrees_with_scikit_learn(n, label_step, score_step, k):
    y, scores = sample(3, n, label_step, score_step)
    floor = np.quantile(y, 0.2)
    relevance = 20 * np.clip((y - floor) / (y.max() - floor), 0, 1)
    expected = ndcg_score([relevance], [scores], k=k, ignore_ties=False)
    assert METRICS[f"ndcg_linear@{k}"](y, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 127, 128, 129, 1000, 127**2, 127**2 + 1])
def test_counting_agrees_with_insertion(n):
    rank = np.random.default_rng(n).permutation(n)
    before: list[int] = []
    expected = []
    for entry in rank.tolist():
        expected.append(bisect_left(before, entry))
        insort(before, entry)
    assert earlier_smaller(rank).tolist() == expected


# Input


@pytest.mark.parametrize("family", FAMILIES)
def test_bad_vectors_are_refused(family):
    metric, good = member(family, 5), np.arange(5.0)
    for bad in ([0, np.nan, 2, np.inf, 4], [0, -np.inf, 2, np.nan, 4]):
        for what, pair in (("scores", (good, bad)), ("labels", (bad, good))):
            with pytest.raises(InputError, match=rf"{what} must be finite; 2 of 5 .* first at index 1"):
                metric(*pair)
    with pytest.raises(InputError, match="5 labels, 4 scores"):
        metric(good, good[:4])
    shapeless: list[Any] = [[], 3.0, [good], list("abcde"), [None] * 5]
    for bad in shapeless:
        with pytest.raises(InputError, match=r"shape|numbers"):
            metric(good, bad)
    with pytest.raises(InputError, match="largest float"):
        metric([-1.7e308, 1.7e308, 0, 0, 0], good)


@pytest.mark.parametrize("family", [name for name in WITH_PARAMETER if METRICS[name].parameter == "k"])
def test_k_above_n_and_malformed_k_are_refused(family):
    with pytest.raises(InputError, match=r"k is 6, and there are n = 5"):
        METRICS[family].at("6")([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    for text in ("0", "-1", "1.5", "ten", "", "010", " 3"):
        with pytest.raises(InputError, match=">= 1"):
            METRICS[family[:-1] + text]


@pytest.mark.parametrize("text", ["0", "101", "-5", "5.0", "1e1", "nan", "", "05"])
def test_malformed_percentages_are_refused(text):
    with pytest.raises(InputError, match="0 < p <= 100"):
        METRICS[f"precision_top@{text}"]


@pytest.mark.parametrize("family", WITH_PARAMETER)
def test_a_family_alone_cannot_be_evaluated(family):
    with pytest.raises(InputError, match="is a family"):
        METRICS[family]([1, 2], [1, 2])


# Registry


@pytest.mark.parametrize("family", FAMILIES)
def test_metrics_carry_what_is_known_about_them(family):
    metric = METRICS[family]
    assert metric.name == family
    assert metric.direction in (-1, 1)
    assert metric.range[0] < metric.range[1]
    assert metric.unit in ("", "points of the target", "rank")
    assert metric.source
    assert metric.description.endswith(".")
    assert member(family, 10).name in METRICS


def test_unknown_names_offer_the_closest():
    with pytest.raises(UnknownNameError, match="did you mean kendall_tau"):
        METRICS["kendal_tau"]
    with pytest.raises(UnknownNameError, match="kendall_tau"):
        METRICS["kendall_tau@5"]
    with pytest.raises(UnknownNameError, match="ndcg@k"):
        evaluate(["ndgc@10"], [1, 2], [1, 2])
    assert "ndcg@0" not in METRICS
    assert "ndcg@37" in METRICS
    assert METRICS["ndcg@37"].argument == METRICS["ndcg@37"].min_items == 37
    assert METRICS["precision_top@0.5"].name == "precision_top@0.5"


def test_evaluating_together_is_evaluating_apart():
    y, scores = sample(4, 200, 0.1, 0.1)
    truth = Truth(y)
    together = evaluate(DEFAULT_METRICS, truth, scores)
    assert list(together) == list(DEFAULT_METRICS)
    assert together == {name: METRICS[name](y, scores) for name in DEFAULT_METRICS}
    y[:] = 0.0  # the truth keeps its own copy
    assert evaluate(DEFAULT_METRICS, truth, scores) == together


def test_naming_metrics_imports_no_scipy():
    code = "import sys, eval.metrics; sys.exit(any(m in sys.modules for m in ('scipy', 'pandas', 'torch')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("n", [300, 4830, 15_625])
def test_default_metrics_of_large_tests_are_unchanged(n):
    assert default_metrics(n) == list(DEFAULT_METRICS)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, ["ndcg@1", "kendall_tau", "precision@1", "regret@1", "best_rank@1"]),
        (11, ["ndcg@5", "kendall_tau", "precision@5", "regret@1", "regret@5", "best_rank@5"]),
        (27, ["ndcg@5", "precision_top@20", "precision@5"]),
        (45, ["ndcg@10", "precision_top@10", "precision@10"]),
        (100, ["ndcg@10", "ndcg@30", "precision_top@5"]),
    ],
)
def test_default_metrics_fit_small_tests(n, expected):
    found = default_metrics(n)
    assert set(expected) <= set(found)
    assert len(set(found)) == len(found)
    for name in found:
        assert METRICS[name].min_items <= n
        if name.startswith("precision_top"):
            assert METRICS[name].depth(n) >= 5


def test_no_top_percentage_of_few_items():
    assert not any(name.startswith("precision_top") for name in default_metrics(15))
    with pytest.raises(InputError, match="at least one test architecture"):
        default_metrics(0)


def test_whole_orders():
    assert {name for name in METRICS if METRICS[name].whole_order} == {"kendall_tau", "spearman"}
