"""TNASP, PINAT, NAR-Former and NN-Former: masks, invariances and losses by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.base import Benchmark
from data.errors import InputError
from data.graphs import Graphs
from data.space import SearchSpace
from predictors.nar_former import NarFormer, sines, swapped
from predictors.nn.consistency import UNIT, Averaged, TwoViews
from predictors.nn.graph import Inputs
from predictors.nn.laplacian import SetConv, laplacian_inputs
from predictors.nn.layers import generators
from predictors.nn.transformer import Attention, key_mask
from predictors.nn_former import NnFormer, get_alive
from predictors.pinat import Pinat
from predictors.tnasp import Tnasp

SPACE = SearchSpace("tiny", ("op", "input", "output", "none"), 5, zero=("none",))


@pytest.fixture
def diamond() -> Graphs:
    """Input → two operations → output; the second graph's first operation is a zero."""
    edges = np.zeros((2, 4, 4), np.uint8)
    edges[:, [0, 0, 1, 2], [1, 2, 3, 3]] = 1
    return Graphs(np.array([[1, 0, 0, 2], [1, 3, 0, 2]], np.int8), edges, np.array([4, 4]), SPACE)


def test_laplacian_by_hand(diamond: Graphs) -> None:
    inputs = laplacian_inputs(diamond)
    expected = [[2, -1, -1, 0], [0, 1, 0, -1], [0, 0, 1, -1], [0, 0, 0, 0]]
    assert inputs["laplacian"][0, :4, :4].tolist() == expected
    assert inputs["into"][0, 3].tolist() == [0, 1, 1, 1, 0]


def test_attention_ignores_masked_tokens_and_keeps_repeats_apart() -> None:
    layer = Attention(8, 2, 0.0, generators([0, 1]))
    x = torch.randn(1, 3, 5, 8, generator=torch.Generator().manual_seed(0))
    nodes = torch.tensor([[[1.0, 1, 1, 0, 0]]]).expand(1, 3, 5)
    changed = x.clone()
    changed[:, :, 3:] = 9.0
    one, two = layer(x[:, :, :3], x, key_mask(nodes)), layer(x[:, :, :3], changed, key_mask(nodes))
    torch.testing.assert_close(one, two)
    alone = Attention(8, 2, 0.0, generators([1]))
    torch.testing.assert_close(alone(x[:, :, :3], x, key_mask(nodes))[0], one[1])


def test_a_set_convolution_does_not_depend_on_the_order_of_nodes(diamond: Graphs) -> None:
    layer = SetConv(4, 3, 2, generators([0]))
    inputs = laplacian_inputs(diamond)
    x, into = inputs["ops"][None], inputs["into"][None]
    order = torch.tensor([0, 2, 1, 3, 4])
    found = layer(x[:, :, order], into[:, :, order][..., order])
    torch.testing.assert_close(found, layer(x, into)[:, :, order])


def test_zeros_and_what_hangs_on_them_are_dead(diamond: Graphs) -> None:
    assert get_alive(diamond).tolist() == [[True] * 4, [True, False, True, True]]


def test_nn_former_does_not_see_the_order_of_nodes(nb201: Benchmark) -> None:
    """It has no positions: both orders of two parallel operations score alike."""
    edges = np.zeros((2, 4, 4), np.uint8)
    edges[:, [0, 0, 1, 2], [1, 2, 3, 3]] = 1
    space = SearchSpace("two", ("a", "b", "input", "output"), 4)
    graphs = Graphs(np.array([[2, 0, 1, 3], [2, 1, 0, 3]], np.int8), edges, np.array([4, 4]), space)
    scores = NnFormer(**NnFormer.quick).fit(graphs, np.array([1.0, 2.0])).predict(graphs)
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


@pytest.mark.parametrize("change", [{"attention": "full"}, {"feed_forward": "plain"}, {"heads": 8}])
def test_nn_former_ablations_learn(nb201: Benchmark, change: dict) -> None:
    graphs, y = nb201.graphs.take(np.arange(20)), nb201.target("cifar10", "valid_acc")[:20]
    assert np.ptp(NnFormer(**{**NnFormer.quick, **change}).fit(graphs, y).predict(graphs)) > 0


def test_nn_former_refuses_heads_that_are_no_multiple_of_four(nb201: Benchmark) -> None:
    graphs = nb201.graphs.take(np.arange(4))
    with pytest.raises(InputError, match="multiple of 4"):
        NnFormer(heads=6, width=24).fit(graphs, np.arange(4.0))


def test_sines_by_hand() -> None:
    expected = [[0, 0, 1, 1], [1, 0, 0, -1]]
    torch.testing.assert_close(
        sines(torch.tensor([0.0, 0.5]), 2), torch.tensor(expected, dtype=torch.float32), atol=1e-6, rtol=0
    )


def test_swapping_gives_another_order_of_the_same_network(nb201: Benchmark) -> None:
    graphs = nb201.graphs.take(np.arange(0, 15_000, 500))
    inputs = {name: x[None] for name, x in NarFormer()._inputs(graphs).items()}
    other = swapped(inputs, generators([0]))
    ops = other["ops"][0].argmax(-1).numpy().astype(np.int8)
    twins = Graphs(ops, other["edges"][0].numpy().astype(np.uint8), graphs.n_nodes, graphs.space).validate()
    assert (twins.canonical_hash() == graphs.canonical_hash()).all()
    assert (twins.adjacency != graphs.adjacency).any((1, 2)).all()


class _Sum(nn.Module):
    def forward(self, inputs: Inputs) -> Tensor:
        return inputs["x"].sum(-1)


def test_losses_by_hand() -> None:
    """Two items, scores 0 and 0.3, labels 0 and 1: differences pair each with itself or the other."""
    inputs, y = {"x": torch.tensor([[[0.0], [0.3]]])}, torch.tensor([[0.0, 1.0]])
    rows = torch.tensor([[0, 1]])

    def loss(difference: float, consistency: float, view: float) -> float:
        shown = lambda x, _: {"x": x["x"] + view}  # noqa: E731
        objective = TwoViews(
            _Sum(), inputs, y, generators([0]), difference=difference, consistency=consistency, view=shown
        )
        return objective.loss(rows).item()

    mse = (0.3 - UNIT) ** 2 / 2
    assert loss(0, 0, 0) == pytest.approx(mse)
    assert loss(1, 0, 0) in (pytest.approx(mse), pytest.approx(mse + 0.2))
    second = (0.5**2 + (0.8 - UNIT) ** 2) / 2
    assert loss(0, 2, 0.5) == pytest.approx((mse + second) / 2 + 2 * 0.5)


def test_the_average_of_weights_by_hand() -> None:
    class Moving:
        size = 1

        def loss(self, rows: Tensor) -> Tensor:
            with torch.no_grad():
                net.weight += 1
            return rows

        def quality(self) -> Tensor:
            return torch.zeros(1)

    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    averaged = Averaged(Moving(), net, 0.5)
    averaged.loss(torch.zeros(1))
    averaged.loss(torch.zeros(1))
    averaged.restore()
    assert net.weight.item() == pytest.approx((0 * 0.5 + 1 * 0.5) * 0.5 + 2 * 0.5)


def test_self_evolution_learns_in_rounds(nb201: Benchmark) -> None:
    graphs, y = nb201.graphs.take(np.arange(20)), nb201.target("cifar10", "valid_acc")[:20]
    once = Tnasp(**Tnasp.quick).fit(graphs, y).predict(graphs)
    twice = Tnasp(**Tnasp.quick, rounds=2).fit(graphs, y).predict(graphs)
    assert np.isfinite(twice).all() and not np.allclose(once, twice)
    with pytest.raises(InputError, match="rounds must be at least 1"):
        Tnasp(rounds=0).fit(graphs, y)


def test_the_published_sizes() -> None:
    """PINAT has 0.55 million parameters on NAS-Bench-101 (its supplement, table 7)."""
    inputs = {"ops": torch.zeros(1, 2, 7, 5)}
    net = Pinat()._network(inputs, generators([0]))
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(0.554, abs=0.002)
