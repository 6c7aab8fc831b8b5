"""What architectures consist of, position by position: where a weak label errs is said in these terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.graphs import Graphs
from data.space import INPUT, OUTPUT
from data.spaces.edges import EdgeSpace


@dataclass(frozen=True)
class Parts:
    """How often each operation occurs at each position of n architectures.

    Attributes:
        counts: (n, positions, operations) float32; 0 or 1 where a position holds one operation.
        positions: Names of the positions: edges of a cell of fixed wiring, blocks of a chain, else whole
            cells or stages.
        operations: Names of the operations, without input and output.
    """

    counts: np.ndarray
    positions: tuple[str, ...]
    operations: tuple[str, ...]

    @property
    def columns(self) -> np.ndarray:
        """(n, columns) float64: the counts of all positions side by side, without columns of zeros."""
        table = self.counts.reshape(len(self.counts), -1)
        return table[:, table.any(0)].astype(np.float64)


def get_parts(graphs: Graphs) -> Parts:
    """Return what n architectures consist of, at positions that mean the same in all of them."""
    space = graphs.space
    inner = [i for i, op in enumerate(space.ops) if op not in (INPUT, OUTPUT)]
    index = np.full(len(space.ops), -1)
    index[inner] = np.arange(len(inner))
    used = graphs.ops >= 0
    op = np.where(used, index[graphs.ops], -1)
    slots, names = _get_slots(graphs, used)
    row, node = np.nonzero(op >= 0)
    counts = np.zeros((len(graphs), len(names), len(inner)), np.float32)
    np.add.at(counts, (row, slots[row, node], op[row, node]), 1)
    filled = np.flatnonzero(counts.any((0, 2)))
    return Parts(
        counts[:, filled],
        tuple(names[at] for at in filled),
        tuple(space.ops[i] for i in inner),
    )


def _get_slots(graphs: Graphs, used: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return (n, v) the position of each node, and the names of the positions."""
    space, v = graphs.space, graphs.ops.shape[1]
    if (graphs.adjacency == graphs.adjacency[:1]).all() and (graphs.n_nodes == graphs.n_nodes[0]).all():
        nodes = np.broadcast_to(np.arange(v), graphs.ops.shape)
        if isinstance(space, EdgeSpace):
            return nodes, ["", *(f"{i}→{j}" for i, j in space.edges), ""]
        if not _is_chain(graphs, used):
            return nodes, [f"node {i}" for i in range(v)]
    if not _is_chain(graphs, used):
        return graphs.stage.astype(int), list(space.stages)
    place = np.zeros(graphs.ops.shape, int)
    inner = used & ~np.isin(graphs.ops, space.codes(INPUT, OUTPUT))
    for stage in range(len(space.stages)):
        inside = inner & (graphs.stage == stage)
        place = np.where(inside, inside.cumsum(1) - 1, place)
    names = [f"{stage}, block {i + 1}" for stage in space.stages for i in range(v)]
    return graphs.stage.astype(int) * v + place, names


def _is_chain(graphs: Graphs, used: np.ndarray) -> bool:
    """Return whether every node feeds the next one alone."""
    v = graphs.ops.shape[1]
    follows = used[:, :-1] & used[:, 1:]
    step = np.zeros((len(graphs), v, v), np.uint8)
    at = np.arange(v - 1)
    step[:, at, at + 1] = follows
    return bool((graphs.adjacency == step).all())
