"""SemiNAS: an encoder, a predictor and a decoder learn from few labels and from their own guesses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from data.graphs import Graphs
from data.space import INPUT, OUTPUT
from predictors.nn.device import move
from predictors.nn.graph import Inputs, graph_inputs
from predictors.nn.layers import Dropout, Generators, Linear, generators
from predictors.nn.lean import Adam
from predictors.nn.lstm import Lstm
from predictors.nn.ranker import CHUNK, TorchRanker
from predictors.nn.training import epoch_steps, minimise


class SemiNas(TorchRanker):
    """An LSTM reads an architecture, a small network predicts its label, another LSTM writes it down again.

    It is trained on the labels, predicts labels of unlabelled architectures, and is trained on both, the true
    labels `repeat` times as often. The loss is the squared error and the decoder's cross entropy.

    The contract gives a predictor no unlabelled architectures while it is fitted, and none should need a weak
    label to see any: they are bred from the training ones. Each takes the connections of one, and each of its
    operations, with that operation's numbers, from the same place of another. The published ones are random
    members of NAS-Bench-101. A further difference: one step of the LSTMs is a node, its operation and the
    edges from earlier nodes, where the published sequence has a token for each edge and operation; gradients
    are not clipped.

    The published budget, 1,000 epochs and then 500 on 10,000 further architectures with 1,100 labels, is
    `unlabelled=10000,max_steps=60000`; by default, there are 2,000 and either phase has at most 2,000 steps.

    Source: Luo et al., NeurIPS 2020 (arXiv 2002.10389), settings of the published code.
    """

    canonical: ClassVar[bool] = False
    loss = "mse"

    costly: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {
        "width": 8, "unlabelled": 20, "epochs": 2, "max_steps": 5
    }  # fmt: skip

    def __init__(
        self,
        *,
        width: int = 64,
        head_width: int = 16,
        dropout: float = 0.1,
        trade_off: float = 0.8,
        unlabelled: int = 2000,
        repeat: int = 10,
        pretrain: float = 2.0,
        epochs: int = 500,
        batch: int = 100,
        max_steps: int = 2000,
        lr: float = 1e-3,
        weight_decay: float = 1e-4,
    ) -> None:
        """Store the hyper-parameters; the others are described in TorchRanker.

        Hyper-parameters:
            width: Features of a node, of the LSTMs and of the embedding.
            head_width: Units of the predictor's hidden layer.
            dropout: Rate of dropout of the nodes' features and in the predictor.
            trade_off: Share of the squared error in the loss; the rest is the decoder's.
            unlabelled: Architectures to predict labels of; 0 for supervised learning alone.
            repeat: How often a labelled architecture comes to each unlabelled one.
            pretrain: Passes over the labels alone for each of `epochs`, up to `max_steps` steps.
            epochs: Passes over all architectures, up to `max_steps` steps.
        """
        self.width = width
        self.head_width = head_width
        self.dropout = dropout
        self.trade_off = trade_off
        self.unlabelled = unlabelled
        self.repeat = repeat
        self.pretrain = pretrain
        self.epochs = epochs
        self.batch = batch
        self.max_steps = max_steps
        self.lr = lr
        self.weight_decay = weight_decay

    def _inputs(self, graphs: Graphs) -> Inputs:
        inputs = graph_inputs(graphs)
        return {**inputs, "kind": inputs["ops"][..., : len(graphs.space.ops)]}

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Network(inputs, self, rngs)

    def _optimiser(self, net: nn.Module, steps: int, epoch: int) -> tuple[Optimizer, LRScheduler]:
        del steps, epoch
        optimiser = Adam(net.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)
        return optimiser, LambdaLR(optimiser, lambda _: 1.0)

    def _train(self, graphs: Sequence[Graphs], labels: np.ndarray, seeds: Sequence[int]) -> nn.Module:
        rngs = generators(seeds)
        self._steps(labels.shape[1])
        with self._computing():
            inputs, y = self._stack_inputs(graphs), move(torch.from_numpy(labels.astype(np.float32)))
            net = _Network(inputs, self, rngs).train()
            self._learn_labels(net, inputs, y, rngs, y.shape[1], round(self.pretrain * self.epochs))
            if self.unlabelled:
                bred = [breed(g, self.unlabelled, seed) for g, seed in zip(graphs, seeds, strict=True)]
                new = self._stack_inputs(bred)
                both = {name: torch.cat([x, new[name]], 1) for name, x in inputs.items()}
                labels_too = torch.cat([y, _guess(net, new)], 1)
                self._learn_labels(net, both, labels_too, rngs, y.shape[1], self.epochs)
        return net

    def _learn_labels(
        self, net: _Network, inputs: Inputs, y: Tensor, rngs: Generators, labelled: int, epochs: int
    ) -> None:
        """Train on inputs (r, n, ...) with labels (r, n), of which the first `labelled` are true."""
        repeat = self.repeat if labelled < y.shape[1] else 1
        objective = _Both(net, inputs, y, labelled, repeat, self.trade_off)
        steps = min(self.max_steps, epochs * epoch_steps(objective.size, self.batch))
        optimiser, schedule = self._optimiser(net, steps, 1)
        minimise(objective, optimiser, schedule, rngs, steps=steps, batch=self.batch)


class _Network(nn.Module):
    def __init__(self, inputs: Inputs, params: SemiNas, rngs: Generators) -> None:
        super().__init__()
        width, v = params.width, inputs["edges"].shape[-1]
        self.read = Linear(inputs["ops"].shape[-1] + v, width, rngs)
        self.ahead, self.back, self.writer = (Lstm(width, width, rngs) for _ in range(3))
        self.join = Linear(2 * width, width, rngs)
        self.widen = Linear(width, params.head_width, rngs)
        self.narrow = Linear(params.head_width, width, rngs)
        self.score = Linear(width, 1, rngs)
        self.ask = Linear(width, width, rngs, bias=False)
        self.mix = Linear(2 * width, width, rngs, bias=False)
        self.kind = Linear(width, inputs["kind"].shape[-1], rngs)
        self.edges = Linear(width, v, rngs)
        self.dropout = Dropout(params.dropout, rngs)

    def encode(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nodes as read (r, b, v, f), after the LSTM, and the embedding (r, b, f)."""
        nodes = self.dropout(self.read(torch.cat([inputs["ops"], inputs["edges"].transpose(-1, -2)], -1)))
        both = torch.cat([self.ahead(nodes), self.back(nodes, reverse=True)], -1)
        hidden = F.normalize(nodes + self.join(both), dim=-1)
        return nodes, hidden, F.normalize(hidden.mean(-2), dim=-1)

    def predict(self, embedding: Tensor) -> Tensor:
        """Return the predicted labels (r, b)."""
        x = self.dropout(F.relu(self.widen(embedding)))
        x = self.dropout(F.relu(self.narrow(x)))
        return self.score((embedding + x) * math.sqrt(0.5)).squeeze(-1)

    def write(self, inputs: Inputs, nodes: Tensor, hidden: Tensor, embedding: Tensor) -> Tensor:
        """Return the mean cross entropy (r,) of a node's operation and edges, given the nodes before it."""
        before = F.pad(nodes, (0, 0, 1, 0))[..., :-1, :]
        x = (before + self.writer(before, embedding)) * math.sqrt(0.5)
        found = (self.ask(x) @ hidden.transpose(-1, -2)).softmax(-1) @ hidden
        x = (x + torch.tanh(self.mix(torch.cat([found, x], -1)))) * math.sqrt(0.5)
        used = inputs["nodes"]
        operation = -(self.kind(x).log_softmax(-1) * inputs["kind"]).sum(-1)
        edges = (inputs["edges"].transpose(-1, -2) > 0).float()
        may = torch.ones(edges.shape[-2:]).tril(-1) * used.unsqueeze(-1)
        edge = F.binary_cross_entropy_with_logits(self.edges(x), edges, reduction="none") * may
        tokens = used.sum((-1, -2)) + may.sum((-1, -2, -3))
        return ((operation * used).sum((-1, -2)) + edge.sum((-1, -2, -3))) / tokens

    def forward(self, inputs: Inputs) -> Tensor:
        return self.predict(self.encode(inputs)[2])


class _Both:
    """The objective: a share of the squared error, and of the decoder's cross entropy the rest."""

    def __init__(
        self, net: _Network, inputs: Inputs, y: Tensor, labelled: int, repeat: int, trade_off: float
    ) -> None:
        self.net, self.inputs, self.y, self.trade_off = net, inputs, y, trade_off
        self.labelled, self.repeated = labelled, labelled * repeat
        self.size = self.repeated + y.shape[1] - labelled
        self.every = torch.arange(len(y))[:, None]

    def loss(self, rows: Tensor) -> Tensor:
        """Return the loss (r,) of a batch."""
        again = rows < self.repeated
        rows = torch.where(again, rows % self.labelled, rows - self.repeated + self.labelled)
        batch = {name: x[self.every, rows] for name, x in self.inputs.items()}
        nodes, hidden, embedding = self.net.encode(batch)
        error = (self.net.predict(embedding) - self.y[self.every, rows]).square().mean(-1)
        written = self.net.write(batch, nodes, hidden, embedding)
        return self.trade_off * error + (1 - self.trade_off) * written

    def quality(self) -> Tensor:
        """Training does not stop early."""
        raise NotImplementedError("training does not stop early")


def breed(graphs: Graphs, n: int, seed: int) -> Graphs:
    """Return n new architectures: connections of one, each operation from the same place of another.

    Operations change within a stage only, inputs and outputs stay, and a place keeps its operation where the
    other architecture has none.
    """
    rng = np.random.default_rng(seed)
    v = graphs.ops.shape[1]
    new = graphs.take(rng.integers(len(graphs), size=n)).with_weak({})
    donors, places = rng.integers(len(graphs), size=(n, v)), np.arange(v)
    ends = [graphs.space.ops.index(name) for name in (INPUT, OUTPUT)]
    operation = (graphs.ops >= 0) & ~np.isin(graphs.ops, ends)
    own = (new.ops >= 0) & ~np.isin(new.ops, ends)
    take = own & operation[donors, places] & (graphs.stage[donors, places] == new.stage)
    return replace(
        new,
        ops=np.where(take, graphs.ops[donors, places], new.ops),
        features=np.where(take[..., None], graphs.features[donors, places], new.features),
    )


def _guess(net: _Network, inputs: Inputs) -> Tensor:
    """Return the labels (r, n) that a network in training predicts of inputs (r, n, ...), without dropout."""
    net.eval()
    n = inputs["nodes"].shape[1]
    with torch.no_grad():
        parts = [net({name: x[:, i : i + CHUNK] for name, x in inputs.items()}) for i in range(0, n, CHUNK)]
    net.train()
    return torch.cat(parts, 1)
