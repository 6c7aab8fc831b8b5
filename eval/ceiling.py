"""How far training noise limits any ranking of a table, as a bound with an interval (see benchmarks.noise).

What a network reaches on average cannot be known, only bounded, and not for every metric:

- Twins bound metrics of the whole order from below, as the mean of a few twins carries noise of its own. At
  the top, where networks lie closer together than their noise, that mean ranks far worse than a predictor
  may, and a metric of the top has no ceiling from twins.
- Several trainings of every network bound from above: estimated averages are spread wider than true ones.
  With heavy-tailed noise that holds for the whole order only; at the top the estimate can then be up to a
  tenth too low. What a single pick reaches depends on one draw of the noise and is not bounded.

A ceiling belongs to a table and target. It is computed over the whole population of rows, and so does not
move with repeats, splits or training sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.noise import redrawn_labels, twin_scores
from data.errors import InputError
from eval.metrics import METRICS, evaluate
from eval.ranking import Floats, Ints

MIN_ROWS = 100  # rows with a twin, or with several trainings, below which nothing is estimated
_GROUPS = 20  # of the jackknife
_DRAWS, _FEW_DRAWS = 20, 5  # of the noise, and of a large table's
_LABELS = 2_000_000  # that all draws together may have
_LEVEL = 0.95


@dataclass(frozen=True)
class Ceiling:
    """A bound on what any ranking can reach in a metric.

    Attributes:
        value: The bound, in the unit of the metric.
        low: Lower end of its 95 % interval.
        high: Upper end.
        bound: "lower" where the true ceiling is at least this good, "upper" where it is at most.
        rows: Architectures it is estimated from.
    """

    value: float
    low: float
    high: float
    bound: Literal["lower", "upper"]
    rows: int


def get_ceilings(
    metric_names: Iterable[str],
    y: ArrayLike,
    repeated: ArrayLike,
    *,
    seeds: Floats | None = None,
    networks: ArrayLike | None = None,
    size: int | None = None,
) -> dict[str, Ceiling | None]:
    """Return the noise ceiling of a target for each metric, None where it cannot be estimated.

    Args:
        metric_names: Names as in eval.metrics.
        y: (n,) the target; NaN where unknown.
        repeated: (n,) equal for rows that are trainings of one network.
        seeds: (n, s) the trainings that each target is the mean of, used instead of twins where known.
        networks: (n,) equal for rows of which the protocol evaluates only one; None if it evaluates all.
        size: Rows that a split evaluates, where they are a small part of the table: a top k of few rows has
            another ceiling than one of many. None for all.

    Raises:
        UnknownNameError: no such metric.
        InputError: see `twin_scores`; or networks, seeds and y differ in length.
    """
    names = list(metric_names)
    labels = np.asarray(y)
    for what, given in (("networks", networks), ("seeds", seeds)):
        if given is not None and len(np.asarray(given)) != len(labels):
            raise InputError(
                f"{what} and labels must have one length; {len(np.asarray(given))}, {len(labels)}"
            )
    scores = twin_scores(labels, repeated)
    rows = _population(np.isfinite(labels), networks)
    if seeds is not None:
        return _from_seeds(names, seeds[rows], size)
    return _from_twins(names, labels[rows], scores[rows], np.asarray(repeated)[rows])


def _population(known: np.ndarray, networks: ArrayLike | None) -> Ints:
    """Return the labelled rows, or a random one of each network, always the same."""
    rows = np.random.default_rng(0).permutation(np.flatnonzero(known))
    if networks is not None:
        rows = rows[np.unique(np.asarray(networks)[rows], return_index=True)[1]]
    return np.sort(rows)


def _from_twins(
    names: Sequence[str], truth: Floats, scores: Floats, classes: np.ndarray
) -> dict[str, Ceiling | None]:
    """Bound metrics of the whole order by what twins say of each other, with a delete-a-group jackknife."""
    has_twin = ~np.isnan(scores)
    truth, scores, classes = truth[has_twin], scores[has_twin], classes[has_twin]
    bounded = [METRICS[name].name for name in names if METRICS[name].whole_order]
    if len(truth) < MIN_ROWS or not bounded:
        return dict.fromkeys(names)
    found, network = np.unique(classes, return_inverse=True)
    if len(found) < _GROUPS:
        return dict.fromkeys(names)
    group = np.random.default_rng(0).permutation(len(found))[network] % _GROUPS
    values = evaluate(bounded, truth, scores)
    parts = [evaluate(bounded, truth[group != g], scores[group != g]) for g in range(_GROUPS)]
    from scipy.special import stdtrit

    quantile = float(stdtrit(_GROUPS - 1, (1 + _LEVEL) / 2))
    ceilings: dict[str, Ceiling | None] = dict.fromkeys(names)
    for name in bounded:
        spread = np.std([part[name] for part in parts]) * np.sqrt(_GROUPS - 1)
        ends = np.clip(values[name] + np.array([-1, 1]) * quantile * spread, *METRICS[name].range)
        ceilings[name] = Ceiling(values[name], float(ends[0]), float(ends[1]), "lower", len(truth))
    return ceilings


def _from_seeds(names: Sequence[str], seeds: Floats, size: int | None) -> dict[str, Ceiling | None]:
    """Bound metrics by what somebody who knew the estimated averages would score of labels drawn again."""
    seeds = seeds[np.isfinite(seeds).all(axis=1)]
    n = len(seeds)
    size = n if size is None else min(size, n)
    bounded = [name for name in names if METRICS[name].argument != 1 and METRICS[name].min_items <= size]
    if n < MIN_ROWS or seeds.shape[1] < 2 or not bounded:
        return dict.fromkeys(names)
    average, draws = redrawn_labels(seeds, max(_FEW_DRAWS, min(_DRAWS, _LABELS // n)))
    rng = np.random.default_rng(0)
    found: list[dict[str, float]] = []
    for label in draws:
        rows = slice(None) if size == n else rng.choice(n, size, replace=False)
        found.append(evaluate(bounded, label[rows], average[rows]))
    ceilings: dict[str, Ceiling | None] = dict.fromkeys(names)
    for name in bounded:
        values = [each[name] for each in found]
        low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        ceilings[name] = Ceiling(float(np.mean(values)), float(low), float(high), "upper", n)
    return ceilings
