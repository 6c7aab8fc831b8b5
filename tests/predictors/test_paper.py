"""The published predictors: their layers and weights by hand, their way of training step by step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from torch import Tensor, nn

from benchmarks.base import Benchmark
from data.errors import InputError, UnknownNameError
from data.graphs import Graphs
from data.space import SearchSpace
from predictors import get
from predictors.acenas_paper import AcenasPaper
from predictors.brp_nas import BrpNas, Pairs, cross_entropy
from predictors.nn import paper
from predictors.nn.layers import generators
from predictors.nn.losses import LOSSES, lambdarank, parse_loss, relevance
from predictors.nn.paper import GraphConv, Lists, SortPooledGcn, ndcg, sort_pool, symmetric_inputs
from predictors.nn.training import Best, epoch_cosine

SPACE = SearchSpace("tiny", ("op", "input", "output"), 4)
ROWS = np.random.default_rng(3).permutation(15_625)


@pytest.fixture
def tiny() -> Graphs:
    """Input → op → output with a shortcut from input to output, in a space of up to four nodes."""
    edges = np.zeros((1, 3, 3), np.uint8)
    edges[0, [0, 1, 0], [1, 2, 2]] = 1
    return Graphs(np.array([[1, 0, 2]], np.int8), edges, np.array([3]), SPACE)


@pytest.fixture(scope="module")
def train(nb201: Benchmark) -> Graphs:
    return nb201.graphs.take(ROWS[:24])


@pytest.fixture(scope="module")
def y(nb201: Benchmark) -> np.ndarray:
    return nb201.target("cifar10", "valid_acc")[ROWS[:24]]


# Layers.


def test_flow_by_hand(tiny: Graphs) -> None:
    """Out-degrees with loops: 3, 2, 1; in-degrees: 1, 2, 3; the fourth node is not in use."""
    flow = symmetric_inputs(tiny)["flow"][0]
    expected = torch.zeros(4, 4)
    for source, target, degrees in [(0, 0, 3), (1, 1, 4), (2, 2, 3), (0, 1, 6), (1, 2, 6), (0, 2, 9)]:
        expected[target, source] = 1 / math.sqrt(degrees)
    torch.testing.assert_close(flow, expected)


def test_graph_convolution_by_hand(tiny: Graphs) -> None:
    """One output: 5 for the input, 1 for the op, −7 for the output node, and a bias of 1/2."""
    layer = GraphConv(3, 1, generators([0]))
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[[1.0], [5.0], [-7.0]]]))
        layer.bias.fill_(0.5)
    inputs = {name: x[None] for name, x in symmetric_inputs(tiny).items()}
    found = layer(inputs["flow"], inputs["ops"]).flatten()
    source, op = 5 / math.sqrt(3) + 0.5, 5 / math.sqrt(6) + 1 / 2 + 0.5
    sink = max(0.0, 5 / 3 + 1 / math.sqrt(6) - 7 / math.sqrt(3) + 0.5)
    torch.testing.assert_close(found, torch.tensor([source, op, sink, 0.5]))


def test_the_first_weights_are_glorots() -> None:
    weight = paper.Glorot(100, 200, generators([0, 1])).weight
    bound = math.sqrt(6 / 300)
    assert weight.shape == (2, 100, 200)
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_sort_pooling_by_hand() -> None:
    """Three nodes in use and one that is not, although its features are the largest."""
    hidden = torch.tensor([[[[3.0, 1.0], [0.0, 5.0], [2.0, 2.0], [9.0, 9.0]]]])
    nodes = torch.tensor([[[1.0, 1.0, 1.0, 0.0]]])
    rising = [[0.0, 5.0], [1.0, 3.0], [2.0, 2.0]]
    assert sort_pool(hidden, nodes, 3)[0, 0].tolist() == rising
    assert sort_pool(hidden, nodes, 2)[0, 0].tolist() == rising[:2]
    assert sort_pool(hidden, nodes, 6)[0, 0].tolist() == [*rising, [0, 0], [0, 0], [0, 0]]


def test_linear_maps_are_the_1d_convolutions(train: Graphs) -> None:
    """The encoder from its node features on, against convolutions and max-pooling of torch."""
    encoder = SortPooledGcn(len(train.space.ops), 64, 4, 128, generators([0]))
    inputs = {name: x[None] for name, x in symmetric_inputs(train).items()}
    flat = sort_pool(encoder.convolutions(inputs), inputs["nodes"], 10).view(24, 1, 640)
    first, second = nn.Conv1d(1, 32, 64, 64), nn.Conv1d(32, 64, 5)
    with torch.no_grad():
        first.weight.copy_(encoder.by_node.weight[0].T[:, None])
        first.bias.copy_(encoder.by_node.bias[0, 0])
        second.weight.copy_(encoder.together.weight[0].view(5, 32, 64).permute(2, 1, 0))
        second.bias.copy_(encoder.together.bias[0, 0])
    convolved = second(nn.functional.max_pool1d(first(flat).relu(), 2)).relu().flatten(1)
    torch.testing.assert_close(encoder(inputs)[0], encoder.embed(convolved[None])[0])


# Relevance and LambdaRank's weights.


class Scores(nn.Module):
    """A network that has a score for each item, given as a feature."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return (self.scores[:, None] * nn.functional.one_hot(inputs["item"], self.scores.shape[1])).sum(-1)


def lists_of(y: Tensor, scores: Tensor, loss: str) -> Lists:
    item = torch.arange(y.shape[1]).expand(len(y), -1)
    return Lists(Scores(scores), {"item": item}, y, loss)


@pytest.mark.parametrize("loss", ["lambdarank", "0.5*approx_ndcg+ranknet"])
def test_the_loss_sees_the_relevance_of_the_whole_training_set(loss: str) -> None:
    y = torch.arange(10.0).square().expand(2, -1)
    scores = torch.randn(2, 10, generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([[1, 4, 3], [0, 2, 8]])
    low = 0.2 * 1 + 0.8 * 4  # the 20 % quantile is at place 1.8
    grades = 20 * ((y.gather(1, rows) - low) / (81 - low)).clamp(0, 1)
    found = lists_of(y, scores, loss).loss(rows)
    given, mine = scores.gather(1, rows), y.gather(1, rows)
    torch.testing.assert_close(found, parse_loss(loss)(given, mine, grades=grades))
    assert not torch.allclose(found, parse_loss(loss)(given, mine))


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_grades_of_the_list_itself_change_nothing(name: str) -> None:
    rng = torch.Generator().manual_seed(1)
    scores, labels = torch.randn(2, 8, generator=rng), torch.randn(2, 8, generator=rng)
    found = parse_loss(name)(scores, labels, grades=relevance(labels))
    torch.testing.assert_close(found, LOSSES[name](scores, labels))


def pair_weight(rank_by: str) -> float:
    """LambdaRank's weight of the best and the second of 20 rightly ordered items, a grade apart each."""
    grades = torch.arange(20, 0, -1, dtype=torch.double)[None]
    curvature = torch.autograd.functional.hessian(
        lambda s: lambdarank(s[None], grades, rank_by=rank_by, grades=grades).sum(), grades[0]
    )
    better = 1 / (1 + math.exp(-1.0))
    return -curvature[0, 1].item() / (better * (1 - better))  # no other pair depends on both


def test_rank_by_label_by_hand() -> None:
    """Discounts of places 1 and 2 by score; of places 20 and 19 by ascending label."""
    ideal = sum((2**grade - 1) / math.log2(22 - grade) for grade in range(1, 21))
    gap = 2**19 / ideal
    by_score = gap * (1 - 1 / math.log2(3))
    by_label = gap * (1 / math.log2(20) - 1 / math.log2(21))
    assert pair_weight("score") == pytest.approx(by_score, rel=1e-6)
    assert pair_weight("label") == pytest.approx(by_label, rel=1e-6)
    assert (round(by_label, 4), round(by_score, 3)) == (0.0012, 0.120)


def objective(predictor: AcenasPaper, seed: int = 0) -> Lists:
    y = torch.arange(20.0)[None] ** 2
    item = torch.arange(20)[None]
    scores = torch.randn(1, 20, generator=torch.Generator().manual_seed(seed))
    made = predictor._objective(Scores(scores), {"item": item}, y)
    assert isinstance(made, Lists)
    return made


def test_rank_by_label_is_the_loss_of_the_published_code() -> None:
    rows = torch.arange(20)[None]
    for loss in ("lambdarank", "ranknet+0.1*lambdarank"):
        found = objective(AcenasPaper(loss=loss, rank_by="label")).loss(rows)
        by_label = loss.replace("lambdarank", "lambdarank_by_label")
        torch.testing.assert_close(found, objective(AcenasPaper(loss=by_label)).loss(rows))
        assert not torch.allclose(found, objective(AcenasPaper(loss=loss)).loss(rows))


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"rank_by": "labels"}, UnknownNameError, "unknown rank_by 'labels'; did you mean label"),
        (
            {"rank_by": "label", "loss": "mse"},
            InputError,
            "applies to lambdarank, not to 'mse'",
        ),
        ({"start": "old"}, UnknownNameError, "unknown start 'old'"),
        ({"loss": "lamdarank"}, UnknownNameError, "did you mean lambdarank"),
    ],
)
def test_what_cannot_be(params: dict[str, Any], error: type, message: str, train: Graphs, y) -> None:
    with pytest.raises(error, match=message):
        AcenasPaper(**params).fit(train, y)


# Early stopping.


def test_ndcg_by_hand() -> None:
    grades = torch.tensor([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    found = ndcg(torch.tensor([[1.0, 3.0, 2.0], [1.0, 2.0, 3.0]]), grades)
    ideal = 3 + 1 / math.log2(3)
    torch.testing.assert_close(found, torch.tensor([(1 / math.log2(3) + 3 / 2) / ideal, 0.0]))


def test_an_epochs_quality_is_ndcg_or_tau_of_the_scores_it_saw() -> None:
    y = torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]])
    scores = torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 4.0, 3.0]])
    for loss, expected in (
        ("mse", [12 / 16, 8 / 16]),  # concordant less discordant, both ways, of 4 × 4
        ("lambdarank", ndcg(scores, relevance(y)).tolist()),
    ):
        lists = lists_of(y, scores, loss)
        lists.loss(torch.tensor([[2, 3], [0, 1]]))
        lists.loss(torch.tensor([[0, 1], [3, 2]]))
        assert lists.quality().tolist() == pytest.approx(expected)
        assert not lists.seen


def test_early_stopping_keeps_the_best_state_of_each_repeat() -> None:
    net = nn.Module()
    net.register_parameter("x", nn.Parameter(torch.zeros(3, 2)))
    best = Best(net, 3, patience=2)
    course = [
        ([0.1, 0.5, 0.1], False),
        ([0.3, 0.4, 0.2], False),
        ([0.2, 0.5, 0.3], False),  # no better twice: the second repeat has stopped
        ([0.4, 0.9, 0.2], False),  # and is not moved by what is better later
        ([0.4, 0.9, 0.3], False),
        ([0.3, 0.9, 0.9], True),  # the third stopped an epoch before, the first now
    ]
    for epoch, (quality, stopped) in enumerate(course, 1):
        with torch.no_grad():
            net.x.fill_(epoch)
        assert best.update(torch.tensor(quality)) is stopped
    best.restore()
    assert net.x.tolist() == [[4, 4], [1, 1], [3, 3]]


@pytest.mark.parametrize(("patience", "epochs"), [(3, [3, 9]), (0, [12, 12]), (50, [3, 9])])
def test_training_restores_the_best_epoch(
    patience: int, epochs: list[int], monkeypatch: pytest.MonkeyPatch, train: Graphs, y: np.ndarray
) -> None:
    """Two repeats whose epochs 3 and 9 are said to be best; the first waits for the second."""
    states: list[dict[str, Tensor]] = []
    lists = paper.Lists

    class Told(lists):
        def quality(self) -> Tensor:
            super().quality()
            states.append({k: p.detach().clone() for k, p in self.net.named_parameters()})
            epoch = len(states)
            return torch.tensor([-abs(epoch - 3.0), epoch if epoch < 10 else 0.0])

    monkeypatch.setattr("predictors.acenas_paper.Lists", Told)
    predictor = AcenasPaper(epochs=12, patience=patience)
    net = predictor._train([train, train], np.stack([y, y]), [0, 1])
    if patience == 0:
        assert not states  # nothing is watched, and the last state stays
        return
    assert len(states) == 12
    for name, parameter in net.named_parameters():
        for repeat, epoch in enumerate(epochs):
            assert torch.equal(parameter[repeat], states[epoch - 1][name][repeat])


def test_the_learning_rate_falls_along_half_a_cosine() -> None:
    """It is constant within an epoch of 25 steps."""
    found = [epoch_cosine(step, 100, 25) for step in (0, 24, 25, 49, 50, 100)]
    quarter = (1 + math.sqrt(0.5)) / 2
    assert found == pytest.approx([1.0, 1.0, quarter, quarter, 0.5, 0.0])


# Weak pretraining.


@pytest.fixture(scope="module")
def pretrained(nb201: Benchmark) -> AcenasPaper:
    graphs, weak = weak_of(nb201)
    return AcenasPaper(pretrain_epochs=20).pretrain(graphs, weak, seed=0)


def weak_of(nb201: Benchmark) -> tuple[Graphs, dict[str, np.ndarray]]:
    rows = ROWS[:600]
    weak = {name: nb201.weak(name)[rows] for name in ("params", "synflow")}
    return nb201.graphs.take(rows).with_weak({}), weak


def test_pretraining_learns_every_weak_label(pretrained: AcenasPaper, nb201: Benchmark) -> None:
    """On networks it has not seen; synflow is unknown for some that it has."""
    assert np.isnan(weak_of(nb201)[1]["synflow"]).any()
    rows = ROWS[600:1000]
    inputs = pretrained._graph_inputs(nb201.graphs.take(rows))
    net = pretrained._weak_net(inputs).eval()
    with torch.no_grad():
        found = net({name: x[None] for name, x in inputs.items()})[0].numpy()
    for column, name in enumerate(("params", "synflow")):
        truth = nb201.weak(name)[rows]
        known = np.isfinite(truth)
        assert np.corrcoef(found[known, column], truth[known])[0, 1] > 0.8


def test_the_embedding_and_the_first_head_go_on(pretrained: AcenasPaper, train: Graphs) -> None:
    inputs = {name: x[None] for name, x in pretrained._inputs(train).items()}
    for start, same in (("weak", True), ("new", False)):
        twin = AcenasPaper(start=start)
        twin.weak_ = pretrained.weak_
        state = twin._network(inputs, generators([5, 6])).state_dict()
        for name, tensor in pretrained.weak_.state.items():
            part, _, rest = name.partition(".")
            if part == "encoder":
                assert torch.equal(state[name], tensor.expand_as(state[name]))
            elif rest.startswith("0."):
                found = state[f"head.{rest[2:]}"]
                assert torch.equal(found, tensor.expand_as(found)) is same


# BRP-NAS.


def test_the_order_by_wins_is_the_first_places_share() -> None:
    """All n × n pairs, with the classifier of concatenated embeddings: two outputs, the larger wins."""
    rng = torch.Generator().manual_seed(0)
    embeddings = torch.randn(60, 5, generator=rng)
    weight, bias = torch.randn(10, 2, generator=rng), torch.randn(2, generator=rng)
    first, second = embeddings[:, None].expand(60, 60, 5), embeddings[None].expand(60, 60, 5)
    outputs = torch.cat([first, second], dim=-1) @ weight + bias
    beats = outputs[..., 0] > outputs[..., 1]
    wins = beats.fill_diagonal_(False).sum(1)
    a, c = (embeddings @ (weight[part, 0] - weight[part, 1]) for part in (slice(5), slice(5, 10)))
    a = a + bias[0] - bias[1]
    counted = 60 - torch.searchsorted(c.sort().values, -a, right=True) - (c > -a).long()
    assert counted.tolist() == wins.tolist()
    itself = (a + c > 0).long()  # of these, a network is not one of its own others
    in_order = (wins + itself)[a.argsort()]
    assert (in_order.diff() >= 0).all()


def pairs(n: int, width: int = 8) -> tuple[Pairs, nn.Module, Tensor]:
    predictor = BrpNas(width=width, layers=2, dropout=0.0)
    rng = np.random.default_rng(n)
    edges = np.triu(rng.integers(0, 2, (n, 4, 4)), 1).astype(np.uint8)
    ops = np.tile(np.array([1, 0, 0, 2], np.int8), (n, 1))
    graphs = Graphs(ops, edges, np.full(n, 4), SPACE)
    inputs = {name: x[None] for name, x in predictor._inputs(graphs).items()}
    net = predictor._network(inputs, generators([0]))
    y = torch.from_numpy(rng.normal(size=(1, n)).astype(np.float32))
    made = predictor._objective(net, inputs, y)
    assert isinstance(made, Pairs)
    return made, net, y


@pytest.mark.parametrize("n", [2, 7, 30])
def test_the_pairs_of_an_epoch_are_all_ordered_pairs(n: int) -> None:
    made, _, y = pairs(n)
    assert made.size == n * (n - 1)
    rows = torch.arange(made.size)[None]
    first, second = made.pairs(rows)
    found = sorted(zip(first[0].tolist(), second[0].tolist(), strict=True))
    assert found == [(i, j) for i in range(n) for j in range(n) if i != j]
    a, c = made.net.places(made.inputs)
    expected = [
        -math.log(1 / (1 + math.exp(-sign * (a[0, i] + c[0, j]).item())))
        / (1 + math.exp(-sign * (y[0, i] - y[0, j]).item()))
        for i, j in found
        for sign in (1, -1)
    ]
    assert made.loss(rows).item() == pytest.approx(sum(expected) / made.size, rel=1e-5)
    assert made.quality().item() == pytest.approx(-sum(expected) / made.size, rel=1e-5)
    part = rows[:, :2]  # few pairs of many graphs: encoded one by one
    value = cross_entropy(a + 0 * c, y)  # of the right shape
    assert value.shape == (1, n)
    alone = cross_entropy(
        a[:, first[0, :2]] + c[:, second[0, :2]], y[:, first[0, :2]] - y[:, second[0, :2]]
    ).mean()
    assert made.loss(part).item() == pytest.approx(alone.item(), rel=1e-5)


def test_one_label_is_a_pair_with_itself() -> None:
    made, _, _ = pairs(1)
    assert made.loss(torch.zeros(1, 1, dtype=torch.long)).isfinite().all()
    assert made.quality().isfinite().all()


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("brp_nas", {"width": 48, "max_steps": 300, "lr": 3e-3}),
        ("neural_predictor", {"epochs": 60, "lr": 2e-3}),
        ("neural_predictor", {"loss": "ranknet", "epochs": 60, "lr": 2e-3}),
    ],
)
def test_accuracies_are_ordered(name: str, params: dict[str, Any], nb201: Benchmark) -> None:
    rows, others = ROWS[:60], ROWS[60:400]
    truth = nb201.target("cifar100", "test_acc")
    predictor = get(name)(**params).fit(nb201.graphs.take(rows), truth[rows], seed=0)
    found = predictor.predict(nb201.graphs.take(others))
    assert kendalltau(found, truth[others]).statistic > 0.4
