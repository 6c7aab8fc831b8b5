"""Few-shot curves: quality against the number of true labels, and how many labels weak supervision saves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.metrics import METRICS
from eval.report.notices import get_notices
from eval.report.numbers import count, interval, repeats
from eval.report.page import write_page
from eval.report.plots import Plot, Series, finite, slug
from eval.report.summary import Summary
from eval.report.table import UNICODE, TextTable

if TYPE_CHECKING:
    from eval.curve import Curve as Curves

Curve = list[Summary]


def curves_of(summaries: Sequence[Summary]) -> dict[tuple[str, str, str], dict[str, Curve]]:
    """Group summaries by (data set, protocol, metric), then by predictor, in the order of the sizes."""
    groups: dict[tuple[str, str, str], dict[str, Curve]] = {}
    for s in sorted(summaries, key=lambda s: s.train_size):
        groups.setdefault((s.dataset, s.protocol, s.metric), {}).setdefault(s.predictor, []).append(s)
    return groups


def labels_needed(curve: Curve, quality: float) -> float:
    """Return how many labels a predictor needs for a quality, on its curve.

    The curve is made monotone first (the best mean so far) and read off linearly in the logarithm of the
    size. Returns 0 if its smallest size is good enough already, infinity if its largest is not.
    """
    direction = curve[0].direction
    means = np.maximum.accumulate([direction * s.mean for s in curve])
    sizes = np.log([s.train_size for s in curve])
    wanted = direction * quality
    if wanted <= means[0]:
        return 0.0
    if wanted > means[-1]:
        return math.inf
    at = int(np.argmax(means >= wanted))
    share = (wanted - means[at - 1]) / (means[at] - means[at - 1])
    return float(np.exp(sizes[at - 1] + share * (sizes[at] - sizes[at - 1])))


def get_tables(summaries: Sequence[Summary], subject: str, reference: str) -> list[TextTable]:
    """Return one table a metric: both curves, and the labels the reference needs to keep up."""
    tables = []
    for (dataset, protocol, metric), by_predictor in curves_of(summaries).items():
        rows = []
        for ours, theirs in zip(by_predictor[subject], by_predictor[reference], strict=True):
            needed, factor = _saving(ours, by_predictor[reference])
            entries = [interval(s.mean, s.ci_low, s.ci_high) for s in (ours, theirs)]
            rows.append([f"{ours.train_size:,}", *entries, needed, factor])
        direction, n = METRICS[metric].direction, by_predictor[subject][0].repeats
        arrow = UNICODE.up if direction > 0 else UNICODE.down
        what = f"{metric} {arrow}, {dataset}, {protocol}"
        tables.append(
            TextTable(
                title=what,
                subtitle=f"means over {repeats(n)} with their 95 % intervals",
                header=["labels", subject, reference, f"labels {reference} needs", "saved"],
                rows=rows,
                caption=f"{what}: mean over {repeats(n)} with its 95 % interval, and the labels that "
                f"{reference} needs for the quality of {subject}, read off its curve.",
            )
        )
    return tables


def get_conclusions(summaries: Sequence[Summary], subject: str, reference: str) -> list[str]:
    """Return a sentence for each metric: how many labels the subject saves, and at which training sizes."""
    sentences = []
    for (dataset, protocol, metric), by_predictor in curves_of(summaries).items():
        theirs = by_predictor[reference]
        known = [(ours, labels_needed(theirs, ours.mean)) for ours in by_predictor[subject]]
        read = [(ours, needed) for ours, needed in known if needed and math.isfinite(needed)]
        beyond = [ours for ours, needed in known if math.isinf(needed)]
        what = f"{metric} on {dataset}, {protocol}"
        if read:
            ours, needed = max(read, key=lambda pair: pair[1] / pair[0].train_size)
            factor = needed / ours.train_size
            saves = "saves most" if factor > 1 else "saves no labels, not even"
            sentences.append(
                f"{what}: {subject} {saves} at {count(ours.train_size, 'label')}, for whose quality "
                f"{reference} needs {needed:,.0f} ({factor:.1f}×)."
            )
        elif beyond:
            sentences.append(
                f"{what}: {subject} with {count(beyond[0].train_size, 'label')} is better than {reference} "
                f"with any number up to {theirs[-1].train_size:,}."
            )
        else:
            sentences.append(
                f"{what}: {reference} matches {subject} with {count(theirs[0].train_size, 'label')} already, "
                "the fewest that were tried, so no saving can be read off."
            )
    return sentences


def records_of(summaries: Sequence[Summary], subject: str, reference: str) -> list[dict[str, Any]]:
    """Return the subject's points as flat records, with the labels the reference needs (None: too many)."""
    records = []
    for (dataset, protocol, metric), by_predictor in curves_of(summaries).items():
        for ours, theirs in zip(by_predictor[subject], by_predictor[reference], strict=True):
            needed = labels_needed(by_predictor[reference], ours.mean)
            records.append(
                {
                    "dataset": dataset,
                    "protocol": protocol,
                    "metric": metric,
                    "predictor": subject,
                    "reference": reference,
                    "train_size": ours.train_size,
                    "mean": ours.mean,
                    "ci_low": ours.ci_low,
                    "ci_high": ours.ci_high,
                    "reference_mean": theirs.mean,
                    "reference_needs": needed if math.isfinite(needed) else None,
                }
            )
    return records


def get_plots(summaries: Sequence[Summary]) -> list[Plot]:
    """Return one plot a metric: each predictor's mean with its interval against the number of labels."""
    plots = []
    for (dataset, protocol, metric), by_predictor in curves_of(summaries).items():
        sizes = sorted({s.train_size for curve in by_predictor.values() for s in curve})
        better = "higher" if METRICS[metric].direction > 0 else "lower"
        plots.append(
            Plot(
                name=slug("curve", metric, dataset, protocol),
                caption=f"{metric} ({better} is better), {dataset}, {protocol}",
                x_title="training labels",
                y_title=metric,
                x_log=True,
                x_ticks=sizes,
                bands=True,
                series=[
                    Series(
                        name=predictor,
                        x=[s.train_size for s in curve],
                        y=finite([s.mean for s in curve]),
                        low=finite([s.ci_low for s in curve]),
                        high=finite([s.ci_high for s in curve]),
                    )
                    for predictor, curve in by_predictor.items()
                ],
            )
        )
    return plots


def write_curve(path: Path, curve: Curves) -> None:
    """Write the page of a few-shot curve."""
    results = curve.results
    summaries = results.summaries()
    write_page(
        path,
        title=f"{results.rows[0]['title']}: labels saved by {curve.subject} over {curve.reference}",
        conclusions=get_conclusions(summaries, curve.subject, curve.reference),
        notices=get_notices(results.rows),
        notes=results.notes,
        plots=get_plots(summaries),
        tables=get_tables(summaries, curve.subject, curve.reference),
        settings=results.settings,
    )


def _saving(ours: Summary, reference: Curve) -> tuple[str, str]:
    needed = labels_needed(reference, ours.mean)
    smallest, largest = reference[0].train_size, reference[-1].train_size
    if needed == 0:
        return f"≤ {smallest}", ""
    if math.isinf(needed):
        return f"> {largest}", f"> {largest / ours.train_size:.1f}×"
    return f"{needed:.0f}", f"{needed / ours.train_size:.1f}×"
