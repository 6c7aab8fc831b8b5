"""Networks of TransNAS-Bench-101's macro level: four to six modules, which may widen or halve the resolution.

Duan et al., TransNAS-Bench-101, CVPR 2021, and the published code (github.com/yawen-d/TransNASBench): a stem
of two 3 × 3 convolutions of stride 2, modules of two residual blocks, of which the first doubles the
channels, halves the resolution or both, and a linear classifier. A block has two 3 × 3 convolutions with a
ReLU before each; the sum has a 1 × 1 convolution and batch norm where width or resolution change.

At each place every kind of module has weights of its own. How wide it is depends on the modules before it: a
width is the first channels of the widest weight.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from data.errors import InputError
from data.graphs import Graphs
from data.space import INPUT, OUTPUT
from data.spaces.chains import TransnasMacro
from predictors.supernet.counts import Counts, ImageShape, part_cost
from predictors.supernet.layers import ReluConvBn, Stem
from predictors.supernet.network import Network, Plan, check_sizes
from predictors.supernet.widths import WidthConv, WidthHead, Widths, head_cost

DOUBLING = ("double_channels", "double_channels_halve_size")
HALVING = ("halve_size", "double_channels_halve_size")


@dataclass(frozen=True)
class ModuleSettings:
    """Size of a network.

    Attributes:
        width: Channels of the stem; half as many in its first convolution.
        blocks: Blocks of a module.
        stem_strides: Strides of the stem's two convolutions.
    """

    width: int = 64
    blocks: int = 2
    stem_strides: tuple[int, ...] = (2, 2)

    def __post_init__(self) -> None:
        """Reject invalid sizes."""
        check_sizes(self)
        if self.width % 2:
            raise InputError(f"width must be even, not {self.width}")
        if len(self.stem_strides) != 2:
            raise InputError(f"stem_strides must be two numbers, not {self.stem_strides}")


class ModuleNetwork(Network):
    """A network of modules; a plan is the names of their kinds."""

    Settings = ModuleSettings

    def __init__(
        self,
        space: TransnasMacro,
        settings: ModuleSettings,
        *,
        channels: int = 3,
        classes: int = 10,
        members: int = 1,
        only: Collection[Plan] | None = None,
    ) -> None:
        super().__init__(space, settings, members=members)
        plans = self.plans(space.graphs(space.enumerate())) if only is None else only
        self.stem = ModuleStem(channels, settings, members)
        widths: dict[tuple[int, str], set[tuple[int, int]]] = {}
        for plan in plans:
            for place, (kind, pair) in enumerate(_steps(settings, plan)):
                widths.setdefault((place, kind), set()).add(pair)
        self.stages = nn.ModuleDict()
        for (place, kind), pairs in sorted(widths.items()):
            self.stages[f"{place}_{kind}"] = Module(sorted(pairs), kind, settings.blocks, members)
        ends = {_end(settings, plan) for plan in plans}
        self.head = WidthHead(ends, classes, members=members, norm=False)

    @staticmethod
    def plans(graphs: Graphs) -> list[Plan]:
        """Return the kind of each module."""
        space = graphs.space
        ends = set(space.codes(INPUT, OUTPUT))
        return [
            tuple(space.ops[op] for op in ops[:n] if op not in ends)
            for ops, n in zip(graphs.ops.tolist(), graphs.n_nodes.tolist(), strict=True)
        ]

    @classmethod
    def counts(
        cls, space: TransnasMacro, settings: ModuleSettings, graphs: Graphs, shape: ImageShape
    ) -> Counts:
        """Return FLOPs and parameters of n architectures, the sums of those of their parts."""
        del space
        costs = []
        for plan in cls.plans(graphs):
            side = shape.size
            for stride in settings.stem_strides:
                side = -(-side // stride)
            parts = [_stem_cost(settings, shape)]
            for kind, pair in _steps(settings, plan):
                parts.append(_module_cost(pair, kind, settings.blocks, side))
                side = -(-side // _stride(kind))
            parts.append(head_cost(_end(settings, plan), shape.classes, side))
            costs.append(np.sum(parts, axis=0))
        return Counts.of(costs)

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map images (b, members · channels, h, w) to logits (b, members, classes)."""
        x = self.stem(x)
        for place, (kind, pair) in enumerate(_steps(self.settings, plan)):
            x = self.stages[f"{place}_{kind}"](x, pair)
        return self.head(x, (_end(self.settings, plan),))


class ModuleStem(nn.Module):
    """Two 3 × 3 convolutions."""

    def __init__(self, channels: int, settings: ModuleSettings, members: int = 1) -> None:
        super().__init__()
        half, (first, second) = settings.width // 2, settings.stem_strides
        self.first = Stem(channels, half, members=members, stride=first)
        self.second = ReluConvBn(half, settings.width, 3, members=members, stride=second)

    def forward(self, x: Tensor, plan: Plan = ()) -> Tensor:
        """Map images (b, members · channels, h, w) to (b, members · width, h / stride, w / stride)."""
        del plan
        return self.second(self.first(x))


class Module(nn.Module):
    """Blocks, the first of which changes width or resolution; of any of several widths."""

    def __init__(self, pairs: Sequence[tuple[int, int]], kind: str, blocks: int, members: int) -> None:
        """Build the modules.

        Args:
            pairs: Channels of input and output that come together.
            kind: Kind of module.
            blocks: Number of blocks.
            members: Independent copies side by side.
        """
        super().__init__()
        later = [(width, width) for _, width in pairs]
        self.blocks = nn.ModuleList(
            ModuleBlock(later if place else pairs, 1 if place else _stride(kind), members)
            for place in range(blocks)
        )

    def forward(self, x: Tensor, pair: tuple[int, int]) -> Tensor:
        """Map (b, members · pair[0], h, w) to (b, members · pair[1], h / stride, w / stride)."""
        for block in self.blocks:
            x = block(x, pair)
        return x


class ModuleBlock(nn.Module):
    """Two 3 × 3 convolutions and a residual sum."""

    def __init__(self, pairs: Sequence[tuple[int, int]], stride: int, members: int) -> None:
        super().__init__()
        ins, outs = ({pair[place] for pair in pairs} for place in (0, 1))
        self.first = WidthConv(ins, outs, 3, members=members, stride=stride, relu="before")
        self.second = WidthConv(outs, outs, 3, members=members, relu="before")
        # Of one kind of module either all widths change or none.
        changes = stride > 1 or ins != outs
        self.shortcut = WidthConv(ins, outs, 1, members=members, stride=stride) if changes else None

    def forward(self, x: Tensor, widths: Widths) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · widths[-1], h / stride, w / stride)."""
        y = self.second(self.first(x, widths), widths)
        return y + (self.shortcut(x, widths) if self.shortcut else x)


def _stride(kind: str) -> int:
    return 2 if kind in HALVING else 1


def _channels(settings: ModuleSettings, plan: Plan) -> list[int]:
    """Return the channels before each module and at the end."""
    widths = [settings.width]
    for kind in plan:
        widths.append(widths[-1] * (2 if kind in DOUBLING else 1))
    return widths


def _steps(settings: ModuleSettings, plan: Plan) -> Iterator[tuple[str, tuple[int, int]]]:
    """Return the kind of each module, and the channels of its input and output."""
    return zip(plan, pairwise(_channels(settings, plan)), strict=True)


def _end(settings: ModuleSettings, plan: Plan) -> int:
    return _channels(settings, plan)[-1]


@lru_cache(maxsize=64)
def _stem_cost(settings: ModuleSettings, shape: ImageShape) -> tuple[int, int]:
    return part_cost(partial(ModuleStem, shape.channels, settings), shape.channels, shape.size, ())


@lru_cache(maxsize=1024)
def _module_cost(pair: tuple[int, int], kind: str, blocks: int, side: int) -> tuple[int, int]:
    return part_cost(partial(Module, [pair], kind, blocks, 1), pair[0], side, pair)
