"""Search trials: a predictor's block of repeats on a task, by a strategy, under a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from benchmarks.fidelities import Fidelity
from eval.search.asked import AskedStrategy
from eval.search.goals import NO_GOALS, Goals
from eval.task import Entry, Task, Trial, digest, get_blocks, hash_arrays


@dataclass(frozen=True)
class Schedule:
    """How the labels of a search are spent; its budget is the training size of its task.

    Attributes:
        rounds: Batches that the budget is spent in.
        final_top: Predicted best networks whose labels are seen in the end, beyond the budget.
        twins: Whether another string of a queried network may be queried.
    """

    rounds: int
    final_top: int
    twins: bool


@dataclass(frozen=True, eq=False)
class SearchTrial:
    """One unit of work: a block of repeats of one search on one task, run and stored as a whole.

    Attributes:
        trial: The predictor, the task and the repeats.
        schedule: How the labels are spent.
        asked: The strategy.
        cost: Column of the table with training times, for the rows; "" to count trainings.
        goals: Costs to trade accuracy against, and constraints to keep to.
        fidelities: Labels of shorter trainings that the strategy queries too, the cheapest first.
    """

    trial: Trial
    schedule: Schedule
    asked: AskedStrategy
    cost: str = ""
    goals: Goals = NO_GOALS
    fidelities: tuple[Fidelity, ...] = ()

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the queries."""
        own: dict[str, Any] = {"schedule": asdict(self.schedule), "strategy": self.asked.content}
        own |= {"goals": self.goals.content} if self.goals else {}
        if self.fidelities:
            own["fidelities"] = [
                [each.name, each.share, hash_arrays(each.values)] for each in self.fidelities
            ]
        return {**self.trial.identity, "search": own}

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits, the hash of `identity`."""
        return digest(self.identity)

    @property
    def title(self) -> str:
        """What it is, in a few words, for messages."""
        return f"{self.asked.title}, {self.trial.title}"


def build_search_trials(
    task: Task,
    entries: list[Entry],
    strategies: list[AskedStrategy],
    schedule: Schedule,
    *,
    repeats: int,
    code: str,
    cost: str,
    goals: Goals = NO_GOALS,
    fidelities: Sequence[Fidelity] = (),
) -> list[SearchTrial]:
    """Return every trial of a task, ordered by strategy, entry and repeat; `code` is the loop's hash."""
    return [
        SearchTrial(
            Trial(task, entry, block, code),
            schedule,
            asked,
            cost,
            goals,
            tuple(fidelities) if asked.strategy.uses_fidelities else (),
        )
        for asked in strategies
        for entry in entries
        for block in get_blocks(repeats)
    ]
