"""Search spaces: the vocabulary and structure that a batch of architectures shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
        stages: Parts of the network that a node may belong to: cells, or stages of a chain.
        features: Numbers that a node may carry, of order one: widths, depths, resolutions.
        fold_equal: Whether parallel nodes that compute one expression count as one (NAS-Bench-201's view), or
            each has weights of its own (NAS-Bench-101's).
    """

    name: str
    ops: tuple[str, ...]
    max_nodes: int
    identity: tuple[str, ...] = ()
    zero: tuple[str, ...] = ()
    stages: tuple[str, ...] = ("cell",)
    features: tuple[str, ...] = ()
    fold_equal: bool = True

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


MOST_ENUMERATED = 10_000_000


@dataclass(frozen=True)
class CodeSpace(SearchSpace):
    """A space whose architectures are written as codes: one decision, an integer, at each place.

    A subclass says what graph a code is (`graphs`) and, where not every code is an architecture, which are
    (`valid`).

    Attributes:
        choices: Number of options at each place of a code.
    """

    choices: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of codes; several may be one network, and some may not be valid."""
        return math.prod(self.choices)

    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the graphs of n codes (n, places)."""
        raise NotImplementedError

    def code(self, graphs: Graphs) -> np.ndarray:
        """Return a code (n, places) of each graph, without sizes of the network that are no decision.

        A graph of this space that no code builds gets the code of another: `graphs` shows whether it did.

        Raises:
            InputError: This space does not know how.
        """
        del graphs
        raise InputError(f"space '{self.name}': graphs cannot be written as codes")

    def valid(self, codes: np.ndarray) -> np.ndarray:
        """Return (n,) whether each code is an architecture of this space."""
        return np.ones(len(codes), bool)

    def check(self, codes: np.ndarray) -> np.ndarray:
        """Return codes (n, places) as an array.

        Raises:
            InputError: They have another shape, or a decision that is none of the options.
        """
        codes = np.asarray(codes)
        if codes.ndim != 2 or codes.shape[1] != len(self.choices):
            raise InputError(
                f"space '{self.name}': codes must have shape (n, {len(self.choices)}), not {codes.shape}"
            )
        bad = ((codes < 0) | (codes >= np.array(self.choices))).any(1) if codes.size else np.zeros(0, bool)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InputError(
                f"space '{self.name}': code {row} has a decision outside its options "
                f"(there are {self.choices}): {codes[row].tolist()}"
            )
        return codes

    def format(self, codes: np.ndarray) -> list[str]:
        """Return the text of each code, the official one where the space has one; else "0:2:1"."""
        return [":".join(map(str, code)) for code in self.check(codes).tolist()]

    def parse(self, texts: Sequence[str]) -> np.ndarray:
        """Return the codes (n, places) of texts; the inverse of `format`.

        Raises:
            InputError: A text is no architecture of this space.
        """
        codes = np.full((len(texts), len(self.choices)), -1, np.int16)
        for row, text in enumerate(texts):
            parts = text.split(":")
            if len(parts) != len(self.choices) or not all(p.isascii() and p.isdecimal() for p in parts):
                raise InputError(
                    f"space '{self.name}': text {row} is not {len(self.choices)} numbers joined by ':': "
                    f"{text[:200]!r}"
                )
            codes[row] = [min(int(p[:5]), np.iinfo(np.int16).max) for p in parts]
        return self.check(codes)

    def enumerate(self) -> np.ndarray:
        """Return all valid codes (m, places), in lexicographic order.

        Raises:
            InputError: The space is too large.
        """
        if self.size > MOST_ENUMERATED:
            raise InputError(
                f"space '{self.name}' has {self.size:.3g} codes; at most {MOST_ENUMERATED:,} are enumerated: "
                "use sample"
            )
        grid = np.indices(self.choices, np.int8).reshape(len(self.choices), -1).T
        return np.ascontiguousarray(grid[self.valid(grid)])

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n codes (n, places) drawn uniformly from the valid ones, with replacement."""
        found = np.empty((0, len(self.choices)), np.int8)
        while len(found) < n:
            drawn = rng.integers(self.choices, size=(max(64, 2 * (n - len(found))), len(self.choices)))
            found = np.concatenate([found, drawn[self.valid(drawn)].astype(np.int8)])
        return found[:n]

    def mutate(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return codes with one random decision of each row changed to another option, all of them valid."""
        codes = np.asarray(codes)
        mutated = np.array(codes, np.int8)
        open_places = np.flatnonzero(np.array(self.choices) > 1)
        waiting = np.arange(len(mutated))
        while len(waiting):
            place = open_places[rng.integers(len(open_places), size=len(waiting))]
            options = np.array(self.choices)[place]
            changed = np.array(codes[waiting], np.int8)
            rows = np.arange(len(waiting))
            changed[rows, place] = (changed[rows, place] + rng.integers(1, options)) % options
            valid = self.valid(changed)
            mutated[waiting[valid]] = changed[valid]
            waiting = waiting[~valid]
        return mutated


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


NB201 = EdgeSpace.make(
    "nb201",
    ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"),
    cell_nodes=4,
    identity=("skip_connect",),
    zero=("none",),
)
