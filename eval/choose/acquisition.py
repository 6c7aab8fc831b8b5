"""Acquisition functions: what a candidate is worth, given a predictive mean and how sure it is."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm


def expected_improvement(mean: np.ndarray, std: np.ndarray, best: float | np.ndarray) -> np.ndarray:
    """Return (n,) by how much a candidate is expected to exceed `best` (Močkus 1975).

    Args:
        mean: (n,) predictive means, higher is better.
        std: (n,) predictive standard deviations; where one is 0, the improvement is what the mean says.
        best: What is to be exceeded, in the unit of the means; an array broadcasts with them.
    """
    gain = mean - best
    safe = np.where(std > 0, std, 1.0)
    z = gain / safe
    return np.where(std > 0, gain * norm.cdf(z) + safe * norm.pdf(z), np.maximum(gain, 0.0))


def upper_confidence_bound(mean: np.ndarray, std: np.ndarray, beta: float) -> np.ndarray:
    """Return (n,) the means plus `beta` standard deviations (Auer 2002)."""
    return mean + beta * std


def thompson(mean: np.ndarray, std: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) a label drawn for each candidate (Thompson 1933), independently of each other."""
    return mean + std * rng.standard_normal(len(mean))
