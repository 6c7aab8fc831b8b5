"""What training noise leaves: twins, or the seeds of one network, predict each other.

Where each label is a mean of several trainings, each training is predicted by the mean of the others. Else
twins are compared, which are architectures that are the same effective network, trained more than once. Their
labels differ by the noise of training alone. The mean of a few still carries noise of its own, and a single
training more than a mean, so a ceiling made of these estimates the true one from below, most of all for
metrics that look at the top alone.
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


def other_seeds(seeds: Floats) -> Floats:
    """Return for each training (n, s) the mean of the other trainings of its architecture (n, s)."""
    return (seeds.sum(1, keepdims=True) - seeds) / (seeds.shape[1] - 1)
