"""Rows to summaries: means with intervals, and paired comparisons with the best and with a baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import InputError
from data.names import check_name
from data.split import FOLDS, PROTOCOLS
from eval.calibration import FIELDS
from eval.results import Row
from eval.stats import (
    adjusted_pvalues,
    best_and_ties,
    estimate_power,
    mean_interval,
    paired_difference,
)

LEVEL = 0.05  # of the tests; intervals are at 1 - LEVEL
_SHARED = ("table_hash", "split_seed", "split_hash")  # what paired repeats have in common
SIGN_FLIPS = "paired sign-flip test"
CORRECTED_T = "corrected resampled t test"
TASK_KEYS = ("bench", "dataset", "target", "label", "protocol", "train_size")


@dataclass(frozen=True)
class Summary:
    """One predictor on one task by one metric, over all repeats.

    Attributes:
        bench, dataset, target, label, protocol, train_size, predictor, metric: What was measured.
        direction: 1 if larger is better, -1 if smaller is.
        mean, ci_low, ci_high: Mean over repeats with its 95 % interval (Student's t; with the corrected
            resampled variance where `test` says so); no interval from one.
        repeats: Number of repeats.
        mean_no_twins: The mean over test networks that were not trained on; None where too few are left.
        chance: Expected value of a random order.
        ceiling: Bound on what training noise allows (see eval.ceiling); None where it cannot be estimated.
        ceiling_low, ceiling_high: 95 % interval of the ceiling.
        ceiling_bound: "lower" where the true ceiling is at least `ceiling`, "upper" where it is at most.
        best: Whether this is the best mean of its task and metric.
        tied: Whether it is not significantly worse than the best (`test`, Holm, 5 %).
        test: How differences are tested: SIGN_FLIPS, or CORRECTED_T where repeats share training rows.
        baseline: The predictor that this one is compared with: the one asked for, else the best.
        difference, difference_low, difference_high: This predictor minus the baseline, paired over repeats,
            with its 95 % interval; 0 without an interval for the baseline itself.
        p_adjusted: p-value of the difference, Holm-adjusted over the predictors of the task and metric; None
            for the baseline itself and for a single repeat.
        labels_needed, repeats_needed: About how many would make the difference significant with 80 % power;
            None where it is significant, or no number would.
        verdict: The same as a clause; "" for the baseline itself.
        size_note: How much of the benchmark the table holds, e.g. "20,001 of 423,624 cells (4.7 %)".
        n_train: Training rows of a repeat; mean.
        n_test, n_twins: Test rows, and how many of them are networks that were trained on; means.
        coverage_50, coverage_80, coverage_95: Share of the networks not seen in training whose label lies in
            the central 50, 80 and 95 % interval that the predictor gives it, with the 95 % interval of the
            mean (`_low`, `_high`); None for predictors that do not say how sure they are.
        mean_std: Mean standard deviation of these predictions, in the unit that the predictor learns.
        fit_seconds, predict_seconds: Seconds a repeat; means.
        pretrain_seconds: Seconds to pretrain for all repeats together, or to load what was pretrained before.
    """

    bench: str
    dataset: str
    target: str
    label: str
    protocol: str
    train_size: int
    predictor: str
    metric: str
    direction: int
    mean: float
    ci_low: float | None
    ci_high: float | None
    repeats: int
    mean_no_twins: float | None
    chance: float
    ceiling: float | None
    best: bool
    tied: bool
    n_test: float
    n_twins: float
    fit_seconds: float
    predict_seconds: float
    pretrain_seconds: float
    n_train: float = 0.0
    ceiling_low: float | None = None
    ceiling_high: float | None = None
    ceiling_bound: str | None = None
    test: str = SIGN_FLIPS
    baseline: str = ""
    difference: float = 0.0
    difference_low: float | None = None
    difference_high: float | None = None
    p_adjusted: float | None = None
    labels_needed: int | None = None
    repeats_needed: int | None = None
    verdict: str = ""
    size_note: str = ""
    coverage_50: float | None = None
    coverage_50_low: float | None = None
    coverage_50_high: float | None = None
    coverage_80: float | None = None
    coverage_80_low: float | None = None
    coverage_80_high: float | None = None
    coverage_95: float | None = None
    coverage_95_low: float | None = None
    coverage_95_high: float | None = None
    mean_std: float | None = None


@dataclass(frozen=True)
class _Group:
    """All predictors on one task by one metric.

    Attributes:
        rows: The rows of each predictor, in the order of the repeats.
        values: (predictors, repeats).
        test_to_train: n_test / n_train where repeats share training rows, else 0.
        n_labels: Labelled networks that the repeats were drawn from.
    """

    rows: dict[str, list[Row]]
    values: np.ndarray
    test_to_train: float
    n_labels: int


def summarise(rows: Sequence[Row], baseline: str | None = None) -> list[Summary]:
    """Summarise the rows of a whole grid, in the order in which tasks, predictors and metrics appear.

    Args:
        rows: Rows of one or several runs, of one or several benchmarks.
        baseline: The predictor that all are compared with; None for the best of each task and metric.

    Raises:
        InputError: A predictor lacks a repeat that another one has (the missing cells are named), has one
            twice, or was evaluated on other splits.
        UnknownNameError: No predictor of that name was evaluated on a task.
    """
    groups: dict[tuple[Any, ...], dict[str, dict[int, Row]]] = {}
    for row in rows:
        key = (*(row[name] for name in TASK_KEYS), row["metric"])
        of_predictor = groups.setdefault(key, {}).setdefault(row["predictor"], {})
        before = of_predictor.setdefault(row["repeat"], row)
        if before.get("trial") != row.get("trial"):
            raise InputError(
                f"two different results for {row['predictor']}, repeat {row['repeat']}, on {_name(key)}; "
                "give one of the predictors another name, or merge runs of the same settings"
            )
    summaries = []
    for key, by_predictor in groups.items():
        _check_paired(key, by_predictor)
        summaries += _summaries(_group(by_predictor), baseline)
    return summaries


def _name(key: tuple[Any, ...]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip((*TASK_KEYS, "metric"), key, strict=True))


def _check_paired(key: tuple[Any, ...], by_predictor: dict[str, dict[int, Row]]) -> None:
    """Refuse predictors that lack a repeat, or were not evaluated on the same splits of the same table."""
    repeats = sorted({repeat for found in by_predictor.values() for repeat in found})
    missing = [
        f"{predictor} repeat {repeat}"
        for predictor, found in by_predictor.items()
        for repeat in repeats
        if repeat not in found
    ]
    if missing:
        raise InputError(
            f"incomplete grid for {_name(key)}: missing {', '.join(missing[:5])}; "
            "run all predictors with the same number of repeats"
        )
    reference, first = next(iter(by_predictor.items()))
    for predictor, found in by_predictor.items():
        for repeat in repeats:
            for field in _SHARED:
                mine, theirs = found[repeat].get(field), first[repeat].get(field)
                if mine is not None and theirs is not None and mine != theirs:
                    raise InputError(
                        f"{predictor} and {reference} cannot be compared on {_name(key)}: {field} of repeat "
                        f"{repeat} is {mine} and {theirs}; run both on the same table with the same seed"
                    )


def _group(by_predictor: dict[str, dict[int, Row]]) -> _Group:
    rows = {name: [found[repeat] for repeat in sorted(found)] for name, found in by_predictor.items()}
    first = next(iter(rows.values()))
    n_train, n_test = (float(np.mean(sizes)) for sizes in zip(*map(_sizes, first), strict=True))
    protocol = PROTOCOLS.get(first[0]["protocol"])
    corrected = protocol is not None and protocol.needs_correction(n_train, n_test)
    n_labels = round(n_train + n_test)
    if protocol is not None and protocol.corrected and len(first) >= FOLDS:
        n_labels = sum(row["n_test"] for row in first[:FOLDS])  # the folds hold each network once
    values = np.array([[row["value"] for row in of_predictor] for of_predictor in rows.values()])
    return _Group(rows, values, n_test / n_train if corrected else 0.0, n_labels)


def _sizes(row: Row) -> tuple[int, int]:
    return row.get("labels_seen", row["train_size"]), row["n_test"]


def _summaries(group: _Group, baseline: str | None) -> list[Summary]:
    names, ratio = list(group.rows), group.test_to_train
    best, tied = best_and_ties(group.values, group.rows[names[0]][0]["direction"], LEVEL, test_to_train=ratio)
    base = best if baseline is None else names.index(check_name("predictor", baseline, names))
    p = adjusted_pvalues(group.values, base, test_to_train=ratio)
    return [
        Summary(
            **_measured(group.rows[name], ratio),
            best=i == best,
            tied=bool(tied[i]),
            **_compared(group, names, i, base, float(p[i])),
        )
        for i, name in enumerate(names)
    ]


def _compared(group: _Group, names: Sequence[str], i: int, base: int, p: float) -> dict[str, Any]:
    """Return the fields that compare predictor i with the baseline."""
    common = {"test": CORRECTED_T if group.test_to_train else SIGN_FLIPS, "baseline": names[base]}
    if i == base:
        unknown = ("difference_low", "difference_high", "p_adjusted", "labels_needed", "repeats_needed")
        return {**common, "difference": 0.0, **dict.fromkeys(unknown), "verdict": ""}
    own, other, ratio = group.values[i], group.values[base], group.test_to_train
    difference = paired_difference(own, other, 1 - LEVEL, test_to_train=ratio)
    power = estimate_power(
        own - other, (names[base], names[i]), group.n_labels, test_to_train=ratio, p_value=p, level=LEVEL
    )
    return {
        **common,
        "difference": difference.mean,
        "difference_low": _none_if_nan(difference.low),
        "difference_high": _none_if_nan(difference.high),
        "p_adjusted": p if difference.n > 1 else None,
        "labels_needed": power.labels,
        "repeats_needed": power.repeats,
        "verdict": power.sentence,
    }


def _measured(rows: list[Row], ratio: float) -> dict[str, Any]:
    """Return the fields that say what one predictor reached."""
    interval = mean_interval([row["value"] for row in rows], 1 - LEVEL, test_to_train=ratio)
    first = rows[0]
    means = ("chance", "n_test", "n_twins", "fit_seconds", "predict_seconds")
    return {
        **{name: first[name] for name in (*TASK_KEYS, "predictor", "metric", "direction")},
        "size_note": first.get("size_note", ""),
        "mean": interval.mean,
        "ci_low": _none_if_nan(interval.low),
        "ci_high": _none_if_nan(interval.high),
        "repeats": len(rows),
        "mean_no_twins": _mean(rows, "value_no_twins"),
        "ceiling": _mean(rows, "ceiling"),
        "ceiling_low": first.get("ceiling_low"),
        "ceiling_high": first.get("ceiling_high"),
        "ceiling_bound": first.get("ceiling_bound"),
        "n_train": float(np.mean([_sizes(row)[0] for row in rows])),
        "pretrain_seconds": max(row["pretrain_seconds"] for row in rows),
        **{name: float(np.mean([row[name] for row in rows])) for name in means},
        **_calibration(rows, ratio),
    }


def _calibration(rows: list[Row], ratio: float) -> dict[str, float | None]:
    """Return the coverage of each interval with its own interval over repeats, and the mean deviation."""
    found: dict[str, float | None] = {}
    for name in FIELDS:
        values = [row.get(name) for row in rows]
        known = [value for value in values if value is not None]
        if len(known) < len(rows):
            continue
        interval = mean_interval(known, 1 - LEVEL, test_to_train=ratio)
        found[name] = interval.mean
        if name != "mean_std":
            found |= {f"{name}_low": _none_if_nan(interval.low), f"{name}_high": _none_if_nan(interval.high)}
    return found


def _mean(rows: list[Row], name: str) -> float | None:
    values = [row[name] for row in rows]
    return None if None in values else float(np.mean(values))


def _none_if_nan(value: float) -> float | None:
    return None if math.isnan(value) else value
