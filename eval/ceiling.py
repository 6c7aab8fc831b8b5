"""How far training noise limits any ranking of a table, in every metric (see benchmarks.noise)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.noise import redrawn_labels, twin_scores
from eval.metrics import METRICS, evaluate
from eval.ranking import Floats


def noise_ceiling(
    metric_names: Iterable[str], y: ArrayLike, classes: ArrayLike, rows: ArrayLike, *, at_least: int = 2
) -> dict[str, float]:
    """Evaluate the scores that twins give each other, over those of the given rows that have a twin.

    Args:
        metric_names: Names as in eval.metrics.
        y: (n,) labels; NaN where unknown.
        classes: (n,) equal for twins.
        rows: Indices (m,) or a mask (n,) of the evaluated architectures; their twins may lie outside.
        at_least: Rows that must have a twin; of few the ceiling would say little.

    Returns:
        The value of each metric by its name; NaN where fewer than max(at_least, k) rows have a twin.

    Raises:
        UnknownNameError: no such metric.
        InputError: see `twin_scores`.
    """
    picked = np.asarray(rows)
    picked = picked if picked.size else picked.astype(np.int64)  # an empty list would be floats
    scores, truth = twin_scores(y, classes)[picked], np.asarray(y)[picked]
    has_twin = ~np.isnan(scores)
    return _values(list(metric_names), truth[has_twin], scores[has_twin], at_least)


def seed_ceiling(metric_names: Iterable[str], seeds: Floats) -> dict[str, float]:
    """Evaluate what networks reach on average as scores of labels that are means over trainings.

    Args:
        metric_names: Names as in eval.metrics.
        seeds: (n, s) trainings of each of n architectures; those with a NaN are left out.

    Returns:
        The value of each metric by its name, a mean over draws of the noise (see `redrawn_labels`); NaN where
        fewer than max(2, k) architectures are complete.
    """
    names = list(metric_names)
    average, labels = redrawn_labels(seeds[np.isfinite(seeds).all(1)])
    found = [_values(names, label, average) for label in labels]
    return {name: float(np.mean([values[name] for values in found])) for name in names}


def _values(names: Sequence[str], truth: Floats, scores: Floats, at_least: int = 2) -> dict[str, float]:
    """Return each metric; NaN where there are fewer than max(at_least, k) items."""
    defined = [name for name in names if len(truth) >= max(at_least, METRICS[name].min_items)]
    values = evaluate(defined, truth, scores) if defined else {}
    return {name: values.get(name, math.nan) for name in names}
