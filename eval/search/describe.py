"""What a reader of a search has to know, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from data.errors import InputError
from eval.search.fronts import Fronts
from eval.search.goals import NO_GOALS, Goals
from eval.search.loop import batch_sizes, build_pool
from eval.search.trials import Schedule, SearchTrial
from eval.task import Task


def describe_task(
    task: Task, schedule: Schedule, *, name_bench: bool = False, goals: Goals = NO_GOALS
) -> str:
    """Return one line that says which labels are seen, how many, and what the best pick could be.

    Args:
        task: The task.
        schedule: How its labels are spent.
        name_bench: Whether to name the benchmark, because there are several.
        goals: Costs and constraints.
    """
    bench = task.bench
    label, target = (bench.label_column(task.dataset, name) for name in (task.label, task.target))
    pool = build_pool(task, twins=schedule.twins, goals=goals)
    answers = goals.get_feasible(len(task.truth))
    most = np.nanmax(task.truth[answers])
    able = pool.rows[answers[pool.rows]]
    least = most - task.truth[able[np.argmax(task.training_labels[able])]]
    sizes = ", ".join(map(str, batch_sizes(task.train_size, schedule.rounds)))
    seen = f"{task.train_size} queries in rounds of {sizes}"
    if schedule.final_top:
        labels_seen = task.train_size + schedule.final_top
        seen += f", then the predicted top {schedule.final_top}: {labels_seen} labels seen"
    name = f"{bench.info.key} {task.dataset}" if name_bench else task.dataset
    line = (
        f"{name}: searched by {label.target} ({label.note or label.name}), evaluated on {target.target} "
        f"({target.note or target.name}); {seen} of {len(pool.rows):,} architectures, "
        f"{pool.n_networks:,} networks; the table's best is {target.direction * most:.3f}, and selecting by "
        f"{task.label} with full information has regret {least:.3f}"
    )
    if task.label == task.target:
        line += f". The search sees {task.target} itself"
        if bench.info.label not in bench.labels(task.dataset):
            line += f": {task.dataset} has no {bench.info.label}"
    if schedule.rounds == 1:
        line += ". One round: every query is drawn at random, the strategy chooses none"
    return line


def describe_goals(task: Task, goals: Goals) -> list[str]:
    """Return a sentence on the constraints and one on the front that is looked for, if there are any."""
    lines = []
    if goals.constraints:
        known = np.isfinite(task.truth) & np.isfinite(task.training_labels)
        n = int((goals.feasible & known).sum()) + goals.costlier
        parts = [f"{count:,} to {each}" for each, count in zip(goals.constraints, goals.counts, strict=True)]
        lines.append(
            f"{n:,} architectures keep to the constraints ({', '.join(parts)}); only these may be picked, "
            "and regret is against the best of them"
            + ("; which these are is known of queried networks only" if goals.measured else "")
        )
    if goals.objectives:
        fronts = Fronts(task, goals)
        found = fronts.describe(task)
        ends = zip(found["axes"], found["reference"], strict=True)
        axes = [f"{axis['name']} {number:.5g}" for axis, number in ends]
        lines.append(
            f"{task.target} against {', '.join(map(str, goals.objectives))}: the true front holds "
            f"{len(found['rows']):,} architectures; hypervolumes are in percent of its own, from the "
            f"reference {', '.join(axes)}; the front by {task.label} with full information has "
            f"{fronts.with_all_labels:.2f} %"
            + ("; costs are known of queried networks only" if goals.measured else "")
            + (f"; {goals.costlier:,} that cost more than a twin take no part" if goals.costlier else "")
        )
    return lines


def describe_fidelities(trials: Sequence[SearchTrial]) -> list[str]:
    """Return a line for each task with strategies that query shorter trainings: which, and what they cost."""
    lines = []
    for each in trials:
        if not each.fidelities:
            continue
        task = each.trial.task
        known = ", ".join(f"{low.name} ({low.share:.3g} of a query)" for low in each.fidelities)
        by = {other.asked.title for other in trials if other.fidelities and other.trial.task is task}
        lines.append(
            f"{task.bench.info.key} {task.dataset}: shorter trainings for {', '.join(sorted(by))}: {known}. "
            f"The budget is {task.train_size} full trainings, shorter ones count by their epochs, and only "
            "networks that were trained in full are picked"
        )
    return list(dict.fromkeys(lines))


def parse_shares(text: str) -> dict[str, float]:
    """Return the share of a full training by label from "acc_12=12/200,acc_50=0.25".

    Raises:
        InputError: Not of this form.
    """
    shares: dict[str, float] = {}
    for item in text.split(","):
        name, _, share = item.partition("=")
        try:
            shares[name.strip()] = float(Fraction(share.strip()))
        except (ValueError, ZeroDivisionError):
            raise InputError(f"'{item}' is not COLUMN=SHARE such as acc_12=12/200 or acc_50=0.25") from None
    return shares


def describe_unsourced(trials: Sequence[SearchTrial]) -> list[str]:
    """Return a line for each predictor and strategy without a source file."""
    entries = {each.trial.entry.name for each in trials if each.trial.entry.code is None}
    strategies = {each.asked.title for each in trials if each.asked.code is None}
    return [
        f"{name} has no source file: its searches are not reused, they are run every time"
        for name in (*sorted(entries), *sorted(strategies))
    ]
