"""NAR-Former: tokens of sines, a transformer that fuses them in stages, two views of each network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from data.graphs import Graphs
from predictors.nn.consistency import AveragedRanker
from predictors.nn.graph import Inputs, graph_inputs
from predictors.nn.layers import Generators, LayerNorm, Linear, per_repeat
from predictors.nn.transformer import Attention, FeedForward, PreNormLayer, normal_per_repeat

END, START = 1e5, -1.0  # the published numbers of the last token and of the source of the input


class NarFormer(AveragedRanker):
    """A token for each node, for the number of nodes and for the end; stages of 4, 2 and 1 learned queries.

    A node's token joins sines and cosines of its operation's number, of its position, and the sum of those of
    its sources' positions. Stages and numbers of a node, where a space has them, are added by a linear map.
    The second view of a network is the network with two neighbouring unconnected nodes swapped at random;
    the published code swaps the last two before the output.

    Labels have a deviation of 0.1 around 0.5, so that they fit the output's sigmoid.

    Source: Yi et al., NAR-Former, CVPR 2023 (arXiv 2211.08024), and its published code. Published settings:
    `frequencies=32,layers=6,batch=128,epochs=4000,max_steps=1000000,lr=0.0001`; they take hours of one core,
    so the default is a smaller network and fewer steps. Published checkpoints are chosen on 200 further
    labels; nothing is chosen here.
    """

    canonical: ClassVar[bool] = False

    costly: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"frequencies": 4, "layers": 1, "max_steps": 4}

    def __init__(
        self,
        *,
        frequencies: int = 16,
        layers: int = 3,
        heads: int = 6,
        dropout: float = 0.1,
        batch: int = 32,
        epochs: int = 4000,
        max_steps: int = 800,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        decay: float = 0.99,
        difference: float = 0.1,
        consistency: float = 0.5,
    ) -> None:
        """Store the hyper-parameters; the others are described in AveragedRanker and TorchRanker.

        Hyper-parameters:
            frequencies: Frequencies of each of the three parts of a token; it has six times as many features.
            layers: Layers of the first stage.
            heads: Attention heads; they divide the features of a token.
            difference: Weight of the loss of differences.
            consistency: Weight of the loss between the two views.
        """
        self.frequencies = frequencies
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
        own = inputs["ops"][..., : len(graphs.space.ops)]
        more = inputs["ops"][..., len(graphs.space.ops) :]
        return {"ops": own, "more": more, "edges": inputs["edges"].clamp_max(1), "nodes": inputs["nodes"]}

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Network(inputs, self, rngs)

    def _view(self) -> Callable[[Inputs, Generators], Inputs]:
        return swapped


def sines(values: Tensor, frequencies: int) -> Tensor:
    """Return (k, 2 · frequencies): sin and cos of π · value · frequency, frequencies from 1 to 2^(n − 1)."""
    angles = (values * math.pi)[:, None] * torch.linspace(1.0, 2.0 ** (frequencies - 1), frequencies)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def swapped(inputs: Inputs, rngs: Generators) -> Inputs:
    """Return the networks (r, b, ...) with two neighbouring unconnected inner nodes swapped, drawn at random.

    The result is the same network in another topological order; one without such nodes stays as it is.
    """
    edges, nodes = inputs["edges"], inputs["nodes"]
    r, b, v = nodes.shape
    place = torch.arange(v - 1)
    inner = (place >= 1) & (place + 1 < nodes.sum(-1, keepdim=True) - 1)
    free = inner & (edges.diagonal(1, -2, -1) == 0)
    drawn = (per_repeat((b, v - 1), rngs) * free).argmax(-1)
    where = torch.where(free.any(-1), drawn, -1)[..., None]
    order = torch.arange(v).expand(r, b, v)
    order = order + (order == where).long() - ((order == where + 1) & (where >= 0)).long()
    rows = {name: _reordered(x, order) for name, x in inputs.items() if name != "edges"}
    return {**rows, "edges": _reordered(_reordered(edges, order).transpose(-1, -2), order).transpose(-1, -2)}


def _reordered(x: Tensor, order: Tensor) -> Tensor:
    """Return x (r, b, v, ...) with its third axis in the given order (r, b, v)."""
    index = order if x.dim() == 3 else order.unsqueeze(-1).expand(x.shape)
    return x.gather(2, index)


class _Fusion(nn.Module):
    """Queries that read a memory: attention, then a residual feed-forward layer."""

    def __init__(self, width: int, params: NarFormer, rngs: Generators, *, learned: int = 0) -> None:
        super().__init__()
        self.attention = Attention(width, params.heads, params.dropout, rngs, project_queries=not learned)
        self.feed_forward = FeedForward(width, 4 * width, params.dropout, rngs)
        self.queries = nn.Parameter(normal_per_repeat((1, learned, width), rngs)) if learned else None
        self.norms = nn.ModuleList(LayerNorm(width, len(rngs)) for _ in range(3))

    def forward(self, memory: Tensor, mask: Tensor | None, queries: Tensor | None = None) -> Tensor:
        if self.queries is not None:
            asked = self.queries.expand(-1, memory.shape[1], -1, -1)
        else:
            asked = self.norms[2](queries)
        x = self.attention(asked, self.norms[0](memory), mask)
        return x + self.feed_forward(self.norms[1](x))


class _Network(nn.Module):
    positions: Tensor
    operations: Tensor
    sizes: Tensor
    end: Tensor
    start: Tensor

    def __init__(self, inputs: Inputs, params: NarFormer, rngs: Generators) -> None:
        super().__init__()
        v, count = inputs["ops"].shape[-2:]
        f, width = params.frequencies, 6 * params.frequencies
        self.register_buffer("operations", sines(torch.arange(float(count)), f))
        self.register_buffer("positions", sines(torch.arange(float(v)), f))
        self.register_buffer("start", sines(torch.tensor([START]), f))
        self.register_buffer("end", sines(torch.tensor([END]), f).repeat(1, 3))
        self.register_buffer("sizes", sines(torch.arange(float(v + 1)), 3 * f))
        more = inputs["more"].shape[-1]
        self.more = Linear(more, width, rngs) if more else None
        self.size = Linear(width, width, rngs)
        self.layers = nn.ModuleList(
            PreNormLayer(width, params.heads, 4 * width, params.dropout, rngs) for _ in range(params.layers)
        )
        self.stages = nn.ModuleList(_Fusion(width, params, rngs, learned=n) for n in (4, 2, 1))
        self.joins = nn.ModuleList(_Fusion(width, params, rngs) for _ in range(2))
        self.norm = LayerNorm(width, len(rngs))
        self.head = Linear(width, 1, rngs)

    def forward(self, inputs: Inputs) -> Tensor:
        x, mask = self._tokens(inputs)
        for layer in self.layers:
            x = layer(x, mask)
        fused = self.stages[0](x, mask)
        for join, stage in zip(self.joins, list(self.stages)[1:], strict=True):
            fused = stage(join(x, mask, fused), None)
        return self.head(self.norm(fused)[:, :, -1]).squeeze(-1).sigmoid() - 0.5

    def _tokens(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return tokens (r, b, v + 2, width) and which of them exist, bool (r or 1, b, 1, 1, v + 2)."""
        nodes = inputs["nodes"]
        sources = inputs["edges"].transpose(-1, -2) @ self.positions
        sources = torch.cat([self.start.expand(*sources.shape[:2], 1, -1), sources[:, :, 1:]], dim=2)
        positions = self.positions.expand(*nodes.shape[:2], -1, -1)
        x = torch.cat([inputs["ops"] @ self.operations, positions, sources], dim=-1)
        if self.more is not None:
            x = x + self.more(inputs["more"])
        size = self.size(self.sizes[nodes.sum(-1).long()].unsqueeze(2)).relu()
        r = len(size)
        end = self.end.expand(r, x.shape[1], 1, -1)
        x = torch.cat([size, end, x.expand(r, -1, -1, -1)], dim=2)
        used = torch.cat([nodes.new_ones(*nodes.shape[:2], 2), nodes], dim=-1)
        return x, used[:, :, None, None, :] > 0
