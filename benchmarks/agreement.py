"""How well one column of numbers orders the rows as another does, and on how many rows both are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIN_ROWS = 10  # on fewer rows a rank correlation says nothing


@dataclass(frozen=True)
class Cover:
    """Where a weak label is known, and how it agrees with a label there.

    Attributes:
        known: Rows that have both.
        total: Rows that have the label.
        kendall_tau: Kendall's tau-b on the rows that have both; None for fewer than MIN_ROWS rows, or where
            one side is constant.
    """

    known: int
    total: int
    kendall_tau: float | None

    @property
    def share(self) -> float:
        """Fraction of the labelled rows that have the weak label, 0 to 1."""
        return self.known / self.total if self.total else 0.0


def get_cover(weak: Floats, label: Floats) -> Cover:
    """Return the cover and agreement of a weak label (n,) with a label (n,); NaN where unknown."""
    both = np.isfinite(weak) & np.isfinite(label)
    known = int(both.sum())
    tau = kendall_tau(weak[both], label[both]) if known >= MIN_ROWS else None
    return Cover(known, int(np.isfinite(label).sum()), tau)


def kendall_tau(a: Floats, b: Floats) -> float | None:
    """Return Kendall's tau-b of two finite vectors (n,); None if one of them is constant or empty."""
    from scipy.stats import kendalltau

    if not len(a) or not (np.ptp(a) > 0 and np.ptp(b) > 0):
        return None
    return float(kendalltau(a, b).statistic)  # pyright: ignore[reportAttributeAccessIssue]


def goodman_kruskal_gamma(a: Floats, b: Floats) -> float | None:
    """Return concordant minus discordant over all pairs untied in both vectors (n,); None without such pairs.

    Unlike tau-b this is 1 for a vector and its rounded values. Source: Goodman & Kruskal, Measures of
    association for cross classifications, JASA 1954.
    """
    tau = kendall_tau(a, b)
    if tau is None:
        return None
    _, codes_a = np.unique(a, return_inverse=True)
    _, codes_b = np.unique(b, return_inverse=True)
    pairs = len(a) * (len(a) - 1) / 2
    tied_a, tied_b = _tied_pairs(codes_a), _tied_pairs(codes_b)
    tied_both = _tied_pairs(np.unique(codes_a * (codes_b.max() + 1) + codes_b, return_inverse=True)[1])
    untied = pairs - tied_a - tied_b + tied_both
    return tau * np.sqrt((pairs - tied_a) * (pairs - tied_b)) / untied if untied else None


def _tied_pairs(codes: NDArray[np.intp]) -> float:
    counts = np.bincount(codes).astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def percent(part: int, whole: int) -> str:
    """Return a share as people write it: "4.7 %", "< 0.1 %"; 100 % only if nothing is missing."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "< 0.1 %"
    if part < whole:
        share = min(share, 99.9)
    return f"{share:.1f} %" if part not in (0, whole) else f"{share:.0f} %"
