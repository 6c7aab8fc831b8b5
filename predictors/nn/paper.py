"""Building blocks of the published graph predictors: graph convolution, sort pooling, training schedule."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from data.graphs import Graphs
from predictors.nn.graph import Inputs, graph_inputs
from predictors.nn.layers import Dropout, Generators, Linear, per_repeat
from predictors.nn.lean import Adam, AdamW
from predictors.nn.losses import GRADED, parse_loss, relevance
from predictors.nn.ranker import TorchRanker
from predictors.nn.sorting import differences, discounts, ideal_dcg, safe
from predictors.nn.training import Objective, epoch_cosine


def symmetric_inputs(graphs: Graphs) -> Inputs:
    """Return tensors of n graphs: operations (n, v, ops), used nodes (n, v), flow (n, v, v) of GraphConv.

    Entry (j, i) of `flow` is what the edge i → j carries: 1 / √(edges out of i · edges into j), counted with
    a loop at each node. Source: Kipf & Welling, ICLR 2017, for directed graphs as in DGL's GraphConv.
    """
    inputs = graph_inputs(graphs)
    looped = inputs.pop("edges") + torch.diag_embed(inputs["nodes"])
    degrees = looped.sum(-1, keepdim=True) * looped.sum(-2, keepdim=True)
    return {**inputs, "flow": (looped / degrees.clamp_min(1).sqrt()).transpose(-1, -2)}


class Glorot(nn.Module):
    """Linear map of the last axis without bias: (r or 1, ..., inputs) to (r, ..., outputs).

    Source of the initial weights: Glorot & Bengio, AISTATS 2010.
    """

    def __init__(self, inputs: int, outputs: int, rngs: Generators) -> None:
        """Draw weights uniformly within ±√(6 / (inputs + outputs))."""
        super().__init__()
        bound = math.sqrt(6 / (inputs + outputs))
        self.weight = nn.Parameter(per_repeat((inputs, outputs), rngs, bound=bound))

    def forward(self, x: Tensor) -> Tensor:
        """Map x; one map a repeat."""
        repeats = len(self.weight)
        flat = x.reshape(len(x), -1, x.shape[-1]).expand(repeats, -1, -1)
        return torch.bmm(flat, self.weight).view(repeats, *x.shape[1:-1], -1)


class GraphConv(nn.Module):
    """Graph convolution along the edges: ReLU(flow · x · weight + bias), the bias initialised to 0."""

    def __init__(self, inputs: int, outputs: int, rngs: Generators) -> None:
        """Build one layer for each generator."""
        super().__init__()
        self.linear = Glorot(inputs, outputs, rngs)
        self.bias = nn.Parameter(torch.zeros(len(rngs), 1, 1, outputs))

    def forward(self, flow: Tensor, x: Tensor) -> Tensor:
        """Return (r, b, v, outputs) of flow (r or 1, b, v, v) and nodes x (r or 1, b, v, inputs)."""
        return F.relu(flow @ self.linear(x) + self.bias)


class GraphConvs(nn.Module):
    """Layers of GraphConv, with dropout after each: inputs to node features (r, b, v, width)."""

    def __init__(self, inputs: int, width: int, layers: int, dropout: float, rngs: Generators) -> None:
        """Build one stack for each generator."""
        super().__init__()
        sizes = [inputs, *[width] * layers]
        self.layers = nn.ModuleList(GraphConv(a, b, rngs) for a, b in pairwise(sizes))
        self.dropout = Dropout(dropout, rngs)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return the last layer's features of every node, used or not."""
        hidden = inputs["ops"]
        for layer in self.layers:
            hidden = self.dropout(layer(inputs["flow"], hidden))
        return hidden


def mean_pool(hidden: Tensor, nodes: Tensor) -> Tensor:
    """Return the mean (r, b, f) of the features (r, b, v, f) of the nodes in use (r or 1, b, v)."""
    return (hidden * nodes.unsqueeze(-1)).sum(-2) / nodes.sum(-1, keepdim=True)


def sort_pool(hidden: Tensor, nodes: Tensor, top: int) -> Tensor:
    """Return (r, b, top, f): features in ascending order, nodes by their largest feature, descending.

    Args:
        hidden: (r, b, v, f) node features.
        nodes: (r or 1, b, v) 1 for nodes in use.
        top: Nodes to keep; smaller graphs are padded with zeros.

    Source: Zhang et al., An End-to-End Deep Learning Architecture for Graph Classification, AAAI 2018, in
    the form of DGL's SortPooling.
    """
    ascending = hidden.sort(-1).values * nodes.unsqueeze(-1)
    largest = ascending[..., -1].masked_fill(nodes == 0, -torch.inf)
    order = largest.argsort(dim=-1, descending=True, stable=True)[..., :top]
    kept = ascending.gather(-2, order.unsqueeze(-1).expand(*order.shape, hidden.shape[-1]))
    return F.pad(kept, (0, 0, 0, top - kept.shape[-2]))


class SortPooledGcn(nn.Module):
    """AceNAS's encoder: graph convolutions, sort pooling, a 1-d convolution over the nodes; then linear.

    The first convolution has a window of one node: a linear map of the node into width / 2 channels. After
    ReLU and max-pooling by two, the second one's window covers all five remaining places, so that it is a
    linear map too; then ReLU and a linear map to the embedding.
    Source: AceNAS (arXiv 2108.03001), section 4 and published code; Zhang et al., AAAI 2018.
    """

    top = 10

    def __init__(self, inputs: int, width: int, layers: int, embedding: int, rngs: Generators) -> None:
        """Build one encoder for each generator; `width` is of a node, `embedding` of a graph."""
        super().__init__()
        self.convolutions = GraphConvs(inputs, width, layers, 0.0, rngs)
        self.by_node = Linear(width, width // 2, rngs)
        self.together = Linear(self.top // 2 * (width // 2), width, rngs)
        self.embed = Linear(width, embedding, rngs)
        self.width = embedding

    def forward(self, inputs: Inputs) -> Tensor:
        """Return embeddings (r, b, embedding) of graphs (r or 1, b, ...) as `symmetric_inputs` gives them."""
        pooled = sort_pool(self.convolutions(inputs), inputs["nodes"], self.top)
        channels = F.relu(self.by_node(pooled)).unflatten(-2, (-1, 2)).amax(-2)
        return self.embed(F.relu(self.together(channels.flatten(-2))))


class Lists:
    """The objective of a scorer: a ranking loss of minibatches, with the relevance of the whole training set.

    An epoch's quality is the NDCG of the scores seen while training on its batches, or Kendall's tau where
    the loss does not use relevance. Source: AceNAS's published code.
    """

    def __init__(self, net: nn.Module, inputs: Inputs, y: Tensor, loss: str) -> None:
        """Take a network, its training inputs (r, n, ...), labels (r, n), and a loss of nn.losses."""
        self.net, self.inputs, self.y = net, inputs, y
        self.grades = relevance(y)
        self.criterion = parse_loss(loss)
        self.by_ndcg = any(term.rpartition("*")[2] in GRADED for term in loss.split("+"))
        self.size = y.shape[1]
        self.repeat = torch.arange(len(y))[:, None]
        self.seen: list[tuple[Tensor, Tensor]] = []

    def loss(self, rows: Tensor) -> Tensor:
        """Return the loss (r,) of the lists of items `rows` (r, b)."""
        scores = self.net({name: x[self.repeat, rows] for name, x in self.inputs.items()})
        self.seen.append((rows, scores.detach()))
        return self.criterion(scores, self.y.gather(1, rows), grades=self.grades.gather(1, rows))

    def quality(self) -> Tensor:
        """Return the NDCG or tau (r,) of the scores seen since the last call."""
        rows, scores = (torch.cat(parts, dim=1) for parts in zip(*self.seen, strict=True))
        self.seen.clear()
        if self.by_ndcg:
            return ndcg(scores, self.grades.gather(1, rows))
        agree = differences(scores).sign() * differences(self.y.gather(1, rows)).sign()
        return agree.mean((-1, -2))


def ndcg(scores: Tensor, grades: Tensor) -> Tensor:
    """Return NDCG (lists,) of scores and grades (lists, items) with the gain 2^grade − 1; 0 if all are 0."""
    gain = torch.exp2(grades) - 1
    ordered = gain.gather(-1, scores.argsort(dim=-1, descending=True, stable=True))
    return ordered @ discounts(gain.shape[-1], gain) / safe(ideal_dcg(gain))


class PaperRanker(TorchRanker):
    """A TorchRanker trained as the papers do: whole epochs, half a cosine from `lr` to 0, early stopping.

    Attributes:
        patience: Epochs without improvement after which a repeat stops and returns to its best state.
            0 trains to the end and keeps the last state.
        decoupled: Whether weight decay is AdamW's; otherwise it is Adam's, a term of the gradient.
    """

    max_steps = 10**9
    decoupled: ClassVar[bool] = False

    def _objective(self, net: nn.Module, inputs: Inputs, y: Tensor) -> Objective:
        """Return what a network learns from training inputs (r, n, ...) and labels (r, n)."""
        return Lists(net, inputs, y, self.loss)

    def _optimiser(self, net: nn.Module, steps: int, epoch: int) -> tuple[Optimizer, LRScheduler]:
        adam = AdamW if self.decoupled else Adam
        optimiser = adam(net.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)
        return optimiser, LambdaLR(optimiser, lambda step: epoch_cosine(step, steps, epoch))
