"""Pairwise logistic loss as an objective of LightGBM, and a number of trees chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from lightgbm import Booster, Dataset

PATIENCE = 50  # trees without a better held-out value, after which none is expected
FURTHEST = 40.0  # largest distance of a score from the mean: e^±80 is far inside the range of a float
CHUNK = 2_000_000  # pairs that are in memory at a time

Objective = Callable[[np.ndarray, Dataset], tuple[np.ndarray, np.ndarray]]
Evaluation = Callable[[np.ndarray, Dataset], tuple[str, float, bool]]


class RankNet:
    """RankNet's loss: the logistic loss of all pairs of different labels in a list.

    Source: Burges et al., Learning to Rank using Gradient Descent, ICML 2005. Labels are one list up to
    `list_size`; more are split into random lists of equal size, drawn again for each tree, so that trees
    see other pairs and a tree costs n · list_size rather than n² operations.
    """

    def __init__(self, list_size: int, seed: int) -> None:
        """Store the size of a list; the lists are drawn from `seed`."""
        self.list_size = list_size
        self.rng = np.random.default_rng(seed)

    def gradients(self, scores: np.ndarray, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Hessian diagonal (n,) of the loss, scaled to one pair for each architecture."""
        y = np.asarray(data.get_label(), np.float64)
        gradient, hessian = np.empty(len(y)), np.empty(len(y))
        for rows in split_lists(len(y), self.list_size, self.rng):
            gradient[rows], hessian[rows] = pair_gradients(scores[rows], y[rows])
        return gradient, hessian

    def evaluate(self, scores: np.ndarray, data: Dataset) -> tuple[str, float, bool]:
        """Return the negative loss on held-out architectures, in lists that are the same for each tree."""
        y = np.asarray(data.get_label(), np.float64)
        lists = split_lists(len(y), self.list_size, np.random.default_rng(0))
        return "ranknet", -float(np.mean([pair_loss(scores[rows], y[rows]) for rows in lists])), True


def split_lists(n: int, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the rows of each list: one of all n in their order, or random ones of at most `size`."""
    if n <= size:
        return [np.arange(n)]
    return np.array_split(rng.permutation(n), -(-n // size))


def pair_gradients(scores: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return gradient and Hessian diagonal (n,) of the logistic loss summed over pairs of different labels.

    With p = e^s_i / (e^s_i + e^s_j) the probability that i is better than j, the gradient at i is the sum of
    p over its pairs less the number of worse architectures, and the Hessian the sum of p (1 − p). Both are
    divided by the mean number of pairs of an architecture.
    """
    odds = np.exp(np.clip(scores - scores.mean(), -FURTHEST, FURTHEST))
    gradient, hessian, pairs = np.empty(len(y)), np.empty(len(y)), 0
    for rows in _chunks(len(y)):
        differ = y[rows, None] != y
        inverse = differ / (odds[rows, None] + odds)
        worse = (y[rows, None] > y).sum(1)
        gradient[rows] = odds[rows] * inverse.sum(1) - worse
        hessian[rows] = odds[rows] * (inverse**2 @ odds)
        pairs += int(differ.sum())
    scale = len(y) / max(pairs, 1)
    return gradient * scale, hessian * scale


def pair_loss(scores: np.ndarray, y: np.ndarray) -> float:
    """Return the logistic loss averaged over the pairs of different labels; 0 if there is none."""
    total, pairs = 0.0, 0
    for rows in _chunks(len(y)):
        better = y[rows, None] > y
        total += float(np.logaddexp(0, scores - scores[rows, None])[better].sum())
        pairs += int(better.sum())
    return total / max(pairs, 1)


def _chunks(n: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(n, 1))
    return (slice(start, start + step) for start in range(0, n, step))


def choose_trees(
    params: Mapping[str, Any],
    build: Callable[[np.ndarray], Dataset],
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    most: int,
    objective: Objective | None,
    evaluate: Evaluation | None,
) -> int:
    """Return the number of trees with the best mean value on the held-out folds.

    Args:
        params: Parameters of LightGBM.
        build: Rows of the training architectures to their data set.
        folds: Rows to train on and rows held out, of each fold.
        most: Largest number of trees. Fewer are grown if `PATIENCE` of them in a row improve nothing.
        objective: Scores and data to gradients; None for the objective that `params` names.
        evaluate: Scores and data to a name, a value and whether larger is better; None for `params`' metric.
    """
    boosters = []
    for inside, held_out in folds:
        learned = build(inside)
        booster = Booster({**params}, learned)
        boosters.append(booster.add_valid(build(held_out).set_reference(learned), "held out"))
    best, trees = -np.inf, 1
    for count in range(1, most + 1):
        values = []
        for booster in boosters:
            booster.update(fobj=objective)
            _, _, value, larger = booster.eval_valid(evaluate)[0]
            values.append(value if larger else -value)
        if np.mean(values) > best:
            best, trees = float(np.mean(values)), count
        if count - trees >= PATIENCE:
            break
    return trees
