"""How numbers are written, in every table, page and message: the one place that formats them."""

from __future__ import annotations

import math

NONE = "–"  # stands where there is no value
_SMALLEST_P = 0.001


def is_missing(value: float | None) -> bool:
    """Return whether there is no number: None, NaN or infinite."""
    return value is None or not math.isfinite(value)


def number(value: float | None, decimals: int = 3, *, signed: bool = False) -> str:
    """Return a number with thousands separators, without a negative zero.

    Args:
        value: The number; None and NaN become a dash.
        decimals: Digits after the point.
        signed: Whether a positive number gets a plus sign.
    """
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:,.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        return text.removeprefix("-")
    return f"+{text}" if signed and value > 0 else text


def interval(
    mean: float | None, low: float | None, high: float | None, decimals: int = 3, *, signed: bool = False
) -> str:
    """Return "mean [low, high]", or "mean –" where there is no interval."""
    middle = number(mean, decimals, signed=signed)
    if middle == NONE or is_missing(low) or is_missing(high):
        return middle if middle == NONE else f"{middle} {NONE}"
    ends = (number(end, decimals, signed=signed) for end in (low, high))
    return f"{middle} [{', '.join(ends)}]"


def half_width(mean: float, high: float | None, decimals: int = 3, sign: str = "±") -> str:
    """Return "±0.012", half the width of a symmetric interval; "" where there is none."""
    return "" if high is None or is_missing(high) else f"{sign}{number(high - mean, decimals)}"


def p_value(p: float | None) -> str:
    """Return "p=0.012", "p<0.001", or a dash where nothing was tested."""
    if p is None or is_missing(p):
        return NONE
    return f"p<{_SMALLEST_P}" if p < _SMALLEST_P else f"p={p:.3f}"


def difference(
    mean: float | None, low: float | None, high: float | None, p: float | None, decimals: int = 3
) -> str:
    """Return "+0.012 [+0.001, +0.023] p=0.031"; a dash where there is no interval or test."""
    text = interval(mean, low, high, decimals, signed=True)
    if text.endswith(NONE):
        return text
    return f"{text} {p_value(p)}"


def count(n: int, noun: str, plural: str = "") -> str:
    """Return "1 repeat", "2 repeats", "1,200 labels"; `plural` where it is not the noun with an s."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def repeats(n: int) -> str:
    """Return "1 repeat", "2 repeats"."""
    return count(n, "repeat")


def seconds(value: float | None) -> str:
    """Return a duration in seconds with about three digits."""
    if value is None or not math.isfinite(value):
        return NONE
    if value < 0.001:
        return "<0.001"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def percent(share: float | None, decimals: int = 1) -> str:
    """Return a fraction as a percentage: 0.047 is "4.7 %"."""
    return NONE if share is None or is_missing(share) else f"{number(100 * share, decimals)} %"
