"""Scores of architectures, each distinct network scored once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from data.graphs import Graphs
from predictors.errors import PredictorError, check_scores, check_std
from predictors.hyperparameters import one_line

if TYPE_CHECKING:
    from predictors.base import Predictor, ScoresAndStd

PART = 50_000  # architectures that are scored at once
_known: WeakKeyDictionary[Graphs, tuple[Graphs, np.ndarray]] = WeakKeyDictionary()


def predict_canonical(
    predictor: Predictor, predict: Callable[[Graphs], object], graphs: Graphs, *, repeats: bool = False
) -> np.ndarray:
    """Score architectures, once for each distinct network if the predictor is canonical.

    Args:
        predictor: The predictor that `predict` belongs to.
        predict: Graphs to scores (n,), or (repeats, n).
        graphs: n architectures.
        repeats: Whether scores have an axis of repeats.

    Returns:
        Scores (n,) or (repeats, n), all finite.

    Raises:
        PredictorError: `predict` failed, or returned anything else.
    """
    asked, inverse = _distinct(predictor, graphs)
    who = f"predictor '{predictor.name}': _predict"
    parts = []
    for part in _split(asked):
        with predictor._naming_errors("_predict"):
            scores = predict(part)
        parts.append(check_scores(who, scores, len(part), repeats=repeats))
    return _join(parts)[..., inverse]


def predict_std_canonical(
    predictor: Predictor, predict_std: Callable[[Graphs], object], graphs: Graphs, *, repeats: bool = False
) -> ScoresAndStd:
    """Score architectures and say how sure the scores are; see predict_canonical.

    Args:
        predictor: The predictor that `predict_std` belongs to.
        predict_std: Graphs to scores and standard deviations, each (n,) or (repeats, n).
        graphs: n architectures.
        repeats: Whether there is an axis of repeats.

    Returns:
        Scores and standard deviations, each (n,) or (repeats, n), all finite, no deviation negative.

    Raises:
        PredictorError: `predict_std` failed, or returned anything else.
    """
    asked, inverse = _distinct(predictor, graphs)
    parts = []
    for part in _split(asked):
        with predictor._naming_errors("_predict_std"):
            both = predict_std(part)
        parts.append(check_pair(predictor, both, len(part), repeats=repeats))
    scores, std = (_join(each) for each in zip(*parts, strict=True))
    return scores[..., inverse], std[..., inverse]


def check_pair(predictor: Predictor, both: object, n: int, *, repeats: bool = False) -> ScoresAndStd:
    """Return scores and deviations of n architectures; PredictorError if they are anything else."""
    who = f"predictor '{predictor.name}': _predict_std"
    if not isinstance(both, tuple) or len(both) != 2:
        raise PredictorError(f"{who} returned {one_line(both)}; it must return a pair: scores, deviations")
    scores = check_scores(who, both[0], n, repeats=repeats)
    std = check_std(who, both[1], n, repeats=repeats)
    if scores.shape != std.shape:
        raise PredictorError(f"{who} returned scores of shape {scores.shape} and deviations of {std.shape}")
    return scores, std


def check_single(predictor: Predictor, scores: object, n: int) -> np.ndarray:
    """Return the scores (n,) of one repeat; PredictorError if they are anything else."""
    return check_scores(f"predictor '{predictor.name}': _predict", scores, n)


def _distinct(predictor: Predictor, graphs: Graphs) -> tuple[Graphs, np.ndarray | slice]:
    """Return what a predictor is asked about, and where each architecture is in it.

    It is kept as long as the graphs, as all predictors of a comparison are asked about the same ones.
    """
    if not predictor.canonical:
        return graphs, slice(None)
    if graphs not in _known:
        rows, inverse = graphs.unique()
        _known[graphs] = graphs.take(rows).effective(), inverse
    return _known[graphs]


def _split(graphs: Graphs) -> list[Graphs]:
    """Return the parts in which architectures are scored: all at once where they fit into memory."""
    if len(graphs) <= PART:
        return [graphs]
    return [graphs.take(slice(start, start + PART)) for start in range(0, len(graphs), PART)]


def _join(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
