"""Graph encoders by name: inputs (r or 1, b, ...) to embeddings (r, b, width)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.names import check_name
from predictors.nn.graph import GraphEncoder, Inputs, readout
from predictors.nn.layers import Dropout, Generators, LayerNorm, Linear


class GinEncoder(nn.Module):
    """Graph isomorphism network: sums over sources and over destinations, then a two-layer perceptron.

    Source: Xu et al., How Powerful are Graph Neural Networks?, ICLR 2019.
    """

    def __init__(self, inputs: int, width: int, layers: int, dropout: float, rngs: Generators) -> None:
        """Build one encoder for each generator; see GraphEncoder."""
        super().__init__()
        self.embed = Linear(inputs, width, rngs)
        self.first = nn.ModuleList(Linear(3 * width, width, rngs) for _ in range(layers))
        self.second = nn.ModuleList(Linear(width, width, rngs) for _ in range(layers))
        self.norms = nn.ModuleList(LayerNorm(width, len(rngs)) for _ in range(layers))
        self.dropout = Dropout(dropout, rngs)
        self.width = 2 * width

    def forward(self, inputs: Inputs) -> Tensor:
        """Return embeddings (r, b, 2 · width)."""
        edges = inputs["edges"]
        hidden = self.embed(inputs["ops"])
        for first, second, norm in zip(self.first, self.second, self.norms, strict=True):
            sums = torch.cat([hidden, edges.transpose(-1, -2) @ hidden, edges @ hidden], dim=-1)
            hidden = hidden + self.dropout(F.relu(norm(second(F.relu(first(sums))))))
        return readout(hidden, inputs["nodes"])


class GatEncoder(nn.Module):
    """Graph attention: each node attends to itself and to its neighbours in either direction.

    Source: Veličković et al., Graph Attention Networks, ICLR 2018.
    """

    heads = 4

    def __init__(self, inputs: int, width: int, layers: int, dropout: float, rngs: Generators) -> None:
        """Build one encoder for each generator; `width` is a multiple of the four attention heads."""
        super().__init__()
        self.embed = Linear(inputs, width, rngs)
        self.values = nn.ModuleList(Linear(width, width, rngs) for _ in range(layers))
        self.goes = nn.ModuleList(Linear(width, 2 * self.heads, rngs) for _ in range(layers))
        self.comes = nn.ModuleList(Linear(width, 2 * self.heads, rngs, bias=False) for _ in range(layers))
        self.norms = nn.ModuleList(LayerNorm(width, len(rngs)) for _ in range(layers))
        self.dropout = Dropout(dropout, rngs)
        self.width = 2 * width

    def forward(self, inputs: Inputs) -> Tensor:
        """Return embeddings (r, b, 2 · width)."""
        edges = inputs["edges"]
        itself = torch.eye(edges.shape[-1]).expand_as(edges)
        directions = torch.stack([edges.transpose(-1, -2) + itself, edges + itself], dim=2) > 0
        hidden = self.embed(inputs["ops"])
        for values, goes, comes, norm in zip(self.values, self.goes, self.comes, self.norms, strict=True):
            logits = goes(hidden).unsqueeze(-2) + comes(hidden).unsqueeze(-3)
            logits = F.leaky_relu(logits, 0.2).unflatten(-1, (2, self.heads)).movedim(-2, 2)
            weights = logits.masked_fill(~directions.unsqueeze(-1), -1e9).softmax(-2).mean(2)
            by_head = values(hidden).unflatten(-1, (self.heads, -1))
            attended = torch.einsum("rbijh,rbjhf->rbihf", weights, by_head).flatten(-2)
            hidden = hidden + self.dropout(F.relu(norm(attended)))
        return readout(hidden, inputs["nodes"])


class MlpEncoder(nn.Module):
    """Fully connected layers over the flattened graph, its nodes in canonical order."""

    def __init__(self, inputs: int, width: int, layers: int, dropout: float, rngs: Generators) -> None:
        """Build one encoder for each generator; `inputs` counts the entries of a flattened graph."""
        super().__init__()
        sizes = [inputs, *[2 * width] * layers]
        self.layers = nn.ModuleList(Linear(a, b, rngs) for a, b in pairwise(sizes))
        self.dropout = Dropout(dropout, rngs)
        self.width = 2 * width

    def forward(self, inputs: Inputs) -> Tensor:
        """Return embeddings (r, b, 2 · width)."""
        x = torch.cat([inputs["ops"].flatten(2), inputs["edges"].flatten(2)], dim=-1)
        for layer in self.layers:
            x = self.dropout(F.relu(layer(x)))
        return x


ENCODERS: dict[str, type[nn.Module]] = {
    "gcn": GraphEncoder,
    "gat": GatEncoder,
    "gin": GinEncoder,
    "mlp": MlpEncoder,
}


def make_encoder(
    name: str, inputs: Inputs, width: int, layers: int, dropout: float, rngs: Generators
) -> nn.Module:
    """Return an untrained encoder for each generator.

    Args:
        name: A name of ENCODERS.
        inputs: Inputs (r or 1, n, ...) of `graph_inputs`, for sizes.
        width: Hidden features of a node; the embedding has twice as many.
        layers: Rounds of message passing, or layers.
        dropout: Rate of dropout after each.
        rngs: A random generator for each repeat.
    """
    kind = ENCODERS[check_name("encoder", name, ENCODERS)]
    nodes, ops = inputs["ops"].shape[-2:]
    return kind(nodes * (ops + nodes) if kind is MlpEncoder else ops, width, layers, dropout, rngs)
