"""Graphs: a batch of architectures as arrays, and the canonical form of the networks they compute.

The canonical form treats a cell as the expression it computes. An operation is applied to the *sum* of
its inputs, so operand order does not matter; an identity passes its sum on, so nested sums are one sum;
a zero, and anything that has only zeros to work on, contributes nothing; what does not reach the output
is dead. Equal sub-expressions are one node. Two cells with one canonical form compute the same function
once equal sub-expressions have equal weights (the published NAS-Bench-201 "unique string" takes the same
view of repeated branches).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from data.errors import InputError, TableError

if TYPE_CHECKING:
    from data.space import SearchSpace

PAD = -1


@dataclass(frozen=True, eq=False)
class Graphs:
    """n architectures of one space, each a directed acyclic graph in topological order.

    Attributes:
        ops: (n, v) int8, index into `space.ops` of each node; -1 beyond the last node.
        adjacency: (n, v, v) uint8, strictly upper triangular; entry (i, j) counts the edges i → j.
        n_nodes: (n,) integers, nodes in use.
        space: The search space all of them belong to.
        weak: Values known of each architecture without training it, (n,) float64 each, NaN where unknown:
            FLOPs, parameters, supernet accuracies, zero-cost proxies. Never a training label or a target.
    """

    ops: np.ndarray
    adjacency: np.ndarray
    n_nodes: np.ndarray
    space: SearchSpace
    weak: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse arrays whose shapes do not belong together."""
        n, v = self.ops.shape
        if self.adjacency.shape != (n, v, v) or self.n_nodes.shape != (n,):
            raise InputError(
                f"graphs: ops {self.ops.shape}, adjacency {self.adjacency.shape} and n_nodes "
                f"{self.n_nodes.shape} do not belong together; expected (n, v), (n, v, v), (n,)"
            )
        for name, values in self.weak.items():
            if np.shape(values) != (n,):
                raise InputError(f"weak label '{name}': shape {np.shape(values)}, expected ({n},)")

    def __len__(self) -> int:
        """Return the number of architectures."""
        return len(self.ops)

    def take(self, rows: np.ndarray | slice) -> Graphs:
        """Return the architectures of `rows` (indices or mask), in that order."""
        weak = {name: values[rows] for name, values in self.weak.items()}
        return Graphs(self.ops[rows], self.adjacency[rows], self.n_nodes[rows], self.space, weak)

    def with_weak(self, weak: Mapping[str, np.ndarray]) -> Graphs:
        """Return the same architectures with exactly these weak labels."""
        return replace(self, weak=dict(weak))

    def validate(self) -> Graphs:
        """Return self if every graph obeys the space.

        Raises:
            TableError: A graph does not; the message names the first such row and the rule it breaks.
        """
        n, v = self.ops.shape
        used = np.arange(v) < self.n_nodes[:, None]
        in_range = np.where(used, (self.ops >= 0) & (self.ops < len(self.space.ops)), self.ops == PAD)
        both = used[:, :, None] & used[:, None, :]
        upper = np.triu(np.ones((v, v), bool), 1)
        first, last = self.ops[:, 0], self.ops[np.arange(n), np.clip(self.n_nodes - 1, 0, v - 1)]
        rules = {
            f"must have 2 to {self.space.max_nodes} nodes": (self.n_nodes < 2)
            | (self.n_nodes > min(v, self.space.max_nodes)),
            f"has an operation outside {self.space.ops}": ~in_range.all(1),
            "has an edge to an earlier node or to itself": (self.adjacency * ~upper).any((1, 2)),
            "has an edge at a node it does not have": (self.adjacency * ~both).any((1, 2)),
            "must begin with the input and end with the output": (
                first != self.space.ops.index("input")
            ) | (last != self.space.ops.index("output")),
        }  # fmt: skip
        for rule, broken in rules.items():
            if broken.any():
                rows = np.flatnonzero(broken)
                raise TableError(f"row {rows[0]}: the graph {rule} ({len(rows)} such rows)")
        return self

    def canonical_hash(self) -> np.ndarray:
        """Return (n,) uint64, equal for architectures that are the same effective network.

        Distinct networks collide with the chance of random 64-bit numbers (below 1e-7 for 423,624).
        """
        out, _ = _expressions(self)
        is_output = self.ops == self.space.ops.index("output")
        place = np.cumsum(is_output, axis=1, dtype=np.uint64)
        with np.errstate(over="ignore"):
            return _mix((_mix(out + place) * is_output).sum(1, dtype=np.uint64))

    def unique(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (rows, inverse): the first row of each effective network, and each row's network.

        `rows[inverse]` is, for each architecture, the first one that is the same network.
        """
        _, rows, inverse = np.unique(self.canonical_hash(), return_index=True, return_inverse=True)
        order = np.argsort(rows, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return rows[order], rank[inverse]

    def effective(self) -> Graphs:
        """Return the canonical form: equal networks become equal arrays.

        Dead nodes, zeros and identities are gone (edge counts say how often a term enters a sum), equal
        sub-expressions are one node, nodes are ordered by depth and then by content.
        """
        out, live = _expressions(self)
        n, v = self.ops.shape
        identity = np.isin(self.ops, self.space.codes(*self.space.identity))
        # terms[:, i] says of which nodes node i's output is the sum; sources[:, j] what enters node j.
        terms = np.zeros((n, v, v), np.int32)
        sources = np.zeros((n, v, v), np.int32)
        depth = np.zeros((n, v), np.int16)
        for j in range(v):
            sources[:, j] = np.einsum("ni,nik->nk", self.adjacency[:, :j, j], terms[:, :j])
            depth[:, j] = ((depth[:, :j] + 1) * (sources[:, j, :j] > 0)).max(1, initial=0)
            same = (out[:, : j + 1] == out[:, j, None]) & live[:, : j + 1] & ~identity[:, : j + 1]
            node = np.zeros((n, v), np.int16)
            node[np.arange(n), same.argmax(1)] = same.any(1)
            own = np.where(identity[:, j, None], sources[:, j], node)
            terms[:, j] = np.where(live[:, j, None], own, 0)
        is_input = self.ops == self.space.ops.index("input")
        is_output = self.ops == self.space.ops.index("output")
        kept = is_output.copy()
        for j in range(v - 1, -1, -1):
            kept |= kept[:, j, None] & (sources[:, j] > 0)
        kept |= is_input
        # Inputs first, outputs last, between them by depth and content: a canonical topological order.
        layer = np.where(is_input, -1, np.where(is_output, v, depth)) + 2 * v * ~kept
        content = np.where(is_input | is_output, np.arange(v, dtype=np.uint64), out)
        order = np.lexsort((content, layer), axis=1)
        n_nodes = kept.sum(1)
        width = int(n_nodes.max(initial=2))
        order = order[:, :width]
        used = np.arange(width) < n_nodes[:, None]
        ops = np.where(used, np.take_along_axis(self.ops, order, 1), PAD).astype(np.int8)
        edges = np.take_along_axis(sources.transpose(0, 2, 1), order[:, :, None], 1)
        edges = np.take_along_axis(edges, order[:, None, :], 2)
        edges = edges * (used[:, :, None] & used[:, None, :])
        if edges.max(initial=0) > np.iinfo(np.uint8).max:
            raise InputError(f"graphs: a term enters a sum {edges.max()} times; at most 255 are supported")
        return Graphs(ops, edges.astype(np.uint8), n_nodes.astype(np.int16), self.space, self.weak)


def _mix(x: np.ndarray) -> np.ndarray:
    """Scramble 64-bit integers one to one (the splitmix64 finaliser, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def _expressions(graphs: Graphs) -> tuple[np.ndarray, np.ndarray]:
    """Return (hash, live): a hash (n, v) uint64 of what each node computes, and whether it is not zero.

    The hash of a sum is the sum of its terms' hashes, so an identity has nothing to do but pass it on.
    """
    space = graphs.space
    n, v = graphs.ops.shape
    with np.errstate(over="ignore"):
        salt = _mix(np.arange(1, len(space.ops) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    salts = salt[graphs.ops]
    is_input = graphs.ops == space.ops.index("input")
    is_output = graphs.ops == space.ops.index("output")
    identity = np.isin(graphs.ops, space.codes(*space.identity))
    zero = np.isin(graphs.ops, [PAD, *space.codes(*space.zero)])
    inputs = _mix(salts + np.cumsum(is_input, axis=1, dtype=np.uint64))
    out = np.zeros((n, v), np.uint64)
    live = np.zeros((n, v), bool)
    for j in range(v):
        edges = graphs.adjacency[:, :j, j]
        with np.errstate(over="ignore"):
            total = (edges * out[:, :j]).sum(1, dtype=np.uint64)
            applied = np.where(identity[:, j], total, _mix(_mix(total) + salts[:, j]))
        fed = ((edges > 0) & live[:, :j]).any(1)
        live[:, j] = is_input[:, j] | is_output[:, j] | (fed & ~zero[:, j])
        out[:, j] = np.where(is_input[:, j], inputs[:, j], applied * live[:, j])
    return out, live
