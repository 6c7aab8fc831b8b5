"""Networks of cells with an operation on every edge: NAS-Bench-201, TransNAS-Bench-101 (micro).

Dong & Yang, NAS-Bench-201, ICLR 2020, figure 1: a stem, stages of equal cells, between stages a residual
block that halves the resolution and doubles the width, and a classifier. The cell is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor, nn

from data.graphs import Graphs
from data.names import check_name
from data.spaces.edges import EdgeSpace
from predictors.supernet.counts import Counts, ImageShape, count_each
from predictors.supernet.layers import AvgPool, Conv, Head, ReluConvBn, Stem
from predictors.supernet.network import Network, Plan, check_sizes

CONV_KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
REDUCTIONS = ("residual", "conv")


@dataclass(frozen=True)
class EdgeSettings:
    """Size of a network of edge cells.

    Attributes:
        widths: Channels of each stage.
        depth: Cells in a stage.
        stem_stride: Stride of the first convolution; 2 halves the resolution of everything after it.
        reduction: Between stages: the published "residual" block, or one "conv" of stride 2, which is
            cheaper and leaves the cells a larger share of the network.
    """

    widths: tuple[int, ...] = (16, 32, 64)
    depth: int = 5
    stem_stride: int = 1
    reduction: str = "residual"

    def __post_init__(self) -> None:
        """Reject invalid sizes."""
        check_sizes(self)


class EdgeNetwork(Network):
    """A network of cells of an `EdgeSpace`; a plan is a code: the operation of each edge."""

    Settings = EdgeSettings
    operations = (ReluConvBn,)

    def __init__(
        self,
        space: EdgeSpace,
        settings: EdgeSettings,
        *,
        channels: int = 3,
        classes: int = 10,
        members: int = 1,
        only: Collection[Plan] | None = None,
    ) -> None:
        super().__init__(space, settings, members=members)
        check_name("reduction", settings.reduction, REDUCTIONS)
        places = {(e, op) for e in range(len(space.edges)) for op in range(len(space.edge_ops))}
        if only is not None:
            places = {(e, op) for plan in only for e, op in enumerate(plan)}
        widths = settings.widths
        self.stem = Stem(channels, widths[0], members=members, stride=settings.stem_stride)
        self.stages = nn.ModuleList(
            nn.ModuleList(Cell(space, places, width, members) for _ in range(settings.depth))
            for width in widths
        )
        block = Reduction if settings.reduction == "residual" else _conv_reduction
        self.reductions = nn.ModuleList(block(a, b, members=members) for a, b in pairwise(widths))
        self.head = Head(widths[-1], classes, members=members, norm=True)

    @staticmethod
    def plans(graphs: Graphs) -> list[Plan]:
        """Return the codes of cells."""
        return [tuple(code) for code in graphs.ops[:, 1:-1].tolist()]

    @staticmethod
    def computed(space: EdgeSpace, plan: Plan) -> Plan:
        """Return the output as a sum of operations on sums.

        Convolutions carry their edge, which has its own weights. Pooling has none, and that of a sum is the
        sum of poolings; the identity is nothing but its input. So cells that differ only in where these stand
        are one computation up to rounding: there are 7,548 in the 15,625 cells of NAS-Bench-201.
        """
        sums: dict[int, list[Plan]] = {0: [()]}
        for edge in live_edges(space, plan):
            (source, target), name = space.edges[edge], space.edge_ops[plan[edge]]
            terms = sorted(sums[source])
            if name in CONV_KERNELS:
                terms = [(name, edge, tuple(terms))]
            elif name not in space.identity:
                terms = [(name, -1, (term,)) for term in terms]
            sums.setdefault(target, []).extend(terms)
        return tuple(sorted(sums.get(space.cell_nodes - 1, [])))

    @classmethod
    def counts(cls, space: EdgeSpace, settings: EdgeSettings, graphs: Graphs, shape: ImageShape) -> Counts:
        """Return FLOPs and parameters of n cells, operations that do not reach the output included.

        Every edge has the same width, so an operation costs the same on each: one cell an operation is
        counted, with it on the edge from input to output and zeros elsewhere.
        """
        zero = space.codes(*space.zero)[0]
        found = _single_operations(space, settings, shape)
        codes = graphs.ops[:, 1:-1]
        flops, params = (
            values[zero] + (values - values[zero])[codes].sum(1) for values in (found.flops, found.params)
        )
        return Counts(flops, params)

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map images (b, members · channels, h, w) to logits (b, members, classes)."""
        x = self.stem(x)
        for i, stage in enumerate(self.stages):
            if i:
                x = self.reductions[i - 1](x)
            for cell in stage:  # pyright: ignore[reportGeneralTypeIssues]
                x = cell(x, plan)
        return self.head(x)


@lru_cache(maxsize=8)
def _single_operations(space: EdgeSpace, settings: EdgeSettings, shape: ImageShape) -> Counts:
    """Return the costs of cells with one operation each, on the edge from input to output."""
    zero = space.codes(*space.zero)[0]
    direct = space.edges.index((0, space.cell_nodes - 1))
    single = [
        tuple(op if edge == direct else zero for edge in range(len(space.edges)))
        for op in range(len(space.edge_ops))
    ]
    return count_each(EdgeNetwork, space, settings, single, shape)


class Cell(nn.Module):
    """A cell that holds a module for each (edge, operation) of `places`."""

    def __init__(self, space: EdgeSpace, places: Collection[Plan], width: int, members: int) -> None:
        super().__init__()
        self.space = space
        self.ops = nn.ModuleDict()
        for edge, op in sorted(places):
            name = space.edge_ops[op]
            if name in CONV_KERNELS:
                self.ops[f"{edge}_{name}"] = ReluConvBn(width, width, CONV_KERNELS[name], members=members)
            elif name == "avg_pool_3x3":
                self.ops[f"{edge}_{name}"] = AvgPool()

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map (b, c, h, w) to the same shape; what does not reach the output is not computed."""
        nodes = {0: x}
        for edge in live_edges(self.space, plan):
            source, target = self.space.edges[edge]
            name = self.space.edge_ops[plan[edge]]
            value = nodes[source]
            if name != "skip_connect":
                value = self.ops[f"{edge}_{name}"](value)
            nodes[target] = nodes[target] + value if target in nodes else value
        last = self.space.cell_nodes - 1
        return nodes[last] if last in nodes else torch.zeros_like(x)


@lru_cache(maxsize=65536)
def live_edges(space: EdgeSpace, plan: Plan) -> tuple[int, ...]:
    """Return the edges that are on a path of operations other than zero from input to output, in order."""
    zero = set(space.codes(*space.zero))
    open_edges = [(e, i, j) for e, (i, j) in enumerate(space.edges) if plan[e] not in zero]
    ahead, back = {0}, {space.cell_nodes - 1}
    for _, i, j in open_edges:
        if i in ahead:
            ahead.add(j)
    for _, i, j in sorted(open_edges, key=lambda edge: -edge[1]):
        if j in back:
            back.add(i)
    return tuple(e for e, i, j in open_edges if i in ahead and j in back)


class Reduction(nn.Module):
    """The residual block between stages: half the resolution, another width."""

    def __init__(self, c_in: int, c_out: int, *, members: int) -> None:
        super().__init__()
        self.first = ReluConvBn(c_in, c_out, 3, members=members, stride=2)
        self.second = ReluConvBn(c_out, c_out, 3, members=members)
        self.pool = nn.AvgPool2d(2)
        self.shortcut = Conv(c_in, c_out, 1, members=members)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · c_out, h / 2, w / 2)."""
        return self.shortcut(self.pool(x)) + self.second(self.first(x))


def _conv_reduction(c_in: int, c_out: int, *, members: int) -> ReluConvBn:
    return ReluConvBn(c_in, c_out, 3, members=members, stride=2)
