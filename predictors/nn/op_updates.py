"""What makes operations change between flows: information that flows back, and updates of embeddings."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from predictors.nn.graph import Inputs
from predictors.nn.layers import Generators, Linear


class Backwards(nn.Module):
    """Information that flows from the output back: two linear maps of what arrived there, then a flow.

    Source: Ning et al., TA-GATES, NeurIPS 2022.
    """

    def __init__(self, flow: Callable[..., Tensor], width: int, rngs: Generators) -> None:
        """Take a stack of layers for the way back, with `width` features throughout."""
        super().__init__()
        self.flow = flow
        self.first, self.second = (Linear(width, width, rngs) for _ in range(2))

    def forward(self, arrived: Tensor, inputs: Inputs, into: Tensor, ops: Tensor, masks: Inputs) -> Tensor:
        """Return what comes back to the nodes (r, b, v, width) of what `arrived` (r, b, width) at the end."""
        end = inputs["end"].unsqueeze(-1)
        back = self.second(F.relu(self.first(arrived))).unsqueeze(-2) * end
        return self.flow(back, into.transpose(-1, -2), ops, end, masks)


class OpUpdate(nn.Module):
    """Embeddings (r, b, v, embedding) moved by a function of themselves and of both flows at the operation.

    Source: Ning et al., TA-GATES, NeurIPS 2022.
    """

    def __init__(
        self, width: int, embedding: int, scale: float, rngs: Generators, *, hidden: int = 128
    ) -> None:
        """Build one update for each generator; `scale` is the share of it that counts."""
        super().__init__()
        self.scale = scale
        self.first = Linear(embedding + 2 * width, hidden, rngs)
        self.second = Linear(hidden, embedding, rngs)

    def forward(self, ops: Tensor, ahead: Tensor, back: Tensor, trained: Tensor) -> Tensor:
        """Move the embeddings of the nodes `trained` (r or 1, b, v) by the flows (r, b, v, width)."""
        seen = torch.cat([ops.detach().expand(*back.shape[:-1], -1), ahead.detach(), back], dim=-1)
        return ops + self.scale * self.second(F.relu(self.first(seen))) * trained.unsqueeze(-1)
