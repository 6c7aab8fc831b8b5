"""How a weak label agrees with the truth, and where it does not. Nothing is trained here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.agreement import MIN_ROWS, kendall_tau
from benchmarks.base import Benchmark
from eval.metrics import METRICS, evaluate
from eval.ranking import Floats
from eval.weak.parts import Parts
from eval.weak.ranks import add_up, percentiles, residuals

TOP, BOTTOM = 5, 10  # percent of the architectures
SIZES = ("flops", "params")
_METRICS = ("ndcg@10", "precision_top@5")
_LEAST = 5  # architectures with an operation at a position, below which its bias says nothing
_SMALLEST_BIAS = 0.05  # percentile points


@dataclass(frozen=True)
class Bias:
    """How much too high a weak label ranks the architectures with one operation at one position.

    Attributes:
        position: Edge, block, or cell.
        operation: The operation.
        points: Mean of percentile rank by the weak label minus by the truth; noise overrates whatever is bad.
        count: Architectures that have it.
    """

    position: str
    operation: str
    points: float
    count: int


@dataclass(frozen=True)
class Agreement:
    """How one weak label, or a sum of several, orders the architectures, against their target.

    All over the rows where both are known, duplicates of a network included. None where it cannot be said.

    Attributes:
        label: The weak label, or several joined by +: the mean of their percentile ranks.
        known, total: Rows with both, and rows with the target.
        kendall_tau, ndcg, precision_top: Kendall's tau, NDCG@10 and precision_top@5.
        tau_top: Kendall's tau among the best 10 % by the target.
        place_top: Mean percentile rank by the weak label of the best 5 % by the target; noise gives 50, the
            truth 97.5.
        place_bottom: The same of the worst 10 %; the truth gives 5.
        tau_beyond_size: Kendall's tau of what FLOPs and parameters leave of the ranks: what is not size.
        tau_beyond_operations: The same for the operations at each position: what is not additive, and so
            cannot be corrected from a few labels.
        additive_error: Share of the variance of the errors that operations at positions explain.
        main_position: The position that explains most of it.
        main_share: Its share of what all positions explain.
        duplicate_noise: Share of the variance of the ranks between duplicates of one network.
        biases: The mean error of each operation at each position, largest first.
    """

    label: str
    known: int
    total: int
    kendall_tau: float | None
    ndcg: float | None
    precision_top: float | None
    tau_top: float | None
    place_top: float
    place_bottom: float
    tau_beyond_size: float | None
    tau_beyond_operations: float | None
    additive_error: float
    main_position: str
    main_share: float | None
    duplicate_noise: float | None
    biases: tuple[Bias, ...]


def get_agreement(bench: Benchmark, dataset: str, target: str, label: str, parts: Parts) -> Agreement:
    """Return how a weak label or a sum of several, joined by +, agrees with a target.

    Args:
        bench: The benchmark, with the weak labels.
        dataset: Data set of the target.
        target: The target.
        label: Names joined by +.
        parts: What the architectures of the benchmark consist of.
    """
    names = label.split("+")
    weak, truth = add_up([bench.weak_for(n, dataset) for n in names]), bench.target(dataset, target)
    both = np.isfinite(weak) & np.isfinite(truth)
    rows = np.flatnonzero(both)
    weak, truth = weak[rows], truth[rows]
    ours, theirs = percentiles(weak), percentiles(truth)
    possible = [name for name in _METRICS if len(rows) >= METRICS[name].min_items]
    found = evaluate(possible, truth, weak)
    columns = Parts(parts.counts[rows], parts.positions, parts.operations)
    sizes = [bench.weak(name)[rows] for name in SIZES if name in bench.weak_names and name not in names]
    best = theirs > 100 - 2 * TOP
    error = ours - theirs
    share, position, main = _explain(error, columns)
    return Agreement(
        label,
        len(rows),
        int(np.isfinite(bench.target(dataset, target)).sum()),
        kendall_tau(weak, truth),
        found.get("ndcg@10"),
        found.get("precision_top@5"),
        kendall_tau(weak[best], truth[best]) if best.sum() >= MIN_ROWS else None,
        float(ours[theirs > 100 - TOP].mean()) if (theirs > 100 - TOP).any() else float(ours[best].mean()),
        float(ours[theirs <= max(BOTTOM, theirs.min())].mean()),
        _tau_beyond(ours, theirs, _size_columns(sizes)) if sizes else None,
        _tau_beyond(ours, theirs, columns.columns),
        share,
        position,
        main,
        _duplicate_noise(ours, bench.classes[rows]),
        _get_biases(error, columns),
    )


def _size_columns(sizes: Sequence[Floats]) -> Floats:
    """Return percentile ranks and their squares (n, columns), unknown ones at the middle."""
    ranks = np.stack([np.nan_to_num(percentiles(size), nan=50.0) for size in sizes], axis=1) / 100
    return np.concatenate([ranks, ranks**2], axis=1)


def _tau_beyond(ours: Floats, theirs: Floats, design: Floats) -> float | None:
    left, wanted = residuals(ours, design), residuals(theirs, design)
    return None if left is None or wanted is None else kendall_tau(left, wanted)


def _explain(error: Floats, parts: Parts) -> tuple[float, str, float | None]:
    """Return what share of the errors (n,) all positions explain, which explains most, and its part of that.

    A position explains what the others together cannot.
    """
    total = float(((error - error.mean()) ** 2).sum())
    if total == 0:
        return 0.0, "", None

    def explained(keep: np.ndarray) -> float:
        left = residuals(error, Parts(parts.counts[:, keep], (), parts.operations).columns)
        return 1.0 if left is None else 1 - float((left**2).sum()) / total

    n = len(parts.positions)
    everything = explained(np.ones(n, bool))
    if n == 1 or everything <= 0:
        return max(everything, 0.0), parts.positions[0] if n == 1 else "", None
    own = np.array([everything - explained(np.arange(n) != at) for at in range(n)]).clip(0)
    at = int(own.argmax())
    return everything, parts.positions[at], float(own[at] / own.sum()) if own.sum() > 0 else None


def _get_biases(error: Floats, parts: Parts) -> tuple[Bias, ...]:
    present = (parts.counts > 0).reshape(len(error), -1).astype(np.float64)
    count = present.sum(0)
    mean = (error - error.mean()) @ present / np.maximum(count, 1)
    shown = np.flatnonzero((count >= _LEAST) & (np.abs(mean) >= _SMALLEST_BIAS))
    width = len(parts.operations)
    return tuple(
        Bias(parts.positions[i // width], parts.operations[i % width], float(mean[i]), int(count[i]))
        for i in shown[np.argsort(-np.abs(mean[shown]), kind="stable")]
    )


def _duplicate_noise(ranks: Floats, classes: np.ndarray) -> float | None:
    """Return the share of the variance of ranks (n,) that lies within networks; None without duplicates."""
    _, network, size = np.unique(classes, return_inverse=True, return_counts=True)
    repeated = size[network] > 1
    if repeated.sum() < MIN_ROWS or not np.ptp(ranks):
        return None
    mean = np.bincount(network, ranks) / size
    freedom = int(repeated.sum()) - int((size > 1).sum())
    within = float(((ranks - mean[network]) ** 2)[repeated].sum()) / freedom
    return min(1.0, within / float(ranks.var()))
