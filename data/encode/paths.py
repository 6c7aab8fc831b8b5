"""Truncated path encoding: the short sequences of operations that lead from input to output."""

from __future__ import annotations

import numpy as np

from data.errors import InputError
from data.graphs import PAD, Graphs
from data.space import INPUT, OUTPUT, SearchSpace
from data.spaces.cells import ADD, CONCAT, CellsSpace

CHUNK = 50_000_000  # bytes of one table of paths
ONE_STAGE, SEVERAL_STAGES, LIMIT = 40, 2_000, 100_000  # columns: the default's limits, and the most


def paths(graphs: Graphs, *, max_length: int | None = None) -> np.ndarray:
    """Return whether each network has each path of at most `max_length` operations, (n, columns) 0 or 1.

    A column is a sequence of operations, the empty one first, then by length. NAS-Bench-101 has 364 columns
    without truncation (`max_length=5`), and 40 with three operations, the length that the paper keeps. Longer
    paths are left out.

    In a space of several stages (the cells of DARTS, stages of a chain) paths run within a stage, from where
    they enter it to where they leave it, and each stage has columns of its own; longer paths are represented
    by their first operations, as stages without a short path would be left out otherwise. Cells with two
    inputs have columns for each input; sums and concatenations are on every path and not part of it. Features
    of nodes are ignored.

    Args:
        graphs: n architectures.
        max_length: Most operations of a path. By default the largest with at most 40 columns, or 2,000 in a
            space of several stages: 3 on NAS-Bench-101 and 2 on NAS-Bench-201.

    Raises:
        InputError: `max_length` is below 1, or leads to more than 100,000 columns.

    Source: White, Neiswanger & Savani, BANANAS, AAAI 2021, section 4.
    """
    space = graphs.space
    length = get_path_length(space) if max_length is None else _check(space, max_length)
    sizes = len(_get_kinds(space)) ** np.arange(length + 1)
    step = max(1, CHUNK // (graphs.ops.shape[1] * _count_blocks(space) * int(sizes.sum())))
    parts = [
        _mark(graphs.take(slice(start, start + step)), sizes) for start in range(0, max(1, len(graphs)), step)
    ]
    return np.concatenate(parts)


def get_path_length(space: SearchSpace) -> int:
    """Return the default limit on the operations of a path; see `paths`."""
    most = SEVERAL_STAGES if len(space.stages) > 1 else ONE_STAGE
    length = 1
    while length < space.max_nodes - 2 and _count_columns(space, length + 1) <= most:
        length += 1
    return length


def _check(space: SearchSpace, length: int) -> int:
    if length < 1:
        raise InputError(f"max_length must be at least 1, not {length}; omit it for the default limit")
    longest = min(length, max(1, space.max_nodes - 2))
    columns = _count_columns(space, longest)
    if columns > LIMIT:
        raise InputError(
            f"paths of up to {length} operations of space '{space.name}' take {columns:,} columns, more than "
            f"{LIMIT:,}; use a smaller max_length, the default is {get_path_length(space)}"
        )
    return length if longest == length or columns * len(space.ops) > LIMIT else longest


def _count_columns(space: SearchSpace, length: int) -> int:
    return _count_blocks(space) * sum(len(_get_kinds(space)) ** size for size in range(length + 1))


def _count_blocks(space: SearchSpace) -> int:
    return len(space.stages) * _count_inputs(space)


def _count_inputs(space: SearchSpace) -> int:
    return 2 if isinstance(space, CellsSpace) else 1


def _get_kinds(space: SearchSpace) -> list[int]:
    """Return the codes of the operations that paths are made of."""
    junctions = (ADD, CONCAT) if isinstance(space, CellsSpace) else ()
    return [code for code, name in enumerate(space.ops) if name not in (INPUT, OUTPUT, *junctions)]


def _mark(graphs: Graphs, sizes: np.ndarray) -> np.ndarray:
    """Return the columns (n, stages · inputs · paths); `sizes` (length + 1,) counts the paths by length."""
    space, (n, v) = graphs.space, graphs.ops.shape
    kinds, inputs = _get_kinds(space), _count_inputs(space)
    kind = np.full(len(space.ops) + 1, -1)
    kind[kinds] = np.arange(len(kinds))
    kind = kind[graphs.ops]  # PAD is the last entry
    is_input = graphs.ops == space.ops.index(INPUT)
    is_output = graphs.ops == space.ops.index(OUTPUT)
    edges = graphs.adjacency > 0
    same = (graphs.stage[:, :, None] == graphs.stage[:, None, :]) & ~is_output[:, None, :]
    number = _number_inputs(graphs, is_input)
    leaves = (edges & ~same).any(2)
    enters = (edges & ~same).any(1) & ~is_output
    reach = np.zeros((n, v, inputs, int(sizes.sum())), bool)
    found = np.zeros((n, len(space.stages), inputs, int(sizes.sum())), bool)
    for j in range(v):
        into = np.zeros(reach.shape[:1] + reach.shape[2:], bool)
        for i in range(j):
            into |= reach[:, i] & (edges[:, i, j] & same[:, i, j])[:, None, None]
        into[:, 0, 0] |= enters[:, j]
        own = _append(into, kind[:, j], sizes, keep_long=len(space.stages) > 1)
        own[is_input[:, j]] = False
        rows = np.flatnonzero(is_input[:, j])
        own[rows, number[rows, j], 0] = True
        reach[:, j] = own
        ends = np.flatnonzero(leaves[:, j] & (graphs.ops[:, j] != PAD) & _is_end(graphs, j, is_input))
        found[ends, graphs.stage[ends, j]] |= own[ends]
    return found.reshape(n, int(np.prod(found.shape[1:]))).astype(np.float64)


def _is_end(graphs: Graphs, j: int, is_input: np.ndarray) -> np.ndarray:
    """Return (n,) whether a path may end at node j: not at the input of a chain, which enters a stage."""
    if len(graphs.space.stages) > 1 and not isinstance(graphs.space, CellsSpace):
        return ~is_input[:, j]
    return np.ones(len(graphs), bool)


def _number_inputs(graphs: Graphs, is_input: np.ndarray) -> np.ndarray:
    """Return (n, v): which input of its stage a node is, from 0; further inputs count as the last."""
    number = np.zeros(graphs.ops.shape, np.int64)
    for stage in range(len(graphs.space.stages)):
        here = is_input & (graphs.stage == stage)
        number += (np.cumsum(here, axis=1) - 1) * here
    return np.minimum(number, _count_inputs(graphs.space) - 1)


def _append(into: np.ndarray, kind: np.ndarray, sizes: np.ndarray, *, keep_long: bool) -> np.ndarray:
    """Return paths (n, inputs, paths) with one more operation, or as they are at a junction.

    Args:
        into: (n, inputs, paths) paths that lead to a node.
        kind: (n,) the node's operation, −1 for what is not part of a path.
        sizes: (length + 1,) number of paths of each length.
        keep_long: Whether a path of the greatest length is kept without the operation, or left out.
    """
    first = np.concatenate([[0], np.cumsum(sizes)])
    own = np.where((kind < 0)[:, None, None], into, False)
    rows = np.flatnonzero(kind >= 0)
    kinds = int(sizes[1])
    for size in range(len(sizes) - 1):
        block = np.zeros((len(rows), into.shape[1], int(sizes[size]), kinds), bool)
        block[np.arange(len(rows)), :, :, kind[rows]] = into[rows, :, first[size] : first[size + 1]]
        longer = block.reshape(*block.shape[:2], int(sizes[size + 1]))
        own[rows, :, first[size + 1] : first[size + 2]] = longer
    if keep_long:
        own[rows, :, first[-2] :] |= into[rows, :, first[-2] :]
    return own
