"""Floor: the order of one weak label, such as a supernet's accuracy; learns nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import numpy as np

from data.graphs import Graphs
from predictors.base import Predictor


class WeakLabel(Predictor):
    """Ranks architectures by a weak label; those without a value come last."""

    canonical: ClassVar[bool] = False

    def __init__(self, *, column: str = "") -> None:
        """Store the hyper-parameter.

        Hyper-parameters:
            column: The weak label to rank by; "" for the first that the training architectures have.
        """
        self.column = column

    def lacks(self, weak: Collection[str]) -> tuple[str, ...]:
        """Return the column if it is missing; without a named column, any weak label will do."""
        named = (self.column,) if self.column else ()
        return tuple(c for c in named if c not in weak) if weak else named or ("of any name",)

    def covers(self, graphs: Graphs) -> np.ndarray:
        """Return (n,) which architectures have the weak label."""
        return np.isfinite(graphs.weak[self.column or self._first(graphs)])

    @staticmethod
    def _first(graphs: Graphs) -> str:
        """Return the first weak label with a known value."""
        known = [name for name, values in graphs.weak.items() if np.isfinite(values).any()]
        return next(iter(known or graphs.weak))

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        known = [name for name, values in graphs.weak.items() if np.isfinite(values).any()]
        self.column_ = self.column or next(iter(known or graphs.weak))

    def _predict(self, graphs: Graphs) -> np.ndarray:
        values = graphs.weak[self.column_]
        known = np.isfinite(values)
        lowest = values[known].min() if known.any() else 0.0
        return np.where(known, values, np.nextafter(lowest, -np.inf))
