"""What makes a weak label teach: which of its properties go with what it is worth to the ranker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from eval.weak.agreement import Agreement
from eval.weak.worth import ALONE, Worth

LEAST_LABELS = 6
PROPERTIES: Mapping[str, str] = {
    "kendall_tau": "Kendall's tau",
    "ndcg": "NDCG@10",
    "precision_top": "precision_top@5",
    "tau_top": "tau among the best 10 %",
    "place_top": "rank of the best 5 %",
    "place_bottom": "rank of the worst 10 %",
    "tau_beyond_size": "tau beyond FLOPs and parameters",
    "tau_beyond_operations": "tau beyond operations at positions",
    "additive_error": "errors that operations explain",
    "main_share": "errors at one position",
    "duplicate_noise": "noise between duplicates",
}


@dataclass(frozen=True)
class Teaching:
    """How one property of weak labels goes with what they are worth.

    Attributes:
        property: Name of a field of `Agreement`.
        metric: Metric of the gain.
        train_size: Training labels.
        spearman: Rank correlation, over the labels, of the property with the gain.
        given_tau: The same at equal Kendall's tau: the partial rank correlation; None for tau itself.
        labels: Labels it is from.
    """

    property: str
    metric: str
    train_size: int
    spearman: float | None
    given_tau: float | None
    labels: int


def get_teaching(agreements: Sequence[Agreement], worth: Sequence[Worth]) -> list[Teaching]:
    """Return how each property goes with the gain of each budget and metric; none from too few labels."""
    known = {a.label: a for a in agreements}
    groups: dict[tuple[str, int], list[Worth]] = {}
    for each in worth:
        if each.kind == ALONE and each.label in known:
            groups.setdefault((each.metric, each.train_size), []).append(each)
    found = []
    for name in PROPERTIES:
        for (metric, size), group in groups.items():
            points = [
                (getattr(known[w.label], name), known[w.label].kendall_tau, w.gain)
                for w in group
                if getattr(known[w.label], name) is not None and known[w.label].kendall_tau is not None
            ]
            if len(points) < LEAST_LABELS:
                continue
            own, tau, gain = np.array(points, float).T
            rho = _spearman(own, gain)
            partial = (
                None if name == "kendall_tau" else _partial(rho, _spearman(own, tau), _spearman(tau, gain))
            )
            found.append(Teaching(name, metric, size, rho, partial, len(points)))
    return found


def _spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    x, y = rankdata(a), rankdata(b)
    if not np.ptp(x) or not np.ptp(y):
        return None
    return float(np.corrcoef(x, y)[0, 1])


def _partial(xy: float | None, xz: float | None, zy: float | None) -> float | None:
    """Return the correlation of x and y at equal z, from the three correlations."""
    if xy is None or xz is None or zy is None or (1 - xz**2) * (1 - zy**2) < 1e-9:
        return None
    return (xy - xz * zy) / math.sqrt((1 - xz**2) * (1 - zy**2))
