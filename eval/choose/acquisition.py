"""Utilities of candidates: what it is worth to train them, given what a ranker predicts."""

from __future__ import annotations

import numpy as np


def upper_confidence_bound(mean: np.ndarray, std: np.ndarray, beta: float = 1.0) -> np.ndarray:
    """Return mean + beta · std (n,); Srinivas et al., ICML 2010."""
    return mean + beta * std


def thompson(mean: np.ndarray, std: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a draw (n,) of each candidate's value; Thompson 1933."""
    return mean + std * rng.standard_normal(np.shape(mean))
