"""NAS-BOWL's surrogate: a Gaussian process with the Weisfeiler–Lehman subtree kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array, diags_array

from data.encode.subtrees import (
    count_labels,
    get_vocabulary,
    number_occurrences,
    square_counts,
    wl_labels,
)
from data.errors import InputError
from data.graphs import Graphs
from data.names import check_name
from predictors.base import Predictor, ScoresAndStd

CHUNK = 20_000_000  # similarities in one table
SEARCHED = 1_000  # training architectures that the hyper-parameters are chosen on
NOISES = np.logspace(-4, 1, 41)  # noise variance over signal variance


class Nasbowl(Predictor):
    """Posterior mean of a Gaussian process whose kernel compares the subtrees of two networks.

    The kernel is the scalar product of the counts of all Weisfeiler–Lehman subtrees up to a depth, or the
    number of subtrees that two networks share (optimal assignment), scaled so that every network has
    similarity 1 with itself. Depth, signal variance and noise maximise the marginal likelihood.

    Source: Ru et al., Interpretable Neural Architecture Search via Bayesian Optimisation with
    Weisfeiler-Lehman Kernels, ICLR 2021 (arXiv 2006.07556); depths as in the published code, which has
    optimal assignment everywhere but on NAS-Bench-201. It holds the signal variance at 1, bounds the noise
    by 0.01 and moves it by 20 steps of Adam; here both are found on a grid, on at most 1,000 labels. Labels
    are normal scores of their ranks: with them tau on NAS-Bench-201's CIFAR-100 and ImageNet16-120
    (`kernel=assignment`, 100 labels, 3 draws) is 0.721 and 0.703, else 0.694 and 0.701. Figures are in
    docs/surrogates.md; the published experiment draws 400 test networks at random.
    """

    has_std: ClassVar[bool] = True
    normal_labels: ClassVar[bool] = True
    max_train_size: ClassVar[int | None] = 10_000

    def __init__(self, *, max_depth: int = 4, kernel: str = "auto") -> None:
        """Store the hyper-parameters.

        Hyper-parameters:
            max_depth: Largest depth of a subtree that the marginal likelihood may select.
            kernel: "assignment" counts shared subtrees (optimal assignment), "counts" multiplies counts;
                "auto" has the marginal likelihood select one.
        """
        self.max_depth = max_depth
        self.kernel = kernel

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        if self.max_depth < 0:
            raise InputError(f"predictor '{self.name}': max_depth must be at least 0, not {self.max_depth}")
        check_name(f"kernel of predictor '{self.name}'", self.kernel, ("auto", "assignment", "counts"))
        labels = wl_labels(graphs, depth=self.max_depth)
        rows = np.random.default_rng(seed).permutation(len(y))[:SEARCHED]
        self.mean_ = float(y.mean())
        centred = y - self.mean_
        fits = [
            (_choose_noise(_get_features(labels[rows, : depth + 1], shared), centred[rows]), shared, depth)
            for shared in (True, False)
            for depth in range(self.max_depth + 1)
            if self.kernel in ("auto", "assignment" if shared else "counts")
        ]
        best, self.assignment_, self.depth_ = max(fits, key=lambda fit: fit[0].likelihood)
        self.ratio_, self.signal_ = best.ratio, best.signal
        labels = labels[:, : self.depth_ + 1]
        self.vocabulary_ = get_vocabulary(_number(labels, self.assignment_))
        self.train_ = _get_features(labels, self.assignment_, self.vocabulary_)
        kernel = (self.train_ @ self.train_.T).toarray()
        self.factor_ = cho_factor(kernel + (self.ratio_ + 1e-8) * np.eye(len(y)), lower=True)
        self.weights_ = self.train_.T @ cho_solve(self.factor_, centred)

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return np.concatenate([part @ self.weights_ for part in self._parts(graphs)]) + self.mean_

    def _predict_std(self, graphs: Graphs) -> ScoresAndStd:
        scores, variances = [], []
        for part in self._parts(graphs):
            shared = (part @ self.train_.T).toarray()
            scores.append(part @ self.weights_ + self.mean_)
            explained = (shared * cho_solve(self.factor_, shared.T).T).sum(1)
            variances.append(np.maximum(1 - explained, 0) + self.ratio_)
        return np.concatenate(scores), np.sqrt(self.signal_ * np.concatenate(variances))

    def _parts(self, graphs: Graphs) -> Iterator[csr_array]:
        """Yield the counts of some architectures at a time, in order."""
        step = max(1, CHUNK // len(self.factor_[0]))
        for start in range(0, max(1, len(graphs)), step):
            labels = wl_labels(graphs.take(slice(start, start + step)), depth=self.depth_)
            yield _get_features(labels, self.assignment_, self.vocabulary_)


def _number(labels: np.ndarray, assignment: bool) -> np.ndarray:
    return number_occurrences(labels) if assignment else labels


def _get_features(labels: np.ndarray, assignment: bool, vocabulary: np.ndarray | None = None) -> csr_array:
    """Return counts (n, m) scaled so that the kernel is their scalar product."""
    labels = _number(labels, assignment)
    counts = count_labels(labels, get_vocabulary(labels) if vocabulary is None else vocabulary)
    return diags_array(1 / np.sqrt(square_counts(labels))) @ counts


class _Noise(NamedTuple):
    """Noise over signal variance, the signal variance, and the log marginal likelihood."""

    ratio: float
    signal: float
    likelihood: float


def _choose_noise(features: csr_array, y: np.ndarray) -> _Noise:
    """Return the noise that maximises the marginal likelihood of centred labels y (n,); features (n, m).

    Given the ratio of noise to signal, the best signal variance is known in closed form
    (Rasmussen & Williams 2006, section 5.4.1), and one eigendecomposition serves all ratios.
    """
    values, vectors = np.linalg.eigh((features @ features.T).toarray())
    spectrum = np.maximum(values, 0)[:, None] + NOISES
    signal = np.maximum(((vectors.T @ y) ** 2 @ (1 / spectrum)) / len(y), 1e-12)
    likelihood = -0.5 * (len(y) * np.log(signal) + np.log(spectrum).sum(0))
    best = int(likelihood.argmax())
    return _Noise(float(NOISES[best]), float(signal[best]), float(likelihood[best]))
