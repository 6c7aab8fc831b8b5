"""Floor: more parameters rank higher; learns nothing."""

from __future__ import annotations

from predictors.weak_label import WeakLabel


class Params(WeakLabel):
    """Ranks architectures by their parameters."""

    def __init__(self) -> None:
        """Rank by the weak label "params"."""
        super().__init__(column="params")
