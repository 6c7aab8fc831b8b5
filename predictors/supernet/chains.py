"""Networks of mobile blocks one after another: ProxylessNAS, NAS-Bench-Macro, MnasNet-like.

A stem, stages of inverted bottlenecks (Sandler et al., MobileNetV2, CVPR 2018), a last convolution, a
classifier. The first block of a stage changes width and resolution. A block of a stage has its own module for
each kernel and expansion; a stage of fewer blocks uses the first ones. What a graph says of the resolution
in its features is not read: the images have one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from data.errors import InputError
from data.graphs import Graphs
from data.names import check_name
from data.space import INPUT, OUTPUT, SearchSpace
from data.spaces.chains import ChainSpace
from data.spaces.mobile import DEPTHS, OFA_SLOTS, MnasnetSpace
from predictors.supernet.blocks import BlockStyle, ConvBnAct, MixHead, MobileBlock
from predictors.supernet.counts import Counts, ImageShape, module_cost
from predictors.supernet.layers import Conv, Head
from predictors.supernet.network import Network, Plan, check_sizes

BLOCK = re.compile(r"mb(?=.*_k(?P<kernel>\d+))(?=.*_e(?P<expansion>[\d.]+))(?P<se>.*_se)?")


@dataclass(frozen=True)
class ChainSettings:
    """Size of a network; an empty tuple or 0 stands for the space's published value.

    Attributes:
        widths: Channels of each stage.
        strides: Stride of the first block of each stage.
        stem: Channels of the stem.
        stem_stride: Stride of the stem.
        first: Channels of the fixed block after the stem that some spaces have; −1 for no such block.
        last: Channels of the last convolution.
    """

    widths: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    stem: int = 0
    stem_stride: int = 0
    first: int = 0
    last: int = 0

    def __post_init__(self) -> None:
        """Reject invalid sizes."""
        check_sizes(replace(self, first=0) if self.first == -1 else self, least=0)


PUBLISHED: Mapping[str, ChainSettings] = {
    "proxyless": ChainSettings((32, 40, 80, 96, 192, 320), (2, 2, 2, 1, 2, 1), 32, 2, 16, 1280),
    "macro": ChainSettings((64, 128, 256), (2, 2, 2), 32, 1, -1, 1280),
    "mnasnet": ChainSettings((16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 2, 1, 2, 1), 32, 2, -1, 1280),
}


@dataclass(frozen=True)
class Design:
    """What a network of mobile blocks is built from.

    Attributes:
        size: Its sizes, all given.
        options: For each stage, every (block, operation) of a supernet.
        ends: Activation of the stem and of the last convolution.
        first: Style of the fixed block after the stem.
        stages: Style of each stage's blocks.
        mix: Channels of the layer between the mean and the classifier; 0 for no such layer.
    """

    size: ChainSettings
    options: Sequence[Collection[tuple[int, str]]]
    ends: type[nn.Module]
    first: BlockStyle
    stages: Sequence[BlockStyle]
    mix: int = 0


class ChainNetwork(Network):
    """A network of mobile blocks; a plan is, for each stage, the operation names of its blocks."""

    Settings = ChainSettings
    operations = (MobileBlock,)

    def __init__(
        self,
        space: SearchSpace,
        settings: ChainSettings,
        *,
        channels: int = 3,
        classes: int = 10,
        members: int = 1,
        only: Collection[Plan] | None = None,
    ) -> None:
        super().__init__(space, settings, members=members)
        design = self.design(space, settings)
        size, act = design.size, design.ends
        self.stem = ConvBnAct(channels, size.stem, 3, members=members, stride=size.stem_stride, act=act)
        c_in = size.stem
        self.first = nn.Identity()
        if size.first > 0:
            self.first = MobileBlock(c_in, size.first, 3, 1.0, members=members, style=design.first)
            c_in = size.first
        self.stages = nn.ModuleList()
        for stage, (width, stride) in enumerate(zip(size.widths, size.strides, strict=True)):
            options = design.options[stage] if only is None else _used(only, stage)
            self.stages.append(Stage(options, c_in, width, stride, members, design.stages[stage]))
            c_in = width
        self.last = ConvBnAct(c_in, size.last, 1, members=members, act=act)
        self.head = (
            MixHead(size.last, design.mix, classes, members=members)
            if design.mix
            else Head(size.last, classes, members=members, norm=False)
        )

    @classmethod
    def design(cls, space: SearchSpace, settings: Any) -> Design:  # noqa: ANN401  # the family's own
        """Return what a network is built from; a family with other blocks or last layers overrides this."""
        return plain_design(space, resolved(space, settings))

    @classmethod
    def published(cls, space: SearchSpace) -> ChainSettings:
        """Return the published settings of a space."""
        return cls.design(space, cls.Settings()).size

    @staticmethod
    def plans(graphs: Graphs) -> list[Plan]:
        """Return the operation names of each stage's blocks."""
        space = graphs.space
        ends = set(space.codes(INPUT, OUTPUT))
        plans: list[Plan] = []
        for ops, stage, n in zip(graphs.ops, graphs.stage, graphs.n_nodes, strict=True):
            blocks: list[list[str]] = [[] for _ in space.stages]
            for op, s in zip(ops[:n].tolist(), stage[:n].tolist(), strict=True):
                if op not in ends:
                    blocks[s].append(space.ops[op])
            plans.append(tuple(map(tuple, blocks)))
        return plans

    @classmethod
    def counts(cls, space: SearchSpace, settings: Any, graphs: Graphs, shape: ImageShape) -> Counts:  # noqa: ANN401
        """Return FLOPs and parameters of n architectures: sums over their blocks, each counted once."""
        ends, stages = _costs(cls, space, settings, shape)
        totals = [
            sum(
                (
                    costs[_key(block, name)]
                    for costs, blocks in zip(stages, plan, strict=True)
                    for block, name in enumerate(blocks)
                ),
                ends,
            )
            for plan in cls.plans(graphs)
        ]
        return Counts.of(totals)

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map images (b, members · channels, h, w) to logits (b, members, classes)."""
        x = self.first(self.stem(x))
        for stage, blocks in zip(self.stages, plan, strict=True):
            x = stage(x, blocks)
        return self.head(self.last(x))


class Stage(nn.Module):
    """Blocks of one width; holds a module for each (block, operation)."""

    def __init__(
        self,
        options: Collection[tuple[int, str]],
        c_in: int,
        width: int,
        stride: int,
        members: int,
        style: BlockStyle,
    ) -> None:
        super().__init__()
        self.ops = nn.ModuleDict()
        for block, name in sorted(options):
            wide, step = (c_in, stride) if block == 0 else (width, 1)
            self.ops[_key(block, name)] = _block(name, wide, width, step, members, style)

    def forward(self, x: Tensor, blocks: tuple[str, ...]) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · width, h / stride, w / stride)."""
        for block, name in enumerate(blocks):
            x = self.ops[_key(block, name)](x)
        return x


@lru_cache(maxsize=8)
def _costs(
    kind: type[ChainNetwork], space: SearchSpace, settings: ChainSettings, shape: ImageShape
) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    """Return FLOPs and parameters (2,) of what all networks have, and of each stage's blocks by key."""
    with torch.device("meta"):
        network = kind(space, settings, channels=shape.channels, classes=shape.classes).eval()
        x = torch.empty(1, shape.channels, shape.size, shape.size)
    ends, stages = np.zeros(2), []
    for part in (network.stem, network.first):
        ends, x = ends + module_cost(part, x), part(x)
    for stage in network.stages:
        assert isinstance(stage, Stage)
        costs = {}
        for block, group in groupby(stage.ops.items(), key=lambda item: item[0].partition("_")[0]):
            ops = dict(group)
            costs |= {key: np.array(module_cost(op, x)) for key, op in ops.items()}
            if block == "0":
                x = next(iter(ops.values()))(x)
        stages.append(costs)
    for part in (network.last, network.head):
        ends, x = ends + module_cost(part, x), part(x)
    return ends, stages


def plain_design(space: SearchSpace, size: ChainSettings) -> Design:
    """Return the design with MobileNetV2's activation and last layers."""
    style = BlockStyle()
    return Design(size, stage_options(space), style.act, style, [style] * len(size.widths))


S = TypeVar("S", bound=ChainSettings)


def resolved(space: SearchSpace, settings: ChainSettings) -> ChainSettings:
    """Return the settings with the published value wherever nothing else is asked for.

    Raises:
        InputError: There is not one width and one stride for each stage of the space.
    """
    return filled(space, settings, PUBLISHED[check_name("space of mobile blocks", space.name, PUBLISHED)])


def filled(space: SearchSpace, settings: S, published: S) -> S:
    """Return the settings with the values of others wherever they are empty or 0.

    Raises:
        InputError: There is not one width and one stride for each stage of the space.
    """
    names = [field.name for field in fields(settings)]
    size = replace(settings, **{name: getattr(settings, name) or getattr(published, name) for name in names})
    if not len(size.widths) == len(size.strides) == len(space.stages):
        raise InputError(
            f"space '{space.name}' has {len(space.stages)} stages: give as many widths and strides, not "
            f"{len(size.widths)} and {len(size.strides)}"
        )
    return size


def _used(only: Collection[Plan], stage: int) -> set[tuple[int, str]]:
    """Return the (block, operation) of a stage that architectures use."""
    return {(block, name) for plan in only for block, name in enumerate(plan[stage])}


def stage_options(space: SearchSpace) -> list[list[tuple[int, str]]]:
    """Return for each stage of a space every (block, operation) that an architecture may have there.

    A block that may be left out moves the later ones of its stage forward, so any block but the first may
    have the operation of any later place.
    """
    if isinstance(space, ChainSpace):
        places: list[list[set[str]]] = [[] for _ in space.stages]
        for layer in space.layers:
            places[layer.stage].append({option for option in layer.options if option is not None})
        return [
            [
                (block, name)
                for block in range(len(stage))
                for name in sorted(set().union(*stage[block : len(stage) if block else 1]))
            ]
            for stage in places
        ]
    names = [op for op in space.ops if op not in (INPUT, OUTPUT)]
    mnasnet = isinstance(space, MnasnetSpace)
    depths = [max(depth) for depth in DEPTHS] if mnasnet else [OFA_SLOTS] * len(space.stages)
    return [[(block, name) for block in range(depth) for name in names] for depth in depths]


def _block(name: str, c_in: int, c_out: int, stride: int, members: int, style: BlockStyle) -> nn.Module:
    """Return the module of an operation."""
    if name == "project":
        return nn.Sequential(
            Conv(c_in, c_out, 1, members=members, stride=stride), nn.BatchNorm2d(members * c_out)
        )
    found = BLOCK.match(name)
    if found is None:
        raise ValueError(f"no mobile block is called '{name}'")
    return MobileBlock(
        c_in,
        c_out,
        int(found["kernel"]),
        float(found["expansion"]),
        members=members,
        stride=stride,
        squeeze=found["se"] is not None,
        style=style,
    )


def _key(block: int, name: str) -> str:
    return f"{block}_{name.replace('.', 'p')}"  # a module's name may not hold a dot
