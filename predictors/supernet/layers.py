"""Layers of several independent networks at once: their copies stand side by side in the channels.

An image batch (b, members · channels, h, w) holds the input of every member; convolutions have a group for
each, so that no member sees another. One program then trains all seeds of a network: on a CPU that takes
about two thirds of the time of one after the other. A supernet is the case of one member.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Hardswish)
"""Activations whose output is positive where, and only where, their input is."""

SMALL_MAP = 64  # up to this many positions a pooling is quicker as a matrix product


class Conv(nn.Conv2d):
    """A convolution, padded to keep the size, in every member.

    Attributes:
        members: Independent copies side by side.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int | tuple[int, int],
        *,
        members: int,
        stride: int | tuple[int, int] = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (dilation * (size[0] - 1) // 2, dilation * (size[1] - 1) // 2)
        super().__init__(
            members * c_in,
            members * c_out,
            size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=members * groups,
            bias=bias,
        )
        self.members = members

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]  # "input"
        """Map (b, members · c_in, h, w) to (b, members · c_out, h / stride, w / stride)."""
        return self.convolve(x, self.weight, self.bias, self.groups)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        """Convolve with a weight, this module's own or a part of it."""
        # Every stride maps one position to one. With a stride other than 1, oneDNN leaves part of the
        # gradient of a bfloat16 weight unset there: it is whatever was in memory.
        stride = 1 if x.shape[2:] == (1, 1) else self.stride
        return F.conv2d(x, weight, bias, stride, self.padding, self.dilation, groups)  # pyright: ignore[reportArgumentType, reportCallIssue]


class ReluConvBn(nn.Module):
    """ReLU, convolution, batch norm: the operation of NAS-Bench-201 and of DARTS-like cells."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int | tuple[int, int], *, members: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.conv = Conv(c_in, c_out, kernel, members=members, stride=stride)
        self.norm = nn.BatchNorm2d(members * c_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · c_out, h / stride, w / stride)."""
        return self.norm(self.conv(self.act(x)))


class AvgPool(nn.Module):
    """Mean over the 3 × 3 neighbours that lie inside the image, stride 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, c, h, w) to the same shape."""
        b, c, h, w = x.shape
        if h * w > SMALL_MAP or x.device.type != "cpu":
            return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        # The backward pass of avg_pool2d is slow for low precision; both are one small matrix here.
        means = neighbour_means(h, w).to(x.dtype)
        flat = x.permute(0, 2, 3, 1).reshape(b, h * w, c)
        return torch.matmul(means, flat).view(b, h, w, c).permute(0, 3, 1, 2)


@lru_cache(maxsize=32)
def neighbour_means(h: int, w: int) -> Tensor:
    """Return the matrix (h · w, h · w) that takes the mean over the 3 × 3 neighbours of each position."""
    sides = []
    for size in (h, w):
        place = torch.arange(size)
        near = ((place[:, None] - place).abs() <= 1).float()
        sides.append(near / near.sum(1, keepdim=True))
    return torch.kron(sides[0], sides[1])


class Stem(nn.Module):
    """Convolution and batch norm of the image.

    Low precision is left out: kernels for it pad three input channels to sixteen, which takes longer.
    """

    def __init__(self, channels: int, width: int, *, members: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = Conv(channels, width, 3, members=members, stride=stride)
        self.norm = nn.BatchNorm2d(members * width)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (b, members · channels, h, w) to (b, members · width, h / stride, w / stride)."""
        device = x.device.type
        if device == "meta" or not torch.is_autocast_enabled(device):
            return self.norm(self.conv(x))
        with torch.autocast(device, enabled=False):
            x = self.conv(x.float())
        return self.norm(x.to(torch.get_autocast_dtype(device)))


class GlobalMean(nn.Module):
    """Mean over the image, in single precision at least."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, c, h, w) to (b, c, 1, 1)."""
        return _single(x).mean((2, 3), keepdim=True)


class Head(nn.Module):
    """Mean over the image and a linear classifier; batch norm and ReLU before, if asked."""

    def __init__(self, width: int, classes: int, *, members: int, norm: bool) -> None:
        super().__init__()
        self.norm = nn.Sequential(nn.BatchNorm2d(members * width), nn.ReLU()) if norm else nn.Identity()
        self.mean = GlobalMean()
        self.classifier = Conv(width, classes, 1, members=members, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, members · width, h, w) to logits (b, members, classes)."""
        return member_logits(self.classifier(self.mean(self.norm(x))), self.classifier.members)


def member_logits(x: Tensor, members: int) -> Tensor:
    """Return logits (b, members · classes, 1, 1) as (b, members, classes), in single precision at least."""
    return _single(x).flatten(1).unflatten(1, (members, -1))


def _single(x: Tensor) -> Tensor:
    """Return low precision as single precision."""
    return x.float() if x.dtype.itemsize < 4 else x


@contextmanager
def without_norms(network: nn.Module) -> Iterator[None]:
    """Let a network's batch norms return their inputs for a while."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.forward = _unchanged  # pyright: ignore[reportAttributeAccessIssue]  # its argument is "input"
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _unchanged(x: Tensor) -> Tensor:
    """Return the argument."""
    return x


def initialise(network: nn.Module, seeds: Sequence[int]) -> None:
    """Set every weight: He's normal for convolutions, 1 and 0 for norms.

    A module's weights depend on the member's seed and on the module's name alone, so that an operation
    starts alike in every architecture that has it: what differs between architectures is then the
    architecture. No global random state is read.

    Args:
        network: Modules whose members are as many as the seeds.
        seeds: Seed of each member.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        if isinstance(module, Conv):
            gain = 1.0 if module.bias is not None else 2.0
            fan_in = module.weight[0].numel()
            drawn = [_normal(module.weight.chunk(len(seeds))[0].shape, seed, name) for seed in seeds]
            with torch.no_grad():
                module.weight.copy_(torch.cat(drawn) * (gain / fan_in) ** 0.5)
                if module.bias is not None:
                    module.bias.zero_()


def _normal(shape: torch.Size, seed: int, name: str) -> Tensor:
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    return torch.randn(shape, generator=torch.Generator().manual_seed(int.from_bytes(digest[:7], "big")))
