"""Large dicts whose values are reduced as they come, and what a pickle may still refer to afterwards.

A pickle numbers the objects that it may refer to again: sixty million in a release of 5 GB, most of them
keys such as "x-valid@17" that are written out for every training. A later record does refer to texts of an
earlier one, the names of its fields above all; nothing tells which. So plain values stay known, each once,
at four bytes for each of the numbers; of the containers of a record that is over nothing stays.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

from data.convert.pickle_names import KEY_TYPES, RefusedError

_LONGEST = 200
_MOST_ITEMS = 8
_MOST_VALUES = 1 << 22
_MOST_NUMBERS = 1 << 28


@dataclass(frozen=True)
class Shed:
    """How the values of large dicts are made small as soon as each has been read.

    Attributes:
        dicts: Names of these dicts: the keys that they have in the dict above.
        reduce: (name of the dict, key, value) -> what is kept in the value's place.
    """

    dicts: Set[str]
    reduce: Callable[[str, Any, Any], object]


class Past:
    """The plain values among the objects of records that are over, by their numbers."""

    def __init__(self) -> None:
        self._places: dict[Any, int] = {}  # value -> its place in `_values`
        self._values: list[Any] = [None]
        self._place_of = array("I")  # number -> place of its value, 0 for what may change

    def __len__(self) -> int:
        """Return the number that comes next."""
        return len(self._place_of)

    def add(self, number: int, thing: object) -> None:
        """Take the object of the next number."""
        if number != len(self._place_of) or number >= _MOST_NUMBERS:
            raise RefusedError(f"object {number} out of turn")
        self._place_of.append(self._place(thing))

    def recall(self, number: int) -> Any:  # noqa: ANN401
        """Return the value of a number."""
        if number < len(self._place_of) and self._place_of[number]:
            return self._values[self._place_of[number]]
        raise RefusedError(f"object {number}, which is not there, or of a record that is over")

    def _place(self, thing: object) -> int:
        if type(thing) is str:  # the quick way for what nearly all are
            if len(thing) > _LONGEST:
                return 0
            key: object = thing
        elif _is_short(thing):
            key = type(thing), thing
        elif type(thing) is tuple and len(thing) <= _MOST_ITEMS and all(map(_is_short, thing)):
            key = tuple(map(type, thing)), thing
        else:
            return 0
        place = self._places.setdefault(key, len(self._values))
        if place == len(self._values):
            if place >= _MOST_VALUES:
                raise RefusedError(f"more than {_MOST_VALUES:,} texts and numbers to remember")
            self._values.append(thing)
        return place


def _is_short(thing: object) -> bool:
    return type(thing) in KEY_TYPES and not (isinstance(thing, str | bytes) and len(thing) > _LONGEST)
