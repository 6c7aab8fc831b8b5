"""NN-Former: attention along edges and between siblings, feed-forward layers that pass messages both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.errors import InputError
from data.graphs import Graphs
from data.names import check_name
from predictors.nn.consistency import AveragedRanker
from predictors.nn.graph import Inputs, graph_inputs
from predictors.nn.layers import Dropout, Generators, LayerNorm, Linear
from predictors.nn.transformer import Attention, Embedding, normal_per_repeat

HEADS = 4  # forward, backward, siblings by target, siblings by source
STD = 0.02  # of the initial weights


class NnFormer(AveragedRanker):
    """A transformer whose heads and feed-forward layers know the graph; a class token is the readout.

    Tokens are the class token, the number of nodes and the nodes; zeros and nodes between which and the
    input or the output they stand are left out, identities stay. Of every four heads, one attends to a node's
    targets, one to its sources, and two to its siblings, which share a target or a source; class and size are
    linked with all in both directions, which makes siblings of all nodes, as in the published code. The
    feed-forward layer adds to its hidden units a map of the targets' features and one of the sources'.

    Labels have a deviation of 0.1, about that of accuracies as fractions, and both views of a network are
    the same, so that they differ by dropout.

    Source: Xu et al., NN-Former, CVPR 2025 (arXiv 2507.00880), and its published code. Published settings:
    `width=160,layers=12,batch=128,epochs=3000,max_steps=1000000,lr=0.0001`; they take an hour or more of one
    core at 100 labels, so the default is a smaller network and fewer steps. Published checkpoints are chosen
    on 1,024 further labels; nothing is chosen here.

    Tau on NAS-Bench-201 with 78 labels: 0.768 by default, 0.724 with `feed_forward="plain"` (2 repeats,
    valid_acc, 4,000 test rows). Published with 156 labels, averaged over seeds: 0.804.
    """

    canonical: ClassVar[bool] = False
    floor: ClassVar[float] = 0.1
    cosine: ClassVar[bool] = True

    costly: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"width": 16, "layers": 1, "max_steps": 10}

    def __init__(
        self,
        *,
        attention: str = "graph",
        feed_forward: str = "graph",
        width: int = 64,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
        batch: int = 32,
        epochs: int = 3000,
        max_steps: int = 1000,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        decay: float = 0.99,
        difference: float = 0.2,
        consistency: float = 1.0,
    ) -> None:
        """Store the hyper-parameters; the others are described in AveragedRanker and TorchRanker.

        Hyper-parameters:
            attention: "graph", or "full" for attention between all tokens.
            feed_forward: "graph", or "plain" without messages along the edges.
            width: Features of a token; four times as many are hidden in a feed-forward layer.
            layers: Encoder layers.
            heads: Attention heads, a multiple of four.
            difference: Weight of the loss of differences.
            consistency: Weight of the loss between two passes with dropout.
        """
        self.attention = attention
        self.feed_forward = feed_forward
        self.width = width
        self.layers = layers
        self.heads = heads
        self.dropout = dropout
        self.batch = batch
        self.epochs = epochs
        self.max_steps = max_steps
        self.lr = lr
        self.weight_decay = weight_decay
        self.decay = decay
        self.difference = difference
        self.consistency = consistency

    def _inputs(self, graphs: Graphs) -> Inputs:
        inputs = graph_inputs(graphs)
        alive = torch.zeros_like(inputs["nodes"])
        alive[:, : graphs.ops.shape[1]] = torch.from_numpy(get_alive(graphs))
        linked = (alive[:, :, None] * alive[:, None, :]) * inputs["edges"].clamp_max(1)
        return {"ops": inputs["ops"] * alive[:, :, None], "edges": linked, "nodes": alive}

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        check_name("attention", self.attention, ("graph", "full"))
        check_name("feed_forward", self.feed_forward, ("graph", "plain"))
        if self.heads % HEADS or self.width % self.heads or self.heads < 1:
            raise InputError(
                f"predictor '{self.name}': heads must be a multiple of {HEADS} that divides the width "
                f"{self.width}, not {self.heads}"
            )
        nodes, features = inputs["ops"].shape[-2:]
        return _Network(nodes, features, self, rngs)


def get_alive(graphs: Graphs) -> np.ndarray:
    """Return (n, v) bool, which nodes work: no zeros, on a path from the input to the output, and the two."""
    n, v = graphs.ops.shape
    zero = [graphs.space.ops.index(op) for op in graphs.space.zero]
    able = (graphs.ops >= 0) & ~np.isin(graphs.ops, zero)
    edges = (graphs.adjacency > 0) & able[:, :, None] & able[:, None, :]
    last = graphs.n_nodes - 1
    ends = (np.arange(v) == 0) | (np.arange(v) == last[:, None])
    ahead, back = np.arange(v) == np.zeros((n, 1)), np.arange(v) == last[:, None]
    for i in range(1, v):
        ahead[:, i] |= (edges[:, :, i] & ahead).any(1)
        j = v - 1 - i
        back[:, j] |= (edges[:, j, :] & back).any(1)
    return (ahead & back) | ends


class _Layer(nn.Module):
    def __init__(self, params: NnFormer, rngs: Generators) -> None:
        super().__init__()
        width = params.width
        self.attention = Attention(width, params.heads, params.dropout, rngs, bias=False)
        self.widen = Linear(width, 4 * width, rngs, bias=False)
        self.messages = Linear(width, 4 * width, rngs, bias=False) if params.feed_forward == "graph" else None
        self.narrow = Linear(4 * width, width, rngs, bias=False)
        self.norms = nn.ModuleList(LayerNorm(width, len(rngs)) for _ in range(2))
        self.dropout = Dropout(params.dropout, rngs)

    def forward(self, x: Tensor, mask: Tensor, edges: Tensor) -> Tensor:
        """Return tokens (r, b, t, width), given who attends to whom and the edges (r or 1, b, t, t)."""
        normalised = self.norms[0](x)
        x = x + self.dropout(self.attention(normalised, normalised, mask))
        normalised = self.norms[1](x)
        hidden = self.widen(normalised)
        if self.messages is not None:
            ahead, back = self.messages(normalised).chunk(2, dim=-1)
            hidden = hidden + torch.cat([edges @ ahead, edges.transpose(-1, -2) @ back], dim=-1)
        return x + self.dropout(self.narrow(self.dropout(F.relu(hidden))))


class _Network(nn.Module):
    def __init__(self, nodes: int, inputs: int, params: NnFormer, rngs: Generators) -> None:
        super().__init__()
        width = params.width
        self.full = params.attention == "full"
        self.copies = params.heads // HEADS
        self.operation = Embedding(inputs, width, rngs)
        self.size = Embedding(nodes + 1, width, rngs)
        self.token = nn.Parameter(normal_per_repeat((1, 1, width), rngs, std=STD))
        self.layers = nn.ModuleList(_Layer(params, rngs) for _ in range(params.layers))
        self.norms = nn.ModuleList(LayerNorm(width, len(rngs)) for _ in range(2))
        self.head, self.bias = Linear(width, 1, rngs, bias=False), nn.Parameter(torch.zeros(len(rngs), 1))
        for layer in self.modules():
            if isinstance(layer, Linear | Embedding):
                layer.weight.data = normal_per_repeat(layer.weight.shape[1:], rngs, std=STD)

    def forward(self, inputs: Inputs) -> Tensor:
        nodes, edges = inputs["nodes"], inputs["edges"]
        count = F.one_hot(nodes.sum(-1, keepdim=True).long(), self.size.weight.shape[1]).to(nodes.dtype)
        x = torch.cat([self.size(count), self.operation(inputs["ops"])], dim=2)
        x = self.norms[0](torch.cat([self.token.expand(len(self.token), x.shape[1], 1, -1), x], dim=2))
        used, mask = F.pad(nodes, (2, 0), value=1.0), self._mask(nodes, edges)
        edges = F.pad(edges, (2, 0, 2, 0)) * used.unsqueeze(-1)
        for layer in self.layers:
            x = layer(x, mask, edges)
        return self.head(self.norms[1](x)[:, :, 0]).squeeze(-1) + self.bias

    def _mask(self, nodes: Tensor, edges: Tensor) -> Tensor:
        """Return who attends to whom, bool (r or 1, b, heads, t, t), class and size first."""
        used = F.pad(nodes, (2, 0), value=1.0)
        if self.full:
            return (used[:, :, None, None, :] > 0).expand(-1, -1, 1, used.shape[-1], -1)
        linked = F.pad(edges, (2, 0, 2, 0))
        linked[:, :, :2], linked[:, :, :, :2] = used.unsqueeze(-2), used.unsqueeze(-1)
        other = linked.transpose(-1, -2)
        ways = torch.stack([linked, other, other @ linked, linked @ other], dim=2)
        itself = torch.eye(used.shape[-1])
        return ((ways + itself) > 0).repeat(1, 1, self.copies, 1, 1)
