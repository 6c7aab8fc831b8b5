"""Ablations: what each change of one predictor is worth, by paired differences from the base."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError, UnknownNameError
from eval.metrics import METRICS
from eval.report.notices import get_notices
from eval.report.numbers import count, difference, interval, number, repeats
from eval.report.page import write_page
from eval.report.plots import Plot, Series, finite, slug
from eval.report.summary import LEVEL, Summary, summarise
from eval.report.table import TextTable
from eval.results import Row

if TYPE_CHECKING:
    from eval.ablate import Ablation

_TEST = "below each arm its difference from the base, paired over repeats; p after Holm's correction"
_EFFECTS = ((1, "better"), (-1, "worse"))


@dataclass(frozen=True)
class Arm:
    """One variant on one task by one metric.

    Attributes:
        dataset, protocol, train_size, metric, arm: What was measured.
        mean, ci_low, ci_high: Mean over repeats with its 95 % interval.
        difference, difference_low, difference_high: Arm minus base, paired over repeats; 0 for the base.
        p_adjusted: Paired test of that difference, Holm-adjusted over the arms of a task and metric; None for
            one repeat, which has no interval either.
        repeats: Number of repeats.
        test: Name of that test.
    """

    dataset: str
    protocol: str
    train_size: int
    metric: str
    arm: str
    mean: float
    ci_low: float | None
    ci_high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p_adjusted: float | None
    repeats: int
    test: str


def build_arms(base: str, vary: Sequence[str], mode: str) -> list[str]:
    """Return the predictors of an ablation, the base first.

    Args:
        base: A predictor, e.g. "acenas" or "acenas:width=32".
        vary: "PARAMETER=VALUE,VALUE,..." each.
        mode: "one" to change one parameter at a time, "grid" for every combination.

    Raises:
        InputError: Not of this form, or a parameter varied twice.
    """
    axes: dict[str, list[str]] = {}
    for item in vary:
        name, equals, values = item.partition("=")
        if not equals or not name or not values:
            raise InputError(f"--vary '{item}' is not of the form PARAMETER=VALUE,VALUE,...")
        if name in axes:
            raise InputError(f"--vary names '{name}' twice")
        axes[name] = [f"{name}={value.strip()}" for value in values.split(",") if value.strip()]
    if not axes:
        raise InputError("nothing to vary; e.g. --vary loss=lambdarank,ranknet,mse")
    if mode == "grid":
        combined = [":".join(choice) for choice in itertools.product(*axes.values())]
    else:
        combined = list(itertools.chain.from_iterable(axes.values()))
    return [base, *(f"{base}:{change}" for change in combined)]


def compare(rows: Sequence[Row], base: str) -> list[Arm]:
    """Compare every predictor with `base`, task by task and metric by metric.

    Raises:
        InputError: The base is not among the rows, or an arm lacks repeats that the base has.
    """
    try:
        summaries = summarise(rows, baseline=base)
    except (InputError, UnknownNameError) as error:
        raise InputError(f"incomplete ablation: every arm needs the repeats of {base}: {error}") from error
    return [_build_arm(s) for s in summaries]


def _build_arm(s: Summary) -> Arm:
    """Return an arm; the base differs from itself by nothing."""
    no_change = s.predictor == s.baseline
    return Arm(
        s.dataset,
        s.protocol,
        s.train_size,
        s.metric,
        s.predictor,
        s.mean,
        s.ci_low,
        s.ci_high,
        s.difference,
        0.0 if no_change else s.difference_low,
        0.0 if no_change else s.difference_high,
        1.0 if no_change else s.p_adjusted,
        s.repeats,
        s.test,
    )


def get_tables(arms: Sequence[Arm], base: str) -> list[TextTable]:
    """Return one table a task: each arm's metrics, and below its difference from the base."""
    tables = []
    for (dataset, protocol, size), of_task in _by_task(arms).items():
        metrics = list(dict.fromkeys(arm.metric for arm in of_task))
        by_arm: dict[str, dict[str, Arm]] = {}
        for arm in of_task:
            by_arm.setdefault(arm.arm, {})[arm.metric] = arm
        rows: list[list[str]] = []
        for name, found in by_arm.items():
            rows.append([name, *(interval(a.mean, a.ci_low, a.ci_high) for a in found.values())])
            if name != base:
                rows.append(["− base", *(_difference(a) for a in found.values())])
        tables.append(
            TextTable(
                title=f"{dataset}, {protocol}, {count(size, 'training label')}, base: {base}",
                subtitle=f"{repeats(of_task[0].repeats)}; {_TEST}",
                header=["arm", *metrics],
                directions=[0, *(METRICS[m].direction for m in metrics)],
                rows=rows,
                caption=f"Ablation of {base} on {dataset}, protocol {protocol}, "
                f"{count(size, 'training label')}: mean over {repeats(of_task[0].repeats)} with its 95 % "
                "interval. Below each arm its difference from the base, paired over repeats, with its 95 % "
                "interval and p-value "
                f"({of_task[0].test}, Holm's correction over arms).",
            )
        )
    return tables


def get_conclusions(arms: Sequence[Arm], base: str) -> list[str]:
    """Return a sentence for each task and metric: which arms are better or worse than the base."""
    sentences = []
    for (dataset, protocol, size), of_task in _by_task(arms).items():
        for metric in dict.fromkeys(arm.metric for arm in of_task):
            changes = [arm for arm in of_task if arm.metric == metric and arm.arm != base]
            task = f"{metric} on {dataset}, {protocol}, {count(size, 'label')}"
            parts = [_effect(changes, METRICS[metric].direction * sign, name) for sign, name in _EFFECTS]
            if changes and not any(parts):
                parts = [f"no change can be told apart from {base} with {repeats(changes[0].repeats)}"]
            if any(parts):
                sentences.append(f"{task}: {'; '.join(part for part in parts if part)}.")
    return sentences


def _effect(changes: Sequence[Arm], sign: int, name: str) -> str:
    """Return which arms differ significantly from the base in one direction, the largest effect first."""
    clear = [
        (arm.difference, arm.arm)
        for arm in changes
        if arm.difference is not None and arm.p_adjusted is not None
        if sign * arm.difference > 0 and arm.p_adjusted <= LEVEL
    ]
    clear.sort(key=lambda change: -abs(change[0]))
    named = [f"{arm} ({number(change, signed=True)})" for change, arm in clear]
    return f"{name} than the base: {', '.join(named)}" if named else ""


def get_plots(arms: Sequence[Arm], base: str) -> list[Plot]:
    """Return one plot a metric: the difference of each arm from the base with its interval."""
    plots = []
    names = [name for name in dict.fromkeys(arm.arm for arm in arms) if name != base]
    for metric in dict.fromkeys(arm.metric for arm in arms):
        tasks = _by_task([arm for arm in arms if arm.metric == metric and arm.arm != base])
        better = "right" if METRICS[metric].direction > 0 else "left"
        plots.append(
            Plot(
                name=slug("ablation", metric),
                caption=f"{metric}: difference from the base (better is to the {better})",
                x_title=f"{metric}: arm minus {base}",
                y_title="",
                rows=names,
                rules=[0.0],
                series=[
                    Series(
                        name=f"{dataset}, {protocol}, {count(size, 'label')}",
                        x=finite([arm.difference for arm in found]),
                        y=[names.index(arm.arm) for arm in found],
                        low=finite([arm.difference_low for arm in found]),
                        high=finite([arm.difference_high for arm in found]),
                    )
                    for (dataset, protocol, size), found in tasks.items()
                ],
            )
        )
    return plots


def write_ablation(path: Path, ablation: Ablation) -> None:
    """Write the page of an ablation."""
    arms, base, results = ablation.arms, ablation.base, ablation.results
    write_page(
        path,
        title=f"{results.rows[0]['title']}: ablation of {base}",
        conclusions=get_conclusions(arms, base),
        notices=get_notices(results.rows),
        notes=results.notes,
        plots=get_plots(arms, base),
        tables=get_tables(arms, base),
        settings=results.settings,
    )


def records_of(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Return the arms as flat records."""
    return [asdict(arm) for arm in arms]


def _by_task(arms: Sequence[Arm]) -> dict[tuple[str, str, int], list[Arm]]:
    tasks: dict[tuple[str, str, int], list[Arm]] = {}
    for arm in arms:
        tasks.setdefault((arm.dataset, arm.protocol, arm.train_size), []).append(arm)
    return tasks


def _difference(arm: Arm) -> str:
    return difference(arm.difference, arm.difference_low, arm.difference_high, arm.p_adjusted)
