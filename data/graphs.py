"""Graphs: a batch of architectures as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from data import canonical
from data.errors import InputError, TableError

if TYPE_CHECKING:
    from data.space import SearchSpace

PAD = canonical.PAD


@dataclass(frozen=True, eq=False, repr=False)
class Graphs:
    """n architectures of one space, each a directed acyclic graph in topological order.

    All that a predictor needs is here: a cell is one graph, several cells (normal and reduction) or a chain
    of blocks are one graph too, whose nodes say to which cell or stage they belong; what is not an operation
    (width, depth, resolution) is a number at a node, at the input if it is of the whole network.

    Attributes:
        ops: (n, v) int8, index into `space.ops` of each node; -1 beyond the last node.
        adjacency: (n, v, v) uint8, strictly upper triangular; entry (i, j) counts the edges i → j.
        n_nodes: (n,) integers, nodes in use.
        space: The search space all of them belong to.
        weak: Values known of each architecture without training it, (n,) float64 each, NaN where unknown:
            FLOPs, parameters, supernet accuracies, zero-cost proxies. Never a training label or a target.
        stage: (n, v) int8, index into `space.stages` of each node, 0 beyond the last; None for all 0.
        features: (n, v, f) float32, the numbers `space.features` of each node, 0 where a node has none;
            None for all 0.
    """

    ops: np.ndarray
    adjacency: np.ndarray
    n_nodes: np.ndarray
    space: SearchSpace
    weak: Mapping[str, np.ndarray] = field(default_factory=dict)
    stage: np.ndarray = None  # pyright: ignore[reportAssignmentType]  # filled in below
    features: np.ndarray = None  # pyright: ignore[reportAssignmentType]

    def __post_init__(self) -> None:
        """Fill in stages and features; refuse arrays whose shapes do not belong together."""
        n, v = self.ops.shape
        f = len(self.space.features)
        if self.stage is None:
            object.__setattr__(self, "stage", np.zeros((n, v), np.int8))
        if self.features is None:
            object.__setattr__(self, "features", np.zeros((n, v, f), np.float32))
        expected = {"adjacency": (n, v, v), "n_nodes": (n,), "stage": (n, v), "features": (n, v, f)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise InputError(
                    f"graphs: ops {self.ops.shape} and {name} {getattr(self, name).shape} do not belong "
                    f"together; expected {shape}"
                )
        for name, values in self.weak.items():
            if np.shape(values) != (n,):
                raise InputError(f"weak label '{name}': shape {np.shape(values)}, expected ({n},)")

    def __len__(self) -> int:
        """Return the number of architectures."""
        return len(self.ops)

    def __repr__(self) -> str:
        """Return one line: how many architectures of which space, and the names of their weak labels."""
        weak = f", weak labels: {', '.join(self.weak)}" if self.weak else ""
        return f"<Graphs: {len(self):,} of {self.space.name}, up to {self.ops.shape[1]} nodes{weak}>"

    def take(self, rows: np.ndarray | slice) -> Graphs:
        """Return the architectures of `rows` (indices or mask), in that order."""
        return Graphs(
            self.ops[rows],
            self.adjacency[rows],
            self.n_nodes[rows],
            self.space,
            {name: values[rows] for name, values in self.weak.items()},
            self.stage[rows],
            self.features[rows],
        )

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
            f"has a stage outside {self.space.stages}": (
                (self.stage < 0) | (self.stage >= len(self.space.stages))
            ).any(1),
            f"has a feature of {self.space.features} that is not a finite number": (
                ~np.isfinite(self.features)
            ).any((1, 2)),
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
        return canonical.network_hash(self)

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

        Dead nodes, zeros and identities are gone (edge counts say how often a term enters a sum); equal
        sub-expressions are one node where the space folds them; nodes are in a canonical order.
        """
        return canonical.effective(self)
