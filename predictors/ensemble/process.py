"""A Gaussian process over several blocks of inputs, each with a kernel of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

JITTER = 1e-8
TUNED = 500  # labels that hyper-parameters are tuned on, at most
SURE = 1000  # labels that deviations are computed from, at most
CLIP = 5.0  # deviations from the training mean beyond which an input counts as this far away

Blocks = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class BlockScale:
    """Makes the columns of a block comparable, by its training rows.

    Attributes:
        mean: (f,) means of the columns.
        factor: (f,) what each centred column is multiplied by; 0 for a column that is constant in training.
    """

    mean: np.ndarray
    factor: np.ndarray

    @classmethod
    def fit(cls, block: np.ndarray, *, whole: bool) -> Self:
        """Measure a block (n, f): its columns one by one, or as a `whole` whose directions keep their size."""
        spread = block.std(0)
        varies = spread > 1e-9 * np.maximum(1.0, np.abs(block).max(0))
        if whole:
            size = max(np.sqrt((spread[varies] ** 2).sum()), 1e-12)
            return cls(block.mean(0), varies / size)
        count = max(int(varies.sum()), 1)
        factor = np.where(varies, 1 / np.where(varies, spread, 1.0), 0.0)
        return cls(block.mean(0), factor / np.sqrt(count))

    def __call__(self, block: np.ndarray, *, whole: bool) -> np.ndarray:
        """Scale a block (n, f) so that its rows have a mean square of about 1."""
        scaled = (block - self.mean) * self.factor
        if whole:
            return scaled
        bound = CLIP / np.sqrt(max(int((self.factor > 0).sum()), 1))
        return scaled.clip(-bound, bound)


class BlockProcess:
    """Posterior of a Gaussian process whose covariance is a sum over blocks.

    Each block adds a Matérn 3/2 kernel of the distance in it and a linear kernel, so that a block counts as
    much as the labels say it should: linear kernels of one-hot positions make the additive model of a chain of
    blocks. Variances, length scales and noise maximise the posterior under a log-normal prior that is the
    same for every benchmark. Source: Rasmussen & Williams 2006, chapters 2 and 5; leave-one-out, section 5.4.2.
    """

    def __init__(self, whole: Sequence[str] = ()) -> None:
        """Take the names of the blocks that are scaled as a whole, such as embeddings."""
        self.whole = frozenset(whole)

    def fit(self, blocks: Blocks, y: np.ndarray, rng: np.random.Generator) -> Self:
        """Fit n training rows.

        Args:
            blocks: (n, f) inputs by name.
            y: (n,) labels with mean 0 and deviation of about 1.
            rng: Draws the rows to tune on where there are more than TUNED.
        """
        self.scales = {name: BlockScale.fit(b, whole=name in self.whole) for name, b in blocks.items()}
        x, n = self._scaled(blocks), len(y)
        self.mean = float(y.mean())
        order = rng.permutation(n)
        self.tuned = self._tune({name: b[order[:TUNED]] for name, b in x.items()}, y[order[:TUNED]])
        self.x, self.factor = x, self._factorise(x)
        self.weights = cho_solve(self.factor, y - self.mean)
        self.sure = np.sort(order[:SURE])
        self.sure_x = {name: b[self.sure] for name, b in x.items()}
        self.sure_factor = self.factor if n <= SURE else self._factorise(self.sure_x)
        inverse = np.diag(cho_solve(self.factor, np.eye(n)))
        self.held_out = y - self.weights / inverse
        self.held_out_std = np.sqrt(1 / inverse) if n <= SURE else self._std(x)
        return self

    def predict(self, blocks: Blocks) -> np.ndarray:
        """Return posterior means (m,)."""
        return self.mean + self._kernel(self._scaled(blocks), self.x) @ self.weights

    def predict_std(self, blocks: Blocks) -> np.ndarray:
        """Return predictive deviations (m,) of a label, noise included, from at most SURE training rows."""
        return self._std(self._scaled(blocks))

    def _std(self, x: Blocks) -> np.ndarray:
        across = self._kernel(x, self.sure_x)
        own = sum(
            np.exp(matern) + np.exp(linear) * (x[name] ** 2).sum(1)
            for name, (matern, _, linear) in zip(x, self.tuned[:-1].reshape(-1, 3), strict=True)
        )
        known = np.einsum("ij,ji->i", across, cho_solve(self.sure_factor, across.T))
        return np.sqrt(np.maximum(own - known, 0) + np.exp(self.tuned[-1]))

    def _scaled(self, blocks: Blocks) -> dict[str, np.ndarray]:
        return {name: scale(blocks[name], whole=name in self.whole) for name, scale in self.scales.items()}

    def _factorise(self, x: Blocks) -> tuple[np.ndarray, bool]:
        kernel = self._kernel(x, x)
        kernel[np.diag_indices(len(kernel))] += np.exp(self.tuned[-1]) + JITTER
        return cho_factor(kernel, lower=True)

    def _kernel(self, a: Blocks, b: Blocks) -> np.ndarray:
        """Return the covariances (m, n) without noise."""
        total = np.zeros((len(next(iter(a.values()))), len(next(iter(b.values())))))
        for name, (matern, length, linear) in zip(a, self.tuned[:-1].reshape(-1, 3), strict=True):
            product = a[name] @ b[name].T
            scaled = np.sqrt(3) * _distance(a[name], b[name], product) / np.exp(length)
            total += np.exp(matern) * (1 + scaled) * np.exp(-scaled) + np.exp(linear) * product
        return total

    def _tune(self, x: Blocks, y: np.ndarray) -> np.ndarray:
        """Return the log variance, length scale and linear variance of each block, then the log noise."""
        n, centred = len(y), y - self.mean
        products = [block @ block.T for block in x.values()]
        distances = [_distance(b, b, p) for b, p in zip(x.values(), products, strict=True)]
        share = np.log(0.25 / len(x))
        start = np.array([*[share, np.log(2.0), share] * len(x), np.log(0.2)])
        width = np.array([*[1.5, 1.0, 1.5] * len(x), 1.0])

        def negative_log_posterior(theta: np.ndarray) -> tuple[float, np.ndarray]:
            noise = np.exp(theta[-1])
            kernel = (noise + JITTER) * np.eye(n)
            slopes = []
            for i, (distance, product) in enumerate(zip(distances, products, strict=True)):
                matern, length, linear = np.exp(theta[3 * i : 3 * i + 3])
                scaled = np.sqrt(3) * distance / length
                decay = matern * np.exp(-scaled)
                parts = [(1 + scaled) * decay, scaled**2 * decay, linear * product]
                kernel += parts[0] + parts[2]
                slopes += parts
            factor = cho_factor(kernel, lower=True)
            weights = cho_solve(factor, centred)
            excess = cho_solve(factor, np.eye(n)) - np.outer(weights, weights)
            off = (theta - start) / width
            value = 0.5 * centred @ weights + np.log(np.diag(factor[0])).sum() + 0.5 * (off**2).sum()
            slope = [0.5 * np.vdot(excess, part) for part in slopes] + [0.5 * noise * np.trace(excess)]
            return float(value), np.array(slope) + off / width

        bounds = [(low - 6, low + 6) for low in start]
        return minimize(
            negative_log_posterior, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60}
        ).x


def _distance(a: np.ndarray, b: np.ndarray, product: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances (m, n) of rows whose inner products are known."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * product
    return np.sqrt(np.maximum(squares, 0))
