"""Objectives: what is measured of a network, which way is better, and which values are possible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.errors import InputError

TRAINING = ("seed", "seconds", "status")
"""Columns that say of a training what is no objective."""
RESERVED = ("id", "arch", "space", "hash", *TRAINING, "asked", "told", "imported")
"""Columns of every campaign."""
_COSTS = ("latency", "flops", "params", "macs", "energy", "memory", "seconds", "time", "size")
_PERCENT = ("acc", "top1", "top5", "accuracy")


@dataclass(frozen=True)
class Objective:
    """A number that every network of a campaign gets.

    Attributes:
        name: Column of the results.
        direction: "max" or "min".
        low: Smallest possible value, in the unit of the results.
        high: Largest possible value.
    """

    name: str
    direction: Literal["max", "min"] = "max"
    low: float = -math.inf
    high: float = math.inf

    @property
    def sign(self) -> int:
        """1 where larger is better, -1 where smaller is."""
        return 1 if self.direction == "max" else -1

    def parse(self, value: object) -> float:
        """Return a result as a number.

        Raises:
            InputError: It is no number, not finite, or outside what is possible.
        """
        try:
            if isinstance(value, bool):
                raise ValueError
            number = float(value)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError):
            raise InputError(f"{self.name} is not a number: {str(value)[:60]!r}") from None
        if not math.isfinite(number):
            raise InputError(f"{self.name} is {number}; a training without a result has status=failed")
        if not self.low <= number <= self.high:
            raise InputError(
                f"{self.name} is {number:g}, outside the possible {self.low:g} to {self.high:g} "
                f"(set when the campaign began: {self.name}:{self.direction}:LOW:HIGH)"
            )
        return number


def parse_objectives(texts: Sequence[str]) -> tuple[Objective, ...]:
    """Return objectives as users write them: "acc", "latency:min", "acc:max:0:1".

    Without bounds, an accuracy lies between 0 and 100 and a cost is not negative, both told by their names.

    Raises:
        InputError: Not of this form, a reserved name, or a name twice.
    """
    objectives = tuple(_parse(text) for text in texts)
    names = [each.name for each in objectives]
    if not names:
        raise InputError("a campaign needs at least one objective, e.g. acc:max")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"objective listed twice: {', '.join(twice)}")
    return objectives


def _parse(text: str) -> Objective:
    name, *rest = str(text).split(":")
    direction = rest[0] if rest else "max"
    if not name or direction not in ("max", "min") or len(rest) not in (0, 1, 3):
        raise InputError(f"an objective is written NAME, NAME:min or NAME:max:LOW:HIGH, not {text!r}")
    if name in RESERVED:
        raise InputError(f"'{name}' is a column of every campaign: give the objective another name")
    if len(rest) == 3:
        try:
            low, high = float(rest[1]), float(rest[2])
        except ValueError:
            raise InputError(f"the bounds of objective {text!r} are not numbers") from None
        if not low < high:
            raise InputError(f"objective {text!r}: the lower bound must be below the upper one")
        return Objective(name, direction, low, high)
    if any(part in _PERCENT for part in name.lower().replace("-", "_").split("_")):
        return Objective(name, direction, 0.0, 100.0)
    return Objective(name, direction, 0.0 if is_cost(name) else -math.inf)


def is_cost(name: str) -> bool:
    """Return whether a column is a cost of a network or a training, by its name."""
    return any(cost in name.lower() for cost in _COSTS)


def oriented(values: np.ndarray, objectives: Sequence[Objective]) -> np.ndarray:
    """Return values (n, d) with larger ones better."""
    return np.asarray(values, np.float64).reshape(-1, len(objectives)) * [each.sign for each in objectives]
