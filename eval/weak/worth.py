"""What weak labels are worth to the ranker: paired gains, and the true labels that they save."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval.curve.savings import labels_needed
from eval.report.summary import Summary, summarise
from eval.results import Row

ALONE, ADDED, SUM, STEP = "alone", "added", "sum", "step"


@dataclass(frozen=True)
class Worth:
    """What one set of weak labels is worth at one budget by one metric.

    Attributes:
        label: The weak label, or several joined by +.
        kind: "alone" and "sum": the ranker with it against the ranker without any; "added": with it next to
            the others against the others alone; "step": a greedy sum against the sum before it.
        against: What the ranker that it is compared with is pretrained on; "" for nothing.
        train_size: Training labels.
        metric: Name of the metric.
        mean, ci_low, ci_high: Mean over repeats with the label, and its 95 % interval.
        gain, gain_low, gain_high: Improvement over the comparison, paired over repeats, with its 95 %
            interval; positive is better, whatever the direction of the metric.
        p_adjusted: Paired test of the gain, Holm-adjusted over the labels of a kind; None from one repeat.
        needed: Training labels that the ranker without weak labels needs for this mean, read off its curve:
            0 for at most its fewest, infinity for more than its most; None for "added" and "step".
        saved: `needed` as a multiple of `train_size`; a lower bound where `needed` is infinite; None where it
            is 0.
        repeats: Repeats it is from.
        pretrain_seconds: Seconds that the ranker took to learn from the weak labels.
        fit_seconds: Seconds to fit a repeat.
    """

    label: str
    kind: str
    against: str
    train_size: int
    metric: str
    mean: float
    ci_low: float | None
    ci_high: float | None
    gain: float
    gain_low: float | None
    gain_high: float | None
    p_adjusted: float | None
    needed: float | None
    saved: float | None
    repeats: int
    pretrain_seconds: float
    fit_seconds: float


def get_worth(
    rows: Sequence[Row], arms: Mapping[str, str], reference: str, kind: str, *, against: str = ""
) -> list[Worth]:
    """Return what labels are worth, in the order of the arms, budgets and metrics.

    Args:
        rows: Rows of all arms; those of `reference` also at further budgets.
        arms: Weak label by the name of its arm.
        reference: Name of the arm that they are compared with.
        kind: Kind of all of them.
        against: Weak labels of the reference.
    """
    mine = [row for row in rows if row["predictor"] in arms or row["predictor"] == reference]
    summaries = summarise(mine, baseline=reference)
    curves: dict[str, list[Summary]] = {}
    for s in sorted(summaries, key=lambda s: s.train_size):
        if s.predictor == reference:
            curves.setdefault(s.metric, []).append(s)
    counts = kind in (ALONE, SUM)
    found = [
        _build(s, arms[s.predictor], kind, against, curves[s.metric] if counts else None)
        for s in summaries
        if s.predictor in arms and s.predictor != reference
    ]
    order = {label: i for i, label in enumerate(arms.values())}
    return sorted(found, key=lambda worth: order[worth.label])


def get_loss(rows: Sequence[Row], arms: Mapping[str, str], whole: str, against: str) -> list[Worth]:
    """Return what labels that are part of a set add to the rest of it.

    Args:
        rows: Rows of all arms.
        arms: Weak label by the name of the arm that lacks it.
        whole: Name of the arm of the whole set.
        against: Weak labels of the whole set.
    """
    of_whole = {
        (s.train_size, s.metric): s
        for s in summarise([row for row in rows if row["predictor"] == whole], baseline=whole)
    }
    found = []
    for lacking in get_worth(rows, arms, whole, ADDED, against=against):
        with_it = of_whole[lacking.train_size, lacking.metric]
        rest = [name for name in against.split("+") if name not in lacking.label.split("+")]
        low, high = lacking.gain_low, lacking.gain_high
        found.append(
            Worth(
                **{
                    **vars(lacking),
                    "against": "+".join(rest),
                    "mean": with_it.mean,
                    "ci_low": with_it.ci_low,
                    "ci_high": with_it.ci_high,
                    "gain": 0.0 - lacking.gain,
                    "gain_low": None if high is None else -high,
                    "gain_high": None if low is None else -low,
                    "pretrain_seconds": with_it.pretrain_seconds,
                    "fit_seconds": with_it.fit_seconds,
                }
            )
        )
    return found


def _build(s: Summary, label: str, kind: str, against: str, curve: list[Summary] | None) -> Worth:
    low, high = s.difference_low, s.difference_high
    if s.direction < 0:
        low, high = (None if high is None else -high), (None if low is None else -low)
    needed = saved = None
    if curve:
        needed = labels_needed(curve, s.mean)
        reached = curve[-1].train_size if math.isinf(needed) else needed
        saved = reached / s.train_size if reached else None
    return Worth(
        label=label,
        kind=kind,
        against=against,
        train_size=s.train_size,
        metric=s.metric,
        mean=s.mean,
        ci_low=s.ci_low,
        ci_high=s.ci_high,
        gain=s.direction * s.difference,
        gain_low=low,
        gain_high=high,
        p_adjusted=s.p_adjusted,
        needed=needed,
        saved=saved,
        repeats=s.repeats,
        pretrain_seconds=s.pretrain_seconds,
        fit_seconds=s.fit_seconds,
    )


def mean_gain(rows: Iterable[Row], arm: str, reference: str, metric: str) -> float:
    """Return the improvement of an arm over a reference, averaged over the budgets and repeats of both."""
    values: dict[str, dict[tuple[int, int], float]] = {arm: {}, reference: {}}
    for row in rows:
        if row["metric"] == metric and row["predictor"] in values:
            values[row["predictor"]][row["train_size"], row["repeat"]] = row["direction"] * row["value"]
    shared = [key for key in values[arm] if key in values[reference]]
    return sum(values[arm][key] - values[reference][key] for key in shared) / max(len(shared), 1)
