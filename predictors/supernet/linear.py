"""Linear operations that judge quickly: a batch norm folded in, small maps as one matrix product.

A 3 × 3 convolution of a 2 × 2 map sees every position from every other: it is a full matrix, and a product
with that takes a tenth of the time of a convolution kernel, which is slow for so few positions. Images are
rows (n, h · w · c) here: channels last, flattened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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


@dataclass(frozen=True)
class Kernel:
    """A convolution without bias; every linear operation here is one.

    Attributes:
        weight: (outputs, inputs / groups, k, k) in single precision.
        stride: Its stride.
        padding: Zeros around the image.
        groups: Its groups.
        factor: (h · w · c) what outputs are multiplied by; None for one.
    """

    weight: Tensor
    stride: int = 1
    padding: int = 0
    groups: int = 1
    factor: Tensor | None = None

    @staticmethod
    def from_conv(conv: nn.Conv2d) -> Kernel:
        """Return the kernel of a convolution."""
        return Kernel(conv.weight.detach(), conv.stride[0], int(conv.padding[0]), conv.groups)

    @staticmethod
    def mean(shape: Shape, device: torch.device) -> Kernel:
        """Return the mean over the 3 × 3 neighbours that lie inside the image."""
        weight = torch.ones(shape.channels, 1, 3, 3, device=device)
        count = F.conv2d(torch.ones(1, 1, shape.side, shape.side, device=device), weight[:1], padding=1)
        return Kernel(weight, 1, 1, shape.channels, (1 / count).flatten().repeat_interleave(shape.channels))

    @staticmethod
    def halving(conv: nn.Conv2d) -> Kernel:
        """Return the mean over 2 × 2 positions and a 1 × 1 convolution after it."""
        return Kernel(conv.weight.detach().expand(-1, -1, 2, 2) / 4, 2)

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Convolve images with a weight of this kernel's shape, the factor left out."""
        return F.conv2d(x, weight, bias, self.stride, self.padding, 1, self.groups)


class Linear:
    """A linear operation on rows, and the batch norm that follows it.

    Attributes:
        shape: Shape of an input.
        out: Shape of an output.
        norm: The batch norm; None if there is none.
        full: (inputs, outputs) its matrix in single precision, or (channels in, channels out) if every
            position has the same; None if a convolution is quicker.
    """

    def __init__(
        self, kernel: Kernel, norm: nn.BatchNorm2d | None, shape: Shape, out: Shape, dtype: torch.dtype
    ) -> None:
        self.kernel, self.norm, self.shape, self.out, self.dtype = kernel, norm, shape, out, dtype
        largest = LARGEST.get(dtype, 0) if kernel.weight.device.type == "cpu" else 0
        self.positions = 1  # how often the matrix repeats a channel
        self.full: Tensor | None = None
        if max(size.channels * size.positions for size in (shape, out)) <= largest:
            self.full = self._matrix()
        self.weight = self.rounded(kernel.weight if self.full is None else self.full)
        self.factor = None if kernel.factor is None else kernel.factor.to(dtype)

    def _matrix(self) -> Tensor:
        kernel, shape = self.kernel, self.shape
        if kernel.weight.shape[2:] == (1, 1) and kernel.stride == kernel.groups == 1:
            return kernel.weight[:, :, 0, 0].T.contiguous()
        self.positions = self.out.positions
        basis = images(torch.eye(shape.channels * shape.positions), shape)
        full = flat(kernel(basis, kernel.weight))
        return (full if kernel.factor is None else full * kernel.factor).contiguous()

    def rounded(self, weight: Tensor) -> Tensor:
        """Return a weight in the precision of the rows."""
        if self.full is None:
            return weight.to(self.dtype).contiguous(memory_format=torch.channels_last)
        return weight.to(self.dtype)

    def normalise(self, rows: Tensor) -> tuple[Tensor, Statistics | None]:
        """Return the output of rows, normalised by their own statistics, and these."""
        y = Folded(self, self.weight, None)(rows)
        if self.norm is None:
            return y, None
        return normalised(self.norm, y, self.out)

    def fold(self, statistics: Statistics | None) -> Folded:
        """Return the operation with a norm of these statistics."""
        if self.norm is None or statistics is None:
            return Folded(self, self.weight, None)
        mean, variance = statistics
        scale = self.norm.weight / (variance + self.norm.eps).sqrt()
        shift = (self.norm.bias - mean * scale).to(self.dtype)
        if self.full is None:
            return Folded(self, self.rounded(self.kernel.weight * scale[:, None, None, None]), shift)
        weight = self.rounded(self.full * scale.repeat(self.positions))
        return Folded(self, weight, shift.repeat(self.positions))


@dataclass(frozen=True)
class Folded:
    """A linear operation with the norm after it, of fixed statistics.

    Attributes:
        linear: The operation.
        weight: Its weight or matrix, times the norm's scale.
        shift: What is added to each output; None for nothing.
    """

    linear: Linear
    weight: Tensor
    shift: Tensor | None

    def __call__(self, rows: Tensor, onto: Tensor | None = None) -> Tensor:
        """Return the output of rows (n, inputs), added to `onto` in place if that is given."""
        return self._convolve(rows, onto) if self.linear.full is None else self._multiply(rows, onto)

    def _multiply(self, rows: Tensor, onto: Tensor | None) -> Tensor:
        width, n = len(self.weight), len(rows)
        rows = rows.view(-1, width)
        if onto is None:
            y = rows @ self.weight if self.shift is None else torch.addmm(self.shift, rows, self.weight)
            return y.view(n, -1)
        sums = onto.view(len(rows), -1).addmm_(rows, self.weight)
        if self.shift is not None:
            sums.add_(self.shift)
        return onto

    def _convolve(self, rows: Tensor, onto: Tensor | None) -> Tensor:
        linear, x = self.linear, images(rows, self.linear.shape)
        factor = linear.factor
        if onto is not None and factor is None and ADDING is not None and rows.device.type == "cpu":
            kernel = linear.kernel
            sides = [[kernel.padding] * 2, [kernel.stride] * 2, [1, 1], kernel.groups]
            ADDING(images(onto, linear.out), x, self.weight, self.shift, *sides, "add", 1.0, None, [], None)
            return onto
        y = flat(linear.kernel(x, self.weight, self.shift))
        if factor is not None:
            return y.mul_(factor) if onto is None else onto.addcmul_(y, factor)
        return y if onto is None else onto.add_(y)


def _adding() -> Callable[..., Tensor] | None:
    """Return oneDNN's convolution that adds to its first argument, which saves a pass over memory.

    It is what torch's compiler emits; a build of torch without it adds afterwards.
    """
    try:
        return torch.ops.mkldnn._convolution_pointwise_.binary  # there is no public name
    except AttributeError:
        return None


ADDING = _adding()


def relu(rows: Tensor) -> Tensor:
    """Return the positive part; of bfloat16 as integers, whose sign bit is the same, in half the time."""
    if rows.dtype == torch.bfloat16 and rows.device.type == "cpu":
        return rows.view(torch.int16).clamp_min(0).view(torch.bfloat16)
    return F.relu(rows)


def normalised(norm: nn.BatchNorm2d, rows: Tensor, shape: Shape) -> tuple[Tensor, Statistics]:
    """Return rows normalised by their own statistics, and these."""
    count = len(rows) * shape.positions
    y, mean, inverse = torch.native_batch_norm(
        images(rows, shape), norm.weight, norm.bias, None, None, True, 0.0, norm.eps
    )
    return flat(y), (mean, (inverse**-2 - norm.eps) * (count / (count - 1)))


def mean_statistics(batches: Sequence[Statistics | None]) -> Statistics:
    """Return the mean over batches, of those that have statistics."""
    means, variances = zip(*(one for one in batches if one is not None), strict=True)
    return torch.stack(means).mean(0), torch.stack(variances).mean(0)
