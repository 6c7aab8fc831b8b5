"""Short trainings as a low fidelity: the ranker learns from many of them in place of few true labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.prices import get_price
from data.errors import InputError
from eval.grid.entries import build_entries
from eval.grid.plan import Plan
from eval.grid.tasks import build_tasks
from eval.provenance import code_hash
from eval.report.summary import Summary, summarise
from eval.results import Row
from eval.task import Task, build_trials

if TYPE_CHECKING:
    from eval.weak.arms import Arms


@dataclass(frozen=True)
class Fidelity:
    """What short trainings are worth as training labels, at the price of some full ones.

    Attributes:
        label: The short trainings' result.
        train_size: Full trainings of the same price.
        used: Short trainings that the ranker learned from, without weak labels.
        metric: Name of the metric.
        mean, ci_low, ci_high: Mean over repeats with its 95 % interval.
        reference, reference_low, reference_high: The same from `train_size` true labels. Other architectures
            are tested, so the difference is not paired.
    """

    label: str
    train_size: int
    used: int
    metric: str
    mean: float
    ci_low: float | None
    ci_high: float | None
    reference: float
    reference_low: float | None
    reference_high: float | None


@dataclass(frozen=True)
class FidelityPlan:
    """The trials of all low fidelities, and what their tasks stand for.

    Attributes:
        plan: The plan.
        stands_for: Full trainings of the same price, by label and number of short trainings.
    """

    plan: Plan
    stands_for: dict[tuple[str, int], int]


def build_fidelity_plan(arms: Arms, labels: Sequence[str]) -> FidelityPlan | None:
    """Return the plan for the labels that are short trainings on the same data set; None for none.

    Budgets at which the table has too few of them are left out.
    """
    bench = arms.bench
    own = {column.name: column.dataset for column in bench.described}
    tasks: list[Task] = []
    stands_for: dict[tuple[str, int], int] = {}
    for label in labels:
        price = get_price(bench, label) if own.get(label) == arms.dataset else None
        if price is None or price.trainings is None or not 0 < price.trainings < 1:
            continue
        other = bench.with_label_column(label)
        for task in arms.tasks:
            used = round(task.train_size / price.trainings)
            try:
                tasks += build_tasks(
                    other,
                    datasets=[arms.dataset],
                    target=arms.target,
                    label=label,
                    protocols=[task.protocol],
                    train_sizes=[used],
                    seed=task.seed,
                )
            except InputError:
                break
            stands_for[label, used] = task.train_size
    if not tasks:
        return None
    entries = build_entries([arms.sets[()]], tasks)
    trials = build_trials(tasks, entries, arms.repeats, code_hash(["eval.evaluator"]))
    return FidelityPlan(Plan(trials, arms.metrics, [], arms.repeats), stands_for)


def get_fidelities(rows: Sequence[Row], plan: FidelityPlan, reference: Sequence[Summary]) -> list[Fidelity]:
    """Return what the low fidelities are worth.

    Args:
        rows: Rows of the plan.
        plan: The plan.
        reference: Summaries of the same ranker with true labels.
    """
    true = {(s.train_size, s.metric): s for s in reference}
    found = []
    for s in summarise(rows):
        size = plan.stands_for[s.label, s.train_size]
        other = true[size, s.metric]
        found.append(
            Fidelity(
                s.label,
                size,
                s.train_size,
                s.metric,
                s.mean,
                s.ci_low,
                s.ci_high,
                other.mean,
                other.ci_low,
                other.ci_high,
            )
        )
    return found
