"""The tables of an account."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.report.numbers import NONE, count, interval, number, percent, repeats
from eval.report.summary import LEVEL
from eval.report.table import Entry, TextTable
from eval.weak.agreement import Bias
from eval.weak.records import get_price_text
from eval.weak.teaching import PROPERTIES
from eval.weak.worth import ADDED, ALONE, STEP, SUM, Worth

if TYPE_CHECKING:
    from eval.weak import Account

_BIASES = 2  # of each sign


def get_tables(account: Account) -> list[TextTable]:
    """Return the tables: worth alone for each metric, agreement, errors, added, greedy sums, what teaches."""
    metrics = list(dict.fromkeys(worth.metric for worth in account.worth))
    return [
        *(_get_worth(account, metric, ALONE) for metric in metrics),
        _get_agreement(account),
        _get_errors(account),
        *(_get_worth(account, metric, ADDED) for metric in metrics if _has(account, ADDED)),
        *(_get_sums(account, metric) for metric in metrics if account.sums),
        *_get_fidelities(account),
        *_get_teaching(account),
    ]


def _has(account: Account, kind: str) -> bool:
    return any(worth.kind == kind for worth in account.worth)


def order_labels(worth: Sequence[Worth], metric: str) -> list[str]:
    """Return the labels of one kind of comparison, the largest mean gain over the budgets first."""
    gains: dict[str, list[float]] = {}
    for each in worth:
        if each.metric == metric:
            gains.setdefault(each.label, []).append(each.gain)
    return sorted(gains, key=lambda label: -sum(gains[label]) / len(gains[label]))


def _get_worth(account: Account, metric: str, kind: str) -> TextTable:
    """Return the gains of one metric, a column for each budget."""
    mine = [worth for worth in account.worth if worth.kind == kind and worth.metric == metric]
    sizes = sorted({worth.train_size for worth in mine})
    at = {(worth.label, worth.train_size): worth for worth in mine}
    best = {size: max(w.gain for w in mine if w.train_size == size) for size in sizes}
    own = {a.label: a for a in account.agreements}
    labels = order_labels(mine, metric)
    saves = kind == ALONE
    head = [count(size, "label") for size in sizes]
    rows = []
    for label in labels:
        cells: list[Entry | str] = [label]
        if saves:
            cells += [
                get_price_text(account.prices[label], own[label]),
                number(own[label].kendall_tau),
                number(own[label].ndcg),
            ]
        for size in sizes:
            worth = at.get((label, size))
            cells.append("" if worth is None else _gain(worth, best[size]))
            if saves:
                cells.append("" if worth is None else saved(worth))
        rows.append(cells)
    if saves:
        head = [part for name in head for part in (name, "saved")]
        header = ["weak label", "price", "own tau", "own ndcg@10", *head]
        title = f"What each weak label is worth: gain in {metric} of {account.predictor}"
        after = [
            "saved: how many times as many labels the ranker without weak labels needs for the same mean, "
            "read off its curve."
        ]
    else:
        header = ["weak label", *head]
        title = f"What each adds to {account.beside}: gain in {metric} of {account.predictor}"
        after = ["A label that is part of the sum is compared with the sum without it."]
    return TextTable(
        title=title,
        subtitle=f"paired over {repeats(mine[0].repeats)} with 95 % intervals; positive is better; · not "
        f"significant ({100 * LEVEL:g} %, Holm's correction over the labels)",
        header=header,
        rows=rows,
        after=after,
    )


def _gain(worth: Worth, best: float) -> Entry:
    text = interval(worth.gain, worth.gain_low, worth.gain_high, signed=True)
    clear = worth.p_adjusted is not None and worth.p_adjusted <= LEVEL
    return Entry(text if clear else f"{text} ·", "best" if clear and worth.gain == best else "")


def saved(worth: Worth) -> str:
    """Return how many labels are saved: "4.6×", "> 8.0×", a dash where it cannot be read off."""
    if worth.saved is None:
        return "≤ 1.0×" if worth.gain <= 0 else NONE
    bound = "> " if worth.needed is not None and math.isinf(worth.needed) else ""
    return f"{bound}{number(worth.saved, 1)}×"


def _get_agreement(account: Account) -> TextTable:
    rows = []
    for a in account.agreements:
        cover = "all" if a.known == a.total else percent(a.known / a.total, 0)
        rows.append(
            [
                a.label,
                cover,
                number(a.kendall_tau),
                number(a.ndcg),
                number(a.precision_top),
                number(a.tau_top),
                number(a.place_top, 0),
                number(a.place_bottom, 0),
                number(a.tau_beyond_size),
                number(a.tau_beyond_operations),
            ]
        )
    total = account.agreements[0].total
    return TextTable(
        title=f"How each weak label agrees with {account.target} of {account.dataset}, without any training",
        subtitle=f"over the architectures of {total:,} where it is known",
        header=[
            "weak label",
            "known",
            "tau",
            "ndcg@10",
            "precision_top@5",
            "tau, best 10 %",
            "rank of best 5 %",
            "of worst 10 %",
            "tau beyond size",
            "beyond operations",
        ],
        directions=[0, 0, 1, 1, 1, 1, 1, -1, 1, 1],
        rows=rows,
        after=[
            "Ranks are percentiles: noise puts the best 5 % at 50, the truth at 97.5. Beyond size: of what "
            "FLOPs and parameters leave of both orders; beyond operations: of what an additive model of the "
            "operations at each position leaves, which a few true labels cannot teach."
        ],
    )


def _get_errors(account: Account) -> TextTable:
    rows = []
    for a in account.agreements:
        over = [bias for bias in a.biases if bias.points > 0][:_BIASES]
        under = [bias for bias in a.biases if bias.points < 0][:_BIASES]
        main = "" if a.main_share is None else f"{a.main_position} ({percent(a.main_share, 0)})"
        rows.append(
            [
                a.label,
                ", ".join(map(name_bias, over)) or NONE,
                ", ".join(map(name_bias, under)) or NONE,
                percent(a.additive_error, 0),
                main or NONE,
                percent(a.duplicate_noise, 0),
            ]
        )
    return TextTable(
        title="Where each weak label errs",
        subtitle="mean error of percentile ranks of the architectures with an operation at a position",
        header=[
            "weak label",
            "ranks too high",
            "ranks too low",
            "errors that operations explain",
            "most at one position",
            "noise between duplicates",
        ],
        rows=rows,
        after=["Noise ranks too high whatever is bad. Shares are of the variance."],
    )


def name_bias(bias: Bias) -> str:
    """Return "avg_pool_3x3 at 0→3 +12"."""
    return f"{bias.operation} at {bias.position} {number(bias.points, 0, signed=True)}"


def _get_sums(account: Account, metric: str) -> TextTable:
    own = {a.label: a for a in account.agreements}
    mine = [w for w in account.worth if w.metric == metric]
    at = {(w.kind, w.label, w.train_size): w for w in mine}
    sizes = sorted({w.train_size for w in mine if w.kind == SUM})
    rows = []
    for label in account.sums:
        cells = [label, number(own[label].kendall_tau), number(own[label].ndcg)]
        for size in sizes:
            whole, step = at[SUM, label, size], at.get((STEP, label, size))
            cells += [interval(whole.gain, whole.gain_low, whole.gain_high, signed=True), saved(whole)]
            cells.append(
                NONE if step is None else interval(step.gain, step.gain_low, step.gain_high, signed=True)
            )
        rows.append(cells)
    n = next(w.repeats for w in mine if w.kind == SUM)
    return TextTable(
        title=f"Sums chosen greedily: gain in {metric} of {account.predictor}",
        subtitle=f"on the {repeats(n)} that did not choose them, with 95 % intervals; positive is better",
        header=[
            "sum",
            "own tau",
            "own ndcg@10",
            *(part for size in sizes for part in (count(size, "label"), "saved", "over the step before")),
        ],
        rows=rows,
        after=[
            "Each step adds the label that gains most on the even repeats, averaged over the budgets. A "
            "sum's own tau is that of its mean percentile ranks."
        ],
    )


def _get_fidelities(account: Account) -> list[TextTable]:
    """Return one table a metric: short trainings in place of true labels."""
    return [
        TextTable(
            title=f"Short trainings in place of true labels, at equal price: {metric} of {account.predictor}",
            subtitle="without weak labels; means with 95 % intervals, not paired",
            header=[
                "trained on",
                "true labels of the same price",
                "short trainings",
                metric,
                "with true labels",
            ],
            rows=[
                [
                    f.label,
                    f"{f.train_size:,}",
                    f"{f.used:,}",
                    interval(f.mean, f.ci_low, f.ci_high),
                    interval(f.reference, f.reference_low, f.reference_high),
                ]
                for f in account.fidelities
                if f.metric == metric
            ],
        )
        for metric in dict.fromkeys(f.metric for f in account.fidelities)
    ]


def _get_teaching(account: Account) -> list[TextTable]:
    """Return one table a metric: which properties of labels go with their gain."""
    tables = []
    for metric in dict.fromkeys(each.metric for each in account.teaching):
        mine = [each for each in account.teaching if each.metric == metric]
        sizes = sorted({each.train_size for each in mine})
        at = {(each.property, each.train_size): each for each in mine}
        rows = []
        for name in dict.fromkeys(each.property for each in mine):
            cells = [PROPERTIES[name], str(max(e.labels for e in mine if e.property == name))]
            for size in sizes:
                cells.append(number(at[name, size].spearman, 2, signed=True))
                cells.append(number(at[name, size].given_tau, 2, signed=True))
            rows.append(cells)
        tables.append(
            TextTable(
                title=f"What makes a label teach: properties of labels and their gain in {metric}",
                subtitle="rank correlation (Spearman) over the labels, next to it at equal Kendall's tau",
                header=[
                    "property",
                    "weak labels",
                    *(part for size in sizes for part in (count(size, "label"), "at equal tau")),
                ],
                rows=rows,
            )
        )
    return tables
