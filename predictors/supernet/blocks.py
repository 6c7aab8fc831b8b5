"""Mobile blocks: inverted bottlenecks with squeeze-excitation, and the convolutions around them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from predictors.supernet.layers import Conv, GlobalMean, member_logits


@dataclass(frozen=True)
class BlockStyle:
    """What the blocks of a stage have in common, apart from width, kernel and expansion.

    The defaults are MobileNetV2's activation (Sandler et al., CVPR 2018) and MnasNet's squeeze-excitation
    (Tan et al., CVPR 2019).

    Attributes:
        act: Activation after the expansion and after the depthwise convolution.
        squeeze: Whether every block has squeeze-excitation; otherwise those have it whose name says so.
        gate: Function of squeeze-excitation that gives the weights of the channels.
    """

    act: type[nn.Module] = nn.ReLU6
    squeeze: bool = False
    gate: type[nn.Module] = nn.Sigmoid

    def hidden(self, c_in: int, expansion: float) -> int:
        """Return the channels between expansion and projection."""
        return round(c_in * expansion)

    def squeezed(self, c_in: int, hidden: int) -> int:
        """Return the channels inside squeeze-excitation: a quarter of the block's input."""
        del hidden
        return max(1, c_in // 4)


class MobileNetV3Style(BlockStyle):
    """Channels as in MobileNetV3 (Howard et al., ICCV 2019): multiples of 8."""

    def hidden(self, c_in: int, expansion: float) -> int:
        """Return the channels between expansion and projection."""
        return to_eights(super().hidden(c_in, expansion))

    def squeezed(self, c_in: int, hidden: int) -> int:
        """Return the channels inside squeeze-excitation: a quarter of those that it weighs."""
        del c_in
        return to_eights(hidden // 4)


def to_eights(channels: int) -> int:
    """Return the nearest multiple of 8 that is at least 8 and at least nine tenths of the channels.

    Halves round up. Source: the rule of all MobileNets from the second on.
    """
    nearest = max(8, (channels + 4) // 8 * 8)
    return nearest + 8 if 10 * nearest < 9 * channels else nearest


class ConvBnAct(nn.Sequential):
    """Convolution, batch norm, activation."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        *,
        members: int,
        stride: int = 1,
        groups: int = 1,
        act: type[nn.Module] = nn.ReLU6,
    ) -> None:
        super().__init__(
            Conv(c_in, c_out, kernel, members=members, stride=stride, groups=groups),
            nn.BatchNorm2d(members * c_out),
            act(),
        )


class MobileBlock(nn.Module):
    """Inverted bottleneck: expansion, depthwise convolution, squeeze-excitation if asked, projection."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        expansion: float,
        *,
        members: int,
        stride: int = 1,
        squeeze: bool = False,
        style: BlockStyle | None = None,
    ) -> None:
        super().__init__()
        style = style or BlockStyle()
        wide = c_in if expansion == 1 else style.hidden(c_in, expansion)
        self.residual = stride == 1 and c_in == c_out
        layers: list[nn.Module] = []
        if expansion != 1:
            layers.append(ConvBnAct(c_in, wide, 1, members=members, act=style.act))
        layers.append(
            ConvBnAct(wide, wide, kernel, members=members, stride=stride, groups=wide, act=style.act)
        )
        if squeeze or style.squeeze:
            squeezed = style.squeezed(c_in, wide)
            layers.append(SqueezeExcitation(wide, squeezed, members=members, gate=style.gate))
        layers += [Conv(wide, c_out, 1, members=members), nn.BatchNorm2d(members * c_out)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · c_out, h / stride, w / stride)."""
        y = self.layers(x)
        return x + y if self.residual else y


class SqueezeExcitation(nn.Module):
    """Channels weighed by a function of their means (Hu et al., CVPR 2018)."""

    def __init__(
        self, width: int, squeezed: int, *, members: int, gate: type[nn.Module] = nn.Sigmoid
    ) -> None:
        super().__init__()
        self.mean = GlobalMean()
        self.reduce = Conv(width, squeezed, 1, members=members, bias=True)
        self.act = nn.ReLU()
        self.expand = Conv(squeezed, width, 1, members=members, bias=True)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, members · width, h, w) to the same shape."""
        return x * self.gate(self.expand(self.act(self.reduce(self.mean(x))))).to(x.dtype)


class MixHead(nn.Module):
    """Mean over the image, a layer that mixes the channels, h-swish, a linear classifier.

    The last layers of MobileNetV3 (Howard et al., ICCV 2019, 5.1): mixing after the mean costs little.
    """

    def __init__(self, width: int, mixed: int, classes: int, *, members: int) -> None:
        super().__init__()
        self.mean = GlobalMean()
        self.mix = Conv(width, mixed, 1, members=members)
        self.act = nn.Hardswish()
        self.classifier = Conv(mixed, classes, 1, members=members, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, members · width, h, w) to logits (b, members, classes)."""
        return member_logits(self.classifier(self.act(self.mix(self.mean(x)))), self.classifier.members)
