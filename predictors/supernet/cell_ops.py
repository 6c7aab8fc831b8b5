"""Operations of two-cell networks: DARTS's, and those that NDS adds to them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.errors import UnknownNameError
from predictors.supernet.layers import Conv, ReluConvBn


class FactorizedReduce(nn.Module):
    """ReLU, two 1 × 1 convolutions of stride 2 on pixels of both parities, batch norm."""

    def __init__(self, c_in: int, c_out: int, *, members: int) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.even = Conv(c_in, c_out // 2, 1, members=members, stride=2)
        self.odd = Conv(c_in, c_out - c_out // 2, 1, members=members, stride=2)
        self.norm = nn.BatchNorm2d(members * c_out)
        self.members = members

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · c_out, h / 2, w / 2), halves rounded up."""
        x = self.act(x)
        shifted = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        halves = [half.unflatten(1, (self.members, -1)) for half in (self.even(x), self.odd(shifted))]
        return self.norm(torch.cat(halves, 2).flatten(1, 2))


class Separable(nn.Module):
    """ReLU, depthwise and 1 × 1 convolution, batch norm; `times` of them, the first with the stride."""

    def __init__(
        self, width: int, kernel: int, stride: int, *, members: int, dilation: int = 1, times: int = 1
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(times):
            layers += [
                nn.ReLU(),
                Conv(
                    width,
                    width,
                    kernel,
                    members=members,
                    stride=stride if i == 0 else 1,
                    dilation=dilation,
                    groups=width,
                ),
                Conv(width, width, 1, members=members),
                nn.BatchNorm2d(members * width),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, members · width, h, w) to the same width, (h / stride, w / stride)."""
        return self.layers(x)


class TwoWay(nn.Module):
    """ReLU, a 1 × k and a k × 1 convolution one after the other, batch norm."""

    def __init__(self, width: int, kernel: int, stride: int, *, members: int) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.across = Conv(width, width, (1, kernel), members=members, stride=(1, stride))
        self.down = Conv(width, width, (kernel, 1), members=members, stride=(stride, 1))
        self.norm = nn.BatchNorm2d(members * width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, members · width, h, w) to the same width, (h / stride, w / stride)."""
        return self.norm(self.down(self.across(self.act(x))))


def operation(name: str, width: int, stride: int, members: int) -> nn.Module | None:
    """Return the module of an operation, None if it has none: zero, and the identity at stride 1.

    Raises:
        UnknownNameError: There is no such operation.
    """
    if name == "none" or (name == "skip_connect" and stride == 1):
        return None
    if name == "skip_connect":
        return FactorizedReduce(width, width, members=members)
    kind, _, size = name.rpartition("_")
    if kind in ("conv_7x1", "conv_3x1"):
        return TwoWay(width, int(name[5]), stride, members=members)
    kernel = int(size[0])
    if kind == "max_pool":
        return nn.MaxPool2d(kernel, stride, kernel // 2)
    if kind == "avg_pool":
        return nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
    if kind == "conv":
        return ReluConvBn(width, width, kernel, members=members, stride=stride)
    if kind == "sep_conv":
        return Separable(width, kernel, stride, members=members, times=2)
    if kind == "dil_conv":
        return Separable(width, kernel, stride, members=members, dilation=2)
    if kind == "dil_sep_conv":
        return Separable(width, kernel, stride, members=members, dilation=2, times=2)
    raise UnknownNameError(f"unknown operation '{name}'")


def unused(x: Tensor, stride: int) -> Tensor:
    """Return zeros (b, c, h / stride, w / stride) in place of a block that is not there."""
    b, c, h, w = x.shape
    return x.new_zeros(b, c, -(-h // stride), -(-w // stride))
