"""Notices: what a reader must know before the numbers, from the rows of results alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from data.split import PROTOCOLS
from eval.report.board import Board
from eval.report.summary import CORRECTED_T
from eval.results import Row

_CLEAN = "leakfree"  # the protocol without overlap
_LEAKING = 0.001  # share of the test rows that were trained on


def get_notices(rows: Sequence[Row], found: Sequence[Board] = ()) -> list[str]:
    """Return warnings for a box: stand-ins, excerpts, protocols that leak, tables too small to decide.

    Args:
        rows: Rows of results.
        found: Their boards.
    """
    lines = [*map(_stands_in, rows), *map(_excerpt, rows), *_labels(rows), *_leaks(rows), *map(_small, found)]
    return list(dict.fromkeys(line for line in lines if line))


def _title(row: Row) -> str:
    return str(row.get("title") or row["bench"])


def _stands_in(row: Row) -> str:
    reason = row.get("stands_in_for")
    return f"{_title(row)} is not the real table: {reason}" if reason else ""


def _excerpt(row: Row) -> str:
    note = row.get("size_note") or ""
    return f"{_title(row)} is an excerpt: {note}." if " of " in note else ""


def _labels(rows: Iterable[Row]) -> list[str]:
    """Return a line for each protocol of a paper whose results here were trained on another label."""
    names = ("dataset", "protocol", "label")  # rows of searches have no protocol
    used = dict.fromkeys((_title(row), *(row[name] for name in names)) for row in rows if row.get("protocol"))
    lines = []
    for title, dataset, protocol, label in used:
        if protocol in PROTOCOLS and (differs := PROTOCOLS[protocol].differs_from_paper(label)):
            lines.append(f"{title} {dataset}: {differs}.")
    return lines


def _leaks(rows: Iterable[Row]) -> list[str]:
    """Return a line for each protocol and data set under which test networks were trained on."""
    shares: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        if row.get("n_test"):
            share = row["n_twins"] / row["n_test"]
            shares.setdefault((_title(row), row["dataset"], row["protocol"]), []).append(share)
    lines = []
    for (title, dataset, protocol), found in shares.items():
        share = sum(found) / len(found)
        if share >= _LEAKING:
            lines.append(
                f"Protocol {protocol} leaks: on {title} {dataset}, {100 * share:.1f} % of the test "
                "architectures are networks that were trained on. The leak audit has the scores without "
                f"them; protocol {_CLEAN} has no such overlap."
            )
    return lines


def _small(board: Board) -> str:
    """Return that a small table cannot tell the best predictor from the next, and what would."""
    next_best = [s for s in board.column(board.metrics[0]) if not s.best][:1]
    for s in next_best:
        if s.tied and s.test == CORRECTED_T:
            return f"Small table: {board.title}. {s.metric}: {s.verdict}."
    return ""
