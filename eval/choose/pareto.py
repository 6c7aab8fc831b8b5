"""Several objectives: which points are not dominated, and how much of the space they dominate (moocore)."""

from __future__ import annotations

import numpy as np

from data.errors import InputError


def non_dominated(points: np.ndarray) -> np.ndarray:
    """Return (n,) which points (n, d) no other dominates; higher is better in every column.

    Equal points are all kept.

    Raises:
        InputError: The points are not finite, or there are no columns.
    """
    import moocore

    points = _check(points)
    if not len(points):
        return np.zeros(0, bool)
    return np.asarray(moocore.is_nondominated(points, maximise=True, keep_weakly=True), bool)


def front_ranks(points: np.ndarray) -> np.ndarray:
    """Return (n,) the front of each point (n, d): 0 if no other dominates it, 1 if only those of 0 do, ..."""
    import moocore

    points = _check(points)
    if not len(points):
        return np.zeros(0, int)
    return np.asarray(moocore.pareto_rank(-points), int)


def crowding(points: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Return (n,) how far apart the neighbours of each point (n, d) on its front are (Deb et al. 2002).

    The ends of a front in each column are infinitely far apart.

    Args:
        points: Points.
        ranks: (n,) the front of each.
    """
    distance = np.zeros(len(points))
    for rank in np.unique(ranks):
        at = np.flatnonzero(ranks == rank)
        for column in points[at].T:
            order = np.argsort(column, kind="stable")
            extent = column[order[-1]] - column[order[0]]
            distance[at[order[[0, -1]]]] = np.inf
            if extent > 0:
                distance[at[order[1:-1]]] += (column[order[2:]] - column[order[:-2]]) / extent
    return distance


def hypervolume(points: np.ndarray, reference: np.ndarray) -> float:
    """Return the volume between a reference (d,) and what points (n, d) dominate; higher is better.

    Points that do not exceed the reference in every column add nothing.
    """
    import moocore

    points = _check(points)
    inside = points[(points > np.asarray(reference)).all(1)]
    return float(moocore.hypervolume(inside, ref=reference, maximise=True)) if len(inside) else 0.0


def hypervolume_curve(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return (n,) the hypervolume of the first 1, 2, ..., n points (n, d)."""
    points = _check(points)
    curve, front = np.zeros(len(points)), np.empty((0, points.shape[1]))
    value = 0.0
    for i, point in enumerate(points):
        if not (front >= point).all(1).any():
            front = np.concatenate([front[~(point >= front).all(1)], point[None]])
            value = hypervolume(front, reference)
        curve[i] = value
    return curve


def _check(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] < 1:
        raise InputError(f"points must have shape (n, objectives), not {points.shape}")
    if not np.isfinite(points).all():
        raise InputError("points must be finite: leave out those with a missing objective")
    return points
