"""Spaces of two cells, normal and reduction, whose blocks choose two inputs and an operation on each.

As a graph both cells stand side by side, each node in the stage of its cell: two inputs (the outputs of the
two cells before), for each block its two operations and their sum, then the concatenation of some blocks;
both concatenations enter the output. What is not in a cell (the network's width and depth) is a feature of
the first input.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.graphs import Graphs
from data.space import INPUT, OUTPUT
from data.spaces.codes import CodeSpace

ADD, CONCAT = "add", "concat"
CELLS = ("normal", "reduction")


@dataclass(frozen=True)
class CellsSpace(CodeSpace):
    """Pairs of cells of `blocks` blocks.

    A code holds for the normal cell, then for the reduction cell, for each block: which pair of inputs, the
    first operation, the second operation.

    Attributes:
        cell_ops: The operations; also the first part of `ops`.
        blocks: Blocks of a cell.
        distinct: Whether the two inputs of a block differ (then their order does not matter).
        loose_ends: Whether the concatenation takes the blocks that no other block uses; else it takes all.
    """

    cell_ops: tuple[str, ...] = ()
    blocks: int = 4
    distinct: bool = True
    loose_ends: bool = False

    @staticmethod
    def make(
        name: str,
        cell_ops: tuple[str, ...],
        blocks: int,
        *,
        distinct: bool = True,
        loose_ends: bool = False,
        features: tuple[str, ...] = (),
    ) -> CellsSpace:
        """Return the space of cells of `blocks` blocks with these operations."""
        per_cell = [
            (len(_pairs(block, distinct=distinct)), len(cell_ops), len(cell_ops)) for block in range(blocks)
        ]
        return CellsSpace(
            name,
            (*cell_ops, ADD, CONCAT, INPUT, OUTPUT),
            2 * (3 + 3 * blocks) + 1,
            zero=("none",) if "none" in cell_ops else (),
            stages=CELLS,
            features=features,
            fold_equal=False,
            choices=tuple(itertools.chain(*per_cell)) * 2,
            cell_ops=cell_ops,
            blocks=blocks,
            distinct=distinct,
            loose_ends=loose_ends,
        )

    @property
    def stage_sizes(self) -> tuple[int, ...]:
        """Nodes of each cell: two operations and a sum for each block, and the concatenation."""
        return (3 * self.blocks + 1,) * len(CELLS)

    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the graphs of codes (n, 6 · blocks)."""
        parts = self.check(codes).reshape(len(codes), 2, self.blocks, 3)
        sources = np.empty((len(parts), 2, self.blocks, 2), np.int8)
        for block, pairs in enumerate(self.pairs):
            sources[:, :, block] = pairs[parts[:, :, block, 0]]
        return self.build(parts[:, :, :, 1:], sources)

    @cached_property
    def pairs(self) -> tuple[np.ndarray, ...]:
        """For each block the pairs (p, 2) of inputs it may choose: 0 and 1 the cell's, then the blocks."""
        return tuple(_pairs(block, distinct=self.distinct) for block in range(self.blocks))

    def build(
        self,
        ops: np.ndarray,
        sources: np.ndarray,
        concat: np.ndarray | None = None,
        features: np.ndarray | None = None,
    ) -> Graphs:
        """Return the graphs of n pairs of cells.

        Args:
            ops: (n, 2, blocks, 2) index into `cell_ops`.
            sources: (n, 2, blocks, 2) where each operation takes its input: 0 and 1 the cell's inputs, 2 + b
                block b.
            concat: (n, 2, 2 + blocks) whether the cell's output has each value; by default as the space says.
            features: (n, f) the network's `features`.
        """
        n, blocks = len(ops), self.blocks
        joined = self._joined(sources) if concat is None else concat
        size, v = 3 + 3 * blocks, self.max_nodes
        node_ops = np.full((n, v), self.ops.index(OUTPUT), np.int8)
        stage = np.zeros((n, v), np.int8)
        adjacency = np.zeros((n, v, v), np.uint8)
        rows = np.arange(n)
        for cell in range(2):
            start, end = cell * size, (cell + 1) * size - 1
            stage[:, start : end + 1] = cell
            node_ops[:, start : start + 2] = self.ops.index(INPUT)
            value = start + self._places
            for b in range(blocks):
                add = value[2 + b]
                for side in range(2):
                    node = add - 2 + side
                    node_ops[:, node] = ops[:, cell, b, side]
                    adjacency[rows, value[sources[:, cell, b, side]], node] = 1
                    adjacency[:, node, add] = 1
                node_ops[:, add] = self.ops.index(ADD)
            adjacency[:, value, end] = joined[:, cell]
            node_ops[:, end] = self.ops.index(CONCAT)
            adjacency[:, end, -1] = 1
        numbers = np.zeros((n, v, len(self.features)), np.float32)
        if features is not None:
            numbers[:, 0] = features
        return Graphs(node_ops, adjacency, np.full(n, v, np.int16), self, stage=stage, features=numbers)

    @cached_property
    def _places(self) -> np.ndarray:
        """Where the values of a cell stand among its nodes: two inputs, then the sum that ends each block."""
        return np.array([0, 1, *(4 + 3 * block for block in range(self.blocks))])

    def code(self, graphs: Graphs) -> np.ndarray:
        """Return a code (n, 6 · blocks) of each pair of cells; their outputs join what the space says."""
        codes = np.empty((len(graphs), 2, self.blocks, 3), np.int8)
        for cell, (block, pairs) in itertools.product(range(2), enumerate(self.pairs)):
            value = cell * (3 + 3 * self.blocks) + self._places
            nodes = value[2 + block] - [2, 1]
            sources = graphs.adjacency[:, value[: 2 + block]][:, :, nodes].argmax(1)
            order = np.argsort(sources, axis=1, kind="stable") if self.distinct else np.array([[0, 1]])
            sources = np.take_along_axis(sources, order, 1)
            codes[:, cell, block, 0] = (sources[:, None] == pairs).all(2).argmax(1)
            codes[:, cell, block, 1:] = np.take_along_axis(graphs.ops[:, nodes], order, 1)
        return codes.reshape(len(graphs), -1)

    def _joined(self, sources: np.ndarray) -> np.ndarray:
        """Return which values (n, 2, 2 + blocks) the cells' outputs have, as the space says."""
        values = np.arange(2 + self.blocks)
        loose = ~(sources[..., None] == values).any((2, 3))
        return (loose if self.loose_ends else np.ones_like(loose)) & (values >= 2)


def _pairs(block: int, *, distinct: bool) -> np.ndarray:
    """Return the pairs (p, 2) of inputs that a block may choose."""
    known = range(2 + block)
    pairs = itertools.combinations(known, 2) if distinct else itertools.product(known, repeat=2)
    return np.array(list(pairs), np.int8)


_DARTS_OPS = (
    "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3",
    "dil_conv_5x5",
)  # fmt: skip
UNITS = {"width": 32.0, "depth": 20.0}  # of the features of a network: its initial channels and its cells

DARTS = CellsSpace.make("darts", ("none", *_DARTS_OPS), 4)
"""Liu et al., DARTS, ICLR 2019; 10^18 pairs of cells."""


def _nds(name: str, ops: tuple[str, ...], *, loose_ends: bool) -> CellsSpace:
    """Return a space of Radosavovic et al., On Network Design Spaces for Visual Recognition, ICCV 2019."""
    return CellsSpace.make(name, ops, 5, distinct=False, loose_ends=loose_ends, features=tuple(UNITS))


NDS_DARTS = CellsSpace.make("nds_darts", ("none", *_DARTS_OPS), 4, features=tuple(UNITS))
NDS_ENAS = _nds(
    "nds_enas",
    ("skip_connect", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3"),
    loose_ends=True,
)
NDS_PNAS = _nds(
    "nds_pnas",
    (
        "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "conv_7x1_1x7", "skip_connect", "avg_pool_3x3",
        "max_pool_3x3", "dil_conv_3x3",
    ),
    loose_ends=False,
)  # fmt: skip
NDS_NASNET = _nds(
    "nds_nasnet",
    (
        "skip_connect", "conv_3x1_1x3", "conv_7x1_1x7", "dil_conv_3x3", "avg_pool_3x3", "max_pool_3x3",
        "max_pool_5x5", "max_pool_7x7", "conv_1x1", "conv_3x3", "sep_conv_3x3", "sep_conv_5x5",
        "sep_conv_7x7",
    ),
    loose_ends=True,
)  # fmt: skip
NDS_AMOEBA = _nds(
    "nds_amoeba",
    (
        "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "avg_pool_3x3", "max_pool_3x3",
        "dil_sep_conv_3x3", "conv_7x1_1x7",
    ),
    loose_ends=True,
)  # fmt: skip
