"""How far training noise limits any ranking of a table: twins, or seeds, predict each other.

Where each label is a mean of several trainings, each training is predicted by the mean of the others. Else
twins are compared, which are architectures that are the same effective network, trained more than once. Their
labels differ by the noise of training alone. The mean of a few still carries noise of its own, and a single
training more than a mean, so the figure estimates the ceiling from below, most of all for metrics that look
at the top alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from data.errors import InputError
from eval.metrics import METRICS, evaluate
from eval.ranking import Floats


def twin_scores(y: ArrayLike, classes: ArrayLike) -> Floats:
    """Score each architecture by the mean label of its other twins.

    Args:
        y: (n,) labels; NaN where unknown.
        classes: (n,) the canonical hash or class number of each architecture; equal for twins.

    Returns:
        (n,) mean label of the others in the class, in the unit of y; NaN where the architecture has no label
        or no twin with a label.

    Raises:
        InputError: y is not a vector of numbers, has infinite entries, or differs in length from classes.
    """
    labels, names = np.asarray(y), np.asarray(classes)
    if labels.ndim != 1 or labels.dtype.kind not in "biuf" or names.shape != labels.shape:
        raise InputError(
            f"labels (numbers) and classes must be vectors of one length; "
            f"labels are {labels.dtype} {labels.shape}, classes {names.shape}"
        )
    labels = labels.astype(np.float64)
    if np.isinf(labels).any():
        raise InputError(f"labels must be finite or NaN; {np.isinf(labels).sum()} are infinite")
    known = ~np.isnan(labels)
    scores = np.full(labels.size, np.nan)
    own = labels[known]
    _, twin = np.unique(names[known], return_inverse=True)
    count, total = np.bincount(twin)[twin], np.bincount(twin, own)[twin]
    has_twin = count > 1
    scores[np.flatnonzero(known)[has_twin]] = ((total - own) / np.maximum(count - 1, 1))[has_twin]
    return scores


def noise_ceiling(
    metric_names: Iterable[str], y: ArrayLike, classes: ArrayLike, rows: ArrayLike
) -> dict[str, float]:
    """Evaluate the scores that twins give each other, over those of the given rows that have a twin.

    Args:
        metric_names: Names as in eval.metrics.
        y: (n,) labels; NaN where unknown.
        classes: (n,) equal for twins.
        rows: Indices (m,) or a mask (n,) of the evaluated architectures; their twins may lie outside.

    Returns:
        The value of each metric by its name; NaN where fewer than max(2, k) rows have a twin.

    Raises:
        UnknownNameError: no such metric.
        InputError: see `twin_scores`.
    """
    picked = np.asarray(rows)
    picked = picked if picked.size else picked.astype(np.int64)  # an empty list would be floats
    scores, truth = twin_scores(y, classes)[picked], np.asarray(y)[picked]
    has_twin = ~np.isnan(scores)
    n = int(has_twin.sum())
    names = list(metric_names)
    defined = [name for name in names if n >= max(2, METRICS[name].min_items)]
    values = evaluate(defined, truth[has_twin], scores[has_twin]) if defined else {}
    return {name: values.get(name, math.nan) for name in names}


def seed_ceiling(metric_names: Iterable[str], seeds: Floats) -> dict[str, float]:
    """Evaluate the mean of the other trainings as the score of each training; the mean over the trainings.

    Args:
        metric_names: Names as in eval.metrics.
        seeds: (n, s) labels of s trainings of each of n architectures; those with a NaN are left out.

    Returns:
        The value of each metric by its name; NaN where fewer than max(2, k) architectures are complete.
    """
    names = list(metric_names)
    whole = seeds[np.isfinite(seeds).all(1)]
    n, s = whole.shape
    defined = [name for name in names if n >= max(2, METRICS[name].min_items)]
    total = whole.sum(1)
    found = [evaluate(defined, one, (total - one) / (s - 1)) for one in whole.T] if defined else []
    return {name: float(np.mean([v[name] for v in found])) if name in defined else math.nan for name in names}
