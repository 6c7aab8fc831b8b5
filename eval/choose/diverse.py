"""Batches without near twins: the best candidates that are not too close to each other."""

from __future__ import annotations

import numpy as np

from data.errors import InputError

SAMPLE = 500  # candidates that the usual distance is measured on


def spread(
    utilities: np.ndarray,
    hashes: np.ndarray,
    features: np.ndarray,
    size: int,
    *,
    taken: np.ndarray | None = None,
    radius: float | None = None,
    strict: bool = False,
) -> np.ndarray:
    """Return positions (size,) of candidates, best first, no two of one network and no two near each other.

    The best candidate is chosen first; each next one is the best that is farther than `radius` from all that
    are chosen or taken. Where none is left, the farthest from these follow.

    Args:
        utilities: (n,) what a candidate is worth, higher is better.
        hashes: (n,) integers, equal for candidates that are one network.
        features: (n, f) encodings; columns are standardised.
        size: Candidates to choose, at most the number of distinct networks.
        taken: (m, f) encodings of networks that were chosen before.
        radius: Least distance; by default the median distance of a candidate to its nearest neighbour, so
            that direct neighbours of a dense space are near.
        strict: Whether to return fewer than `size` where only near ones are left.

    Raises:
        InputError: There are fewer distinct networks than `size`.
    """
    order = np.argsort(-utilities, kind="stable")
    order = order[np.sort(np.unique(hashes[order], return_index=True)[1])]
    if size > len(order):
        raise InputError(f"{size:,} different networks were asked for; there are {len(order):,}")
    x = _standardise(features, taken)
    own, others = x[: len(features)], x[len(features) :]
    limit = get_radius(own[order]) if radius is None else radius
    gap = np.full(len(order), np.inf)
    for row in others:
        gap = np.minimum(gap, _distances(own[order], row))
    chosen: list[int] = []
    open_ = np.ones(len(order), bool)
    while len(chosen) < size:
        far = np.flatnonzero(open_ & (gap > limit))
        if strict and not len(far):
            break
        left = np.flatnonzero(open_)
        place = int(far[0]) if len(far) else int(left[np.argmax(gap[left])])
        chosen.append(int(order[place]))
        open_[place] = False
        gap = np.minimum(gap, _distances(own[order], own[order[place]]))
    return np.array(chosen, int)


def get_radius(features: np.ndarray) -> float:
    """Return the median distance of encodings (n, f) to the nearest other, of at most SAMPLE."""
    some = features[:: max(1, len(features) // SAMPLE)][:SAMPLE]
    if len(features) < 2:
        return 0.0
    nearest = []
    for row in some:
        distances = _distances(features, row)
        apart = distances[distances > 1e-9]
        nearest.append(apart.min() if len(apart) else 0.0)
    return float(np.median(nearest)) * (1 + 1e-6)


def find_nearest(
    features: np.ndarray, known: np.ndarray, *, chunk: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each row of features (n, f), the nearest row of known (m, f) and the distance to it.

    Distances are root mean squares over columns in units of the columns' deviations.
    """
    x = _standardise(features, known)
    a, b = x[: len(features)], x[len(features) :]
    place, distance = np.empty(len(a), int), np.empty(len(a))
    squares = (b**2).sum(1)
    for start in range(0, len(a), chunk):
        part = a[start : start + chunk]
        d = (part**2).sum(1)[:, None] + squares - 2 * part @ b.T
        best = d.argmin(1)
        place[start : start + chunk] = best
        distance[start : start + chunk] = np.sqrt(np.maximum(d[np.arange(len(part)), best], 0))
    return place, distance / np.sqrt(max(x.shape[1], 1))


def _standardise(features: np.ndarray, more: np.ndarray | None) -> np.ndarray:
    """Return both encodings below each other, columns that vary scaled to deviation 1, others left out."""
    x = np.asarray(features, np.float64)
    x = x if more is None or not len(more) else np.concatenate([x, np.asarray(more, np.float64)])
    deviation = x.std(0)
    varies = deviation > 1e-9 * np.maximum(1.0, np.abs(x).max(0, initial=0.0))
    return (x[:, varies] - x[:, varies].mean(0)) / deviation[varies]


def _distances(features: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.sqrt(((features - row) ** 2).sum(1))
