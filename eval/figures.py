"""A measured figure beside what it aims for."""

from __future__ import annotations

from dataclasses import dataclass


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
