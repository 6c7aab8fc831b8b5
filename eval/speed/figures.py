"""A measured figure next to its goals."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured figure and what it aims for.

    Attributes:
        name: What was measured.
        value: The figure; None if it could not be measured here.
        goal: What it should stay below, or above if `more`.
        unit: Unit of both.
        note: How it was measured.
        more: Whether more is better.
    """

    name: str
    value: float | None
    goal: float
    unit: str
    note: str = ""
    more: bool = False


def reset_peak() -> None:
    """Forget the peak memory so far, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> float:
    """Return the most memory this process has held, in MB (millions of bytes).

    Linux's own account where there is one: `getrusage` counts what the parent held before the process began.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    if found:
        return int(found[1]) * 1024 / 1e6
    from resource import RUSAGE_SELF, getrusage

    return getrusage(RUSAGE_SELF).ru_maxrss * 1024 / 1e6
