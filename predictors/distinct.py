"""Scores of architectures, each distinct network scored once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from data.graphs import Graphs
from predictors.errors import PredictorError, check_scores, check_std
from predictors.hyperparameters import one_line

if TYPE_CHECKING:
    from predictors.base import Predictor, ScoresAndStd


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
    with predictor._naming_errors("_predict"):
        scores = predict(asked)
    who = f"predictor '{predictor.name}': _predict"
    return check_scores(who, scores, len(asked), repeats=repeats)[..., inverse]


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
    with predictor._naming_errors("_predict_std"):
        both = predict_std(asked)
    who = f"predictor '{predictor.name}': _predict_std"
    if not isinstance(both, tuple) or len(both) != 2:
        raise PredictorError(f"{who} returned {one_line(both)}; it must return a pair: scores, deviations")
    scores = check_scores(who, both[0], len(asked), repeats=repeats)
    std = check_std(who, both[1], len(asked), repeats=repeats)
    if scores.shape != std.shape:
        raise PredictorError(f"{who} returned scores of shape {scores.shape} and deviations of {std.shape}")
    return scores[..., inverse], std[..., inverse]


def _distinct(predictor: Predictor, graphs: Graphs) -> tuple[Graphs, np.ndarray | slice]:
    """Return what a predictor is asked about, and where each architecture is in it."""
    if not predictor.canonical:
        return graphs, slice(None)
    rows, inverse = graphs.unique()
    return graphs.take(rows).effective(), inverse
