"""Networks of stages of equal blocks: the ResNet, plain and ResNeXt spaces of NDS.

Radosavovic et al., On Network Design Spaces, ICCV 2019, and the published settings (the CIFAR networks of NDS
in github.com/facebookresearch/pycls): a 3 × 3 stem of 16 channels, three stages of which the second and the
third halve the resolution in their first block, and a classifier. Plain and ResNet blocks have two 3 × 3
convolutions, ResNeXt blocks a 3 × 3 convolution in groups between two 1 × 1 convolutions. A residual sum has
a 1 × 1 convolution and batch norm where width or resolution change.

A stage of fewer blocks uses the first ones, a width the first channels of one weight with a batch norm of its
own, and a number of groups the blocks on the diagonal of the weight of a single group.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from data.errors import InputError
from data.graphs import Graphs
from data.names import check_name
from data.spaces.stages import SCALES, StagesSpace
from predictors.supernet.counts import Counts, ImageShape, part_cost
from predictors.supernet.layers import Conv
from predictors.supernet.network import Network, Plan, check_sizes
from predictors.supernet.widths import WidthConv, WidthHead, WidthNorm, head_cost

KINDS: Mapping[str, str] = {
    "nds_resnet": "basic",
    "nds_vanilla": "plain",
    "nds_resnext_a": "bottleneck",
    "nds_resnext_b": "bottleneck",
}
"""Kind of blocks of each space."""

STAGES = 3


@dataclass(frozen=True)
class StageSettings:
    """Size of a network.

    Attributes:
        stem: Channels of the stem.
        stem_stride: Stride of the stem; 2 halves the resolution of everything after it.
        strides: Stride of each stage's first block.
        width_divisor: Divides the width of every stage; the quotient is rounded. A number of groups that does
            not divide what is left becomes their greatest common divisor.
        depth_divisor: Divides the number of blocks of every stage; the quotient is rounded up.
    """

    stem: int = 16
    stem_stride: int = 1
    strides: tuple[int, ...] = (1, 2, 2)
    width_divisor: int = 1
    depth_divisor: int = 1

    def __post_init__(self) -> None:
        """Reject invalid sizes."""
        check_sizes(self)
        if len(self.strides) != STAGES:
            raise InputError(f"strides must be {STAGES} numbers, one for each stage, not {self.strides}")


class Stage(NamedTuple):
    """A stage as it is built.

    Attributes:
        depth: Blocks.
        width: Channels of a block's output.
        inner: Channels inside a bottleneck.
        groups: Groups of the convolution inside a bottleneck.
    """

    depth: int
    width: int
    inner: int
    groups: int


class Shape(NamedTuple):
    """Channels of a block's input, output and bottleneck, and the groups of the bottleneck."""

    c_in: int
    c_out: int
    inner: int
    groups: int


class StageNetwork(Network):
    """A network of stages; a plan is, for each, its depth, width, bottleneck ratio and groups."""

    Settings = StageSettings

    def __init__(
        self,
        space: StagesSpace,
        settings: StageSettings,
        *,
        channels: int = 3,
        classes: int = 10,
        members: int = 1,
        only: Collection[Plan] | None = None,
    ) -> None:
        super().__init__(space, settings, members=members)
        block = _block(space)
        pairs = _all_pairs(space, settings) if only is None else _pairs(settings, only)
        self.stem = _stem(settings, channels, members)
        self.stages = nn.ModuleList()
        for stage, stride in enumerate(settings.strides):
            self.stages.append(StageBlocks(block, pairs[stage], stride, members))
        self.head = WidthHead({own.width for _, own in pairs[-1]}, classes, members=members, norm=False)

    @staticmethod
    def plans(graphs: Graphs) -> list[Plan]:
        """Return depth, width, bottleneck ratio and groups of each stage.

        The ratio is that of the width to the channels inside a bottleneck; published tables have its inverse,
        0.25 for 4. They also list the stem as a stage of one block before the three, which is left out.
        """
        first, scales = graphs.n_nodes - 1 - STAGES, np.array(SCALES)
        rows = np.arange(len(graphs))[:, None]
        numbers = 2 ** (graphs.features[rows, first[:, None] + np.arange(STAGES)] * scales) - 1
        return [tuple(map(_plan_stage, stages)) for stages in numbers.tolist()]

    @classmethod
    def counts(cls, space: StagesSpace, settings: StageSettings, graphs: Graphs, shape: ImageShape) -> Counts:
        """Return FLOPs and parameters of n architectures, the sums of those of their parts."""
        block, sides = _block(space), _sides(settings, shape.size)
        stem = _stem_cost(settings, shape)
        costs = []
        for plan in cls.plans(graphs):
            parts, c_in = [stem], settings.stem
            for number, stage in enumerate(plan):
                own, stride = _built(settings, stage), settings.strides[number]
                parts.append(_block_cost(block, _shape(c_in, own, 0), stride, sides[number]))
                flops, params = _block_cost(block, _shape(c_in, own, 1), 1, sides[number + 1])
                parts.append(((own.depth - 1) * flops, (own.depth - 1) * params))
                c_in = own.width
            parts.append(head_cost(c_in, shape.classes, sides[-1]))
            costs.append(np.sum(parts, axis=0))
        return Counts.of(costs)

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map images (b, members · channels, h, w) to logits (b, members, classes)."""
        c_in = self.settings.stem
        x = self.stem(x, (c_in,))
        for blocks, stage in zip(self.stages, plan, strict=True):
            own = _built(self.settings, stage)
            x = blocks(x, c_in, own)
            c_in = own.width
        return self.head(x, (c_in,))


class StageBlocks(nn.Module):
    """The blocks of a stage, as many as the deepest has."""

    def __init__(
        self, block: type[StageBlock], pairs: Collection[tuple[int, Stage]], stride: int, members: int
    ) -> None:
        """Build the modules.

        Args:
            block: Class of the blocks.
            pairs: The channels before the stage and what it is, as they come together.
            stride: Stride of the first block.
            members: Independent copies side by side.
        """
        super().__init__()
        self.blocks = nn.ModuleList()
        for place in range(max(stage.depth for _, stage in pairs)):
            shapes = {_shape(c_in, stage, place) for c_in, stage in pairs if place < stage.depth}
            self.blocks.append(block(sorted(shapes), 1 if place else stride, members))

    def forward(self, x: Tensor, c_in: int, stage: Stage) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · width, h / stride, w / stride)."""
        for place in range(stage.depth):
            x = self.blocks[place](x, _shape(c_in, stage, place))
        return x


class StageBlock(nn.Module):
    """Two 3 × 3 convolutions, of any of several shapes."""

    residual = False

    def __init__(self, shapes: Sequence[Shape], stride: int, members: int) -> None:
        super().__init__()
        self.stride = stride
        self._convolutions(shapes, members)
        self.shortcut: WidthConv | None = None
        changing = [shape for shape in shapes if self.residual and self._changes(shape)]
        if changing:
            ins, outs = ({shape[place] for shape in changing} for place in (0, 1))
            self.shortcut = WidthConv(ins, outs, 1, members=members, stride=stride)
        self.act = nn.ReLU()

    def _convolutions(self, shapes: Sequence[Shape], members: int) -> None:
        ins, outs = {shape.c_in for shape in shapes}, {shape.c_out for shape in shapes}
        self.first = WidthConv(ins, outs, 3, members=members, stride=self.stride, relu="after")
        self.second = WidthConv(outs, outs, 3, members=members)

    def _transform(self, x: Tensor, shape: Shape) -> Tensor:
        return self.second(self.first(x, (shape.c_out,)), (shape.c_out,))

    def _changes(self, shape: Shape) -> bool:
        return self.stride > 1 or shape.c_in != shape.c_out

    def forward(self, x: Tensor, shape: Shape) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · c_out, h / stride, w / stride)."""
        y = self._transform(x, shape)
        if self.residual:
            y = y + (self.shortcut(x, (shape.c_out,)) if self.shortcut and self._changes(shape) else x)
        return self.act(y)


class BasicBlock(StageBlock):
    """Two 3 × 3 convolutions and a residual sum."""

    residual = True


class BottleneckBlock(StageBlock):
    """Convolutions 1 × 1, 3 × 3 in groups and 1 × 1, and a residual sum."""

    residual = True

    def _convolutions(self, shapes: Sequence[Shape], members: int) -> None:
        ins, outs, inner = ({shape[place] for shape in shapes} for place in range(3))
        self.first = WidthConv(ins, inner, 1, members=members, relu="after")
        self.second = GroupConv({shape[2:] for shape in shapes}, stride=self.stride, members=members)
        self.third = WidthConv(inner, outs, 1, members=members)

    def _transform(self, x: Tensor, shape: Shape) -> Tensor:
        x = self.second(self.first(x, (shape.inner,)), shape.groups)
        return self.third(x, (shape.c_out,))


class GroupConv(nn.Module):
    """A 3 × 3 convolution of any of several widths and numbers of groups, batch norm, ReLU.

    One width and number of groups has the weight of an ordinary convolution in groups. Several share the
    weight of the widest convolution of a single group: those between channels of different groups are unused.
    """

    def __init__(self, choices: Iterable[tuple[int, int]], *, stride: int, members: int) -> None:
        """Build the modules.

        Args:
            choices: Widths and numbers of groups that come together.
            stride: Stride.
            members: Independent copies side by side.
        """
        super().__init__()
        different = set(choices)
        widest = max(width for width, _ in different)
        groups = next(iter(different))[1] if len(different) == 1 else 1
        self.conv = Conv(widest, widest, 3, members=members, stride=stride, groups=groups)
        self.norm = WidthNorm({width for width, _ in different}, members)
        self.act = nn.ReLU()

    def forward(self, x: Tensor, groups: int) -> Tensor:
        """Map (b, members · width, h, w) to (b, members · width, h / stride, w / stride)."""
        conv = self.conv
        if (x.shape[1], conv.members * groups) == (conv.in_channels, conv.groups):
            return self.act(self.norm(conv(x)))
        weight = diagonal(conv.weight, x.shape[1] // conv.members, groups, conv.members)
        return self.act(self.norm(conv.convolve(x, weight, None, conv.members * groups)))


def diagonal(weight: Tensor, width: int, groups: int, members: int) -> Tensor:
    """Return the weight of a convolution in groups that is part of one of a single group.

    Args:
        weight: (members · widest, widest, k, k).
        width: Channels, at most the widest.
        groups: Groups, a divisor of the width.
        members: Independent copies side by side.

    Returns:
        (members · width, width / groups, k, k).
    """
    first = weight.unflatten(0, (members, -1))[:, :width, :width]
    blocks = first.unflatten(1, (groups, -1)).unflatten(3, (groups, -1))  # (m, g, w/g, g, w/g, k, k)
    return blocks.diagonal(dim1=1, dim2=3).movedim(-1, 1).flatten(0, 2)


_BLOCKS: Mapping[str, type[StageBlock]] = {
    "plain": StageBlock,
    "basic": BasicBlock,
    "bottleneck": BottleneckBlock,
}


def _block(space: StagesSpace) -> type[StageBlock]:
    """Return the class of a space's blocks."""
    return _BLOCKS[KINDS[check_name("space of stages", space.name, KINDS)]]


def _stem(settings: StageSettings, channels: int, members: int = 1) -> WidthConv:
    return WidthConv(
        [channels], [settings.stem], 3, members=members, stride=settings.stem_stride, relu="after"
    )


def _plan_stage(numbers: Sequence[float]) -> tuple[int, int, float, int]:
    """Return a stage of a plan from decoded features, which are rounded to single precision."""
    depth, width, bottleneck, groups = numbers
    ratio = round(bottleneck if bottleneck >= 0.99 else 1 / max(bottleneck, 1e-3), 2)
    return round(depth), round(width), ratio, round(groups)


def _built(settings: StageSettings, stage: tuple[int, int, float, int]) -> Stage:
    """Return a stage of a plan as it is built."""
    depth, width, ratio, groups = stage
    width = max(1, round(width / settings.width_divisor))
    inner = max(1, round(width / ratio))
    return Stage(-(-depth // settings.depth_divisor), width, inner, math.gcd(groups, inner))


def _shape(c_in: int, stage: Stage, place: int) -> Shape:
    """Return the shape of a block of a stage with `c_in` channels before it."""
    return Shape(c_in if place == 0 else stage.width, stage.width, stage.inner, stage.groups)


def _pairs(settings: StageSettings, plans: Collection[Plan]) -> list[set[tuple[int, Stage]]]:
    """Return for each stage the channels before it and what it is, as plans have them together."""
    pairs: list[set[tuple[int, Stage]]] = [set() for _ in settings.strides]
    for plan in plans:
        c_in = settings.stem
        for found, stage in zip(pairs, plan, strict=True):
            own = _built(settings, stage)
            found.add((c_in, own))
            c_in = own.width
    return pairs


def _all_pairs(space: StagesSpace, settings: StageSettings) -> list[set[tuple[int, Stage]]]:
    """Return for each stage the channels before it and what it is, for the whole space."""
    stages = {_built(settings, (d, w, float(r), g)) for d, w, r, g in product(*space.options)}
    widths = {stage.width for stage in stages}
    return [set(product(widths if number else {settings.stem}, stages)) for number in range(STAGES)]


def _sides(settings: StageSettings, size: int) -> list[int]:
    """Return the side of the image before each stage and at the end."""
    sides = [-(-size // settings.stem_stride)]
    for stride in settings.strides:
        sides.append(-(-sides[-1] // stride))
    return sides


@lru_cache(maxsize=64)
def _stem_cost(settings: StageSettings, shape: ImageShape) -> tuple[int, int]:
    build = partial(_stem, settings, shape.channels)
    return part_cost(build, shape.channels, shape.size, (settings.stem,))


@lru_cache(maxsize=8192)
def _block_cost(block: type[StageBlock], shape: Shape, stride: int, side: int) -> tuple[int, int]:
    return part_cost(partial(block, [shape], stride, 1), shape.c_in, side, shape)
