"""Networks of Channel-Bench-Macro: seven layers, each of one to four quarters of its channels.

Su et al., BCNet, CVPR 2021, and the published code: a 3 × 3 stem of stride 2, blocks of which the third has
stride 2 as well, and a classifier. There are five residual blocks of two 3 × 3 convolutions (ResNet), or four
inverted bottlenecks and a 1 × 1 convolution (MobileNetV2). The first layer is the width of the stem and of
the blocks before the third, the fifth that of the third and later ones; the others are the widths inside the
blocks and, of MobileNetV2, that of the last convolution. The kind of blocks in the features of a graph is not
read: it is a setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor, nn

from data.errors import InputError
from data.names import check_name
from data.space import SearchSpace
from predictors.supernet.network import check_sizes
from predictors.supernet.widths import Part, WidthConv, WidthHead, WidthNetwork, Widths, column

OPTIONS = 4

WIDEST: Mapping[str, Widths] = {
    "resnet": (256, 256, 256, 512, 512, 512, 512),
    "mobilenet": (128, 768, 768, 768, 256, 1536, 1024),
}


@dataclass(frozen=True)
class ChannelSettings:
    """Size of a network.

    Attributes:
        blocks: Kind of blocks: "resnet" or "mobilenet".
        widths: Most channels of each of the seven layers; empty for the published ones.
        stem_stride: Stride of the first convolution.
    """

    blocks: str = "resnet"
    widths: tuple[int, ...] = ()
    stem_stride: int = 2

    def __post_init__(self) -> None:
        """Reject invalid sizes.

        Raises:
            UnknownNameError: There are no such blocks.
            InputError: There are not seven widths that four options divide evenly.
        """
        check_name("kind of blocks", self.blocks, WIDEST)
        check_sizes(replace(self, widths=WIDEST[self.blocks]) if not self.widths else self)
        if len(self.largest) != 7 or any(width % OPTIONS for width in self.largest):
            raise InputError(f"widths must be seven multiples of {OPTIONS}, not {self.widths}")

    @property
    def largest(self) -> Widths:
        """Most channels of each layer."""
        return self.widths or WIDEST[self.blocks]


class ChannelNetwork(WidthNetwork):
    """A network of Channel-Bench-Macro."""

    Settings = ChannelSettings

    @classmethod
    def published(cls, space: SearchSpace) -> ChannelSettings:
        """Return the published settings."""
        del space
        return ChannelSettings(widths=ChannelSettings().largest)

    @classmethod
    def units(cls, settings: ChannelSettings) -> tuple[int, ...]:
        """Return a quarter of each layer's channels."""
        return tuple(width // OPTIONS for width in settings.largest)

    @classmethod
    def parts(cls, settings: ChannelSettings, channels: int, classes: int, members: int) -> tuple[Part, ...]:
        """Return stem, blocks and classifier, before that of MobileNetV2 a convolution."""
        stride = settings.stem_stride

        def stem(choices: Sequence[Widths]) -> WidthConv:
            outs = column(choices, 0)
            return WidthConv([channels], outs, 3, members=members, stride=stride, relu="after")

        def last(choices: Sequence[Widths]) -> WidthConv:
            return WidthConv(column(choices, 0), column(choices, 1), 1, members=members, relu="after")

        def head(choices: Sequence[Widths]) -> WidthHead:
            return WidthHead(column(choices, 0), classes, members=members, norm=False)

        mobile = settings.blocks == "mobilenet"
        block = partial(InvertedBlock if mobile else ResidualBlock, members=members)
        return (
            Part((0,), stem, stride),
            Part((0, 1), block),
            Part((0, 2), block),
            Part((0, 3, 4), block, 2),
            Part((4, 5), block),
            *((Part((4, 6), last), Part((6,), head)) if mobile else (Part((4, 6), block), Part((4,), head))),
        )


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions and a sum with the input; without the sum and with stride 2 for a new width.

    Widths are those of input and inside, and of the output if that is another layer than the input.
    """

    def __init__(self, choices: Sequence[Widths], members: int) -> None:
        super().__init__()
        inside, outs = column(choices, 1), column(choices, _output(choices[0]))
        self.first = WidthConv(
            column(choices, 0), inside, 3, members=members, stride=_stride(choices[0]), relu="after"
        )
        self.second = WidthConv(inside, outs, 3, members=members)
        self.act = nn.ReLU()

    def forward(self, x: Tensor, widths: Widths) -> Tensor:
        """Map (b, members · widths[0], h, w) to (b, members · c_out, h / stride, w / stride)."""
        y = self.second(self.first(x, widths[:2]), (widths[_output(widths)],))
        return self.act(y if _stride(widths) > 1 else x + y)


class InvertedBlock(nn.Module):
    """Inverted bottleneck, and a sum with the input; without the sum and with stride 2 for a new width.

    Widths are those of input and inside, and of the output if that is another layer than the input.
    """

    def __init__(self, choices: Sequence[Widths], members: int) -> None:
        super().__init__()
        inside, outs = column(choices, 1), column(choices, _output(choices[0]))
        self.expand = WidthConv(column(choices, 0), inside, 1, members=members, relu="after")
        self.depthwise = WidthConv(
            inside, inside, 3, members=members, stride=_stride(choices[0]), depthwise=True, relu="after"
        )
        self.project = WidthConv(inside, outs, 1, members=members)

    def forward(self, x: Tensor, widths: Widths) -> Tensor:
        """Map (b, members · widths[0], h, w) to (b, members · c_out, h / stride, w / stride)."""
        y = self.depthwise(self.expand(x, widths[:2]), widths[:2])
        y = self.project(y, (widths[_output(widths)],))
        return y if _stride(widths) > 1 else x + y


def _output(widths: Widths) -> int:
    """Return the place of the output's width in those of a block."""
    return 2 if len(widths) == 3 else 0


def _stride(widths: Widths) -> int:
    """Return a block's stride."""
    return 2 if len(widths) == 3 else 1
