"""Networks of NAS-Bench-101: any cell of at most seven vertices, weights shared by vertex and operation.

Ying et al., NAS-Bench-101, ICML 2019: a stem of 128 channels, three stacks of three cells, between stacks a
max pooling that halves the resolution and twice the width. In a cell the vertices that enter the output are
concatenated and share its channels; a vertex that the input enters sees it through a 1 × 1 projection.

How many channels a vertex has depends on the cell. The supernet keeps the weights of the widest case and
takes the first channels of them; in a step weight decay and momentum move the others of that weight too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.graphs import Graphs
from data.space import INPUT, OUTPUT, SearchSpace
from predictors.supernet.counts import Counts, ImageShape
from predictors.supernet.layers import Conv, Head
from predictors.supernet.network import Network, Plan, check_sizes

KERNELS = {"conv3x3-bn-relu": 3, "conv1x1-bn-relu": 1}


@dataclass(frozen=True)
class Nb101Settings:
    """Size of a network.

    Attributes:
        width: Channels of the stem and of the first stack; each later stack has twice as many.
        stacks: Stacks.
        depth: Cells in a stack.
    """

    width: int = 128
    stacks: int = 3
    depth: int = 3

    def __post_init__(self) -> None:
        """Reject invalid sizes."""
        check_sizes(self)


class Nb101Network(Network):
    """A network of NAS-Bench-101 cells; a plan is (operation names of the vertices, edges)."""

    Settings = Nb101Settings

    def __init__(
        self,
        space: SearchSpace,
        settings: Nb101Settings,
        *,
        channels: int = 3,
        classes: int = 10,
        members: int = 1,
        only: Collection[Plan] | None = None,
    ) -> None:
        super().__init__(space, settings, members=members)
        self.stem = SlicedConv(channels, settings.width, 3, members)
        self.stacks = nn.ModuleList()
        c_in = settings.width
        for stack in range(settings.stacks):
            c_out = settings.width * 2**stack
            cells = nn.ModuleList()
            for _ in range(settings.depth):
                cells.append(Cell(c_in, c_out, _places(space, c_in, c_out, only), members))
                c_in = c_out
            self.stacks.append(cells)
        self.pool = nn.MaxPool2d(2)
        self.head = Head(c_in, classes, members=members, norm=False)

    @staticmethod
    def plans(graphs: Graphs) -> list[Plan]:
        """Return (operation names, edges) of cells; vertex 0 is the input, the last one the output."""
        names = graphs.space.ops
        plans: list[Plan] = []
        for ops, adjacency, n in zip(graphs.ops, graphs.adjacency, graphs.n_nodes, strict=True):
            rows, columns = np.nonzero(adjacency[:n, :n])
            plans.append(
                (
                    tuple(names[op] for op in ops[:n]),
                    tuple(zip(rows.tolist(), columns.tolist(), strict=True)),
                )
            )
        return plans

    @classmethod
    def counts(cls, space: SearchSpace, settings: Nb101Settings, graphs: Graphs, shape: ImageShape) -> Counts:
        """Return FLOPs and parameters of n cells, from the channels of their vertices."""
        del space
        return Counts.of([_count(settings, plan, shape) for plan in cls.plans(graphs)])

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map images (b, members · channels, h, w) to logits (b, members, classes)."""
        x = self.stem(x, self.stem.c_in, self.stem.c_out)
        for i, stack in enumerate(self.stacks):
            if i:
                x = self.pool(x)
            for cell in stack:  # pyright: ignore[reportGeneralTypeIssues]
                x = cell(x, plan)
        return self.head(x)


class Cell(nn.Module):
    """A cell that holds the widest module that any cell needs at each place."""

    def __init__(self, c_in: int, c_out: int, places: dict[Plan, tuple[int, int]], members: int) -> None:
        super().__init__()
        self.c_in, self.c_out, self.members = c_in, c_out, members
        self.ops = nn.ModuleDict()
        for (vertex, op), (wide_in, wide_out) in sorted(places.items()):
            kernel = KERNELS.get(op, 1)
            if op != "maxpool3x3":
                self.ops[f"{vertex}_{op}"] = SlicedConv(wide_in, wide_out, kernel, members)
        self.pool = nn.MaxPool2d(3, 1, 1)

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · c_out, h, w)."""
        ops, edges = plan
        last = len(ops) - 1
        width = vertex_channels(self.c_in, self.c_out, len(ops), edges)
        values = {0: x}
        for v in range(1, last):
            parts = [self._cut(values[u], width[u], width[v]) for u, w in edges if w == v and u]
            if (0, v) in edges:
                parts.append(self.ops[f"{v}_projection"](x, self.c_in, width[v]))
            total = _sum(parts)
            if ops[v] == "maxpool3x3":
                values[v] = self.pool(total)
            else:
                values[v] = self.ops[f"{v}_{ops[v]}"](total, width[v], width[v])
        ending = [v for v in range(1, last) if (v, last) in edges]
        out = [self._members_of(values[v]) for v in ending]
        parts = [torch.cat(out, 2).flatten(1, 2)] if out else []
        if (0, last) in edges:
            parts.append(self.ops["0_projection"](x, self.c_in, self.c_out))
        return _sum(parts)

    def _members_of(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.members, -1))

    def _cut(self, x: Tensor, have: int, want: int) -> Tensor:
        """Return the first `want` channels of each member."""
        return x if have == want else self._members_of(x)[:, :, :want].flatten(1, 2)


class SlicedConv(nn.Module):
    """Convolution, batch norm and ReLU that can be asked for fewer channels than it has."""

    def __init__(self, c_in: int, c_out: int, kernel: int, members: int) -> None:
        super().__init__()
        self.c_in, self.c_out, self.members = c_in, c_out, members
        self.conv = Conv(c_in, c_out, kernel, members=members)
        self.norm = nn.BatchNorm2d(members * c_out)
        self.act = nn.ReLU()

    def forward(self, x: Tensor, c_in: int, c_out: int) -> Tensor:
        """Map (b, members · c_in, h, w) to (b, members · c_out, h, w)."""
        if (c_in, c_out) == (self.c_in, self.c_out):
            return self.act(self.norm(self.conv(x)))
        m, norm = self.members, self.norm
        weight = self.conv.weight.unflatten(0, (m, -1))[:, :c_out, :c_in].flatten(0, 1)
        x = F.conv2d(x, weight, padding=self.conv.padding, groups=m)  # pyright: ignore[reportArgumentType]
        kept = (
            (torch.arange(m, device=x.device)[:, None] * self.c_out)
            .add(torch.arange(c_out, device=x.device))
            .flatten()
        )
        mean, var = norm.running_mean[kept], norm.running_var[kept]  # pyright: ignore[reportOptionalSubscript]
        x = F.batch_norm(
            x, mean, var, norm.weight[kept], norm.bias[kept], self.training, self._momentum(), norm.eps
        )
        if self.training:
            with torch.no_grad():
                norm.running_mean[kept], norm.running_var[kept] = mean, var  # pyright: ignore[reportOptionalSubscript]
        return self.act(x)

    def _momentum(self) -> float:
        """Return the share of the new statistics, counting batches for a cumulative mean as torch does."""
        norm = self.norm
        if not self.training:
            return 0.0
        norm.num_batches_tracked.add_(1)  # pyright: ignore[reportOptionalMemberAccess]
        return 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum  # pyright: ignore[reportArgumentType]


def vertex_channels(c_in: int, c_out: int, n: int, edges: Collection[tuple[int, int]]) -> list[int]:
    """Return the channels of each of n vertices of a cell.

    The output's channels are shared evenly by the vertices that enter it, the first ones taking what is left
    over; every other vertex has as many as the widest of those it enters.
    Source: Ying et al., 2019, section 2.2, and the published code's description.
    """
    last = n - 1
    width = [0] * n
    width[0], width[last] = c_in, c_out
    ending = [v for v in range(1, last) if (v, last) in edges]
    for i, v in enumerate(ending):
        width[v] = c_out // len(ending) + (i < c_out % len(ending))
    for v in range(last - 1, 0, -1):
        if v not in ending:
            width[v] = max(width[w] for u, w in edges if u == v and w != last)
    return width


def _places(
    space: SearchSpace, c_in: int, c_out: int, only: Collection[Plan] | None
) -> dict[Plan, tuple[int, int]]:
    """Return the widest (input, output) channels that each (vertex, operation) of a cell may need."""
    places: dict[Plan, tuple[int, int]] = {}
    if only is None:
        names = [op for op in space.ops if op not in (INPUT, OUTPUT)]
        for v in range(1, space.max_nodes - 1):
            places |= {(v, op): (c_out, c_out) for op in names}
            places[v, "projection"] = (c_in, c_out)
        places[0, "projection"] = (c_in, c_out)
        return places

    def widen(place: Plan, wide_in: int, wide_out: int) -> None:
        before = places.get(place, (0, 0))
        places[place] = max(before[0], wide_in), max(before[1], wide_out)

    for ops, edges in only:
        width = vertex_channels(c_in, c_out, len(ops), edges)
        for v in range(1, len(ops) - 1):
            widen((v, ops[v]), width[v], width[v])
            if (0, v) in edges:
                widen((v, "projection"), c_in, width[v])
        if (0, len(ops) - 1) in edges:
            widen((0, "projection"), c_in, c_out)
    return places


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _count(settings: Nb101Settings, plan: Plan, shape: ImageShape) -> tuple[int, int]:
    """Return (FLOPs, parameters) of a cell's network: what `count_each` finds, without building it."""
    ops, edges = plan
    side, c_in = shape.size, settings.width
    flops, params = _conv_cost(shape.channels, c_in, 3, side)
    for stack in range(settings.stacks):
        c_out = settings.width * 2**stack
        if stack:
            side //= 2
            flops += 4 * c_in * side * side
        for _ in range(settings.depth):
            width = vertex_channels(c_in, c_out, len(ops), edges)
            costs = [_conv_cost(c_in, width[v], 1, side) for u, v in edges if u == 0]
            for v in range(1, len(ops) - 1):
                pooled = 9 * width[v] * side * side, 0
                conv = ops[v] in KERNELS
                costs.append(_conv_cost(width[v], width[v], KERNELS[ops[v]], side) if conv else pooled)
            flops += sum(cost[0] for cost in costs)
            params += sum(cost[1] for cost in costs)
            c_in = c_out
    flops += c_in * (side + 1) ** 2 + c_in * shape.classes
    return flops, params + c_in * shape.classes + shape.classes


def _conv_cost(c_in: int, c_out: int, kernel: int, side: int) -> tuple[int, int]:
    """Return (FLOPs, parameters) of convolution, batch norm and ReLU."""
    weights = kernel * kernel * c_in * c_out
    return side * side * (weights + 3 * c_out), weights + 2 * c_out
