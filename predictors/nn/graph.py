"""Message passing over batches of small dense graphs, all repeats at once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.encode import path_statistics
from data.graphs import Graphs
from predictors.nn.layers import Dropout, Generators, LayerNorm, Linear

Inputs = dict[str, Tensor]


def graph_inputs(graphs: Graphs) -> Inputs:
    """Return tensors of n graphs: node features (n, v, f), edges (n, v, v), nodes (n, v) 1 if used.

    Node features are the operation, one-hot; in a space of several stages the stage, one-hot; and the
    space's own features. v is the space's node limit, so that every batch of a space has the same shape.
    """
    n, used = graphs.ops.shape
    v, space = graphs.space.max_nodes, graphs.space
    parts = [graphs.ops[:, :, None] == np.arange(len(space.ops))]
    if len(space.stages) > 1:
        parts.append(
            (graphs.stage[:, :, None] == np.arange(len(space.stages))) & (graphs.ops >= 0)[:, :, None]
        )
    parts.append(graphs.features)
    own = np.concatenate(parts, axis=2, dtype=np.float32, casting="unsafe")
    ops = torch.zeros(n, v, own.shape[2])
    edges, nodes = torch.zeros(n, v, v), torch.zeros(n, v)
    ops[:, :used] = torch.from_numpy(own)
    edges[:, :used, :used] = torch.from_numpy(graphs.adjacency.astype(np.float32))
    nodes[:, :used] = torch.from_numpy(graphs.ops >= 0)
    return {"ops": ops, "edges": edges, "nodes": nodes}


def feature_inputs(graphs: Graphs) -> Inputs:
    """Return the path statistics (n, features) of n graphs."""
    return {"features": torch.from_numpy(path_statistics(graphs).astype(np.float32))}


class GraphEncoder(nn.Module):
    """Graph convolutions in both directions along the edges, then a readout: graphs to embeddings.

    A layer adds to each node a function of itself, of the mean of its sources and of the mean of its
    destinations (residual, layer-normalised). The readout concatenates the output node and the
    mean of all nodes.

    Source: Wen et al., Neural Predictor, ECCV 2020 (both directions); Kipf & Welling, ICLR 2017.
    """

    def __init__(self, inputs: int, width: int, layers: int, dropout: float, rngs: Generators) -> None:
        """Build one encoder for each generator.

        Args:
            inputs: Features of a node.
            width: Features of a hidden node; the embedding has twice as many.
            layers: Rounds of message passing.
            dropout: Rate of dropout after each round.
            rngs: A random generator for each repeat.
        """
        super().__init__()
        self.embed = Linear(inputs, width, rngs)
        self.own = nn.ModuleList(Linear(width, width, rngs) for _ in range(layers))
        self.sources = nn.ModuleList(Linear(width, width, rngs, bias=False) for _ in range(layers))
        self.targets = nn.ModuleList(Linear(width, width, rngs, bias=False) for _ in range(layers))
        self.norms = nn.ModuleList(LayerNorm(width, len(rngs)) for _ in range(layers))
        self.dropout = Dropout(dropout, rngs)
        self.width = 2 * width

    def forward(self, inputs: Inputs) -> Tensor:
        """Return embeddings (r, b, 2 · width) of graphs (r or 1, b, ...)."""
        edges, nodes = inputs["edges"], inputs["nodes"]
        into = edges.transpose(-1, -2) / edges.sum(-2).unsqueeze(-1).clamp_min(1)
        out_of = edges / edges.sum(-1, keepdim=True).clamp_min(1)
        hidden = self.embed(inputs["ops"])
        for own, sources, targets, norm in zip(self.own, self.sources, self.targets, self.norms, strict=True):
            message = own(hidden) + sources(into @ hidden) + targets(out_of @ hidden)
            hidden = hidden + self.dropout(F.relu(norm(message)))
        return readout(hidden, nodes)


def readout(hidden: Tensor, nodes: Tensor) -> Tensor:
    """Return (r, b, 2 · f): the output node's features and the mean over all nodes.

    Args:
        hidden: (r, b, v, f) node features.
        nodes: (r or 1, b, v) 1 for nodes in use, which come first; the output node is the last of them.
    """
    last = (nodes.sum(-1).long() - 1)[..., None, None].expand(*hidden.shape[:2], 1, hidden.shape[-1])
    mean = (hidden * nodes.unsqueeze(-1)).sum(-2) / nodes.sum(-1, keepdim=True)
    return torch.cat([hidden.gather(2, last).squeeze(2), mean], dim=-1)


class Head(nn.Module):
    """Embedding to score: hidden layers with dropout."""

    def __init__(self, inputs: int, width: int, dropout: float, rngs: Generators, *, layers: int = 1) -> None:
        """Build one head of `layers` hidden layers for each generator."""
        super().__init__()
        sizes = [inputs, *[width] * layers]
        self.hidden = nn.ModuleList(Linear(a, b, rngs) for a, b in pairwise(sizes))
        self.score = Linear(sizes[-1], 1, rngs)
        self.dropout = Dropout(dropout, rngs)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (r, b) of embeddings (r, b, inputs)."""
        for layer in self.hidden:
            x = self.dropout(F.relu(layer(x)))
        return self.score(x).squeeze(-1)
