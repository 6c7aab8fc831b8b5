"""What a leaderboard compares where nothing is named: the tables on this machine, the quick predictors."""

from __future__ import annotations

import benchmarks
import predictors
from data.cache import find
from data.errors import MissingTableError, UnknownNameError


def choose_benchmarks() -> tuple[list[str], list[str]]:
    """Return the registered benchmarks whose tables are on this machine, and those whose are not.

    Raises:
        MissingTableError: There are none.
    """
    known = [key for key in benchmarks.REGISTRY if key not in benchmarks.STAND_INS.values()]
    found = [key for key in known if _is_here(key)]
    if not found:
        raise MissingTableError("no table of a benchmark is on this machine; fetch one: acerank fetch nb201")
    return found, [key for key in known if key not in found]


def _is_here(key: str) -> bool:
    kind = benchmarks.get(key)
    try:
        return bool(kind.file) or find(kind.info.key) is not None
    except UnknownNameError:  # a benchmark of another package, which has its own way to load
        return False


def choose_predictors() -> tuple[list[str], list[str]]:
    """Return the registered predictors that are not costly, and those that are."""
    costly = [name for name in predictors.names() if getattr(predictors.get(name), "costly", False)]
    return [name for name in predictors.names() if name not in costly], costly
