"""Networks of two cells, normal and reduction: DARTS and the spaces of NDS.

Liu et al., DARTS, ICLR 2019, and Radosavovic et al., NDS, ICCV 2019: a stem of three times the width, then
normal cells, with reduction cells, which halve the resolution and double the width, at a third and two thirds
of the depth. A cell sees the outputs of the two before it. Width and depth are those of the settings: what a
graph says of them in its features is not read, because shared weights have one width.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from data.graphs import Graphs
from data.spaces.cells import CellsSpace
from predictors.supernet.cell_ops import FactorizedReduce, operation, unused
from predictors.supernet.layers import Conv, Head, ReluConvBn
from predictors.supernet.network import Network, Plan, check_sizes

Place = tuple[int, int, int, str]
"""Block, side (0 or 1), source, operation."""


@dataclass(frozen=True)
class CellsSettings:
    """Size of a network.

    Attributes:
        width: Channels of a block in the first cells.
        depth: Cells.
        stem: Channels of the stem, as a multiple of the width.
    """

    width: int = 16
    depth: int = 20
    stem: int = 3

    def __post_init__(self) -> None:
        """Reject invalid sizes."""
        check_sizes(self)


@dataclass(frozen=True)
class Kind:
    """What a network must hold of one of the two cells.

    Attributes:
        places: The operations.
        ends: Blocks whose outputs may be concatenated, in order.
    """

    places: frozenset[Place]
    ends: tuple[int, ...]


class CellsNetwork(Network):
    """A network of two cells; a plan is, for each, (its blocks, the blocks that are concatenated).

    A block is a pair of (operation name, source): sources 0 and 1 are the cell's inputs, 2 + b is block b.
    """

    Settings = CellsSettings
    operations = (ReluConvBn,)

    def __init__(
        self,
        space: CellsSpace,
        settings: CellsSettings,
        *,
        channels: int = 3,
        classes: int = 10,
        members: int = 1,
        only: Collection[Plan] | None = None,
    ) -> None:
        super().__init__(space, settings, members=members)
        kinds = [_kind(space, cell, only) for cell in range(2)]
        width = settings.width
        stem = settings.stem * width
        self.stem = nn.Sequential(Conv(channels, stem, 3, members=members), nn.BatchNorm2d(members * stem))
        self.cells = nn.ModuleList()
        before, last = stem, stem  # channels of the two outputs before
        halved = False
        for reduction in reductions(settings.depth):
            width *= 2 if reduction else 1
            cell = Cell(space, kinds[reduction], (before, last), width, bool(reduction), halved, members)
            self.cells.append(cell)
            before, last, halved = last, width * len(kinds[reduction].ends), bool(reduction)
        self.head = Head(last, classes, members=members, norm=False)

    @staticmethod
    def plans(graphs: Graphs) -> list[Plan]:
        """Return the plans of graphs as their space builds them."""
        return [tuple(_cell_plan(graphs, row, cell) for cell in range(2)) for row in range(len(graphs))]

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map images (b, members · channels, h, w) to logits (b, members, classes)."""
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(before, last, plan)
        return self.head(last)


class Cell(nn.Module):
    """A cell that holds a module for each of the operations of its kind."""

    def __init__(
        self,
        space: CellsSpace,
        kind: Kind,
        inputs: tuple[int, int],
        width: int,
        reduction: bool,
        halved: bool,
        members: int,
    ) -> None:
        super().__init__()
        self.reduction, self.distinct, self.ends, self.members = reduction, space.distinct, kind.ends, members
        entry = FactorizedReduce if halved else _same_size  # the cell before the last one is twice as large
        self.enter = nn.ModuleList(
            [entry(inputs[0], width, members=members), ReluConvBn(inputs[1], width, 1, members=members)]
        )
        self.ops = nn.ModuleDict()
        for place in sorted(kind.places):
            block, side, source, name = place
            stride = 2 if reduction and source < 2 else 1
            module = operation(name, width, stride, members)
            if module is not None:
                self.ops[self._name(block, side, source, name)] = module

    def _name(self, block: int, side: int, source: int, name: str) -> str:
        # Where a block's inputs differ, an operation on one source is the same on either side.
        return f"{block}_{source}_{name}" if self.distinct else f"{block}_{side}_{source}_{name}"

    def forward(self, before: Tensor, last: Tensor, plan: Plan) -> Tensor:
        """Map the outputs of the two cells before to (b, members · width · ends, h, w)."""
        blocks, ends = plan[self.reduction]
        values: dict[int, Tensor] = {0: self.enter[0](before), 1: self.enter[1](last)}
        for b, block in enumerate(blocks):
            for side, (name, source) in enumerate(block):
                if name == "none" or source not in values:
                    continue
                key = self._name(b, side, source, name)
                value = self.ops[key](values[source]) if key in self.ops else values[source]
                values[2 + b] = values[2 + b] + value if 2 + b in values else value
        empty = unused(values[0], 2 if self.reduction else 1)
        parts = [values.get(2 + b, empty) if b in ends else empty for b in self.ends]
        split = [part.unflatten(1, (self.members, -1)) for part in parts]
        return torch.cat(split, 2).flatten(1, 2)


def _same_size(c_in: int, c_out: int, *, members: int) -> ReluConvBn:
    return ReluConvBn(c_in, c_out, 1, members=members)


def reductions(depth: int) -> list[int]:
    """Return for each cell of a network 1 if it is a reduction cell, else 0."""
    return [int(i in (depth // 3, 2 * depth // 3)) for i in range(depth)]


def _kind(space: CellsSpace, cell: int, only: Collection[Plan] | None) -> Kind:
    """Return what must be held of a cell, for these architectures or for all."""
    if only is None:
        return Kind(frozenset(_all_places(space)), tuple(range(space.blocks)))
    places = {
        (b, side, source, name)
        for plan in only
        for b, block in enumerate(plan[cell][0])
        for side, (name, source) in enumerate(block)
    }
    ends = {b for plan in only for b in plan[cell][1]}
    return Kind(frozenset(places), tuple(sorted(ends)))


def _all_places(space: CellsSpace) -> Iterator[Place]:
    for block in range(space.blocks):
        for source in range(2 + block):
            for name in space.cell_ops:
                yield block, 0, source, name
                if not space.distinct:
                    yield block, 1, source, name


def _cell_plan(graphs: Graphs, row: int, cell: int) -> Plan:
    """Return (blocks, ends) of one cell of one graph."""
    space = graphs.space
    if not isinstance(space, CellsSpace):
        raise TypeError(f"{space.name} is not a space of two cells")
    size = 3 + 3 * space.blocks
    start = cell * size
    value = [start, start + 1, *(start + 4 + 3 * b for b in range(space.blocks))]
    adjacency = graphs.adjacency[row]
    blocks = []
    for b in range(space.blocks):
        nodes = [start + 2 + 3 * b, start + 3 + 3 * b]
        block = [
            (space.ops[graphs.ops[row, node]], value.index(int(np.flatnonzero(adjacency[:, node])[0])))
            for node in nodes
        ]
        blocks.append(tuple(sorted(block, key=lambda item: item[1])) if space.distinct else tuple(block))
    ends = tuple(b for b in range(space.blocks) if adjacency[value[2 + b], start + size - 1])
    return tuple(blocks), ends
