"""Networks whose choices are widths: weights of the widest, of which an architecture uses the first channels.

Slices of one weight, and a batch norm for each width: Yu et al., Slimmable Neural Networks, ICLR 2019. Widths
chosen layer by layer: Yu & Huang, AutoSlim, 2019; Guo et al., SPOS, ECCV 2020. A network of one architecture
holds no other channels: it is the ordinary network of these widths.

In a step weight decay and momentum also move the channels that the architecture leaves out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import Any

import numpy as np
from torch import Tensor, nn

from data.graphs import Graphs
from data.spaces.chains import ChainSpace
from predictors.supernet.counts import MILLION, Counts, ImageShape, part_cost
from predictors.supernet.layers import Conv, GlobalMean, member_logits
from predictors.supernet.network import Network, Plan

Widths = tuple[int, ...]
"""Channels of the layers that a part of a network reads: that of its input first, of its output last."""


def sliced(conv: Conv, x: Tensor, c_out: int) -> Tensor:
    """Apply the first channels of a convolution.

    Args:
        conv: A convolution, of one group or depthwise.
        x: (b, members · c_in, h, w), c_in at most that of the convolution.
        c_out: Output channels of a member, at most those of the convolution; of a depthwise one c_in.

    Returns:
        (b, members · c_out, h / stride, w / stride).
    """
    m = conv.members
    c_in = x.shape[1] // m
    if (m * c_in, m * c_out) == (conv.in_channels, conv.out_channels):
        return conv(x)
    depthwise = conv.groups > m
    weight = conv.weight.unflatten(0, (m, -1))[:, :c_out, : 1 if depthwise else c_in].flatten(0, 1)
    bias = None if conv.bias is None else conv.bias.unflatten(0, (m, -1))[:, :c_out].flatten()
    groups = m * c_in if depthwise else m
    return conv.convolve(x, weight, bias, groups)


class WidthNorm(nn.ModuleDict):
    """A batch norm for each width, so that statistics and scales of one are not those of another."""

    def __init__(self, widths: Iterable[int], members: int) -> None:
        super().__init__({str(width): nn.BatchNorm2d(members * width) for width in sorted(set(widths))})
        self.members = members

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, members · width, h, w) to the same shape."""
        return self[str(x.shape[1] // self.members)](x)


class WidthConv(nn.Module):
    """Convolution and batch norm of any of several widths; ReLU before or after, if asked."""

    def __init__(
        self,
        ins: Iterable[int],
        outs: Collection[int],
        kernel: int,
        *,
        members: int,
        stride: int = 1,
        depthwise: bool = False,
        relu: str = "",
    ) -> None:
        """Build the modules.

        Args:
            ins: Widths that the input may have.
            outs: Widths that the output may have; those of the input if depthwise.
            kernel: Side of the kernel.
            members: Independent copies side by side.
            stride: Stride.
            depthwise: Whether each channel is a group of its own.
            relu: "before", "after" or "" for none.
        """
        super().__init__()
        groups = max(outs) if depthwise else 1
        self.before = nn.ReLU() if relu == "before" else nn.Identity()
        self.conv = Conv(max(ins), max(outs), kernel, members=members, stride=stride, groups=groups)
        self.norm = WidthNorm(outs, members)
        self.after = nn.ReLU() if relu == "after" else nn.Identity()

    def forward(self, x: Tensor, widths: Widths) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · widths[-1], h / stride, w / stride)."""
        return self.after(self.norm(sliced(self.conv, self.before(x), widths[-1])))


class WidthHead(nn.Module):
    """Mean over the image and a linear classifier; batch norm and ReLU before, if asked."""

    def __init__(self, widths: Collection[int], classes: int, *, members: int, norm: bool) -> None:
        super().__init__()
        self.norm = nn.Sequential(WidthNorm(widths, members), nn.ReLU()) if norm else nn.Identity()
        self.mean = GlobalMean()
        self.classes = classes
        self.classifier = Conv(max(widths), classes, 1, members=members, bias=True)

    def forward(self, x: Tensor, widths: Widths) -> Tensor:
        """Map (b, members · width, h, w) to logits (b, members, classes)."""
        del widths
        return member_logits(
            sliced(self.classifier, self.mean(self.norm(x)), self.classes), self.classifier.members
        )


@dataclass(frozen=True)
class Part:
    """A part of a network: stem, block or head.

    Attributes:
        layers: The layers whose widths it depends on, each once; that of its input first (of the stem, whose
            input is the image, that of its output).
        build: Returns its module, called with (x, widths of `layers`), for a list of such widths.
        stride: By how much it reduces the resolution.
    """

    layers: tuple[int, ...]
    build: Callable[[Sequence[Widths]], nn.Module]
    stride: int = 1


class WidthNetwork(Network):
    """A network of layers of chosen widths; a plan is, for each layer, the option that it takes, from 1.

    The options of a layer are multiples of a number of channels, its unit. A family is a subclass that says
    what the units and the parts are.
    """

    def __init__(
        self,
        space: ChainSpace,
        settings: Any,  # noqa: ANN401  # each family has its own
        *,
        channels: int = 3,
        classes: int = 10,
        members: int = 1,
        only: Collection[Plan] | None = None,
    ) -> None:
        super().__init__(space, settings, members=members)
        self.unit = self.units(settings)
        parts = self.parts(settings, channels, classes, members)
        self.layers = [part.layers for part in parts]
        self.blocks = nn.ModuleList(part.build(self._choices(space, part.layers, only)) for part in parts)

    @classmethod
    @abstractmethod
    def units(cls, settings: Any) -> tuple[int, ...]:  # noqa: ANN401
        """Return for each layer the channels of its first option."""

    @classmethod
    @abstractmethod
    def parts(cls, settings: Any, channels: int, classes: int, members: int) -> tuple[Part, ...]:  # noqa: ANN401
        """Return the parts of a network, in order; the first maps images, the last one returns logits."""

    @staticmethod
    def plans(graphs: Graphs) -> list[Plan]:
        """Return the option of each layer, from 1."""
        return [tuple(option + 1 for option in options) for options in graphs.ops[:, 1:-1].tolist()]

    @classmethod
    def counts(cls, space: ChainSpace, settings: Any, graphs: Graphs, shape: ImageShape) -> Counts:  # noqa: ANN401
        """Return FLOPs and parameters of n architectures, the sums of those of their parts."""
        del space
        options = np.array(cls.plans(graphs)).reshape(len(graphs), -1)
        flops, params = np.zeros(len(options)), np.zeros(len(options))
        for place, part in enumerate(cls.parts(settings, shape.channels, shape.classes, 1)):
            different, which = np.unique(options[:, part.layers], axis=0, return_inverse=True)
            costs = [_part_cost(cls, settings, shape, place, tuple(row)) for row in different.tolist()]
            found = np.array(costs).reshape(-1, 2)[which.reshape(-1)] / MILLION
            flops += found[:, 0]
            params += found[:, 1]
        return Counts(flops, params)

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map images (b, members · channels, h, w) to logits (b, members, classes)."""
        for layers, block in zip(self.layers, self.blocks, strict=True):
            x = block(x, tuple(plan[i] * self.unit[i] for i in layers))
        return x

    def _choices(
        self, space: ChainSpace, layers: Sequence[int], only: Collection[Plan] | None
    ) -> list[Widths]:
        """Return the widths that some layers have together, in these architectures or in all."""
        if only is None:
            options = set(product(*(range(1, space.choices[i] + 1) for i in layers)))
        else:
            options = {tuple(plan[i] for i in layers) for plan in only}
        return [tuple(o * self.unit[i] for o, i in zip(own, layers, strict=True)) for own in sorted(options)]


def column(choices: Sequence[Widths], place: int) -> list[int]:
    """Return the different widths at one place of choices, in order."""
    return sorted({widths[place] for widths in choices})


@lru_cache(maxsize=1024)
def head_cost(width: int, classes: int, side: int) -> tuple[int, int]:
    """Return FLOPs and parameters of a head without norm, for a map of this width and side."""
    return part_cost(partial(WidthHead, [width], classes, members=1, norm=False), width, side, (width,))


@lru_cache(maxsize=8192)
def _part_cost(
    kind: type[WidthNetwork],
    settings: Any,  # noqa: ANN401
    shape: ImageShape,
    place: int,
    options: tuple[int, ...],
) -> tuple[int, int]:
    """Return FLOPs and parameters of a part of a network, its layers' options counted from 1."""
    parts, unit = kind.parts(settings, shape.channels, shape.classes, 1), kind.units(settings)
    side = shape.size
    for part in parts[:place]:
        side = -(-side // part.stride)
    part = parts[place]
    widths = tuple(option * unit[i] for option, i in zip(options, part.layers, strict=True))
    channels = widths[0] if place else shape.channels
    return part_cost(lambda: part.build([widths]), channels, side, widths)
