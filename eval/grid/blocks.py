"""Blocks of repeats in parts, where a grid has fewer trials than there are processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eval.evaluator import Scored
from eval.task import Trial
from predictors.base import Predictor

Part = tuple[int, tuple[int, ...]]


def split_blocks(trials: Sequence[Trial], jobs: int) -> list[Part]:
    """Return (index of a trial, its repeats or some of them): as many parts as processes, where possible.

    Only repeats that are fitted one by one are parted: those that train together would differ in the last
    digits if they trained with fewer others.
    """
    share = -(-jobs // len(trials)) if trials else 1
    parts: list[Part] = []
    for index, trial in enumerate(trials):
        alone = type(trial.entry.predictor).fit_repeats is Predictor.fit_repeats
        pieces = min(share, len(trial.repeats)) if alone else 1
        parts += [(index, tuple(map(int, piece))) for piece in np.array_split(trial.repeats, pieces)]
    return parts


def merge_parts(parts: Sequence[Scored]) -> Scored:
    """Return the result of a trial from those of its parts, in the order of their repeats."""
    counts = [len(part.splits) for part in parts]
    first = parts[0]
    return replace(
        first,
        splits=[split for part in parts for split in part.splits],
        scores=[scores for part in parts for scores in part.scores],
        std=None if first.std is None else [std for part in parts for std in part.std or ()],
        fit_seconds=float(np.average([part.fit_seconds for part in parts], weights=counts)),
        predict_seconds=float(np.average([part.predict_seconds for part in parts], weights=counts)),
    )
