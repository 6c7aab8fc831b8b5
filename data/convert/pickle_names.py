"""What a pickle may name, and what is made of it: containers and numbers of numpy, nothing that acts.

The pickles of the official releases call a handful of constructors. Each is written again here, with its
arguments checked; none is imported because a file asks for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np

KEY_TYPES: frozenset[type] = frozenset({str, bytes, int, float, bool, NoneType})
_DTYPE = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248])")
_MOST_DIMENSIONS = 8
_LONGEST_NAME = 200


class RefusedError(Exception):
    """A pickle asks for something that it may not have; the message says for what."""


@dataclass(frozen=True, eq=False)
class Name:
    """A name that a pickle may use.

    Attributes:
        text: Module and name, e.g. "collections.OrderedDict".
        build: Makes the value from the pickle's arguments.
    """

    text: str
    build: Callable[..., Any]


class Unfinished:
    """A value whose content comes in a later step of the pickle."""

    def build(self, state: object) -> None:
        """Take the content; RefusedError if it is not of the known form."""
        raise NotImplementedError


class Dtype(Unfinished):
    """A type of numbers, whose byte order comes in a later step of the pickle."""

    def __init__(self, text: str | bytes, *_: object) -> None:
        name = _ascii(text)
        if not _DTYPE.fullmatch(name):
            raise RefusedError(f"the numpy type {shown(name)}: only booleans, integers and floats are read")
        self.dtype = np.dtype(name)

    def build(self, state: object) -> None:
        """Set the byte order: the second field of the state."""
        order = _ascii(state[1]) if isinstance(state, tuple) and len(state) > 1 else ""
        if order not in ("<", ">", "=", "|"):
            raise RefusedError(f"a numpy type of byte order {shown(order)}")
        self.dtype = self.dtype.newbyteorder(order)  # pyright: ignore[reportArgumentType]


def shown(value: object) -> str:
    """Return a short text for a value of a file: a text or number in full, else its type."""
    if isinstance(value, str | bytes | int | float | bool | NoneType):
        text = repr(value[:60] if isinstance(value, str | bytes) else value)
        return text if len(text) <= 80 else text[:77] + "..."
    return f"a {type(value).__name__}"


def check_keys(keys: list[Any]) -> None:
    """Refuse keys that are not texts, numbers or flat tuples of them; nested ones take forever to hash."""
    if KEY_TYPES.issuperset(map(type, keys)):
        return
    for key in keys:
        flat = type(key) is tuple and KEY_TYPES.issuperset(map(type, key))
        if type(key) not in KEY_TYPES and not flat:
            raise RefusedError(f"{shown(key)} as a key")


def fill_array(array: np.ndarray, state: object) -> None:
    """Give `array`, empty so far, its shape, type and values.

    Raises:
        RefusedError: The state is not that of a plain array, or its bytes are not those of its shape.
    """
    if not (isinstance(state, tuple) and len(state) == 5):
        raise RefusedError("a numpy array of unknown layout")
    _, shape, dtype, fortran, raw = state
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    sizes = isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not (sizes and type(dtype) is Dtype and isinstance(raw, bytes)) or len(shape) > _MOST_DIMENSIONS:
        raise RefusedError("a numpy array of unknown layout")
    if math.prod(shape) * dtype.dtype.itemsize != len(raw):
        raise RefusedError(f"a numpy array of shape {shape} and {dtype.dtype} in {len(raw):,} bytes")
    array.__setstate__((1, shape, dtype.dtype, bool(fortran), raw))  # pyright: ignore[reportArgumentType]


def _ascii(text: object) -> str:
    if isinstance(text, bytes):
        text = text.decode("latin1")
    if not isinstance(text, str):
        raise RefusedError(f"{shown(text)} where a text belongs")
    return text


def _ordered() -> dict[Any, Any]:
    return {}


def _no_bytes() -> bytes:
    return b""


def _set(items: object = ()) -> set[Any]:
    if not isinstance(items, list | tuple):
        raise RefusedError(f"a set of {shown(items)}")
    check_keys(list(items))
    return set(items)


def _encode(text: object, codec: object) -> bytes:
    if not isinstance(text, str) or codec not in ("latin1", "latin-1"):
        raise RefusedError(f"_codecs.encode with {shown(codec)}")
    return text.encode("latin1")


def _scalar(dtype: object, raw: object) -> bool | int | float:
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    if type(dtype) is not Dtype or not isinstance(raw, bytes) or len(raw) != dtype.dtype.itemsize:
        raise RefusedError("a numpy number of unknown layout")
    return np.frombuffer(raw, dtype.dtype)[0].item()


def _array(kind: object, shape: object, code: object) -> np.ndarray:
    if not (isinstance(kind, Name) and kind.text == "numpy.ndarray" and shape == (0,)):
        raise RefusedError("a numpy array of unknown layout")
    return np.ndarray((0,), "b")


def _never(*_: object) -> None:
    raise RefusedError("a call of numpy.ndarray")


def _names() -> Mapping[str, Name]:
    made: dict[str, Callable[..., Any]] = {
        "collections.OrderedDict": _ordered,
        "_codecs.encode": _encode,
        "numpy.dtype": Dtype,
        "numpy.ndarray": _never,
    }
    for builtins in ("builtins", "__builtin__"):
        made[f"{builtins}.set"] = _set
        made[f"{builtins}.bytes"] = _no_bytes
    for core in ("core", "_core"):
        made[f"numpy.{core}.multiarray.scalar"] = _scalar
        made[f"numpy.{core}.multiarray._reconstruct"] = _array
    return {text: Name(text, build) for text, build in made.items()}


NAMES = _names()


def find_name(text: str, more: Mapping[str, Name]) -> Name:
    """Return what a module and name stand for: of the names `more` of one file, or those of every file.

    Raises:
        RefusedError: It is neither; nothing is imported.
    """
    known = more.get(text) or NAMES.get(text)
    if known is None:
        raise RefusedError(text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "...")
    return known
