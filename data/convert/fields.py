"""The fields of one record of an original: each checked when it is taken, with the record's place."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from data.convert.jsonstream import said
from data.errors import TableError

MAX = sys.float_info.max


class Fields:
    """An object of an original (JSON or an unpickled mapping) and where it is.

    Attributes:
        place: File and record, as `jsonstream.spell` writes it.
        where: Name of the object within the record, "" for the record itself.
    """

    def __init__(self, value: object, place: str, where: str = "") -> None:
        self.place, self.where = place, where
        if not isinstance(value, Mapping):
            self.fail("", f"not an object but {said(value)}")
        self.value: Mapping[Any, Any] = value

    def fail(self, name: str, what: str) -> NoReturn:
        """Raise TableError: `what` is wrong with the field `name` ("" for the object itself)."""
        spelled = ".".join(part for part in (self.where, name) if part)
        raise TableError(f"{self.place}: {spelled + ' is ' if spelled else ''}{what}")

    def __contains__(self, name: str) -> bool:
        """Return whether there is a field of that name."""
        return name in self.value

    def take(self, name: str) -> Any:  # noqa: ANN401
        """Return a field as it is."""
        if name not in self.value:
            self.fail(name, "missing")
        return self.value[name]

    def inner(self, name: str) -> Fields:
        """Return a field that is an object."""
        return Fields(self.take(name), self.place, ".".join(part for part in (self.where, name) if part))

    def number(self, name: str, low: float = -MAX, high: float = MAX) -> float:
        """Return a field that is a finite number in [low, high]."""
        return self._number(name, self.take(name), low, high)

    def percent(self, name: str) -> float:
        """Return a field that is a percentage, 0 to 100."""
        return self.number(name, 0, 100)

    def integer(self, name: str, low: int) -> int:
        """Return a field that is a whole number of at least `low`."""
        return self._integer(name, self.take(name), low)

    def text(self, name: str) -> str:
        """Return a field that is a string."""
        value = self.take(name)
        if not isinstance(value, str):
            self.fail(name, f"not a string but {said(value)}")
        return value

    def items(self, name: str, length: int | None = None) -> list[Any]:
        """Return a field that is a list (of `length` items)."""
        value = self.take(name)
        if not isinstance(value, list) or (length is not None and len(value) != length):
            wanted = "a list" if length is None else f"a list of {length}"
            self.fail(name, f"not {wanted} but {said(value)}")
        return value

    def numbers(
        self, name: str, low: float = -MAX, high: float = MAX, length: int | None = None
    ) -> list[float]:
        """Return a field that is a list of finite numbers in [low, high]."""
        return [
            self._number(f"{name}[{i}]", v, low, high) for i, v in enumerate(self.items(name, length))
        ]  # fmt: skip

    def integers(self, name: str, low: int, length: int | None = None) -> list[int]:
        """Return a field that is a list of whole numbers of at least `low`."""
        return [self._integer(f"{name}[{i}]", v, low) for i, v in enumerate(self.items(name, length))]

    def _number(self, name: str, value: object, low: float, high: float) -> float:
        # The comparison also refuses NaN, which is neither smaller nor larger than anything.
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            limits = "" if (low, high) == (-MAX, MAX) else f" in {low:g}..{high:g}"
            self.fail(name, f"not a finite number{limits} but {said(value)}")
        return float(value)

    def _integer(self, name: str, value: object, low: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 1 << 62:
            self.fail(name, f"not a whole number of at least {low} but {said(value)}")
        return value
