"""What a leaderboard compares where nothing is named: the tables on this machine, the quick predictors."""

from __future__ import annotations

import logging

import benchmarks
import predictors
from data.cache import find
from data.errors import MissingTableError, UnknownNameError

log = logging.getLogger("acerank")


def choose_benchmarks() -> list[str]:
    """Return the registered benchmarks whose tables are on this machine; log the others.

    Raises:
        MissingTableError: There are none.
    """
    known = [key for key in benchmarks.REGISTRY if key not in benchmarks.STAND_INS.values()]
    found = [key for key in known if _is_here(key)]
    if not found:
        raise MissingTableError("no table of a benchmark is on this machine; fetch one: acerank fetch nb201")
    if absent := [key for key in known if key not in found]:
        log.info("not at hand, so not compared: %s", ", ".join(absent))
    return found


def _is_here(key: str) -> bool:
    kind = benchmarks.get(key)
    try:
        return bool(kind.file) or find(kind.info.key) is not None
    except UnknownNameError:  # a benchmark of another package, which has its own way to load
        return False


def choose_predictors() -> list[str]:
    """Return the registered predictors that are not costly; log the others."""
    costly = [name for name in predictors.names() if getattr(predictors.get(name), "costly", False)]
    if costly:
        log.info("costly, so compared only where named with --predictors: %s", ", ".join(costly))
    return [name for name in predictors.names() if name not in costly]
