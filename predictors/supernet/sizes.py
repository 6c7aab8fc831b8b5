"""Networks of the size space of NATS-Bench: one cell, five widths.

Dong et al., NATS-Bench, TPAMI 2021: the network of NAS-Bench-201 with one cell a stage, everywhere the best
cell of the topology space on CIFAR-100. Stem and first cell have the first width, the residual blocks
that halve the resolution the second and the fourth, the other two cells the third and the fifth. Where a
cell's input has another width than its output, its identity is a 1 × 1 convolution and batch norm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from predictors.supernet.layers import Conv
from predictors.supernet.network import check_sizes
from predictors.supernet.widths import Part, WidthConv, WidthHead, WidthNetwork, Widths, column, sliced

CONVS = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3))  # 3 × 3, from node to node; an identity is from 0 to 3


@dataclass(frozen=True)
class SizeSettings:
    """Size of a network.

    Attributes:
        unit: Channels of the narrowest option; the widest has eight times as many.
        stem_stride: Stride of the first convolution; 2 halves the resolution of everything after it.
    """

    unit: int = 8
    stem_stride: int = 1

    def __post_init__(self) -> None:
        """Reject invalid sizes."""
        check_sizes(self)


class SizeNetwork(WidthNetwork):
    """A network of NATS-Bench's size space."""

    Settings = SizeSettings

    @classmethod
    def units(cls, settings: SizeSettings) -> tuple[int, ...]:
        """Return the channels of the narrowest option of each layer."""
        return (settings.unit,) * 5

    @classmethod
    def parts(cls, settings: SizeSettings, channels: int, classes: int, members: int) -> tuple[Part, ...]:
        """Return stem, cells and the residual blocks between them, and classifier."""
        stride = settings.stem_stride
        cell, reduction = partial(SizeCell, members=members), partial(SizeReduction, members=members)

        def stem(choices: Sequence[Widths]) -> WidthConv:
            return WidthConv([channels], column(choices, 0), 3, members=members, stride=stride)

        def head(choices: Sequence[Widths]) -> WidthHead:
            return WidthHead(column(choices, 0), classes, members=members, norm=True)

        return (
            Part((0,), stem, stride),
            Part((0,), cell),
            Part((0, 1), reduction, 2),
            Part((1, 2), cell),
            Part((2, 3), reduction, 2),
            Part((3, 4), cell),
            Part((4,), head),
        )


class SizeCell(nn.Module):
    """The cell, of any of several widths of input and output."""

    def __init__(self, choices: Sequence[Widths], members: int) -> None:
        super().__init__()
        outs = column(choices, -1)
        self.convs = nn.ModuleDict()
        for source, target in CONVS:
            ins = outs if source else column(choices, 0)
            self.convs[f"{source}_{target}"] = WidthConv(ins, outs, 3, members=members, relu="before")
        other = [widths for widths in choices if widths[0] != widths[-1]]
        self.project = WidthConv(column(other, 0), column(other, -1), 1, members=members) if other else None

    def forward(self, x: Tensor, widths: Widths) -> Tensor:
        """Map (b, members · widths[0], h, w) to (b, members · widths[-1], h, w)."""
        project = None if widths[0] == widths[-1] else self.project
        nodes = {0: x, 3: x if project is None else project(x, widths)}
        for source, target in CONVS:
            value = self.convs[f"{source}_{target}"](nodes[source], widths)
            nodes[target] = nodes[target] + value if target in nodes else value
        return nodes[3]


class SizeReduction(nn.Module):
    """The residual block between stages: half the resolution, another width."""

    def __init__(self, choices: Sequence[Widths], members: int) -> None:
        super().__init__()
        ins, outs = column(choices, 0), column(choices, -1)
        self.first = WidthConv(ins, outs, 3, members=members, stride=2, relu="before")
        self.second = WidthConv(outs, outs, 3, members=members, relu="before")
        self.pool = nn.AvgPool2d(2)
        self.shortcut = Conv(max(ins), max(outs), 1, members=members)

    def forward(self, x: Tensor, widths: Widths) -> Tensor:
        """Map (b, members · widths[0], h, w) to (b, members · widths[-1], h / 2, w / 2)."""
        straight = self.second(self.first(x, widths), widths)
        return sliced(self.shortcut, self.pool(x), widths[-1]) + straight
