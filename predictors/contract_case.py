"""What a predictor is checked with, and how a check of the contract fails or is skipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.graphs import Graphs
from predictors.base import Predictor
from predictors.hyperparameters import one_line

SEED = 5


class BrokenError(Exception):
    """A rule is broken; the message says how."""


class SkipError(Exception):
    """A rule does not apply; the message says why."""


@dataclass(frozen=True)
class Case:
    """A predictor and what it is checked with.

    Attributes:
        make: Returns a new unfitted predictor.
        train: Training architectures.
        y: (n,) their labels.
        test: Architectures to score.
        all: All architectures, to build twins of.
    """

    make: Callable[[], Predictor]
    train: Graphs
    y: np.ndarray
    test: Graphs
    all: Graphs

    def fit(self, y: np.ndarray | None = None) -> Predictor:
        """Return the predictor, fitted."""
        return self.make().fit(self.train, self.y if y is None else y, seed=SEED)

    @cached_property
    def fitted(self) -> Predictor:
        """The predictor, fitted; not to be fitted again."""
        return self.fit()

    @cached_property
    def scores(self) -> np.ndarray:
        """Its scores of the test architectures."""
        return self.fitted.predict(self.test)

    @cached_property
    def std(self) -> np.ndarray:
        """Its standard deviations of the test architectures; skips the rule if it has none."""
        if not self.fitted.has_std:
            raise SkipError("it does not say how sure it is (has_std)")
        return self.fitted.predict(self.test, return_std=True)[1]


def check_shape(scores: np.ndarray, shape: tuple[int, ...]) -> None:
    """Break the rule unless scores are finite and of this shape."""
    if np.shape(scores) != shape or not np.isfinite(scores).all():
        raise BrokenError(f"expected finite scores of shape {shape}, not {one_line(scores)}")


def check_equal(found: np.ndarray, expected: np.ndarray, message: str) -> None:
    """Break the rule, with this message, unless two arrays are equal."""
    if not np.array_equal(found, expected):
        raise BrokenError(f"{message} by up to {np.abs(found - expected).max():.3g}")


def check_close(found: np.ndarray, expected: np.ndarray, when: str, noun: str = "scores") -> None:
    """Break the rule unless two arrays are equal but for rounding."""
    # Batched sums round differently in other batches.
    if not np.allclose(found, expected, rtol=1e-5, atol=1e-6):
        raise BrokenError(f"{noun} differ by up to {np.abs(found - expected).max():.3g} {when}")
