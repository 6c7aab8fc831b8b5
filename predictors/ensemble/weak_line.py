"""A straight line in the weak labels: what they say together, corrected by the true labels."""

from __future__ import annotations

from typing import Self

import numpy as np

LABELS = 10.0  # true labels that count as much as the belief that all weak labels count equally


class WeakLine:
    """Ridge regression of the labels on weak ones, shrunk towards the mean of the weak labels.

    With few true labels it is their mean; with many, each weak label has the weight that it deserves. Where
    neither is so, the weights are posterior means under independent normal priors around equal weights
    (Bishop 2006, section 3.3).

    Attributes:
        held_out: (n,) predictions of each training row by the weights that the other rows give.
    """

    held_out: np.ndarray

    def fit(self, weak: np.ndarray, y: np.ndarray) -> Self:
        """Fit n training rows.

        Args:
            weak: (n, 2 · labels) weak labels of mean 0 and deviation 1 over all architectures: as known, and
                as the pretrained network predicts them.
            y: (n,) labels of mean 0 and deviation 1.
        """
        x = _halve(weak)
        rest = y - x.mean(1)
        solved = np.linalg.solve(x.T @ x + LABELS * np.eye(x.shape[1]), x.T)
        self.weights = solved @ rest + 1 / x.shape[1]
        own = np.einsum("ij,ji->i", x, solved)  # how much each row's label counts in its own prediction
        self.held_out = y - (y - x @ self.weights) / (1 - own)
        return self

    def predict(self, weak: np.ndarray) -> np.ndarray:
        """Return predictions (m,) of weak labels (m, 2 · labels)."""
        return _halve(weak) @ self.weights

    def share(self, y: np.ndarray) -> float:
        """Return the weight that the line deserves in a mixture before its members are compared.

        It falls with the square of the number of labels y (n,), and vanishes where the held-out correlation
        with them is no more than chance would make it (positive-part James-Stein).
        """
        n = len(y)
        if not (np.ptp(self.held_out) > 0 and np.ptp(y) > 0):
            return 0.0
        correlation = max(float(np.corrcoef(self.held_out, y)[0, 1]), 0.0)
        trust = max(0.0, 1 - 1 / (n * correlation**2)) if correlation else 0.0
        return trust * (LABELS / (LABELS + n)) ** 2


def _halve(weak: np.ndarray) -> np.ndarray:
    """Return the means (n, labels) of weak labels as known and as predicted."""
    known, predicted = np.split(weak, 2, axis=1)
    return (known + predicted) / 2
