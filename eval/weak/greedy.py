"""Sums of weak labels, chosen greedily: each step adds the label that helps the ranker most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data.errors import InputError
from eval.results import Row
from eval.weak.arms import Arms
from eval.weak.worth import STEP, SUM, Worth, get_worth, mean_gain

POOL = 8  # labels of the first step that further steps try
LEAST_REPEATS = 4

Run = Callable[[], list[Row]]


@dataclass(frozen=True)
class Greedy:
    """A greedy path.

    Attributes:
        sums: Each sum, its names joined by +; each has one label more than the one before.
        worth: What each sum is worth against no weak labels, and against the sum before it, on the repeats
            that did not choose it.
    """

    sums: list[str]
    worth: list[Worth]


def choose_sums(arms: Arms, labels: Sequence[str], steps: int, run: Run) -> Greedy:
    """Choose sums of labels, by the first metric averaged over budgets.

    Even repeats choose and odd ones say what the choice is worth, so that the best of many is not taken for
    better than it is. Stops where no label improves the sum.

    Args:
        arms: The arms; those of the sums are added to it.
        labels: Weak labels to choose from; each has been run alone.
        steps: Largest number of labels in a sum.
        run: Runs what is missing of the arms and returns the rows of all.
    """
    if arms.repeats < LEAST_REPEATS:
        raise InputError(f"greedy sums need at least {LEAST_REPEATS} repeats: half choose, half evaluate")
    metric, names = arms.metrics[0], [arms.reference]
    sums: list[str] = []
    candidates = {label: arms.add(label) for label in labels}
    gains = _get_gains(run(), candidates, arms.reference, metric)
    pool = sorted(gains, key=lambda label: -gains[label])[:POOL]
    while len(sums) < steps and gains:
        best = max(gains, key=lambda label: gains[label])
        if gains[best] <= 0:
            break
        sums.append("+".join(filter(None, [*sums[-1:], best])))
        names.append(arms.add(sums[-1]))
        if len(sums) == steps:
            break
        own = set(sums[-1].split("+"))
        candidates = {label: arms.add(sums[-1], label) for label in pool if not set(label.split("+")) <= own}
        gains = _get_gains(run(), candidates, names[-1], metric)
    held_out = [row for row in run() if row["repeat"] % 2]
    worth = get_worth(held_out, dict(zip(names[1:], sums, strict=True)), arms.reference, SUM)
    for i in range(1, len(sums)):
        worth += get_worth(held_out, {names[i + 1]: sums[i]}, names[i], STEP, against=sums[i - 1])
    return Greedy(sums, worth)


def _get_gains(rows: Sequence[Row], arms: dict[str, str], reference: str, metric: str) -> dict[str, float]:
    choosing = [row for row in rows if row["repeat"] % 2 == 0]
    return {label: mean_gain(choosing, arm, reference, metric) for label, arm in arms.items()}
