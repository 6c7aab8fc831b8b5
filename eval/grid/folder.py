"""The folder of a run: one run a folder, nothing finished is lost, files of others are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.errors import InputError
from eval.results import NAMES, ROWS, SCORES, SETTINGS

FILES = (SETTINGS, ROWS, SCORES, NAMES, "search_rows.jsonl")
PAGES = ("report.html", "ablation.html", "curve.html", "weak.html", "search.html", "leaderboard.html")
Signature = dict[str, int]  # repeats of each part of a run: a task, a predictor and how it was run


def claim_folder(out: Path | None, default: Path, kind: str, signature: Signature) -> Path:
    """Return the folder of a run: a new one, or that of an earlier run which this one continues.

    A run continues an earlier one if it includes all of it: the same tasks on the same table, predictors and
    repeats, or more of them. Without `out`, the next free name is taken where `default` holds another run.

    Args:
        out: The folder that was asked for; None for the default.
        default: Default folder.
        kind: What kind of run it is ("run", "search", ...).
        signature: The parts of the run and their repeats.

    Raises:
        InputError: `out` holds another run, or files that no run has written.
    """
    if out is not None:
        if reason := _conflict(out, kind, signature):
            raise InputError(f"'{out}' {reason}; choose another folder")
        return out
    number = 1
    while True:
        folder = default if number == 1 else default.with_name(f"{default.name}-{number}")
        if not _conflict(folder, kind, signature):
            return folder
        number += 1


def sign(kind: str, signature: Signature) -> dict[str, Any]:
    """Return what settings.json says of a run, for `claim_folder`."""
    return {"kind": kind, "parts": signature}


def _conflict(folder: Path, kind: str, signature: Signature) -> str:
    """Return why a run cannot use a folder; "" if it can."""
    if folder.exists() and not folder.is_dir():
        return "is not a folder"
    present = [name for name in (*FILES, *PAGES) if (folder / name).exists()]
    if not present:
        return ""
    run = _read(folder / SETTINGS)
    if run is None:
        return f"holds {', '.join(present)}, which no run of this version has written"
    if not any((folder / "trials").glob("*")):
        return ""  # nothing was finished, so nothing can be lost
    if run["kind"] != kind:
        return f"holds the results of another command ({run['kind']})"
    lost = [part for part, repeats in run["parts"].items() if signature.get(part, 0) < repeats]
    if not lost:
        return ""
    return f"holds another run, whose results would be lost ({_describe(lost, run['parts'], signature)})"


def _describe(lost: Sequence[str], stored: Mapping[str, int], signature: Signature) -> str:
    part = lost[0]
    more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
    fewer = f": {stored[part]} repeats, not {signature[part]}" if part in signature else ""
    return f"{part}{fewer}{more}"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        run = json.loads(path.read_text("utf-8"))["run"]
        return {"kind": str(run["kind"]), "parts": {str(k): int(v) for k, v in run["parts"].items()}}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
