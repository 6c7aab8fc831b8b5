"""The leaderboard as text tables: scores, scores without twins, differences from a baseline, mean ranks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data.errors import InputError
from eval.report.board import Board, boards, ordered, ranks
from eval.report.calibration import build_table
from eval.report.numbers import NONE, count, difference, half_width, number, percent, repeats, seconds
from eval.report.summary import LEVEL, Summary
from eval.report.table import UNICODE, Entry, TextTable

COMPACT = ("ndcg@10", "kendall_tau", "precision_top@5", "regret@10")
_FEW = 6  # metrics that are all shown
_BRIEF = 0.001  # seconds: what it takes not to pretrain
_BOUNDS = {"lower": "≥", "upper": "≤"}


def get_tables(
    summaries: Sequence[Summary], metrics: Sequence[str] | None = None, *, baseline: bool = False
) -> tuple[list[TextTable], str]:
    """Return the tables of a complete grid and the legend of their signs.

    Args:
        summaries: A complete grid.
        metrics: Columns; by default those of COMPACT that were evaluated.
        baseline: Whether a baseline was asked for, so that differences from it are shown.

    Raises:
        InputError: The grid is incomplete, or a metric was not evaluated.
    """
    full = boards(summaries)
    shown = [reorder(board, metrics) for board in full]
    tables = []
    for board in shown:
        tables.append(build_scores(board))
        if board.first.n_twins:
            tables.append(_without_twins(board))
        if baseline:
            tables.append(_differences(board))
        if calibration := build_table(board):
            tables.append(calibration)
    if len(shown) > 1:
        tables.append(_mean_ranks(shown))
    return tables, get_legend(shown[0], len(full[0].metrics) - len(shown[0].metrics))


def reorder(board: Board, metrics: Sequence[str] | None) -> Board:
    """Return the board of these metrics only, by default a few, ordered by the first.

    Raises:
        InputError: A metric that was not evaluated.
    """
    few = len(board.metrics) <= _FEW
    chosen = tuple(
        metrics or (not few and [m for m in COMPACT if m in board.metrics]) or board.metrics[:_FEW]
    )
    for metric in chosen:
        if metric not in board.metrics:
            raise InputError(f"metric '{metric}' was not evaluated; there are {', '.join(board.metrics)}")
    return Board(board.task, ordered(board.predictors, chosen[0], board.cells), chosen, board.cells)


def get_entry(s: Summary, decimals: int) -> Entry:
    """Return `mean ±half-width` of a summary."""
    rank = "best" if s.best else "tied" if s.tied else ""
    return Entry(f"{number(s.mean, decimals)} {half_width(s.mean, s.ci_high, decimals)}".strip(), rank)


def get_ceiling(s: Summary, decimals: int) -> str:
    """Return the noise ceiling with its interval, marked as a bound where it is one."""
    value = s.ceiling
    if value is None:
        return NONE
    sign = _BOUNDS.get(s.ceiling_bound or "", "")
    low, high = s.ceiling_low, s.ceiling_high
    ends = "" if low is None or high is None else f" [{number(low, decimals)}, {number(high, decimals)}]"
    return f"{sign}{' ' if sign else ''}{number(value, decimals)}{ends}"


def pretrains(board: Board) -> bool:
    """Return whether any predictor of a board was pretrained."""
    return any(s.pretrain_seconds >= _BRIEF for s in board.column(board.metrics[0]))


def get_conclusion(board: Board, metric: str) -> str:
    """Return one sentence: what ranks best by a metric, by how much, and whether the labels can tell."""
    ranked = sorted(board.column(metric), key=lambda s: -s.direction * s.mean)
    best, rest = board.best(metric), [s for s in ranked if not s.best]
    decimals = board.decimals(metric)
    value = f"{number(best.mean, decimals)} {half_width(best.mean, best.ci_high, decimals)}".strip()
    sentence = f"By {metric}, {best.predictor} ranks best: {value} (chance {number(best.chance, decimals)})"
    if not rest:
        return f"{sentence}."
    lead = number(abs(best.mean - rest[0].mean), decimals)
    sentence = f"{sentence}, {lead} ahead of {rest[0].predictor}. "
    tied = [s.predictor for s in rest if s.tied]
    if not board.decidable:
        return sentence + f"{repeats(best.repeats).capitalize()} cannot tell them apart."
    if not tied:
        return sentence + "All others are significantly worse."
    if len(tied) == len(rest):
        return sentence + "None of the others is significantly worse."
    return sentence + f"Not significantly worse: {', '.join(tied)}."


def get_legend(board: Board, left_out: int) -> str:
    """Return what the signs of the tables mean."""
    s, marks = board.first, UNICODE
    parts = [f"{marks.best} best"]
    if board.decidable:
        parts.append(
            f"{marks.tied} not significantly worse ({s.test}, Holm's correction, {percent(LEVEL, 0)})"
        )
    else:
        parts.append(f"{marks.tied} {repeats(s.repeats)} cannot separate these from the best")
    if s.ci_low is not None:
        parts.append(f"{marks.within} 95 % interval of the mean")
    parts.append(f"{marks.up} higher is better, {marks.down} lower is better")
    if left_out:
        parts.append(f"{count(left_out, 'more metric')} in the report and with --format json")
    return f" {marks.dot} ".join(parts)


def build_scores(board: Board) -> TextTable:
    """Return the table of a task: means with intervals, times, chance and noise ceiling."""
    timed = {
        "pretrain s": get_pretraining,
        "fit s": lambda s: seconds(s.fit_seconds),
        "predict s": lambda s: seconds(s.predict_seconds),
    }
    if not pretrains(board):
        del timed["pretrain s"]
    rows = []
    for name in board.predictors:
        first = board.cells[name, board.metrics[0]]
        entries = [get_entry(board.cells[name, metric], board.decimals(metric)) for metric in board.metrics]
        rows.append([name, *entries, *(get(first) for get in timed.values())])
    found = [board.column(metric)[0] for metric in board.metrics]
    decimals = [board.decimals(metric) for metric in board.metrics]
    blank = [""] * len(timed)
    foot = [["chance", *(number(s.chance, d) for s, d in zip(found, decimals, strict=True)), *blank]]
    foot.append(["noise ceiling", *(get_ceiling(s, d) for s, d in zip(found, decimals, strict=True)), *blank])
    return TextTable(
        title=board.title,
        subtitle=board.basis,
        header=["predictor", *board.metrics, *timed],
        directions=[0, *(s.direction for s in found)],
        rows=rows,
        foot=foot,
        after=[get_conclusion(board, board.metrics[0]), board.audit],
        caption=_caption(board),
    )


def get_pretraining(s: Summary) -> str:
    """Return the seconds that a predictor was pretrained for, a dash where it was not."""
    return seconds(s.pretrain_seconds) if s.pretrain_seconds >= _BRIEF else NONE


def _caption(board: Board) -> str:
    """Return a caption for a paper: task, protocol, labels, repeats, what the signs are."""
    s = board.first
    parts = [
        f"Predictors as rankers on {Path(s.bench).name} {s.dataset}, protocol {s.protocol}, "
        f"{count(s.train_size, 'training label')} ({board.basis})",
        f"Mean over {repeats(s.repeats)}" + (", ± 95 % interval" if s.ci_low is not None else ""),
    ]
    if board.decidable:
        parts.append(
            f"Bold: best. ≈: not significantly worse than the best ({s.test} over repeats, "
            f"Holm's correction, {percent(LEVEL, 0)})"
        )
    else:
        parts.append(f"Bold: best mean; {repeats(s.repeats)} cannot separate the predictors marked ≈ from it")
    parts.append("Chance: a random order")
    if any(board.column(metric)[0].ceiling is not None for metric in board.metrics):
        parts.append("Noise ceiling: what training noise leaves")
    if s.n_twins:
        parts.append(board.audit.removesuffix("."))
    return ". ".join(parts) + "."


def _without_twins(board: Board) -> TextTable:
    def entry(s: Summary, decimals: int) -> str:
        if s.mean_no_twins is None:
            return NONE
        change = number(s.mean_no_twins - s.mean, decimals, signed=True)
        return f"{number(s.mean_no_twins, decimals)} ({change})"

    rows = [
        [name, *(entry(board.cells[name, metric], board.decimals(metric)) for metric in board.metrics)]
        for name in board.predictors
    ]
    directions = [0, *(board.column(metric)[0].direction for metric in board.metrics)]
    return TextTable(
        title=f"Without twins: {board.title}",
        subtitle="means over the test networks that were not trained on, and the change",
        caption=f"Without twins: {board.title}. Mean over the test networks that were not trained on, and "
        f"its change from the mean over all, {repeats(board.first.repeats)}.",
        header=["predictor", *board.metrics],
        directions=directions,
        rows=rows,
    )


def _differences(board: Board) -> TextTable:
    base = board.first.baseline

    def entry(s: Summary, decimals: int) -> str:
        if s.predictor == base:
            return "baseline"
        return difference(s.difference, s.difference_low, s.difference_high, s.p_adjusted, decimals)

    rows = [
        [name, *(entry(board.cells[name, metric], board.decimals(metric)) for metric in board.metrics)]
        for name in board.predictors
    ]
    return TextTable(
        title=f"Difference from {base}: {board.title}",
        subtitle=f"paired over {repeats(board.first.repeats)}, 95 % interval, p after Holm's correction",
        caption=f"Difference from {base}: {board.title}. Mean of the paired differences over "
        f"{repeats(board.first.repeats)} with its 95 % interval; p of the {board.first.test} after "
        "Holm's correction.",
        header=["predictor", *board.metrics],
        directions=[0, *(board.column(metric)[0].direction for metric in board.metrics)],
        rows=rows,
    )


def _mean_ranks(found: Sequence[Board]) -> TextTable:
    metrics = found[0].metrics
    by_metric = ranks(found, metrics)
    order = sorted(found[0].predictors, key=lambda p: by_metric[metrics[0]][p])
    rows = [
        [
            name,
            *(
                Entry(number(rank[name], 2), "best" if rank[name] == min(rank.values()) else "")
                for rank in by_metric.values()
            ),
        ]
        for name in order
    ]
    return TextTable(
        title=f"Mean rank over {count(len(found), 'task')}",
        subtitle="1 is best",
        caption=f"Mean rank over {count(len(found), 'task')}; 1 is best, ties share their mean rank.",
        header=["predictor", *metrics],
        rows=rows,
    )
