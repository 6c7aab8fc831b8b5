"""Batches that are spread out: no network twice, and near twins only if nothing else is worth as much."""

from __future__ import annotations

import numpy as np

_SAMPLE = 200  # candidates whose distances say what is near
_PENALTY = 1.0  # standard deviations of the utilities that a twin of a chosen network loses


def spread(
    utilities: np.ndarray,
    hashes: np.ndarray,
    features: np.ndarray,
    size: int,
    taken: np.ndarray | None = None,
) -> np.ndarray:
    """Return the positions (size,) of a spread batch, best first; fewer if there are fewer networks.

    Greedy: each choice lowers the utilities of candidates near it (local penalisation, González et al.,
    AISTATS 2016, with a Gaussian kernel whose width is the median distance to the nearest candidate).

    Args:
        utilities: (n,) utility of each candidate, higher is better.
        hashes: (n,) canonical hash of each candidate; of equal ones the best is taken.
        features: (n, d) float32 features of each candidate.
        size: Size of the batch.
        taken: (t, d) features of networks that are being trained already.
    """
    utilities = np.asarray(utilities, np.float64)
    n = len(utilities)
    if not n or size < 1:
        return np.empty(0, np.int64)
    order = np.argsort(-utilities, kind="stable")
    first = np.sort(np.unique(hashes[order], return_index=True)[1])
    rows = order[first]
    features = features[rows].astype(np.float32)
    squares = (features**2).sum(1)
    width = _nearest(features[:_SAMPLE])
    scale = float(utilities.std()) or 1.0
    value = utilities[rows].copy()
    for other in [] if taken is None else np.asarray(taken, np.float32):
        value -= _PENALTY * scale * _near(features, squares, other, width)
    chosen = np.empty(min(size, len(rows)), np.int64)
    for i in range(len(chosen)):
        best = int(np.argmax(value))
        chosen[i] = best
        value -= _PENALTY * scale * _near(features, squares, features[best], width)
        value[best] = -np.inf
    return rows[chosen]


def _near(features: np.ndarray, squares: np.ndarray, other: np.ndarray, width: float) -> np.ndarray:
    distance = np.maximum(squares - 2 * (features @ other) + float(other @ other), 0.0)
    return np.exp(-distance / (2 * width))


def _nearest(features: np.ndarray) -> float:
    """Return the median squared distance to the nearest other row; 1 where that is nothing."""
    if len(features) < 2:
        return 1.0
    squares = (features**2).sum(1)
    distance = squares[:, None] - 2 * features @ features.T + squares
    np.fill_diagonal(distance, np.inf)
    return float(np.median(np.maximum(distance.min(1), 0.0))) or 1.0
