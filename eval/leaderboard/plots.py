"""The figures of a leaderboard, apart from who draws them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from eval.calibration import COVERAGES
from eval.leaderboard.standings import Standing, average, get_improvability, get_splits, get_wins, group, rank
from eval.leaderboard.tables import get_seconds, get_tied
from eval.report.numbers import count
from eval.report.plots import Plot, Series, slug
from eval.report.summary import Summary
from eval.results import Results, Row

_STEP = 0.8  # between the names of a critical-difference diagram
_MARGIN = 0.55  # of a critical-difference diagram for names, as a share of the axis on each side


def get_plots(results: Results, metric: str, summaries: Sequence[Summary]) -> list[Plot]:
    """Return the figures of one metric, without those that need more predictors or training sizes."""
    plots = [
        plot_critical_difference(results, metric),
        plot_ranks(results, metric),
        plot_improvability(results, metric),
        plot_wins(results, metric),
        plot_time(results, metric, summaries),
        plot_labels(results, metric),
    ]
    return [plot for plot in plots if plot is not None]


def plot_ranks(results: Results, metric: str) -> Plot:
    """Return mean ranks with their intervals, best first."""
    splits = get_splits(results.rows, metric)
    return _plot_standing(
        rank(splits),
        splits.predictors,
        get_tied(results, metric),
        name=slug("mean-ranks", metric),
        caption=f"Mean rank by {metric}",
        x_title="mean rank",
        note="Ranks within each split, 1 is best; 95 % bootstrap intervals over benchmarks and splits. Star: "
        "best; filled: not told apart from it by the critical difference; open: worse.",
    )


def plot_improvability(results: Results, metric: str) -> Plot:
    """Return by how much each predictor falls short of the best of each split."""
    splits = get_splits(results.rows, metric)
    return _plot_standing(
        get_improvability(splits),
        splits.predictors,
        [],
        name=slug("improvability", metric),
        caption=f"Improvability by {metric}",
        x_title="improvability (%)",
        note="By how much percent of its error a predictor falls short of the best of each split, 0 is best; "
        "95 % bootstrap intervals over benchmarks and splits.",
    )


def _plot_standing(
    standing: Standing,
    names: Sequence[str],
    tied: Sequence[str],
    *,
    name: str,
    caption: str,
    x_title: str,
    note: str,
) -> Plot:
    order: list[int] = np.argsort(standing.mean, kind="stable").tolist()
    marks = ["tied" if names[i] in tied else "" for i in order]
    return Plot(
        name=name,
        caption=caption,
        x_title=x_title,
        note=note,
        y_title="",
        rows=[names[i] for i in order],
        series=[
            Series(
                name="mean",
                x=standing.mean[order].tolist(),
                y=list(range(len(order))),
                low=standing.low[order].tolist(),
                high=standing.high[order].tolist(),
                ranks=["best", *marks[1:]],
            )
        ],
    )


def plot_critical_difference(results: Results, metric: str) -> Plot | None:
    """Return a critical-difference diagram: bars join neighbours that cannot be told apart (Demšar, 2006)."""
    splits = get_splits(results.rows, metric)
    found = group(splits)
    if found is None:
        return None
    k = len(found.order)
    ranks = found.mean_ranks[found.order]
    low, high = float(np.floor(ranks[0])), float(np.ceil(ranks[-1]))
    span = max(high - low, 1.0)
    segments: list[tuple[float, float, float, float, float]] = []
    bars = 0.45 * np.arange(1, len(found.cliques) + 1)
    for y, (first, last) in zip(bars, found.cliques, strict=True):
        pad = 0.006 * span
        segments.append((float(ranks[first]) - pad, -float(y), float(ranks[last]) + pad, -float(y), 5.0))
    top = -float(bars[-1] if len(bars) else 0.0) - _STEP
    half = (k + 1) // 2
    labels: list[tuple[str, float, float, str]] = []
    for at, i in enumerate(found.order):
        left = at < half
        y = top - _STEP * (at if left else k - 1 - at)
        edge = low - 0.04 * span if left else high + 0.04 * span
        x = float(ranks[at])
        segments += [(x, 0.0, x, y, 1.2), (x, y, edge, y, 1.2)]
        gap = 0.02 * span if left else -0.02 * span
        labels.append((splits.predictors[i], edge - gap, y, "right" if left else "left"))
    width = min(found.distance, span)
    segments += [(low, 0.0, high, 0.0, 1.5), (low, 1.6, low + width, 1.6, 2.5)]
    segments += [(low + at, 1.45, low + at, 1.75, 1.5) for at in (0.0, width)]
    labels.append((f"CD = {found.distance:.2f}", low + width / 2, 2.2, "center"))
    ticks = np.arange(low, high + 1)
    segments += [(float(x), 0.0, float(x), 0.2, 1.2) for x in ticks]
    labels += [(f"{x:.0f}", float(x), 0.7, "center") for x in ticks]
    told = "differ" if found.p_friedman <= 0.05 else "cannot be told apart"
    p = "p < 0.001" if found.p_friedman < 0.001 else f"p = {found.p_friedman:.3f}"
    return Plot(
        name=slug("critical-difference", metric),
        caption=f"Critical differences by {metric}",
        note=f"Mean ranks, 1 is best; bars join predictors that these {found.blocks} splits cannot tell "
        f"apart (Nemenyi's test, 5 %, CD: critical difference; by Friedman's test they {told}, {p}). A "
        "statement about these benchmarks; the intervals of mean ranks are about others like them.",
        x_title="",
        y_title="",
        series=[Series("rank", ranks.tolist(), [0.0] * k)],
        joined=False,
        bare=True,
        segments=segments,
        labels=labels,
        x_range=(low - _MARGIN * span, high + _MARGIN * span),
        y_range=(top - _STEP * half, 2.6),
    )


def plot_wins(results: Results, metric: str) -> Plot | None:
    """Return a matrix: on how many splits the predictor of a row beats that of a column."""
    splits = get_splits(results.rows, metric)
    if len(splits.predictors) < 2:
        return None
    order = np.argsort(rank(splits).mean, kind="stable").tolist()
    wins = 100 * get_wins(splits)
    names = [splits.predictors[i] for i in order]
    return Plot(
        name=slug("wins", metric),
        caption=f"Pairwise wins by {metric}",
        note="Percent of the splits on which the row beats the column; ties count half.",
        x_title="",
        y_title="",
        series=(),
        rows=names,
        columns=names,
        matrix=[[None if i == j else float(wins[i, j]) for j in order] for i in order],
    )


def plot_labels(results: Results, metric: str) -> Plot | None:
    """Return the mean over benchmarks against the number of training labels; None for one number."""
    sizes = sorted({row["train_size"] for row in results.rows})
    benches = [{row["bench"] for row in results.rows if row["train_size"] == size} for size in sizes]
    sizes = [size for size, found in zip(sizes, benches, strict=True) if found == set.union(*benches)]
    if len(sizes) < 2:
        return None
    standings = []
    for size in sizes:
        splits = get_splits([row for row in results.rows if row["train_size"] == size], metric)
        standings.append((splits.predictors, average(splits.values)))
    names = standings[-1][0]
    order = np.argsort(rank(get_splits(results.rows, metric)).mean, kind="stable").tolist()
    return Plot(
        name=slug("labels", metric),
        caption=f"Quality against labels: {metric}",
        note="Mean over benchmarks.",
        x_title="training labels",
        y_title=metric,
        x_log=True,
        x_ticks=sizes,
        series=[
            Series(name, sizes, [float(each.mean[own.index(name)]) for own, each in standings])
            for name in (names[i] for i in order)
        ],
    )


def plot_time(results: Results, metric: str, summaries: Sequence[Summary]) -> Plot:
    """Return mean ranks against seconds, with the predictors that no other beats in both named."""
    splits = get_splits(results.rows, metric)
    ranks, times = rank(splits).mean, get_seconds(summaries)
    order = sorted(range(len(ranks)), key=lambda i: (times[splits.predictors[i]], ranks[i]))
    front: list[int] = []
    for i in order:
        if not front or ranks[i] < ranks[front[-1]]:
            front.append(i)
    at = {i: (times[splits.predictors[i]], float(ranks[i])) for i in order}
    segments: list[tuple[float, float, float, float, float]] = []
    for a, b in pairwise(front):
        segments += [(*at[a], at[b][0], at[a][1], 1.5), (at[b][0], at[a][1], *at[b], 1.5)]
    by_rank = np.argsort(ranks, kind="stable").tolist()
    return Plot(
        name=slug("pareto", metric),
        caption=f"Quality against seconds by {metric}",
        note="Seconds to pretrain, fit and score one repeat, geometric mean over tasks. The line joins "
        "predictors that no other beats in both.",
        x_title="seconds",
        y_title="mean rank",
        x_log=True,
        y_range=(len(ranks) + 0.5, 0.5),
        joined=False,
        segments=segments,
        labels=[(splits.predictors[i], at[i][0], at[i][1] + 0.035 * len(ranks), "center") for i in front],
        series=[Series(splits.predictors[i], [at[i][0]], [at[i][1]]) for i in by_rank],
    )


def plot_calibration(results: Results) -> Plot | None:
    """Return observed against nominal coverage; None where no predictor says how sure it is."""
    rows = _select_calibrated(results.rows)
    if not rows:
        return None
    metric = rows[0]["metric"]
    levels = [float(level) for level in COVERAGES]
    found = [get_splits(rows, metric, f"coverage_{level}") for level in COVERAGES]
    standings = [average(splits.values) for splits in found]
    series = []
    for i, name in enumerate(found[0].predictors):
        mean, low, high = (
            [100 * float(getattr(each, end)[i]) for each in standings] for end in ("mean", "low", "high")
        )
        series.append(Series(name, levels, mean, low, high))
    return Plot(
        name="calibration",
        caption="Calibration",
        note="Share of unseen networks whose label lies in the interval that the predictor gives it, "
        f"mean over {count(len(found[0].benches), 'benchmark')}; below the ideal line, intervals "
        "are too narrow.",
        x_title="nominal coverage of the interval (%)",
        y_title="labels in the interval (%)",
        x_ticks=levels,
        y_range=(0.0, 100.0),
        bands=True,
        series=[*series, Series("ideal", [0.0, 100.0], [0.0, 100.0])],
    )


def _select_calibrated(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the first metric of predictors that gave a deviation on every split."""
    own = [row for row in rows if row["metric"] == rows[0]["metric"]]
    without = {row["predictor"] for row in own if row.get("coverage_80") is None}
    return [row for row in own if row["predictor"] not in without]
