"""Columns of a file, as Arrow or Python values -> columns of numbers, truth values, texts or lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from data.arrow import floats
from data.errors import TableError
from data.readers.numbers import holds_architecture, typed

LARGEST = 1e30  # of a number: beyond it squares overflow, or do in single precision


def checked_names(names: Sequence[str], source: str) -> list[str]:
    """Return column names, those without one as "unnamed_N"; TableError if one is used twice."""
    named = [name or f"unnamed_{i}" for i, name in enumerate(names)]
    broken = next((name for name in named if not _is_unicode(name)), None)
    if broken is not None:
        raise TableError(f"{source}: the column name {broken!r} is not valid Unicode")
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise TableError(f"{source} has more than one column named {', '.join(twice)}; rename one")
    return named


def from_values(
    names: Sequence[str], columns: Sequence[Sequence[Any]], source: str, *, decimal_comma: bool = False
) -> tuple[pa.Table, list[str]]:
    """Return a table of columns of Python values, and what a reader must be told.

    Raises:
        TableError: A column is used twice, or mixes numbers with what is no number.
    """
    arrays, notices = {}, []
    for name, values in zip(checked_names(names, source), columns, strict=True):
        array, lines = _column(name, values, decimal_comma=decimal_comma)
        if name.startswith("unnamed_") and array.null_count == len(array):
            continue  # a separator at the end of each line
        arrays[name] = array
        notices += lines
    return pa.table(arrays), notices


def tidy(table: pa.Table, source: str) -> tuple[pa.Table, list[str]]:
    """Return a parquet file's columns with texts that are numbers as numbers; see `from_values`."""
    arrays, notices = {}, []
    for name, column in zip(checked_names(table.column_names, source), table.columns, strict=True):
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
            kind = kind.value_type
        if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
            column = column.cast(pa.float64())
        elif _is_text(kind):
            column = pa.chunked_array([_one(column.cast(pa.string()))])
            if not holds_architecture(name):
                array, lines = typed(name, _one(column))
                notices += lines
                column = pa.chunked_array([array])
        arrays[name] = column
    return pa.table(arrays), notices


def finite(table: pa.Table) -> tuple[pa.Table, list[str]]:
    """Return a table whose infinite numbers are missing, with a line that counts them.

    Raises:
        TableError: A number is so large that nothing could be computed with it.
    """
    notices = []
    for at, field in enumerate(table.schema):
        if not pa.types.is_floating(field.type):
            continue
        column = _one(table.column(at).cast(pa.float64()))
        values = floats(column)
        large = np.flatnonzero(np.isfinite(values) & (np.abs(values) > LARGEST))
        if len(large):
            raise TableError(
                f"column '{field.name}': row {large[0]} (rows count from 0) holds {values[large[0]]:g}; "
                f"numbers beyond {LARGEST:g} cannot be used ({len(large)} such rows)"
            )
        infinite = np.isinf(values)
        if infinite.any():
            notices.append(
                f"column '{field.name}': {infinite.sum()} infinite values count as missing, the first in "
                f"row {np.flatnonzero(infinite)[0]}"
            )
            clean = pa.array(np.where(infinite, np.nan, values), mask=infinite | np.isnan(values))
            table = table.set_column(at, field.name, clean)
    return table, notices


def _column(name: str, values: Sequence[Any], *, decimal_comma: bool) -> tuple[pa.Array, list[str]]:
    kinds = {type(value) for value in values} - {type(None)}
    if holds_architecture(name):
        return _architecture(name, values, kinds), []
    if kinds <= {int, float} and kinds:
        return _numbers(name, values, whole=kinds == {int}), []
    if kinds == {bool}:
        return pa.array(values, pa.bool_()), []
    if kinds & {list, dict}:
        return _strings(name, values), []
    return typed(name, _strings(name, values), decimal_comma=decimal_comma)


def _architecture(name: str, values: Sequence[Any], kinds: set[type]) -> pa.Array:
    """Return lists as lists where all rows agree on what they hold, else everything as text."""
    if kinds == {list}:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError):
            pass  # mixed kinds in one list: the form's reader names the row
    return _strings(name, values)


def _strings(name: str, values: Sequence[Any]) -> pa.Array:
    texts = [_text(value) for value in values]
    try:
        return pa.array(texts, pa.string())
    except UnicodeError as error:
        row = next(i for i, text in enumerate(texts) if text is not None and not _is_unicode(text))
        raise TableError(f"column '{name}': row {row} is not valid Unicode: {texts[row]!r:.80}") from error


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _numbers(name: str, values: Sequence[Any], *, whole: bool) -> pa.Array:
    if whole:
        try:
            return pa.array(values, pa.int64())
        except OverflowError:
            pass
    found = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if value is not None:
            try:
                found[row] = float(value)
            except OverflowError as error:
                raise TableError(f"column '{name}': row {row}: an integer beyond all numbers") from error
    return pa.array(found, mask=np.isnan(found))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column in one piece."""
    if isinstance(column, pa.Array):
        return column
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
