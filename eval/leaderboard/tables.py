"""The tables of a leaderboard: where predictors stand over all benchmarks, and each benchmark's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from eval.leaderboard.published import build_tables, get_foot
from eval.leaderboard.standings import Standing, get_improvability, get_splits, get_wins, group, rank
from eval.report import calibration
from eval.report.board import Board, boards
from eval.report.leaderboard import build_scores, get_legend
from eval.report.numbers import count, interval, number, seconds
from eval.report.summary import Summary
from eval.report.table import Entry, TextTable
from eval.results import Results


def get_tables(results: Results) -> tuple[list[TextTable], str]:
    """Return every table, and what their signs mean.

    Raises:
        InputError: The grid is incomplete.
    """
    summaries = results.summaries()
    found = boards(summaries)
    tables = [build_standing(results, metric, summaries) for metric in results.metrics]
    tables += [build_task(board) for board in found]
    tables += [table for board in found if (table := calibration.build_table(board))]
    return [*tables, *build_tables([board.first.bench for board in _first(found)])], get_legend(found[0], 0)


def _first(found: Sequence[Board]) -> list[Board]:
    """Return the first board of each benchmark."""
    return list({board.first.bench: board for board in reversed(found)}.values())[::-1]


def build_task(board: Board) -> TextTable:
    """Return the table of a task, with published figures below chance and noise ceiling."""
    table = build_scores(board)
    blanks = len(table.header) - 1 - len(board.metrics)
    return replace(table, foot=[*table.foot, *get_foot(board, blanks)])


def build_standing(results: Results, metric: str, summaries: Sequence[Summary]) -> TextTable:
    """Return where each predictor stands over all benchmarks by one metric, best mean rank first."""
    splits = get_splits(results.rows, metric)
    ranks, better, wins = rank(splits), get_improvability(splits), get_wins(splits)
    order = np.argsort(ranks.mean, kind="stable").tolist()
    tied = get_tied(results, metric)
    times = get_seconds(summaries)
    k = len(order)
    rows = []
    for i in order:
        name = splits.predictors[i]
        others = [j for j in range(k) if j != i]
        mark = "best" if i == order[0] else "tied" if name in tied else ""
        by_bench = [_mean(task, i) for task in splits.values]
        rows.append(
            [
                name,
                Entry(_cell(ranks, i, 2), mark),
                number(100 * float(wins[i, others].mean()), 0) if others else "–",
                _cell(better, i, 1),
                *(number(value, 3 if abs(value) < 10 else 1) for value in by_bench),
                seconds(times[name]),
            ]
        )
    n = count(len(splits.benches), "benchmark")
    return TextTable(
        title=f"Standing over {n} by {metric}",
        subtitle="ranks, wins and improvability within each split; every benchmark weighs the same",
        caption=f"Standing over {n} by {metric}. Mean rank within each split (1 is best) and improvability "
        "(percent of the error by which a predictor falls short of the best of the split), with 95 % "
        "bootstrap intervals over benchmarks and splits; wins: percent of the comparisons with other "
        "predictors that are won; then the mean on each benchmark, and seconds to pretrain, fit and score.",
        header=["predictor", "mean rank", "wins %", "improvability %", *splits.benches, "seconds"],
        directions=[0, -1, 1, -1, *[splits.direction] * len(splits.benches), -1],
        rows=rows,
    )


def get_tied(results: Results, metric: str) -> list[str]:
    """Return the predictors that the post-hoc test cannot tell from the one with the best mean rank."""
    splits = get_splits(results.rows, metric)
    found = group(splits)
    if found is None:
        return []
    first = [last for start, last in found.cliques if start == 0]
    return [splits.predictors[i] for i in found.order[1 : first[0] + 1]] if first else []


def get_seconds(summaries: Sequence[Summary]) -> dict[str, float]:
    """Return the seconds to pretrain, fit and score of each predictor: the geometric mean over tasks."""
    logs: dict[str, list[float]] = {}
    for s in summaries:
        if s.metric == summaries[0].metric:
            total = s.pretrain_seconds + s.fit_seconds + s.predict_seconds
            logs.setdefault(s.predictor, []).append(float(np.log(max(total, 1e-4))))
    return {name: float(np.exp(np.mean(values))) for name, values in logs.items()}


def _mean(tasks: Sequence[np.ndarray], i: int) -> float:
    return float(np.mean([task[:, i].mean() for task in tasks]))


def _cell(standing: Standing, i: int, decimals: int) -> str:
    return interval(
        float(standing.mean[i]), float(standing.low[i]), float(standing.high[i]), decimals=decimals
    )


def get_records(results: Results) -> list[dict[str, Any]]:
    """Return where each predictor stands by each metric, for scripts."""
    times = get_seconds(results.summaries())
    records = []
    for metric in results.metrics:
        splits = get_splits(results.rows, metric)
        ranks, better, wins = rank(splits), get_improvability(splits), get_wins(splits)
        k = len(splits.predictors)
        for i, name in enumerate(splits.predictors):
            others = [j for j in range(k) if j != i]
            records.append(
                {
                    "metric": metric,
                    "predictor": name,
                    "benchmarks": len(splits.benches),
                    "mean_rank": float(ranks.mean[i]),
                    "mean_rank_low": float(ranks.low[i]),
                    "mean_rank_high": float(ranks.high[i]),
                    "wins": float(wins[i, others].mean()) if others else None,
                    "improvability": float(better.mean[i]),
                    "improvability_low": float(better.low[i]),
                    "improvability_high": float(better.high[i]),
                    "seconds": times[name],
                }
            )
    return records
