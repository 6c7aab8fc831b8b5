"""Where predictors stand over several benchmarks: ranks, wins and improvability, paired split by split.

Predictors are compared within each split, never by means over splits: a split that is hard for all would
otherwise count as a difference. Every benchmark weighs the same, however many data sets, protocols, training
sizes and splits it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from eval.metrics import METRICS
from eval.results import Row

DRAWS = 2000  # of the bootstrap
_LEVEL = 0.95
_TASK = ("dataset", "target", "label", "protocol", "train_size")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Splits:
    """The values of one metric on all splits.

    Attributes:
        metric: Name of the metric.
        direction: 1 if larger is better, -1 if smaller is.
        best: The best possible value.
        predictors: Names of the k predictors.
        benches: Names of the benchmarks.
        values: For each benchmark, (repeats, k) for each of its tasks.
    """

    metric: str
    direction: int
    best: float
    predictors: tuple[str, ...]
    benches: tuple[str, ...]
    values: tuple[tuple[Array, ...], ...]

    def map(self, function: Callable[[Array], Array]) -> list[list[Array]]:
        """Return what a function of (repeats, k) values returns for each task of each benchmark."""
        return [[function(task) for task in tasks] for tasks in self.values]

    def ranks(self) -> list[list[Array]]:
        """Return (repeats, k) ranks within each split: 1 is best, ties share their mean."""
        return self.map(lambda task: rankdata(-self.direction * task, axis=1))

    def errors(self) -> list[list[Array]]:
        """Return (repeats, k) distances from the best possible value."""
        return self.map(lambda task: np.abs(self.best - task))


@dataclass(frozen=True)
class Standing:
    """A mean over benchmarks of each predictor, with its interval.

    Attributes:
        mean, low, high: (k,) the mean and the ends of its 95 % bootstrap interval.
        by_bench: (benchmarks, k) the means that it is the mean of.
    """

    mean: Array
    low: Array
    high: Array
    by_bench: Array


def get_splits(rows: Sequence[Row], metric: str, field: str = "value") -> Splits:
    """Return the values of one metric, or another field of its rows.

    The grid must be complete, as `eval.report.board.boards` checks.
    """
    own = [row for row in rows if row["metric"] == metric]
    predictors = tuple(dict.fromkeys(row["predictor"] for row in own))
    at = {name: i for i, name in enumerate(predictors)}
    found: dict[str, dict[tuple[object, ...], dict[int, list[float]]]] = {}
    for row in own:
        task = found.setdefault(row["bench"], {}).setdefault(tuple(row[key] for key in _TASK), {})
        task.setdefault(row["repeat"], [np.nan] * len(at))[at[row["predictor"]]] = row[field]
    return Splits(
        metric=metric,
        direction=METRICS[metric].direction,
        best=get_best(metric),
        predictors=predictors,
        benches=tuple(found),
        values=tuple(
            tuple(np.array([task[r] for r in sorted(task)], float) for task in tasks.values())
            for tasks in found.values()
        ),
    )


def get_best(metric: str) -> float:
    """Return the best possible value of a metric."""
    known = METRICS[metric]
    return known.range[1] if known.direction > 0 else known.range[0]


def rank(splits: Splits) -> Standing:
    """Return the mean rank of each predictor: 1 is best."""
    return average(splits.ranks())


def get_improvability(splits: Splits) -> Standing:
    """Return by how much percent of its error each predictor could improve on average to match the best.

    On each split, 100 * (1 - smallest error / own error), where the error is the distance from the best
    possible value; 0 for the best of a split. After TabArena (Erickson et al., NeurIPS 2025).
    """

    def improve(error: Array) -> Array:
        least = error.min(axis=1, keepdims=True)
        return 100 * (1 - np.divide(least, error, out=np.ones_like(error), where=error > 0))

    return average([[improve(task) for task in tasks] for tasks in splits.errors()])


def get_wins(splits: Splits) -> Array:
    """Return (k, k) on which share of the splits the row's predictor beats the column's; ties count half."""

    def beat(task: Array) -> Array:
        lead = splits.direction * (task[:, :, None] - task[:, None, :])
        return ((lead > 0) + 0.5 * (lead == 0)).mean(axis=0)

    return np.mean([np.mean(tasks, axis=0) for tasks in splits.map(beat)], axis=0)


def average(values: Sequence[Sequence[Array]], seed: int = 0) -> Standing:
    """Return means over splits, tasks and then benchmarks, with bootstrap intervals.

    The bootstrap draws benchmarks with replacement, and within each drawn one its splits, all predictors
    together, so that they stay paired. One benchmark gives intervals over its splits alone.

    Args:
        values: For each benchmark, (repeats, k) for each of its tasks.
        seed: Seed of the draws.
    """
    rng = np.random.default_rng(seed)
    by_bench = np.stack([np.mean([task.mean(axis=0) for task in tasks], axis=0) for tasks in values])
    n = len(values)
    drawn = np.zeros((DRAWS, by_bench.shape[1]))
    for _ in range(n):  # each place of a draw has splits of its own
        resampled = np.stack([_resample(tasks, rng) for tasks in values], axis=1)  # (draws, n, k)
        drawn += resampled[np.arange(DRAWS), rng.integers(n, size=DRAWS)] / n
    low, high = np.quantile(drawn, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
    return Standing(by_bench.mean(axis=0), low, high, by_bench)


def _resample(tasks: Sequence[Array], rng: np.random.Generator) -> Array:
    """Return (draws, k) means over splits that are drawn with replacement, averaged over tasks."""
    drawn = []
    for task in tasks:
        n = len(task)
        drawn.append(rng.multinomial(n, np.full(n, 1 / n), size=DRAWS) @ task / n)
    return np.mean(drawn, axis=0)


@dataclass(frozen=True)
class Groups:
    """Which predictors cannot be told apart.

    Attributes:
        p_friedman: p-value of Friedman's test that all have the same rank.
        distance: Critical difference of mean ranks (Nemenyi); NaN for fewer than three predictors.
        blocks: Number of splits that were compared.
        cliques: Largest sets of neighbours in the order of ranks that do not differ, by number in `order`.
        order: Numbers of the predictors, best mean rank first.
        mean_ranks: (k,) mean rank of each predictor over the blocks.
    """

    p_friedman: float
    distance: float
    blocks: int
    cliques: list[tuple[int, int]]
    order: list[int]
    mean_ranks: Array


def group(splits: Splits, level: float = 0.05) -> Groups | None:
    """Return the groups of Friedman's test and the Nemenyi post-hoc test (Demšar, JMLR 2006).

    A block is a split of a benchmark; where a benchmark has several tasks, the mean rank over them. Each
    benchmark has the same number of blocks, as many as the one with the fewest splits. Splits of a benchmark
    share its networks, so this is a statement about these benchmarks; intervals of mean ranks, which draw
    benchmarks, are about others like them.

    Returns:
        The groups; None for fewer than three predictors or two blocks, for which there is no such test.
    """
    from scikit_posthocs import posthoc_nemenyi_friedman
    from scipy.stats import friedmanchisquare, studentized_range

    ranks = splits.ranks()
    shortest = min(len(task) for tasks in ranks for task in tasks)
    blocks = np.concatenate([np.mean([task[:shortest] for task in tasks], axis=0) for tasks in ranks])
    n, k = blocks.shape
    if k < 3 or n < 2:
        return None
    mean_ranks = rankdata(blocks, axis=1).mean(axis=0)
    order = [int(i) for i in np.argsort(mean_ranks, kind="stable")]
    p = np.asarray(posthoc_nemenyi_friedman(blocks), float)[np.ix_(order, order)]
    friedman = float(friedmanchisquare(*blocks.T).pvalue) if np.ptp(blocks) else 1.0
    scale = float(studentized_range.ppf(1 - level, k, np.inf)) / np.sqrt(2)
    return Groups(
        p_friedman=friedman,
        distance=float(scale * np.sqrt(k * (k + 1) / (6 * n))),
        blocks=n,
        cliques=_find_cliques(p > level) if friedman <= level else [(0, k - 1)],
        order=order,
        mean_ranks=mean_ranks,
    )


def _find_cliques(alike: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the largest runs (first, last) of neighbours whose ends are alike, of two or more."""
    found: list[tuple[int, int]] = []
    for first in range(len(alike)):
        last = first + int(np.flatnonzero(alike[first, first:]).max(initial=0))
        if last > first and not (found and last <= found[-1][1]):
            found.append((first, last))
    return found
