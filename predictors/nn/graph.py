"""Message passing over batches of small dense graphs, all repeats at once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.encode import path_statistics
from data.graphs import Graphs
from predictors.nn.layers import Dropout, Generators, LayerNorm, Linear

Inputs = dict[str, Tensor]


def graph_inputs(graphs: Graphs) -> Inputs:
    """Return tensors of n graphs: operations (n, v, ops) one-hot, edges (n, v, v), nodes (n, v) 1 if used."""
    ops = np.asarray(graphs.ops)[:, :, None] == np.arange(len(graphs.space.ops))
    return {
        "ops": torch.from_numpy(ops.astype(np.float32)),
        "edges": torch.from_numpy(graphs.adjacency.astype(np.float32)),
        "nodes": torch.from_numpy((graphs.ops >= 0).astype(np.float32)),
    }


def feature_inputs(graphs: Graphs) -> Inputs:
    """Return the path statistics (n, features) of n graphs."""
    return {"features": torch.from_numpy(path_statistics(graphs).astype(np.float32))}


class GraphEncoder(nn.Module):
    """Graph convolutions in both directions along the edges, then a readout: graphs to embeddings.

    A layer adds to each node a function of itself, of the mean of its sources and of the mean of its
    destinations (residual, layer-normalised). The readout is the output node beside the mean of all nodes.
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
        last = (nodes.sum(-1).long() - 1)[..., None, None].expand(*hidden.shape[:2], 1, hidden.shape[-1])
        mean = (hidden * nodes.unsqueeze(-1)).sum(-2) / nodes.sum(-1, keepdim=True)
        return torch.cat([hidden.gather(2, last).squeeze(2), mean], dim=-1)


class Head(nn.Module):
    """Embedding to score: one hidden layer with dropout."""

    def __init__(self, inputs: int, width: int, dropout: float, rngs: Generators) -> None:
        """Build one head for each generator."""
        super().__init__()
        self.hidden, self.score = Linear(inputs, width, rngs), Linear(width, 1, rngs)
        self.dropout = Dropout(dropout, rngs)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (r, b) of embeddings (r, b, inputs)."""
        return self.score(self.dropout(F.relu(self.hidden(x)))).squeeze(-1)
