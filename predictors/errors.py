"""Errors of predictors: what a method raised or returned that it must not, in one line."""

from __future__ import annotations

import traceback
from pathlib import Path

import numpy as np

from data.errors import InputError


class PredictorError(InputError):
    """A method of a predictor failed or broke the contract; names the predictor and the method."""


def describe_failure(error: BaseException) -> str:
    """Return an exception in one line: its type, its message and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if text else ''}{text}{where}"


def check_scores(
    who: str, scores: object, n: int, *, repeats: bool = False, noun: str = "scores"
) -> np.ndarray:
    """Return scores as float64.

    Args:
        who: The predictor and the method, for messages.
        scores: What the method returned.
        n: Number of architectures.
        repeats: Whether there is an axis of repeats in front.
        noun: What messages call the numbers.

    Returns:
        (n,) or (repeats, n) finite scores.

    Raises:
        PredictorError: None, another shape, not numbers, NaN or infinite.
    """
    expected = f"one finite number for each of the {n} architectures"
    if scores is None:
        raise PredictorError(f"{who} returned None; it must return {expected}")
    try:
        array = np.asarray(scores)
    except Exception as error:
        raise PredictorError(
            f"{who} returned {type(scores).__name__}, which is no array ({describe_failure(error)}); "
            f"it must return {expected}"
        ) from error
    if array.dtype.kind not in "fiub":
        kind = type(scores).__name__ if array.dtype == object else f"an array of {array.dtype}"
        raise PredictorError(f"{who} returned {kind}; it must return {expected}")
    if array.shape != ((len(array), n) if repeats and array.ndim else (n,)):
        axes = "(repeats, {n})" if repeats else f"({n},)"
        raise PredictorError(f"{who} returned shape {array.shape}; expected {axes.format(n=n)}")
    array = array.astype(np.float64, copy=False)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise PredictorError(
            f"{who} returned {len(bad)} {noun} that are NaN or infinite, the first at position "
            f"{bad[0][-1]}; it must return {expected}"
        )
    return array


def check_std(who: str, std: object, n: int, *, repeats: bool = False) -> np.ndarray:
    """Return standard deviations as float64; arguments are those of check_scores.

    Returns:
        (n,) or (repeats, n) finite deviations of at least 0.

    Raises:
        PredictorError: None, another shape, not numbers, NaN, infinite or negative.
    """
    array = check_scores(who, std, n, repeats=repeats, noun="standard deviations")
    negative = np.argwhere(array < 0)
    if len(negative):
        raise PredictorError(
            f"{who} returned {len(negative)} negative standard deviations, the first at position "
            f"{negative[0][-1]}; a standard deviation is at least 0"
        )
    return array
