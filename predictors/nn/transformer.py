"""Transformer layers with a leading repeat axis: embeddings, attention, feed-forward, encoder layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from predictors.nn.layers import Dropout, Generators, LayerNorm, Linear, normal_per_repeat


class Embedding(nn.Module):
    """Sum of learned vectors, weighted by the inputs: (r or 1, ..., inputs) → (r, ..., width).

    One-hot inputs select a vector each. Vectors are initialised from a normal distribution, as an embedding
    table is.
    """

    def __init__(self, inputs: int, width: int, rngs: Generators, *, std: float = 1.0) -> None:
        """Draw the vectors with standard deviation `std`."""
        super().__init__()
        self.weight = nn.Parameter(normal_per_repeat((inputs, width), rngs, std=std))

    def forward(self, x: Tensor) -> Tensor:
        """Map x; one map per repeat."""
        repeats = len(self.weight)
        flat = x.reshape(len(x), -1, x.shape[-1]).expand(repeats, -1, -1)
        return torch.bmm(flat, self.weight).view(repeats, *x.shape[1:-1], -1)


def key_mask(nodes: Tensor) -> Tensor:
    """Return which keys may be attended to, bool (r or 1, b, 1, 1, v), given nodes in use (r or 1, b, v)."""
    return nodes[:, :, None, None, :] > 0


class Attention(nn.Module):
    """Multi-head attention with dropout on the attention weights.

    Source: Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        dropout: float,
        rngs: Generators,
        *,
        head_width: int | None = None,
        bias: bool = True,
        project_queries: bool = True,
        output: bool = True,
    ) -> None:
        """Build one layer for each generator.

        Args:
            width: Features of a token.
            heads: Attention heads.
            dropout: Rate of dropout on the attention weights.
            rngs: A random generator for each repeat.
            head_width: Features of a head; width / heads by default.
            bias: Whether the linear maps have biases.
            project_queries: Whether queries go through a linear map; learned queries need none.
            output: Whether the heads go through a linear map to `width`.
        """
        super().__init__()
        self.heads, self.head_width = heads, head_width or width // heads
        inner = self.heads * self.head_width
        self.queries = Linear(width, inner, rngs, bias=bias) if project_queries else None
        self.keys_values = Linear(width, 2 * inner, rngs, bias=bias)
        self.output = Linear(inner, width, rngs, bias=bias) if output else None
        self.dropout = Dropout(dropout, rngs)

    def forward(self, queries: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (r, b, q, width), or (r, b, q, heads · head_width) without an output map.

        Args:
            queries: (r or 1, b, q, width).
            memory: (r or 1, b, k, width), keys and values.
            mask: Whether a query may attend to a key, bool, broadcastable to (r, b, heads, q, k); each query
                attends to one key at least.
        """
        q = self._split(queries if self.queries is None else self.queries(queries))
        k, v = map(self._split, self.keys_values(memory).chunk(2, dim=-1))
        scores = (q / math.sqrt(self.head_width)) @ k.transpose(-1, -2)
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        mixed = (self.dropout(scores.softmax(-1)) @ v).transpose(2, 3).flatten(-2)
        return mixed if self.output is None else self.output(mixed)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, self.head_width)).transpose(2, 3)


class FeedForward(nn.Module):
    """Linear map to `inner` features, ReLU, dropout, linear map back: (r, b, n, width) → the same shape."""

    def __init__(
        self, width: int, inner: int, dropout: float, rngs: Generators, *, bias: bool = True
    ) -> None:
        """Build one layer for each generator; dropout is between the maps."""
        super().__init__()
        self.widen, self.narrow = Linear(width, inner, rngs, bias=bias), Linear(inner, width, rngs, bias=bias)
        self.dropout = Dropout(dropout, rngs)

    def forward(self, x: Tensor) -> Tensor:
        """Map every token."""
        return self.narrow(self.dropout(F.relu(self.widen(x))))


class PreNormLayer(nn.Module):
    """Self-attention, then feed-forward; each normalises its inputs and is added to them."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float, rngs: Generators) -> None:
        """Build one layer for each generator."""
        super().__init__()
        self.attention = Attention(width, heads, dropout, rngs)
        self.feed_forward = FeedForward(width, inner, dropout, rngs)
        self.norms = nn.ModuleList(LayerNorm(width, len(rngs)) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the tokens (r, b, n, width) after the layer; `mask` as in Attention."""
        normalised = self.norms[0](x)
        x = x + self.attention(normalised, normalised, mask)
        return x + self.feed_forward(self.norms[1](x))
