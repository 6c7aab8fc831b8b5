"""Shortest and longest paths that use operations of given sets only, for all networks and sets at once."""

from __future__ import annotations

import numpy as np

from data.graphs import Graphs

NO_PATH = 10_000  # above any length; twice it still fits int16


def count_on_paths(
    graphs: Graphs, starts: np.ndarray, ends: np.ndarray, table: np.ndarray, *, most: bool
) -> np.ndarray:
    """Return the fewest or the most operations on one path, (n, s, e, sets) int16; NO_PATH if there is none.

    Args:
        graphs: n architectures of v nodes.
        starts: (n, s, v) whether a node is the start of a path of kind s.
        ends: (n, e, v) whether a node is the end of a path of kind e.
        table: (ops, sets) int16: 1 where an operation may be on a path and counts, 0 where it does not count,
            NO_PATH where it may not be on a path.
        most: Whether the longest path is asked for.
    """
    n, v = graphs.ops.shape
    allowed = np.where(table < NO_PATH, -table if most else table, NO_PATH).astype(np.int16)
    steps = np.concatenate([allowed, np.full((1, table.shape[1]), NO_PATH, np.int16)])[graphs.ops]
    best: list[np.ndarray] = []
    shape = (n, starts.shape[1], table.shape[1])
    found = np.full((n, starts.shape[1], ends.shape[1], table.shape[1]), NO_PATH, np.int16)
    for j in range(v):
        reach = np.full(shape, NO_PATH, np.int16)
        for i in range(j):
            _take_smaller(reach, best[i], graphs.adjacency[:, i, j, None, None] > 0)
        reach += steps[:, None, j]
        np.minimum(reach, NO_PATH, out=reach)
        reach[starts[:, :, j]] = 0
        best.append(reach)
        for kind in range(ends.shape[1]):
            _take_smaller(found[:, :, kind], reach, ends[:, kind, j, None, None])
    none = found > NO_PATH // 2  # a longest path subtracts at most one for each node
    return np.where(none, np.int16(NO_PATH), -found if most else found)


def _take_smaller(target: np.ndarray, values: np.ndarray, where: np.ndarray) -> None:
    """Replace entries of `target` by smaller `values` in place, `where` it is true."""
    if where.all():
        np.minimum(target, values, out=target)
    elif where.any():
        np.minimum(target, np.where(where, values, np.int16(NO_PATH)), out=target)
