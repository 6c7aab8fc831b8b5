"""Published figures next to measured ones: marked as not measured, with all labels they looked at."""

from __future__ import annotations

from collections.abc import Sequence

from data.published import Published, get_published
from eval.report.board import Board
from eval.report.numbers import NONE, count, number
from eval.report.table import TextTable

MARK = "published, not measured"


def get_foot(board: Board, blanks: int) -> list[list[str]]:
    """Return a row of published figures for each predictor of a paper with this task's rules and size.

    Args:
        board: The task.
        blanks: Number of columns after those of the metrics.
    """
    s = board.first
    found = [
        each
        for each in get_published(s.bench, s.dataset, s.protocol, train_size=s.train_size)
        if each.target == s.target and each.metric in board.metrics
    ]
    rows = []
    for predictor in dict.fromkeys(each.predictor for each in found):
        own = {each.metric: each for each in found if each.predictor == predictor}
        cells = [number(own[metric].value) if metric in own else NONE for metric in board.metrics]
        first = next(iter(own.values()))
        rows.append([f"{predictor} ({MARK}; {_describe(first)})", *cells, *[""] * blanks])
    return rows


def _describe(figure: Published) -> str:
    label = f"trained on {figure.trained_on}" if figure.trained_on else "label unknown"
    return f"{label}, {_further(figure)}"


def _further(figure: Published) -> str:
    n = figure.further_labels
    return "further labels unknown" if n is None else f"{count(n, 'further label')} looked at"


def build_tables(benches: Sequence[str]) -> list[TextTable]:
    """Return a table of published figures for each benchmark, data set and metric that papers report."""
    figures = [figure for bench in benches for figure in get_published(bench)]
    tables = []
    for key in dict.fromkeys((f.bench, f.dataset, f.target, f.metric) for f in figures):
        own = [f for f in figures if (f.bench, f.dataset, f.target, f.metric) == key]
        tables.append(_build_table(key, own))
    return tables


def _build_table(key: tuple[str, str, str, str], figures: Sequence[Published]) -> TextTable:
    bench, dataset, target, metric = key
    columns = sorted(dict.fromkeys((f.train_size, f.protocol) for f in figures))
    sources = list(dict.fromkeys((f.source, f.url) for f in figures))
    lines = dict.fromkeys((f.predictor, f.source, f.trained_on, f.further_labels) for f in figures)
    rows = []
    for predictor, source, trained_on, further in lines:
        values = {
            (f.train_size, f.protocol): number(f.value)
            for f in figures
            if (f.predictor, f.source, f.trained_on, f.further_labels)
            == (predictor, source, trained_on, further)
        }
        rows.append(
            [
                predictor,
                *(values.get(column, NONE) for column in columns),
                trained_on or "unknown",
                "unknown" if further is None else f"{further:,}",
                f"[{[name for name, _ in sources].index(source) + 1}]",
            ]
        )
    return TextTable(
        title=f"{bench} {dataset}, {metric}: {MARK}",
        subtitle=f"evaluated on {target}; columns are training labels and protocol. Further labels: how many "
        "beyond the training ones the training looked at, for early stopping or to choose an epoch",
        header=[
            "predictor",
            *(f"{size:,} ({protocol})" for size, protocol in columns),
            "trained on",
            "further labels",
            "source",
        ],
        rows=rows,
        after=[f"[{i}] {name}. {url}" for i, (name, url) in enumerate(sources, 1)],
    )
