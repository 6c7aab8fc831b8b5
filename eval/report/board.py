"""Boards: the summaries of one task as predictors by metrics, which every kind of report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from eval.report.numbers import count, percent, repeats
from eval.report.summary import CORRECTED_T, LEVEL, TASK_KEYS, Summary
from eval.stats import mean_ranks


@dataclass(frozen=True)
class Board:
    """The summaries of one task.

    Attributes:
        task: Values of TASK_KEYS.
        predictors: Best mean of the first metric first.
        metrics: In the order in which they were asked for.
        cells: The summary of each (predictor, metric).
    """

    task: tuple[str | int, ...]
    predictors: tuple[str, ...]
    metrics: tuple[str, ...]
    cells: dict[tuple[str, str], Summary]

    @property
    def first(self) -> Summary:
        """Any summary, for what they all share."""
        return self.cells[self.predictors[0], self.metrics[0]]

    def column(self, metric: str) -> list[Summary]:
        """Return the summaries of a metric, in the order of the predictors."""
        return [self.cells[predictor, metric] for predictor in self.predictors]

    def best(self, metric: str) -> Summary:
        """Return the summary of the predictor with the best mean."""
        return next(s for s in self.column(metric) if s.best)

    def decimals(self, metric: str) -> int:
        """Return how many decimals a column is printed with."""
        largest = max(max(abs(s.mean), abs(s.chance)) for s in self.column(metric))
        return 3 if largest < 10 else 1

    @property
    def decidable(self) -> bool:
        """Whether any difference from the best could come out significant with this many repeats."""
        if self.first.test == CORRECTED_T:
            return self.first.repeats > 1
        return (len(self.predictors) - 1) * 2.0 ** (1 - self.first.repeats) <= LEVEL

    def conclusion(self, metric: str) -> str:
        """Return one sentence on whether the best predictor of a metric can be told from the next best.

        Where another baseline was named, from that one; "" where there is nothing to compare.
        """
        ranked = [self.cells[p, metric] for p in ordered(self.predictors, metric, self.cells)]
        best = next(s for s in ranked if s.best)
        others = [s for s in ranked if not s.best]
        if not others:
            return ""
        clause = others[0].verdict if best.baseline == best.predictor else best.verdict
        return f"{metric}: {clause}." if clause else ""

    @property
    def title(self) -> str:
        """What is ranked, in one line."""
        s = self.first
        return f"{Path(s.bench).name} {s.dataset}, {s.protocol}, {s.train_size:,} training labels"

    @property
    def basis(self) -> str:
        """What the predictors are trained on and evaluated on, in one line."""
        s = self.first
        size = count(round(s.n_test), "architecture")
        excerpt = f" (the table holds {s.size_note})" if " of " in s.size_note else ""
        return f"trained on {s.label}, evaluated on {s.target} of {size}{excerpt}, {repeats(s.repeats)}"

    @property
    def audit(self) -> str:
        """The leak audit in one sentence."""
        s = self.first
        tested = f"the {count(round(s.n_test), 'test architecture')}"
        if s.n_twins == 0:
            return f"Leak audit: none of {tested} is a network that was trained on."
        return (
            f"Leak audit: {s.n_twins:,.0f} of {tested} ({percent(s.n_twins / s.n_test)}) are networks that "
            "were trained on; the scores without these twins are listed separately."
        )


def boards(summaries: Sequence[Summary]) -> list[Board]:
    """Group summaries by task, in the order in which tasks and metrics appear.

    Raises:
        InputError: There are none, or a predictor or metric of one task is missing in another.
    """
    if not summaries:
        raise InputError("there are no results to report")
    found: dict[tuple[str | int, ...], dict[tuple[str, str], Summary]] = {}
    for s in summaries:
        found.setdefault(tuple(getattr(s, key) for key in TASK_KEYS), {})[s.predictor, s.metric] = s
    predictors = tuple(dict.fromkeys(s.predictor for s in summaries))
    metrics = tuple(dict.fromkeys(s.metric for s in summaries))
    missing = [
        f"{predictor} {metric} ({', '.join(map(str, task))})"
        for task, cells in found.items()
        for predictor in predictors
        for metric in metrics
        if (predictor, metric) not in cells
    ]
    if missing:
        raise InputError(f"incomplete grid: {len(missing)} results are missing: {', '.join(missing[:5])}")
    return [
        Board(task, ordered(predictors, metrics[0], cells), metrics, cells) for task, cells in found.items()
    ]


def ordered(predictors: Sequence[str], metric: str, cells: dict[tuple[str, str], Summary]) -> tuple[str, ...]:
    """Return the predictors, best mean of a metric first."""
    return tuple(sorted(predictors, key=lambda p: -cells[p, metric].direction * cells[p, metric].mean))


def ranks(found: Sequence[Board], metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the mean rank over tasks of each predictor, by metric: 1 is best."""
    predictors = found[0].predictors
    result = {}
    for metric in metrics:
        means = [[board.cells[p, metric].mean for p in predictors] for board in found]
        values = mean_ranks(means, found[0].cells[predictors[0], metric].direction)
        result[metric] = dict(zip(predictors, values.tolist(), strict=True))
    return result
