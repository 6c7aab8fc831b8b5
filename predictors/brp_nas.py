"""BRP-NAS: a graph network that says which of two architectures is better; ordered by wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.graphs import Graphs
from predictors.nn.graph import Inputs
from predictors.nn.layers import Generators, Linear
from predictors.nn.paper import GraphConvs, PaperRanker, mean_pool, symmetric_inputs
from predictors.nn.pretrained import PretrainedRanker
from predictors.nn.sorting import differences
from predictors.nn.training import Objective


class BrpNas(PaperRanker, PretrainedRanker):
    """Graph convolutions, the mean of the nodes, and a linear classifier of pairs of embeddings.

    The classifier says how much better the first of a pair is: d(i, j) = a(i) + c(j), where a and c are
    linear in the two embeddings: the difference of the published classifier's two outputs. It learns from
    all ordered pairs; the target is the softmax of the pair's labels. Architectures are ordered by how many
    others they beat. As i beats j where c(j) > −a(i), the number of wins never falls as a(i) grows, whatever
    the others are: `predict` returns a(i), the order by wins with ties broken. Nothing has to be counted,
    and a score does not depend on what else is scored.

    It is slow: a step takes each training graph through the 600-wide layers, and 100 labels are 9,900 pairs,
    154 steps per epoch. `max_steps` bounds that; the paper has no bound.

    Source: Dudziak et al., BRP-NAS, NeurIPS 2020 (arXiv 2007.08668): classifier, hyper-parameters, pruned
    graphs; average pooling in place of a global node, the symmetric normalisation, and pretraining on FLOPs
    in place of latency, as AceNAS (arXiv 2108.03001) compares with it.
    """

    decoupled: ClassVar[bool] = True
    costly: ClassVar[bool] = True
    default_weak: ClassVar[tuple[str, ...] | None] = ("flops",)
    head_width, head_layers, start = 0, 0, "new"

    quick: ClassVar[Mapping[str, Any]] = {"width": 16, "epochs": 5}

    def __init__(
        self,
        *,
        width: int = 600,
        layers: int = 4,
        dropout: float = 0.2,
        batch: int = 64,
        epochs: int = 250,
        max_steps: int = 2000,
        patience: int = 35,
        lr: float = 3.5e-4,
        weight_decay: float = 5e-4,
        pretrain_size: int = 900,
        pretrain_epochs: int = 40,
        pretrain_batch: int = 10,
        pretrain_lr: float = 4e-4,
    ) -> None:
        """Store the hyper-parameters; the others are described in PaperRanker and PretrainedRanker.

        Hyper-parameters:
            width: Features of a node.
            layers: Graph convolutions.
            batch: Pairs in a batch.
            epochs: Passes over all ordered pairs, up to `max_steps` steps in total.
        """
        self.width = width
        self.layers = layers
        self.dropout = dropout
        self.batch = batch
        self.epochs = epochs
        self.max_steps = max_steps
        self.patience = patience
        self.lr = lr
        self.weight_decay = weight_decay
        self.pretrain_size = pretrain_size
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_batch = pretrain_batch
        self.pretrain_lr = pretrain_lr

    def _graph_inputs(self, graphs: Graphs) -> Inputs:
        return symmetric_inputs(graphs)

    def _inputs(self, graphs: Graphs) -> Inputs:
        return self._graph_inputs(graphs)

    def _encoder(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Encoder(inputs["ops"].shape[-1], self, rngs)

    def _scorer(self, encoder: nn.Module, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _PairNet(encoder, Linear(self.width, 2, rngs))

    def _objective(self, net: nn.Module, inputs: Inputs, y: Tensor) -> Objective:
        if not isinstance(net, _PairNet):
            raise TypeError(f"pairs are classified by a _PairNet, not by a {type(net).__name__}")
        return Pairs(net, inputs, y)


class _Encoder(nn.Module):
    def __init__(self, inputs: int, params: BrpNas, rngs: Generators) -> None:
        super().__init__()
        self.convolutions = GraphConvs(inputs, params.width, params.layers, params.dropout, rngs)
        self.width = params.width

    def forward(self, inputs: Inputs) -> Tensor:
        return mean_pool(self.convolutions(inputs), inputs["nodes"])


class _PairNet(nn.Module):
    """An encoder, and how much each place of a pair contributes to "the first is better"."""

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def places(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return a and c, (r, b) each: a graph's contribution as the first of a pair, and as the second."""
        first, second = self.head(self.encoder(inputs)).unbind(-1)
        return first, second

    def forward(self, inputs: Inputs) -> Tensor:
        return self.places(inputs)[0]


class Pairs:
    """The objective of a pair classifier: cross entropy under the softmax of the labels, all ordered pairs.

    Up to a constant it is the published divergence. An epoch's quality is the loss of all pairs, without
    dropout, negated.
    """

    def __init__(self, net: _PairNet, inputs: Inputs, y: Tensor) -> None:
        """Take a network, its training inputs (r, n, ...) and labels (r, n)."""
        self.net, self.inputs, self.y = net, inputs, y
        self.n = y.shape[1]
        self.size = max(1, self.n * (self.n - 1))
        self.repeat = torch.arange(len(y))[:, None]

    def loss(self, rows: Tensor) -> Tensor:
        """Return the loss (r,) of pairs (r, b), each numbered by its first and then by its second item.

        Where the training set is no larger than the number of items in the pairs, each graph is encoded once.
        """
        first, second = self.pairs(rows)
        if self.n <= 2 * rows.shape[1]:
            a, c = self.net.places(self.inputs)
            a, c = a.gather(1, first), c.gather(1, second)
        else:
            items = torch.cat([first, second], dim=1)
            a, c = self.net.places({name: x[self.repeat, items] for name, x in self.inputs.items()})
            a, c = a[:, : rows.shape[1]], c[:, rows.shape[1] :]
        apart = self.y.gather(1, first) - self.y.gather(1, second)
        return cross_entropy(a + c, apart).mean(-1)

    def pairs(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first and second items (r, b) of numbered pairs; they differ if n > 1."""
        others = max(1, self.n - 1)
        first, second = rows // others, rows % others
        return first, (second + (second >= first).long()).clamp_max(self.n - 1)

    def quality(self) -> Tensor:
        """Return the negated loss (r,) of all pairs under the current network."""
        self.net.eval()
        with torch.no_grad():
            a, c = self.net.places(self.inputs)
            losses = cross_entropy(a[:, :, None] + c[:, None, :], differences(self.y))
        self.net.train()
        itself = losses.diagonal(dim1=1, dim2=2).sum(-1)
        return (itself - losses.sum((-1, -2))) / self.size


def cross_entropy(difference: Tensor, apart: Tensor) -> Tensor:
    """Return the cross entropy of "the first is better" by `difference` under the softmax of the labels.

    Args:
        difference: By how much the classifier prefers the first to the second.
        apart: By how much the first one's label is above the second one's.
    """
    return F.binary_cross_entropy_with_logits(difference, torch.sigmoid(apart), reduction="none")
