"""Pareto fronts of searches: which of the queried networks are kept, and how much they dominate.

A search keeps the queried networks that no other queried one beats in the label it saw and in the costs. They
are evaluated on the target: the hypervolume of their targets and costs, in percent of what the best networks
of the whole table dominate. As validation errs, a front may lose hypervolume with a further query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import InputError
from eval.choose.pareto import hypervolume, non_dominated
from eval.search.goals import Goals
from eval.task import Task

MARGIN = 0.1  # of the front's range that the reference lies beyond the worst values of the front


@dataclass(frozen=True)
class TrueFront:
    """The Pareto front of a table, by the target.

    Attributes:
        rows: (f,) rows of the networks that no other beats, the best target first.
        points: (f, 1 + d) target and costs of each, higher is better.
        reference: (1 + d,) where hypervolumes begin: the worst value on the front in each objective, and
            beyond it MARGIN of the range of the front (Ishibuchi et al. 2018 on why not the worst value).
        volume: Hypervolume of the front.
    """

    rows: np.ndarray
    points: np.ndarray
    reference: np.ndarray
    volume: float

    @classmethod
    def find(cls, task: Task, goals: Goals) -> TrueFront:
        """Find the front of the networks that may be an answer."""
        points = join(task.truth, goals)
        able = np.flatnonzero(goals.feasible & np.isfinite(points).all(1))
        rows = able[non_dominated(points[able])]
        rows = rows[np.argsort(-points[rows, 0], kind="stable")]
        front = points[rows]
        worst, best, least = front.min(0), front.max(0), points[able].min(0)
        extent = np.where(best > worst, best - worst, best - least)  # of one point: the range of the table
        reference = worst - MARGIN * np.where(extent > 0, extent, np.maximum(np.abs(best), 1.0))
        return cls(rows, front, reference, hypervolume(front, reference))

    def share(self, points: np.ndarray) -> float:
        """Return the hypervolume of points (p, 1 + d) in percent of the front's."""
        return 100 * hypervolume(points, self.reference) / self.volume if len(points) else 0.0


def join(accuracy: np.ndarray, goals: Goals) -> np.ndarray:
    """Return accuracies (n,) and costs as points (n, 1 + d), higher is better."""
    return np.concatenate([accuracy[:, None], goals.costs], axis=1)


class Fronts:
    """Evaluates the fronts of searches on a task."""

    def __init__(self, task: Task, goals: Goals) -> None:
        """Find the true front.

        Raises:
            InputError: There are no objectives.
        """
        if not goals.objectives:
            raise InputError("a Pareto front needs an objective besides the target")
        self.goals, self.true = goals, TrueFront.find(task, goals)
        self.seen, self.points = join(task.training_labels, goals), join(task.truth, goals)
        able = np.flatnonzero(
            goals.feasible & np.isfinite(self.seen).all(1) & np.isfinite(self.points).all(1)
        )
        kept = able[non_dominated(self.seen[able])]
        self.with_all_labels = self.true.share(self.points[kept])

    def follow(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate the front after each query.

        Args:
            rows: (q,) rows that were queried, in order.

        Returns:
            (q,) hypervolumes in percent of the true front's, and (q,) which queries are on the last front.
        """
        front, value, curve = np.empty(0, int), 0.0, np.zeros(len(rows))
        for query, row in enumerate(rows):
            point = self.seen[row]
            if self.goals.feasible[row] and not (self.seen[front] >= point).all(1).any():
                front = np.append(front[~(point >= self.seen[front]).all(1)], row)
                value = self.true.share(self.points[front])
            curve[query] = value
        return curve, np.isin(rows, front)

    def get_rows(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """Return what the front adds to the row of each query (q,)."""
        curve, last = self.follow(rows)
        names = [each.column for each in self.goals.objectives]
        costs = self.goals.signs * self.goals.costs[rows]
        return [
            {
                "objectives": [str(each) for each in self.goals.objectives],
                "costs": dict(zip(names, costs[query].tolist(), strict=True)),
                "hypervolume": float(curve[query]),
                "on_front": bool(last[query]),
            }
            for query in range(len(rows))
        ]

    def describe(self, task: Task) -> dict[str, Any]:
        """Return the true front in the table's unit and direction, for settings and plots."""
        column = task.bench.label_column(task.dataset, task.target)
        signs = np.concatenate([[column.direction], self.goals.signs])
        axes = [(task.target, column.direction, column.unit)]
        axes += [
            (each.column, each.direction, unit)
            for each, unit in zip(self.goals.objectives, self.goals.units, strict=True)
        ]
        return {
            "bench": task.bench.info.key,
            "dataset": task.dataset,
            "target": task.target,
            "label": task.label,
            "axes": [{"name": name, "direction": way, "unit": unit} for name, way, unit in axes],
            "constraints": [str(each) for each in self.goals.constraints],
            "reference": (signs * self.true.reference).tolist(),
            "hypervolume": self.true.volume,
            "with_all_labels": self.with_all_labels,
            "rows": self.true.rows.tolist(),
            "names": [task.bench.row_names[row] for row in self.true.rows],
            "points": (signs * self.true.points).tolist(),
        }
