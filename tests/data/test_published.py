"""Published figures: each is complete, in range, and of a protocol, a benchmark and a metric known here."""

from __future__ import annotations

import pytest

from benchmarks import REGISTRY
from data.published import Published, get_published, get_published_searches, load_published
from data.split import LABELS, PROTOCOLS
from eval.metrics import METRICS

ALL = load_published()


@pytest.mark.parametrize("figure", ALL, ids=lambda f: f"{f.predictor}-{f.bench}-{f.train_size}-{f.metric}")
def test_every_figure_can_be_shown(figure: Published) -> None:
    assert figure.bench in REGISTRY
    columns = REGISTRY[figure.bench].columns
    assert (figure.dataset, figure.target) in {(c.dataset, c.target) for c in columns if c.kind == "label"}
    protocol = PROTOCOLS[figure.protocol]
    assert protocol.train_size in (None, figure.train_size)
    low, high = METRICS[figure.metric].range
    assert low < figure.value < high
    assert figure.trained_on in ("", *LABELS)
    assert figure.further_labels is None or figure.further_labels >= 0
    assert figure.url.startswith("https://")
    assert figure.source
    assert figure.note


def test_no_figure_comes_twice() -> None:
    keys = [(f.bench, f.dataset, f.protocol, f.train_size, f.metric, f.predictor, f.source) for f in ALL]
    assert len(set(keys)) == len(keys)


def test_selected_figures() -> None:
    found = {
        f.train_size: f.value for f in get_published("nb201", metric="kendall_tau") if f.predictor == "PINAT"
    }
    assert found == {78: 0.549, 156: 0.631, 469: 0.706, 781: 0.761, 1563: 0.784}
    (best,) = get_published("nb201", "cifar10", "pinat-2", metric="kendall_tau", train_size=156)[-2:-1]
    assert (best.predictor, best.value, best.further_labels) == ("NN-Former", 0.804, 1024)
    graf = {f.metric: f.value for f in get_published("nb201", "cifar10", "vkdnw") if f.predictor == "GRAF"}
    assert graf == {"kendall_tau": 0.820, "spearman": 0.953, "ndcg_pow@1000": 0.935}
    assert len(get_published("nb101", "cifar10", "acenas", train_size=424)) == 12
    assert get_published("macro") == []


def test_published_searches_carry_their_rule() -> None:
    for task in (("nb101", "cifar10", "test_acc"), ("nb201", "cifar10", "test_acc")):
        for figure in get_published_searches(*task):
            assert figure.rule
            assert figure.source
            assert figure.note
            assert figure.url.startswith("https://")
            assert figure.seen in ("", *LABELS)
            assert (figure.queries is None) == (figure.value is None)
            assert figure.value is None or 90 < figure.value < 95
    found = {figure.method: (figure.queries, figure.value) for figure in get_published_searches(*task)}
    assert found == {"WeakNAS": (None, None), "arch2vec": (None, None)}
    bananas = [f for f in get_published_searches("nb101", "cifar10", "test_acc") if f.method == "BANANAS"]
    assert [(f.queries, f.value) for f in bananas] == [(150, 94.077)]
    assert get_published_searches("macro", "cifar10", "test_acc") == []
