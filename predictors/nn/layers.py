"""Layers with a leading repeat axis: r independent copies in one batched operation.

Copies never mix, and copy i draws its initial weights and dropout masks from generator i alone, so a
repeat does not depend on the others it is trained with (up to floating-point rounding). Generators draw on
the CPU and the numbers are moved to the device, so that a device changes nothing but rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from predictors.nn.device import move

Generators = Sequence[torch.Generator]


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return one generator for each seed."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def per_repeat(shape: Sequence[int], rngs: Generators, *, bound: float | None = None) -> Tensor:
    """Return random numbers (repeats, *shape): uniform in ±bound, or in [0, 1) without a bound."""
    drawn = torch.empty(len(rngs), *shape, device="cpu")
    for copy, rng in zip(drawn, rngs, strict=True):
        if bound is None:
            copy.uniform_(generator=rng)
        else:
            copy.uniform_(-bound, bound, generator=rng)
    return move(drawn)


def normal_per_repeat(shape: Sequence[int], rngs: Generators, *, std: float = 1.0) -> Tensor:
    """Return normal random numbers (repeats, *shape) with mean 0."""
    drawn = torch.empty(len(rngs), *shape, device="cpu")
    for copy, rng in zip(drawn, rngs, strict=True):
        copy.normal_(0.0, std, generator=rng)
    return move(drawn)


class Linear(nn.Module):
    """Affine map of the last axis: (r, ..., inputs) → (r, ..., outputs), one map a repeat."""

    def __init__(self, inputs: int, outputs: int, rngs: Generators, *, bias: bool = True) -> None:
        """Draw weights uniformly within ±1/√inputs (LeCun et al. 1998)."""
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(per_repeat((inputs, outputs), rngs, bound=bound))
        self.bias = nn.Parameter(per_repeat((1, outputs), rngs, bound=bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (r or 1, ..., inputs)."""
        repeats, inputs, outputs = self.weight.shape
        flat = x.reshape(x.shape[0], -1, inputs).expand(repeats, -1, -1)
        y = torch.bmm(flat, self.weight)
        if self.bias is not None:
            y = y + self.bias
        return y.reshape(repeats, *x.shape[1:-1], outputs)


class LayerNorm(nn.Module):
    """Layer normalisation over the last axis with a scale and shift a repeat (Ba et al. 2016)."""

    def __init__(self, width: int, repeats: int) -> None:
        """Initialise scale to 1 and shift to 0."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(repeats, width))
        self.bias = nn.Parameter(torch.zeros(repeats, width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (r, ..., width)."""
        shape = (len(self.weight), *([1] * (x.dim() - 2)), x.shape[-1])
        return torch.addcmul(self.bias.view(shape), F.layer_norm(x, x.shape[-1:]), self.weight.view(shape))


class Standardise(nn.Module):
    """Standardise features by the training set of each repeat."""

    mean: Tensor
    scale: Tensor

    def __init__(self, features: Tensor) -> None:
        """Take mean and deviation over the items of features (r, items, f)."""
        super().__init__()
        self.register_buffer("mean", features.mean(1, keepdim=True))
        self.register_buffer("scale", features.std(1, keepdim=True, correction=0).clamp_min(1e-3))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise (r or 1, items, f)."""
        return (x - self.mean) / self.scale


class Dropout(nn.Module):
    """Dropout whose masks come from each repeat's own generator (Srivastava et al. 2014)."""

    def __init__(self, rate: float, rngs: Generators) -> None:
        """Drop with probability `rate`."""
        super().__init__()
        self.rate, self.rngs = rate, rngs

    def forward(self, x: Tensor) -> Tensor:
        """Drop entries of (r, ...) in training; the identity otherwise."""
        if not self.training or self.rate == 0:
            return x
        return _Drop.apply(x, per_repeat(x.shape[1:], self.rngs).ge_(self.rate), 1 - self.rate)  # pyright: ignore[reportReturnType]


class _Drop(torch.autograd.Function):
    """x * keep / share, in as few passes as give the same bits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, keep: Tensor, share: float) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(keep)
        ctx.share = share
        return (x * keep).div_(share)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (keep,) = ctx.saved_tensors
        return (grads[0] / ctx.share).mul_(keep), None, None
