"""Linear operations that judge quickly: a batch norm folded in, small maps as one matrix product.

A 3 × 3 convolution of a 2 × 2 map sees every position from every other: it is a full matrix, and a product
with that takes a tenth of the time of a convolution kernel, which is slow for so few positions. Images are
rows (n, h · w · c) here: channels last, flattened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from predictors.supernet.evaluate import autocast

LARGEST = {torch.bfloat16: 512, torch.float32: 256}
"""Largest output (channels · positions) for which a matrix product is quicker, by precision; measured."""

Statistics = tuple[Tensor, Tensor]
"""Mean and unbiased variance, (channels,) each."""


@dataclass(frozen=True)
class Shape:
    """Shape of an image in a network.

    Attributes:
        channels: Channels.
        side: Height and width.
    """

    channels: int
    side: int

    @property
    def positions(self) -> int:
        """Positions of a channel."""
        return self.side**2


def flat(x: Tensor) -> Tensor:
    """Return images (n, c, h, w) as rows (n, h · w · c), without copying if channels are last."""
    return x.permute(0, 2, 3, 1).reshape(len(x), -1)


def images(x: Tensor, shape: Shape) -> Tensor:
    """Return rows (n, h · w · c) as images (n, c, h, w), channels last, without copying."""
    return x.view(len(x), shape.side, shape.side, shape.channels).permute(0, 3, 1, 2)


class Linear:
    """A linear operation on rows, and the batch norm that follows it.

    Attributes:
        shape: Shape of an input.
        out: Shape of an output.
        norm: The batch norm; None if there is none.
    """

    def __init__(
        self,
        operation: nn.Conv2d | Callable[[Tensor], Tensor],
        norm: nn.BatchNorm2d | None,
        shape: Shape,
        out: Shape,
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """Prepare an operation.

        Args:
            operation: Maps images of `shape` to images of `out`, linearly; a convolution without bias if a
                norm follows.
            norm: The norm.
            shape: Shape of an input.
            out: Shape of an output.
            dtype: Precision of rows and products.
            device: Where they are.
        """
        self.operation, self.norm, self.shape, self.out, self.dtype = operation, norm, shape, out, dtype
        self.full: Tensor | None = None
        if device.type == "cpu" and out.channels * out.positions <= LARGEST.get(dtype, 0):
            basis = images(torch.eye(shape.channels * shape.positions, device=device), shape)
            self.full = flat(operation(basis)).contiguous()
            self.rounded = self.full.to(dtype)

    def convolve(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Map images by the operation itself, with another weight and a bias if they are given."""
        conv = self.operation
        if not isinstance(conv, nn.Conv2d):
            with autocast(x, self.dtype != torch.float32):
                return conv(x).to(self.dtype)
        weight = conv.weight.to(self.dtype) if weight is None else weight
        weight = weight.contiguous(memory_format=torch.channels_last)
        return F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)

    def normalise(self, rows: Tensor) -> tuple[Tensor, Statistics | None]:
        """Return the output of rows, normalised by their own statistics, and these."""
        y = flat(self.convolve(images(rows, self.shape))) if self.full is None else rows @ self.rounded
        if self.norm is None:
            return y, None
        norm, count = self.norm, len(rows) * self.out.positions
        shown, mean, inverse = torch.native_batch_norm(
            images(y, self.out), norm.weight, norm.bias, None, None, True, 0.0, norm.eps
        )
        return flat(shown), (mean, (inverse**-2 - norm.eps) * (count / (count - 1)))

    def fold(self, statistics: Statistics | None) -> Folded:
        """Return the operation with a norm of these statistics."""
        if self.norm is None or statistics is None:
            return Folded(self, None, None)
        mean, variance = statistics
        scale = self.norm.weight / (variance + self.norm.eps).sqrt()
        shift = (self.norm.bias - mean * scale).to(self.dtype)
        if self.full is None:
            weight: Tensor = self.operation.weight  # pyright: ignore
            return Folded(self, (weight * scale[:, None, None, None]).to(self.dtype), shift)
        weight = (self.full * scale.repeat(self.out.positions)).to(self.dtype)
        return Folded(self, weight, shift.repeat(self.out.positions))


@dataclass(frozen=True)
class Folded:
    """A linear operation with the norm after it, of fixed statistics.

    Attributes:
        linear: The operation.
        weight: Its weight, or matrix, times the norm's scale; None without a norm.
        shift: What is added; None without a norm.
    """

    linear: Linear
    weight: Tensor | None
    shift: Tensor | None

    def __call__(self, rows: Tensor, onto: Tensor | None = None) -> Tensor:
        """Return the output of rows (n, inputs), added to `onto` in place if that is given."""
        linear = self.linear
        if linear.full is None:
            y = flat(linear.convolve(images(rows, linear.shape), self.weight, self.shift))
            return y if onto is None else onto.add_(y)
        weight = linear.rounded if self.weight is None else self.weight
        if onto is not None:
            onto.addmm_(rows, weight)
            return onto if self.shift is None else onto.add_(self.shift)
        return rows @ weight if self.shift is None else torch.addmm(self.shift, rows, weight)


def mean_statistics(batches: list[Statistics | None]) -> Statistics | None:
    """Return the mean over batches; None where there is no norm."""
    known = [statistics for statistics in batches if statistics is not None]
    if not known:
        return None
    means, variances = zip(*known, strict=True)
    return torch.stack(means).mean(0), torch.stack(variances).mean(0)
