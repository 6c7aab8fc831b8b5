"""The page of an account: what was found, plots and tables, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from eval.report.notices import get_notices
from eval.report.numbers import count, number
from eval.report.page import write_page
from eval.report.plots import Plot, Series, finite, slug
from eval.report.summary import LEVEL
from eval.weak.tables import get_tables, order_labels, saved
from eval.weak.teaching import PROPERTIES
from eval.weak.worth import ADDED, ALONE, Worth

if TYPE_CHECKING:
    from eval.weak import Account

_DRAWN = ("kendall_tau", "tau_beyond_operations")  # properties that gains are drawn against
_BIASED = 4  # labels whose errors are drawn
_NAMED = 3
_STRONG = 0.5  # rank correlation below which no property is said to go with the gain
_ROOM = 0.2  # share of the x axis to the right of the last point, for its name


def write_account(path: Path, account: Account) -> None:
    """Write the page."""
    results = account.results
    write_page(
        path,
        title=f"{results.rows[0]['title']}: what weak labels are worth to {account.predictor}",
        conclusions=get_conclusions(account),
        notices=get_notices(results.rows),
        notes=[*account.notes, *results.notes],
        plots=get_plots(account),
        tables=get_tables(account),
        settings=results.settings,
    )


def get_conclusions(account: Account) -> list[str]:
    """Return a sentence for each metric on the fewest and the most labels, and one on what teaches."""
    sentences = []
    alone = [worth for worth in account.worth if worth.kind == ALONE]
    for metric in dict.fromkeys(worth.metric for worth in alone):
        sizes = sorted({worth.train_size for worth in alone})
        for size in dict.fromkeys((sizes[0], sizes[-1])):
            mine = [w for w in alone if (w.metric, w.train_size) == (metric, size)]
            sentences.append(_conclude(mine, metric, size))
    strongest = [each for each in account.teaching if each.spearman is not None]
    for metric in dict.fromkeys(each.metric for each in strongest):
        mine = [each for each in strongest if each.metric == metric]
        mean: dict[str, list[float]] = {}
        for each in mine:
            mean.setdefault(each.property, []).append(each.spearman or 0.0)
        best = max(mean, key=lambda name: abs(sum(mean[name]) / len(mean[name])))
        rho = sum(mean[best]) / len(mean[best])
        if abs(rho) < _STRONG:
            continue
        sentences.append(
            f"Of the properties of a label, {PROPERTIES[best]} goes best with its gain in {metric} "
            f"(Spearman's rho {number(rho, 2, signed=True)}, mean over budgets)."
        )
    return sentences


def _conclude(mine: list[Worth], metric: str, size: int) -> str:
    clear = [w for w in mine if w.p_adjusted is not None and w.p_adjusted <= LEVEL]
    better = sorted((w for w in clear if w.gain > 0), key=lambda w: -w.gain)
    worse = [w.label for w in clear if w.gain < 0]
    start = f"{metric} at {count(size, 'label')}"
    if not better:
        text = f"{start}: no weak label can be told to help"
    else:
        first = ", ".join(f"{w.label} ({number(w.gain, signed=True)}, {saved(w)})" for w in better[:_NAMED])
        text = f"{start}: {len(better)} of {len(mine)} weak labels help, most of all {first}"
    return f"{text}; worse than none: {', '.join(worse)}." if worse else f"{text}."


def get_plots(account: Account) -> list[Plot]:
    """Return gains alone and next to the others, gain against own tau, and where labels err."""
    metrics = list(dict.fromkeys(worth.metric for worth in account.worth))
    plots = [_plot_gains(account, metric, ALONE) for metric in metrics]
    plots += [_plot_against(account, metrics[0], name) for name in _DRAWN]
    plots += [_plot_biases(account)] if any(a.biases for a in account.agreements) else []
    if any(worth.kind == ADDED for worth in account.worth):
        plots += [_plot_gains(account, metric, ADDED) for metric in metrics]
    return plots


def _plot_gains(account: Account, metric: str, kind: str) -> Plot:
    mine = [worth for worth in account.worth if worth.kind == kind and worth.metric == metric]
    labels = order_labels(mine, metric)
    what = f"no weak labels, of {account.predictor}" if kind == ALONE else f"{account.beside} alone"
    return Plot(
        name=slug("weak", kind, metric),
        caption=f"{metric}: gain over {what} (better is to the right)",
        x_title=f"gain in {metric}",
        y_title="",
        rows=labels,
        rules=[0.0],
        series=[
            Series(
                name=count(size, "label"),
                x=finite([w.gain for w in found]),
                y=[labels.index(w.label) for w in found],
                low=finite([w.gain_low for w in found]),
                high=finite([w.gain_high for w in found]),
            )
            for size in sorted({w.train_size for w in mine})
            if (found := [w for w in mine if w.train_size == size])
        ],
    )


def _plot_against(account: Account, metric: str, name: str) -> Plot:
    """Return the gain at the fewest labels against a property of the label, each point with its name."""
    own = {a.label: getattr(a, name) for a in account.agreements}
    mine = [w for w in account.worth if w.kind == ALONE and w.metric == metric and own[w.label] is not None]
    size = min((w.train_size for w in mine), default=0)
    found = [w for w in mine if w.train_size == size]
    values = [float(own[w.label]) for w in found]
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) or 1.0
    return Plot(
        name=slug("weak", name, metric),
        caption=f"{metric}: gain at {count(size, 'label')} against a property of the weak label: "
        f"{PROPERTIES[name]}",
        x_title=f"{PROPERTIES[name]}, of the weak label with the target",
        y_title=f"gain in {metric}",
        joined=False,
        x_range=(low - 0.05 * room, high + _ROOM * room),
        series=[
            Series(
                name="weak labels",
                x=values,
                y=finite([w.gain for w in found]),
                low=finite([w.gain_low for w in found]),
                high=finite([w.gain_high for w in found]),
            )
        ],
        labels=[(f"  {w.label}", x, w.gain, "left") for w, x in zip(found, values, strict=True)],
        note="The tables below say how well each property goes with the gain, also at equal Kendall's tau.",
    )


def _plot_biases(account: Account) -> Plot:
    """Return the mean error of each operation at each position, for the labels that help most."""
    first = account.results.metrics[0]
    ordered = order_labels([w for w in account.worth if w.kind == ALONE], first)
    own = {a.label: a for a in account.agreements}
    shown = [own[label] for label in ordered if own[label].biases][:_BIASED]
    rows = sorted({(bias.position, bias.operation) for a in shown for bias in a.biases})
    names = [f"{operation} at {position}" for position, operation in rows]
    return Plot(
        name="weak-errors",
        caption="Where weak labels err, by operation and position: to the right, ranked too high",
        x_title="mean error of ranks, percentile points",
        y_title="",
        rows=names,
        rules=[0.0],
        series=[
            Series(
                name=a.label,
                x=[bias.points for bias in a.biases],
                y=[rows.index((bias.position, bias.operation)) for bias in a.biases],
            )
            for a in shown
        ],
    )
