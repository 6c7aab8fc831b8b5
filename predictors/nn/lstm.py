"""A long short-term memory with a leading repeat axis."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from predictors.nn.layers import Generators, Linear


class Lstm(nn.Module):
    """One layer of LSTM cells along the second-last axis: (r, b, t, inputs) to (r, b, t, width).

    Source: Hochreiter & Schmidhuber, Neural Computation 1997, with a forget gate (Gers et al. 2000).
    """

    def __init__(self, inputs: int, width: int, rngs: Generators) -> None:
        """Build one layer for each generator."""
        super().__init__()
        self.into = Linear(inputs, 4 * width, rngs)
        self.again = Linear(width, 4 * width, rngs, bias=False)

    def forward(self, x: Tensor, state: Tensor | None = None, *, reverse: bool = False) -> Tensor:
        """Return the hidden states at every place.

        Args:
            x: (r, b, t, inputs).
            state: (r, b, width) both states before the first place; None for 0.
            reverse: Whether to read from the last place to the first.
        """
        gates = self.into(x).unbind(-2)
        width = gates[0].shape[-1] // 4
        hidden = gates[0].new_zeros(*gates[0].shape[:-1], width) if state is None else state
        cell = hidden
        outputs = []
        for place in reversed(gates) if reverse else gates:
            take, forget, new, give = (place + self.again(hidden)).chunk(4, dim=-1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(take) * torch.tanh(new)
            hidden = torch.sigmoid(give) * torch.tanh(cell)
            outputs.append(hidden)
        return torch.stack(outputs[::-1] if reverse else outputs, dim=-2)
