"""Few-shot curves: quality against the number of true labels, and how many labels weak supervision saves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.metrics import METRICS
from eval.report.numbers import interval
from eval.report.sheets import Sheet
from eval.report.summary import Summary

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

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


def sheets_of(summaries: Sequence[Summary], subject: str, reference: str) -> list[Sheet]:
    """Return one table a metric: both curves, and the labels the reference needs to keep up."""
    sheets = []
    for (dataset, protocol, metric), by_predictor in curves_of(summaries).items():
        rows = []
        for ours, theirs in zip(by_predictor[subject], by_predictor[reference], strict=True):
            needed, factor = _saving(ours, by_predictor[reference])
            entries = [interval(s.mean, s.ci_low, s.ci_high) for s in (ours, theirs)]
            rows.append([str(ours.train_size), *entries, needed, factor])
        header = ["labels", subject, reference, f"labels {reference} needs", "saved"]
        arrow = "↑" if METRICS[metric].direction > 0 else "↓"
        sheets.append(Sheet(f"{metric} {arrow}, {dataset}, {protocol}", header, rows))
    return sheets


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


def figures_of(summaries: Sequence[Summary]) -> list[tuple[str, Figure]]:
    """Return one plot a metric: each predictor's mean with its interval against the number of labels."""
    from plotly.graph_objects import Figure

    figures = []
    for (dataset, protocol, metric), by_predictor in curves_of(summaries).items():
        figure = Figure()
        for predictor, curve in by_predictor.items():
            figure.add_scatter(
                x=[s.train_size for s in curve],
                y=[s.mean for s in curve],
                error_y={"type": "data", "array": [(s.ci_high or s.mean) - s.mean for s in curve]},
                mode="lines+markers",
                name=predictor,
            )
        figure.update_layout(
            xaxis={"type": "log", "title": "true labels"},
            yaxis_title=metric,
            height=420,
            template="plotly_white",
        )
        figures.append((f"{metric}, {dataset}, {protocol}", figure))
    return figures


def _saving(ours: Summary, reference: Curve) -> tuple[str, str]:
    needed = labels_needed(reference, ours.mean)
    smallest, largest = reference[0].train_size, reference[-1].train_size
    if needed == 0:
        return f"≤ {smallest}", ""
    if math.isinf(needed):
        return f"> {largest}", f"> {largest / ours.train_size:.1f}×"
    return f"{needed:.0f}", f"{needed / ours.train_size:.1f}×"
