"""Spaces of cells with an operation on every edge: NAS-Bench-201, the cells of TransNAS-Bench-101."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from data.space import INPUT, OUTPUT
from data.spaces.codes import CodeSpace

_PREFIX = "64-41414-"


@dataclass(frozen=True)
class EdgeSpace(CodeSpace):
    """Cells with an operation on every edge of a complete DAG, as in NAS-Bench-201.

    As a graph each edge operation becomes a node; the cell's own nodes, which only sum, become edges.
    Node 0 is the input, the last one the output, between them the operations ordered by (target, source):
    (0→1), (0→2), (1→2), (0→3), ... An architecture's *code* is its operations in that order, as indices
    into `edge_ops`.

    Attributes:
        edge_ops: The operations an edge may carry; also the first part of `ops`.
        cell_nodes: Nodes of the cell, input and output included.
    """

    edge_ops: tuple[str, ...] = ()
    cell_nodes: int = 4

    @staticmethod
    def make(
        name: str,
        edge_ops: tuple[str, ...],
        cell_nodes: int,
        identity: tuple[str, ...],
        zero: tuple[str, ...],
    ) -> EdgeSpace:
        """Return the space of cells of `cell_nodes` nodes with one of `edge_ops` on every edge."""
        n_edges = cell_nodes * (cell_nodes - 1) // 2
        return EdgeSpace(
            name,
            (*edge_ops, INPUT, OUTPUT),
            n_edges + 2,
            identity,
            zero,
            choices=(len(edge_ops),) * n_edges,
            edge_ops=edge_ops,
            cell_nodes=cell_nodes,
        )

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """(source, target) of every edge, in the order of a code."""
        return tuple((i, j) for j in range(1, self.cell_nodes) for i in range(j))

    @cached_property
    def adjacency(self) -> np.ndarray:
        """(v, v) uint8: the one adjacency all graphs of this space share."""
        v, last = self.max_nodes, self.cell_nodes - 1
        adjacency = np.zeros((v, v), np.uint8)
        for a, (i, j) in enumerate(self.edges, 1):
            adjacency[0, a] = i == 0
            adjacency[a, v - 1] = j == last
            for b, (k, _) in enumerate(self.edges, 1):
                adjacency[a, b] = j == k
        return adjacency

    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the graphs of codes (n, edges), integers in [0, len(edge_ops))."""
        codes = self.check(codes)
        n, v = len(codes), self.max_nodes
        ops = np.empty((n, v), np.int8)
        ops[:, 0], ops[:, -1] = self.codes(INPUT, OUTPUT)
        ops[:, 1:-1] = codes
        adjacency = np.broadcast_to(self.adjacency, (n, v, v))
        return Graphs(ops, adjacency, np.full(n, v, np.int16), self)

    def code(self, graphs: Graphs) -> np.ndarray:
        """Return the operations (n, edges) of cells."""
        return graphs.ops[:, 1:-1]

    def format(self, codes: np.ndarray) -> list[str]:
        """Return the NAS-Bench-201 string of each code, e.g. "|none~0|+|none~0|none~1|+|...|"."""
        ends = [(f"|{{}}~{i}" if i else f"+|{{}}~{i}") + "|" * (i == j - 1) for i, j in self.edges]
        form = "".join(ends).removeprefix("+")
        return [form.format(*(self.edge_ops[c] for c in code)) for code in self.check(codes).tolist()]

    def parse(self, texts: Sequence[str]) -> np.ndarray:
        """Return the codes (n, edges) of strings as `format` writes them."""
        place = {op: i for i, op in enumerate(self.edge_ops)}
        codes = np.full((len(texts), len(self.edges)), -1, np.int8)
        for row, text in enumerate(texts):
            names = [edge.partition("~")[0] for edge in text.replace("+", "").split("|") if edge]
            if len(names) == len(self.edges):
                codes[row] = [place.get(name, -1) for name in names]
        known: list[bool] = (codes >= 0).all(1).tolist()  # pyright: ignore[reportAssignmentType]
        back = iter(self.format(codes[known]))
        for text, is_known in zip(texts, known, strict=True):
            if not is_known or next(back) != text:
                raise InputError(f"space '{self.name}': not an architecture string: {text!r}")
        return codes


@dataclass(frozen=True)
class TransnasMicro(EdgeSpace):
    """The cell level of TransNAS-Bench-101: four nodes, four operations, 4,096 cells in one skeleton.

    Source: Duan et al., TransNAS-Bench-101, CVPR 2021.
    """

    def format(self, codes: np.ndarray) -> list[str]:
        """Return the official names, e.g. "64-41414-1_02_333": for each node the operations into it."""
        texts = ["".join(map(str, code)) for code in self.check(codes).tolist()]
        return [f"{_PREFIX}{t[0]}_{t[1:3]}_{t[3:6]}" for t in texts]

    def parse(self, texts: Sequence[str]) -> np.ndarray:
        """Return the codes (n, 6) of official names."""
        for text in texts:
            cell = text.removeprefix(_PREFIX)
            if (
                cell == text
                or tuple(map(len, cell.split("_"))) != (1, 2, 3)
                or not cell.replace("_", "").isdecimal()
            ):
                raise InputError(f"space '{self.name}': not a cell such as '{_PREFIX}1_02_333': {text!r}")
        digits = [[int(d) for d in text.removeprefix(_PREFIX) if d != "_"] for text in texts]
        return self.check(np.array(digits, np.int8).reshape(-1, len(self.choices)))


_OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
TRANSNAS_MICRO = TransnasMicro(
    "transnas_micro",
    (*_OPS, INPUT, OUTPUT),
    8,
    identity=("skip_connect",),
    zero=("none",),
    choices=(len(_OPS),) * 6,
    edge_ops=_OPS,
)

NB201 = EdgeSpace.make(
    "nb201",
    ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"),
    cell_nodes=4,
    identity=("skip_connect",),
    zero=("none",),
)
