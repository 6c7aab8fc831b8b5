"""Data frames of pandas in a pickle: the names that they need, each of which builds plain values.

pandas writes a frame as a manager of blocks: column names, row numbers, and two-dimensional arrays with the
columns that each of them holds (state "0.14.1" of `BlockManager`, the form of pandas 0.14 to 1.2). pandas is
not asked to read it: its readers are made for files one trusts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.convert.pickle_machine import Limits
from data.convert.pickle_names import Dtype, Name, RefusedError, Unfinished, fill_array, shown
from data.convert.pickles import read_pickle
from data.errors import TableError

_FORM = "0.14.1"
_MOST_COLUMNS = 1000


def read_frame(
    path: Path, progress: Callable[[float], object] = lambda share: None
) -> dict[str, np.ndarray | list[Any]]:
    """Return the columns of a pickled data frame, in its order.

    Numbers come as an array (rows,), everything else as a list of plain values.

    Raises:
        TableError: The file is not such a pickle, or asks for something that is not data.
    """
    frame = read_pickle(
        path, names=_FRAME_NAMES, limits=Limits(size=1 << 28, held=1 << 28), progress=progress
    )
    if not isinstance(frame, _Frame):
        raise TableError(f"{path.name}: {shown(frame)} where a data frame belongs")
    try:
        return frame.get_columns()
    except RefusedError as error:
        raise TableError(f"{path.name}: {error}") from error


class _Objects(Unfinished):
    """An array of any values, until its content is known: a list, or a numpy array of numbers."""

    def __init__(self) -> None:
        self.rows: list[Any] = []  # of an array of objects: its first, or only, row after row
        self.shape: tuple[int, ...] = (0,)
        self.numbers: np.ndarray | None = None

    def build(self, state: object) -> None:
        """Take shape, type and values."""
        if isinstance(state, tuple) and len(state) == 5 and isinstance(state[2], _ObjectType):
            _, shape, _, fortran, values = state
            flat = isinstance(values, list) and _is_shape(shape) and math.prod(shape) == len(values)
            if not flat or (fortran and len(shape) > 1 and 1 not in shape):
                raise RefusedError("a numpy array of objects of unknown layout")
            self.rows, self.shape = values, shape
        else:
            array = np.ndarray((0,), "b")
            fill_array(array, state)
            self.numbers, self.shape = array, array.shape


class _ObjectType(Unfinished):
    """The numpy type of arrays of any values."""

    def build(self, state: object) -> None:
        """Accept byte order and flags, which mean nothing for objects."""


class _Manager(Unfinished):
    """The blocks of a frame."""

    def __init__(self) -> None:
        self.state: Mapping[str, Any] = {}

    def build(self, state: object) -> None:
        """Take the part of the state in the one form that is read."""
        last = state[-1] if isinstance(state, tuple) and len(state) == 4 else None
        form = last.get(_FORM) if isinstance(last, dict) else None
        if not isinstance(form, dict):
            raise RefusedError(f"a data frame that is not in the form of pandas {_FORM}")
        self.state = form


class _Frame(Unfinished):
    """A data frame."""

    def __init__(self) -> None:
        self.manager = _Manager()

    def build(self, state: object) -> None:
        """Take the manager; what else a frame may carry is not read."""
        found = (state.get("_data") or state.get("_mgr")) if isinstance(state, dict) else None
        if not isinstance(found, _Manager):
            raise RefusedError("a data frame without its blocks")
        self.manager = found

    def get_columns(self) -> dict[str, np.ndarray | list[Any]]:
        """Return the columns by name; RefusedError if the blocks do not make them up exactly."""
        axes, blocks = self.manager.state.get("axes"), self.manager.state.get("blocks")
        if not isinstance(axes, list) or len(axes) != 2 or not isinstance(blocks, list):
            raise RefusedError("a data frame of unknown layout")
        names, rows = axes[0], axes[1]
        if not _is_list_of(names, str) or len(names) > _MOST_COLUMNS or len(set(names)) < len(names):
            raise RefusedError("a data frame whose columns have no names of their own")
        columns: dict[int, np.ndarray | list[Any]] = {}
        for block in blocks:
            for place, values in _split_block(block, len(names), len(rows)):
                if place in columns:
                    raise RefusedError(f"a data frame that has column {names[place]!r} twice")
                columns[place] = values
        if len(columns) != len(names):
            raise RefusedError(f"a data frame with {len(columns)} of its {len(names)} columns")
        return {name: columns[place] for place, name in enumerate(names)}


def _split_block(block: object, width: int, height: int) -> list[tuple[int, np.ndarray | list[Any]]]:
    """Return (place of the column, its values) of a block of columns of one type."""
    values = block.get("values") if isinstance(block, dict) else None
    places = _get_places(block.get("mgr_locs") if isinstance(block, dict) else None, width)
    if isinstance(values, np.ndarray) and values.shape == (len(places), height):
        return list(zip(places, values, strict=True))
    if isinstance(values, _Objects) and values.shape == (len(places), height):
        if values.numbers is not None:
            return list(zip(places, values.numbers, strict=True))
        return [
            (place, values.rows[i * height : (i + 1) * height]) for i, place in enumerate(places)
        ]  # fmt: skip
    raise RefusedError("a block of a data frame of unknown layout")


def _get_places(places: object, width: int) -> list[int]:
    """Return which columns a block holds: a slice or an array of places."""
    if isinstance(places, slice):
        return list(range(width))[places]
    if isinstance(places, _Objects) and places.numbers is not None:
        places = places.numbers
    if isinstance(places, np.ndarray) and places.ndim == 1 and places.dtype.kind in "iu":
        found = places.tolist()
        if all(0 <= place < width for place in found):
            return found
    raise RefusedError("a block of a data frame of unknown layout")


def _is_shape(shape: object) -> bool:
    return isinstance(shape, tuple) and 0 < len(shape) < 3 and all(type(s) is int and s >= 0 for s in shape)


def _is_list_of(values: object, kind: type) -> bool:
    return isinstance(values, list) and all(type(value) is kind for value in values)


def _dtype(text: object, *_: object) -> Unfinished:
    return _ObjectType() if text in ("O", "O8") else Dtype(text)  # pyright: ignore[reportArgumentType]


def _from_buffer(raw: object, dtype: object, shape: object, order: object) -> np.ndarray:
    """Return the array that numpy writes in one piece: bytes, type, shape, order."""
    if type(dtype) is not Dtype or not isinstance(raw, bytes) or order not in ("C", "F"):
        raise RefusedError("a numpy array of unknown layout")
    array = np.ndarray((0,), "b")
    fill_array(array, (1, shape, dtype, order == "F", raw))
    return array


def _array(kind: object, shape: object, code: object) -> _Objects:
    if not (isinstance(kind, Name) and kind.text == "numpy.ndarray" and shape == (0,)):
        raise RefusedError("a numpy array of unknown layout")
    return _Objects()


def _index(kind: object, content: object) -> list[Any] | range:
    """Return the labels of an axis: texts, or a range of numbers."""
    text = kind.text if isinstance(kind, Name) else ""
    if not isinstance(content, dict):
        raise RefusedError("an index of a data frame of unknown layout")
    if text.endswith(".RangeIndex"):
        first, end, step = (content.get(name) for name in ("start", "stop", "step"))
        if not (type(first) is int and type(end) is int and type(step) is int and step):
            raise RefusedError("an index of a data frame of unknown layout")
        return range(first, end, step)
    data = content.get("data")
    if not isinstance(data, _Objects) or data.numbers is not None or len(data.shape) != 1:
        raise RefusedError("an index of a data frame that is neither texts nor a range")
    return data.rows


def _slice(*bounds: object) -> slice:
    if len(bounds) != 3 or not all(type(bound) is int for bound in bounds):
        raise RefusedError("a slice of something other than numbers")
    first, end, step = bounds
    return slice(first, end, step)


def _never(*_: object) -> None:
    raise RefusedError("a call of a pandas index")


def _names() -> Mapping[str, Name]:
    made: dict[str, Callable[..., Any]] = {
        "pandas.core.frame.DataFrame": _Frame,
        "pandas.core.internals.managers.BlockManager": _Manager,
        "pandas.core.indexes.base._new_Index": _index,
        "pandas.core.indexes.base.Index": _never,
        "pandas.core.indexes.range.RangeIndex": _never,
        "numpy.dtype": _dtype,
        "builtins.slice": _slice,
    }
    for core in ("core", "_core"):
        made[f"numpy.{core}.multiarray._reconstruct"] = _array
        made[f"numpy.{core}.numeric._frombuffer"] = _from_buffer
    return {text: Name(text, build) for text, build in made.items()}


_FRAME_NAMES = _names()
