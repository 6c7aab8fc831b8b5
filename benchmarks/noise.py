"""Training noise of a table: how well twins, or the seeds of one network, predict each other.

Where each label is a mean of several trainings, their spread says how far such a mean is from what a network
reaches on average, and labels are drawn again around that: what would somebody who knew all averages score?
Where averages lie close together, as at the top, this estimates the ceiling from above.

Otherwise twins are compared: architectures that are the same effective network, trained more than once. Their
labels differ by training noise alone. With few twins per network, their mean still carries noise of its own,
so this underestimates the ceiling, most of all in metrics that look only at the top.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import InputError

Floats = NDArray[np.float64]


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


def redrawn_labels(seeds: Floats, draws: int = 5) -> tuple[Floats, Floats]:
    """Draw labels that other trainings might have given, around estimates of what networks reach on average.

    Means of a few trainings are spread wider than averages are, so estimates are shrunk towards the overall
    mean by as much. A network's noise is drawn from the deviations of its own trainings.

    Args:
        seeds: (n, s) trainings of each architecture, finite, at least two.
        draws: Draws.

    Returns:
        (n,) averages; (draws, n) labels, each a mean of s trainings.
    """
    n, s = seeds.shape
    label = seeds.mean(1)
    deviations = (seeds - label[:, None]) * np.sqrt(s / (s - 1))
    noise, spread = deviations.var(1).mean() / s if n else 0.0, label.var() if n else 0.0
    kept = np.sqrt(max(0.0, 1 - noise / spread)) if spread else 1.0
    average = label.mean() + kept * (label - label.mean()) if n else label
    picked = np.random.default_rng(0).integers(s, size=(draws, n, s))
    return average, average + np.take_along_axis(deviations[None], picked, 2).mean(2)
