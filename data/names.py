"""Closest-name lookup, shared by every registry."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from data.errors import UnknownNameError


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three known names that resemble `name`, best first."""
    return get_close_matches(name, list(known), n=3, cutoff=0.5)


def check_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return `name` if it is known.

    Args:
        kind: What the name stands for, in the message ("predictor", "metric", ...).
        name: The requested name.
        known: All names.

    Raises:
        UnknownNameError: `name` is not known; the message gives the closest names, or all if none is close.
    """
    names = list(known)
    if name in names:
        return name
    near = closest(name, names)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"known: {', '.join(dict.fromkeys(names)) or 'none'}"
    )
    raise UnknownNameError(f"unknown {kind} '{name}'; {hint}")
