"""Search spaces: the vocabulary and structure that a batch of architectures shares."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.errors import InputError
from data.graphs import Graphs

INPUT, OUTPUT = "input", "output"


@dataclass(frozen=True)
class SearchSpace:
    """Op vocabulary and node limit of a space of directed acyclic graphs with an operation on each node.

    Attributes:
        name: Short name, e.g. "nb201".
        ops: Node vocabulary; a graph's `ops` are indices into it. Holds "input" and "output".
        max_nodes: Most nodes a graph of this space has, input and output included.
        identity: Operations that pass on the sum of their inputs unchanged.
        zero: Operations whose output is zero whatever comes in.
    """

    name: str
    ops: tuple[str, ...]
    max_nodes: int
    identity: tuple[str, ...] = ()
    zero: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a vocabulary that contradicts itself."""
        if len(set(self.ops)) != len(self.ops):
            raise InputError(f"space '{self.name}': an operation is listed twice in {self.ops}")
        missing = {INPUT, OUTPUT, *self.identity, *self.zero} - set(self.ops)
        if missing:
            raise InputError(f"space '{self.name}': {sorted(missing)} not in the vocabulary {self.ops}")

    def codes(self, *names: str) -> list[int]:
        """Return the op codes of `names`."""
        return [self.ops.index(name) for name in names]


@dataclass(frozen=True)
class EdgeSpace(SearchSpace):
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
            name, (*edge_ops, INPUT, OUTPUT), n_edges + 2, identity, zero, edge_ops, cell_nodes
        )  # fmt: skip

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
        codes = np.asarray(codes)
        if codes.ndim != 2 or codes.shape[1] != len(self.edges):
            raise InputError(
                f"space '{self.name}': codes must have shape (n, {len(self.edges)}), not {codes.shape}"
            )
        if codes.size and (codes.min() < 0 or codes.max() >= len(self.edge_ops)):
            raise InputError(f"space '{self.name}': codes must lie in [0, {len(self.edge_ops)})")
        n, v = len(codes), self.max_nodes
        ops = np.empty((n, v), np.int8)
        ops[:, 0], ops[:, -1] = self.codes(INPUT, OUTPUT)
        ops[:, 1:-1] = codes
        adjacency = np.broadcast_to(self.adjacency, (n, v, v))
        return Graphs(ops, adjacency, np.full(n, v, np.int16), self)

    def enumerate(self) -> np.ndarray:
        """Return the codes (len(edge_ops) ** edges, edges) of the whole space, in lexicographic order."""
        return np.array(list(itertools.product(range(len(self.edge_ops)), repeat=len(self.edges))), np.int8)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n codes (n, edges) drawn uniformly, with replacement."""
        return rng.integers(len(self.edge_ops), size=(n, len(self.edges)), dtype=np.int8)

    def mutate(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return codes with one random edge of each row changed to another operation."""
        mutated = np.array(codes, np.int8)
        n = len(mutated)
        edge = rng.integers(mutated.shape[1], size=n)
        shift = rng.integers(1, len(self.edge_ops), size=n)
        mutated[np.arange(n), edge] = (mutated[np.arange(n), edge] + shift) % len(self.edge_ops)
        return mutated


NB201 = EdgeSpace.make(
    "nb201",
    ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"),
    cell_nodes=4,
    identity=("skip_connect",),
    zero=("none",),
)
