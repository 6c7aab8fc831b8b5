"""How probable it is that a candidate is among the true top k."""

from __future__ import annotations

import numpy as np

from data.errors import InputError

REACH = 4.0  # deviations that a label is taken to be from its mean at most


def probability_of_top(
    mean: np.ndarray, std: np.ndarray, k: int, rng: np.random.Generator, *, draws: int = 1000
) -> np.ndarray:
    """Return (n,) how often each candidate is among the best k when all labels are drawn.

    Labels are drawn independently from normal distributions; that predictions of similar networks err alike
    is left out.

    Args:
        mean: (n,) predictive means, higher is better.
        std: (n,) predictive standard deviations.
        k: Size of the top, at most n.
        rng: Draws the labels.
        draws: How often all labels are drawn.

    Raises:
        InputError: k is not between 1 and n.
    """
    n = len(mean)
    if not 1 <= k <= n:
        raise InputError(f"the top must hold 1 to {n:,} candidates, not {k:,}")
    certain = np.partition(mean - REACH * std, n - k)[n - k]
    able = np.flatnonzero(mean + REACH * std >= certain)
    count, means, deviations = np.zeros(n), mean[able], std[able]
    for _ in range(draws):
        drawn = means + deviations * rng.standard_normal(len(able))
        count[able[np.argpartition(-drawn, k - 1)[:k]]] += 1
    return count / draws
