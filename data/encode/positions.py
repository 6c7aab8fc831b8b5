"""What stands at each position: the additive view of chains, which trees and linear models need."""

from __future__ import annotations

import numpy as np

from data.encode.numbers import get_op_numbers
from data.graphs import PAD, Graphs
from data.space import INPUT, OUTPUT


def positions(graphs: Graphs) -> np.ndarray:
    """Return the operation at each position, one-hot and as numbers, (n, columns).

    A position is a stage and a place among the nodes of that stage, input and output left out; a space says
    how many each stage has (`SearchSpace.stage_sizes`). In a chain it is a block; in a cell it is a node, so
    that canonical graphs have canonical positions. First come the one-hot operations of all positions, then
    the numbers of each (those in the operations' names, see data.encode.numbers, then the space's features),
    all 0 where no node stands, then the features of the inputs. Nodes beyond a stage's last position are
    added to it.
    """
    space = graphs.space
    n, v = graphs.ops.shape
    ends = space.codes(INPUT, OUTPUT)
    inner = (graphs.ops != PAD) & ~np.isin(graphs.ops, ends)
    slots = _get_slots(graphs, inner)
    kinds = np.array([code for code in range(len(space.ops)) if code not in ends])
    names = get_op_numbers(space)
    n_slots = sum(space.stage_sizes)
    ops = np.zeros((n, n_slots, len(kinds)))
    numbers = np.zeros((n, n_slots, names.shape[1] + len(space.features)))
    for j in range(v):
        rows = np.flatnonzero(inner[:, j])
        at = rows, slots[rows, j]
        ops[at] += graphs.ops[rows, j, None] == kinds
        numbers[at] += np.concatenate([names[graphs.ops[rows, j]], graphs.features[rows, j]], axis=1)
    is_input = graphs.ops == space.ops.index(INPUT)
    network = (graphs.features * is_input[:, :, None]).sum(1)
    width, depth = ops.shape[1] * ops.shape[2], numbers.shape[1] * numbers.shape[2]
    return np.concatenate([ops.reshape(n, width), numbers.reshape(n, depth), network], axis=1)


def _get_slots(graphs: Graphs, inner: np.ndarray) -> np.ndarray:
    """Return the position (n, v) of each inner node; 0 for others."""
    slots = np.zeros(graphs.ops.shape, np.int64)
    first = 0
    for stage, size in enumerate(graphs.space.stage_sizes):
        here = inner & (graphs.stage == stage)
        place = np.minimum(np.cumsum(here, axis=1) - 1, size - 1)
        slots[here] = first + place[here]
        first += size
    return slots
