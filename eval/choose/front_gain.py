"""What candidates would add to a Pareto front with known costs: hypervolume gained, and expected gain.

With known costs the hypervolume is an integral over cost space: at every cost, the best accuracy that the
front offers for at most that cost. A candidate adds to it wherever its cost is afforded and its accuracy lies
above that level; so the expected hypervolume improvement is the expected improvement over the level,
integrated.
"""

from __future__ import annotations

import numpy as np

from eval.choose.acquisition import expected_improvement
from eval.choose.pareto import non_dominated

CELLS = 128  # points of cost space that the integral is taken over, for each cost


class FrontGain:
    """The level of a front over cost space, to which networks are added one by one.

    Attributes:
        cells: (s, d) points of cost space, spread evenly between the reference and the lowest costs.
        level: (s,) the best accuracy that is to be had for at most the costs of each cell.
    """

    def __init__(self, accuracy: np.ndarray, costs: np.ndarray, reference: np.ndarray) -> None:
        """Start from a front.

        Args:
            accuracy: (f,) accuracies, higher is better.
            costs: (f, d) costs, higher is better.
            reference: (1 + d,) accuracy and costs where the hypervolume begins.
        """
        best = np.maximum(costs.max(0), reference[1:])
        self.cells = reference[1:] + _spread_evenly(CELLS * costs.shape[1], costs.shape[1]) * (
            best - reference[1:]
        )
        self.level = np.full(len(self.cells), reference[0], float)
        for value, own in zip(accuracy, costs, strict=True):
            self.add(float(value), own)

    def add(self, accuracy: float, costs: np.ndarray) -> None:
        """Add a network of costs (d,) to the front."""
        afforded = (costs >= self.cells).all(1)
        self.level[afforded] = np.maximum(self.level[afforded], accuracy)

    def gain(self, accuracy: np.ndarray, costs: np.ndarray) -> np.ndarray:
        """Return (n,) the share of hypervolume that networks (n,), (n, d) would add, each alone."""
        return self._average(np.maximum(accuracy[:, None] - self.level, 0.0), costs)

    def expected_gain(self, mean: np.ndarray, std: np.ndarray, costs: np.ndarray) -> np.ndarray:
        """Return (n,) the expected gain where accuracies are normal (EHVI; Emmerich et al. 2006)."""
        return self._average(expected_improvement(mean[:, None], std[:, None], self.level), costs)

    def closeness(self, accuracy: np.ndarray, costs: np.ndarray) -> np.ndarray:
        """Return (n,) how far networks are above the level where it is lowest; negative below the front."""
        gap = np.where(self._afforded(costs), accuracy[:, None] - self.level, -np.inf)
        return gap.max(1)

    def _average(self, values: np.ndarray, costs: np.ndarray) -> np.ndarray:
        return (values * self._afforded(costs)).mean(1)

    def _afforded(self, costs: np.ndarray) -> np.ndarray:
        return np.all(costs[:, None, :] >= self.cells, axis=2)


def choose_reference(points: np.ndarray, margin: float = 0.1) -> np.ndarray:
    """Return (d,) a reference for points (n, d): the worst values on their front, and a margin beyond.

    Args:
        points: Points, higher is better.
        margin: Share of the front's range.
    """
    front = points[non_dominated(points)]
    worst, best = front.min(0), front.max(0)
    extent = np.where(best > worst, best - worst, np.maximum(np.ptp(points, axis=0), 1e-9))
    return worst - margin * extent


def _spread_evenly(n: int, d: int) -> np.ndarray:
    """Return (n, d) points in the unit cube: cell centres in one dimension, else Roberts' sequence (2018)."""
    if d == 1:
        return ((np.arange(n) + 0.5) / n)[:, None]
    ratio = 2.0
    for _ in range(40):  # the root of x^(d+1) = x + 1
        ratio = (1 + ratio) ** (1 / (d + 1))
    steps = ratio ** -np.arange(1, d + 1)
    return (0.5 + np.arange(1, n + 1)[:, None] * steps) % 1.0
