"""Constraints on columns: "latency<5", "params<=3.2", "device==pixel3"."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import InputError

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_PATTERN = re.compile(r"\s*(.+?)\s*(<=|>=|==|!=|<|>)\s*(.+?)\s*")


@dataclass(frozen=True)
class Constraint:
    """A column, a comparison, and what it is compared with.

    Attributes:
        column: Name of the column.
        comparison: One of OPERATORS.
        value: A number, or a text for == and !=.
    """

    column: str
    comparison: str
    value: float | str

    def __str__(self) -> str:
        """Return the constraint as it is written."""
        value = f"{self.value:g}" if isinstance(self.value, float) else self.value
        return f"{self.column}{self.comparison}{value}"

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Return (n,) whether it holds; it does not where a value (n,) is missing.

        Raises:
            InputError: A number is compared with texts.
        """
        if isinstance(self.value, float):
            try:
                numbers = np.asarray(values, float)
            except (TypeError, ValueError):
                raise InputError(f"constraint '{self}': column '{self.column}' holds no numbers") from None
            return OPERATORS[self.comparison](numbers, self.value) & np.isfinite(numbers)
        missing = np.array([value is None for value in values], bool)
        return OPERATORS[self.comparison](np.asarray(values, str), self.value) & ~missing


def parse_constraint(text: str) -> Constraint:
    """Return the constraint that a text like "latency<5" states.

    Raises:
        InputError: It states none, or orders texts.
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise InputError(f"'{text}' is no constraint; write COLUMN<NUMBER, with <, <=, >, >=, == or !=")
    column, comparison, value = found.groups()
    try:
        return Constraint(column, comparison, float(value))
    except ValueError:
        if comparison not in ("==", "!="):
            raise InputError(f"constraint '{text}': '{value}' is not a number") from None
    return Constraint(column, comparison, value)


def parse_constraints(texts: str | Iterable[str]) -> list[Constraint]:
    """Return the constraints of one text or several."""
    return [parse_constraint(text) for text in ([texts] if isinstance(texts, str) else texts)]
