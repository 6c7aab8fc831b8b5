"""Gated flow by hand, on edges and on nodes; updates, attention and bred architectures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmarks.base import Benchmark
from data.errors import UnknownNameError
from data.spaces.edges import NB201
from predictors import get
from predictors.flan import Attention
from predictors.nn.flow import Flow, FlowStack, flow_inputs, gather_flow, normal
from predictors.nn.layers import generators
from predictors.nn.lstm import Lstm
from predictors.nn.op_updates import OpUpdate
from predictors.semi_nas import breed

NAMES = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def test_edges_flow_as_in_the_cell() -> None:
    """Our graph of edge operations carries what flows between the four nodes of the cell as published."""
    rngs = generators([0])
    code = np.array([[3, 0, 1, 2, 4, 3]])
    inputs = {name: x[None] for name, x in flow_inputs(NB201.graphs(code)).items()}
    ops = normal((1, inputs["ops"].shape[-1], 4), rngs)
    stack = FlowStack(5, 5, 3, 4, rngs, on_edges=True)
    start = torch.randn(5, generator=rngs[0])
    x = inputs["start"].unsqueeze(-1) * start
    keep = inputs["start"].unsqueeze(-1)
    found = gather_flow(stack(x, inputs["into"], inputs["ops"] @ ops, keep, inputs), inputs)[0, 0]

    nodes = torch.zeros(4, 5)
    nodes[0] = start
    for i, layer in enumerate(stack.layers):
        assert isinstance(layer, Flow)
        support = (F.relu(nodes) if i else nodes) @ layer.weight[0, 0]
        nodes = torch.zeros(4, 5)
        nodes[0] = support[0]
        for (a, b), op in zip(NB201.edges, code[0], strict=True):
            gate = torch.sigmoid(layer.gate(ops[:, :, op]))[0, 0]
            nodes[b] += gate * support[a] * (NAMES[op] != "none")
    torch.testing.assert_close(found, nodes[3])


def test_nothing_flows_through_none() -> None:
    """A cell whose edges into the output carry none has the embedding 0, whatever else it has."""
    inputs = {name: x[None] for name, x in flow_inputs(NB201.graphs(np.array([[3, 3, 3, 0, 0, 0]]))).items()}
    stack = FlowStack(2, 2, 3, 3, generators([1]), on_edges=True)
    ops = torch.ones(1, 1, 8, 3)
    found = stack(torch.ones(1, 1, 8, 2), inputs["into"], ops, inputs["start"].unsqueeze(-1), inputs)
    assert gather_flow(found, inputs).abs().max() == 0


def test_only_weighted_operations_move() -> None:
    update = OpUpdate(2, 3, 0.1, generators([0]))
    ops, flow = torch.zeros(1, 1, 2, 3), torch.ones(1, 1, 2, 2)
    moved = update(ops, flow, flow, torch.tensor([[[1.0, 0.0]]]))
    assert moved[0, 0, 0].abs().min() > 0
    assert moved[0, 0, 1].abs().max() == 0


def test_attention_ignores_unused_nodes() -> None:
    layer = Attention(3, 4, 2, generators([0]))
    rng = torch.Generator().manual_seed(0)
    x, ops = torch.randn(1, 1, 3, 3, generator=rng), torch.randn(1, 1, 3, 2, generator=rng)
    into, nodes = torch.ones(1, 1, 3, 3).tril(-1), torch.tensor([[[1.0, 1.0, 0.0]]])
    short = layer(x[:, :, :2], into[:, :, :2, :2], ops[:, :, :2], nodes[:, :, :2])
    torch.testing.assert_close(layer(x, into, ops, nodes)[:, :, :2], short)


def test_lstm_is_torchs() -> None:
    ours, theirs = Lstm(3, 4, generators([0])), torch.nn.LSTM(3, 4, batch_first=True)
    assert ours.into.bias is not None
    weights = {
        "weight_ih_l0": ours.into.weight[0].T,
        "weight_hh_l0": ours.again.weight[0].T,
        "bias_ih_l0": ours.into.bias[0, 0],
        "bias_hh_l0": torch.zeros(16),
    }
    theirs.load_state_dict(weights)
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x[None])[0], theirs(x)[0])
    torch.testing.assert_close(ours(x[None], reverse=True)[0], theirs(x.flip(1))[0].flip(1))


def test_bred_architectures_are_of_the_space(nb201: Benchmark) -> None:
    parents = nb201.graphs.take(np.arange(40))
    bred = breed(parents, 100, 0).validate()
    assert len(bred) == 100
    assert len(np.unique(bred.canonical_hash())) > 40
    one = breed(parents.take(np.arange(1)), 3, 0)
    assert (one.ops == parents.ops[:1]).all()


def test_proxies_are_inputs(nb201: Benchmark) -> None:
    """A score changes with a named weak label, also where others are unknown; a missing one is named."""
    graphs, y = nb201.graphs.take(np.arange(24)), np.arange(24.0)
    flan = get("flan")
    made = flan(**{**flan.quick, "proxies": "flops"})
    values = np.where(np.arange(24) % 5 == 0, np.nan, np.arange(24.0))
    made.fit(graphs.with_weak({"flops": values}), y)
    found = made.predict(graphs.with_weak({"flops": values}))
    assert (found != made.predict(graphs.with_weak({"flops": values[::-1]}))).any()
    with pytest.raises(UnknownNameError, match="flops"):
        made.predict(graphs.with_weak({}))
