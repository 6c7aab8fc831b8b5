"""The transformer of TNASP and PINAT: positions from the graph's Laplacian, post-norm layers, a regressor."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.graphs import Graphs
from predictors.nn.graph import Inputs, graph_inputs
from predictors.nn.layers import Dropout, Generators, LayerNorm, Linear, per_repeat
from predictors.nn.paper import Glorot, mean_pool
from predictors.nn.transformer import Attention, Embedding, FeedForward, key_mask

WIDTH, HEAD_WIDTH, INNER, HEAD = 80, 64, 512, 96  # features: token, attention head, feed-forward, regressor


def laplacian_inputs(graphs: Graphs) -> Inputs:
    """Return tensors of n graphs: operations (n, v, f), nodes (n, v), Laplacian and `into` (n, v, v).

    The Laplacian is D − A of the directed graph, with out-degrees, not normalised: row i is the position of
    node i. Row j of `into` marks the sources of node j and the node itself.
    """
    inputs = graph_inputs(graphs)
    edges = inputs.pop("edges").clamp_max(1)
    return {
        **inputs,
        "laplacian": torch.diag_embed(edges.sum(-1)) - edges,
        "into": edges.transpose(-1, -2) + torch.diag_embed(inputs["nodes"]),
    }


class LaplacianEmbedding(nn.Module):
    """Learned vectors of a node's operation plus a linear map of its row of the Laplacian."""

    def __init__(self, inputs: int, nodes: int, dropout: float, rngs: Generators) -> None:
        """Build one embedding for each generator, for `inputs` features of a node in graphs of `nodes`."""
        super().__init__()
        self.operation = Embedding(inputs, WIDTH, rngs)
        self.position = Linear(nodes, WIDTH, rngs)
        self.dropout = Dropout(dropout, rngs)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return (r, b, v, width) of graphs as `laplacian_inputs` gives them."""
        return self.dropout(self.operation(inputs["ops"]) + self.position(inputs["laplacian"]))


class PostNormLayer(nn.Module):
    """Attention and feed-forward, each added to its inputs and then normalised.

    Further heads, any module of (nodes, inputs), are concatenated with those of the attention.
    """

    def __init__(
        self, heads: int, dropout: float, rngs: Generators, further: nn.Module | None = None, width: int = 0
    ) -> None:
        """Build one layer for each generator; `further` returns (r, b, v, width)."""
        super().__init__()
        self.attention = Attention(
            WIDTH, heads, dropout, rngs, head_width=HEAD_WIDTH, bias=False, output=False
        )
        self.further = further
        self.output = Linear(heads * HEAD_WIDTH + width, WIDTH, rngs, bias=False)
        self.feed_forward = FeedForward(WIDTH, INNER, 0.0, rngs)
        self.norms = nn.ModuleList(LayerNorm(WIDTH, len(rngs)) for _ in range(2))
        self.dropout = Dropout(dropout, rngs)

    def forward(self, x: Tensor, inputs: Inputs) -> Tensor:
        """Return nodes (r, b, v, width) after the layer."""
        mixed = self.attention(x, x, key_mask(inputs["nodes"]))
        if self.further is not None:
            mixed = torch.cat([self.further(x, inputs), mixed], dim=-1)
        x = self.norms[0](x + self.dropout(self.output(mixed)))
        return self.norms[1](x + self.dropout(self.feed_forward(x)))


class MeanRegressor(nn.Module):
    """Mean of the nodes, then two linear maps without bias, dropout between them."""

    def __init__(self, dropout: float, rngs: Generators) -> None:
        """Build one regressor for each generator."""
        super().__init__()
        self.hidden = Linear(WIDTH, HEAD, rngs, bias=False)
        self.score = Linear(HEAD, 1, rngs, bias=False)
        self.dropout = Dropout(dropout, rngs)

    def forward(self, x: Tensor, nodes: Tensor) -> Tensor:
        """Return scores (r, b) of nodes (r, b, v, width)."""
        return self.score(self.dropout(self.hidden(mean_pool(x, nodes)))).squeeze(-1)


class SetConv(nn.Module):
    """A permutation-invariant function of a node's sources and itself, (r, b, v, inputs) to outputs.

    φ is an affine map per feature and head and a leaky ReLU; its values are summed over the sources; ρ mixes
    the heads of a feature, again with a leaky ReLU and a scale. With `join` the heads stay apart, otherwise
    they are summed. Source: PINAT (Lu et al., AAAI 2023), its published code.
    """

    def __init__(self, inputs: int, outputs: int, heads: int, rngs: Generators, *, join: bool = True) -> None:
        """Build one layer for each generator; with `join` there are outputs · heads output features."""
        super().__init__()

        def glorot(shape: tuple[int, ...]) -> nn.Parameter:
            return nn.Parameter(per_repeat(shape, rngs, bound=(6 / (shape[-1] + shape[-2])) ** 0.5))

        self.sizes, self.join = (outputs, heads), join
        self.linear = Glorot(inputs, outputs * heads, rngs)
        self.scale, self.shift = glorot((outputs, 1, 1)), nn.Parameter(torch.zeros(len(rngs), outputs, 1, 1))
        self.mix = glorot((outputs, heads, 1, heads))
        self.bias = nn.Parameter(torch.zeros(len(rngs), outputs, heads))
        self.factor = glorot((1, outputs, heads))

    def forward(self, x: Tensor, into: Tensor) -> Tensor:
        """Map nodes x (r or 1, b, v, inputs), `into` (r or 1, b, v, v) as in `laplacian_inputs`."""
        values = self.linear(x).unflatten(-1, self.sizes)
        values = F.leaky_relu(
            values * self.scale[:, None, None, :, :, 0] + self.shift[:, None, None, :, :, 0], 0.2
        )
        summed = (into @ values.flatten(-2)).unflatten(-1, self.sizes)
        mixed = torch.einsum("rbvot,rots->rbvos", summed, self.mix.squeeze(-2))
        out = F.leaky_relu(mixed + self.bias[:, None, None], 0.2) * self.factor[:, None]
        return out.flatten(-2) if self.join else out.sum(-1)


class SetConvs(nn.Module):
    """Three SetConvs, each with a linear map beside it and ELUs between: nodes to (r, b, v, outputs)."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        outputs: int,
        heads: int,
        rngs: Generators,
        *,
        last_heads: int | None = None,
    ) -> None:
        """Build one stack for each generator."""
        super().__init__()
        wide = hidden * heads
        self.convs = nn.ModuleList(
            [
                SetConv(inputs, hidden, heads, rngs),
                SetConv(wide, hidden, heads, rngs),
                SetConv(wide, outputs, last_heads or heads, rngs, join=False),
            ]
        )
        self.skips = nn.ModuleList(
            [Linear(inputs, wide, rngs), Linear(wide, wide, rngs), Linear(wide, outputs, rngs)]
        )

    def forward(self, x: Tensor, into: Tensor) -> Tensor:
        """Map nodes x (r or 1, b, v, inputs), `into` (r or 1, b, v, v) as in `laplacian_inputs`."""
        for i, (conv, skip) in enumerate(zip(self.convs, self.skips, strict=True)):
            x = conv(x, into) + skip(x)
            x = F.elu(x) if i < 2 else x
        return x
