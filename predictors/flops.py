"""Floor: more FLOPs rank higher; learns nothing."""

from __future__ import annotations

from predictors.weak_label import WeakLabel


class Flops(WeakLabel):
    """Ranks architectures by their FLOPs."""

    def __init__(self) -> None:
        """Rank by the weak label "flops"."""
        super().__init__(column="flops")
