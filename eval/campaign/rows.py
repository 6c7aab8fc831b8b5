"""Rows of a file of results, as they were written: CSV, TSV, JSON, JSON lines or parquet."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from data.errors import MissingTableError, TableError
from data.names import closest
from data.readers.delimited import find_separator
from data.readers.numbers import NAMES, holds_architecture, parse_number

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        place: Where it stands, e.g. "row 3", counted from 1 without a header.
        cells: Its cells by column; empty ones are left out.
        broken: Why it could not be read; "" if it was.
        columns: All columns, those of empty cells too.
    """

    place: str
    cells: Mapping[str, Any]
    broken: str = ""
    columns: tuple[str, ...] = ()


def read_rows(source: str | Path) -> list[Row]:
    """Read the rows of a file; "-" is CSV on stdin. A row that cannot be read does not hide the others.

    Separators and decimal commas are recognised as in tables; see data.readers.read.

    Raises:
        MissingTableError: There is no such file.
        TableError: It is no table at all.
    """
    if str(source) == "-":
        return _from_delimited(sys.stdin.read(), "stdin")
    path = Path(source)
    if not path.is_file():
        raise MissingTableError(f"there is no file '{path}'")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise TableError(f"{path}: results are read from {', '.join(SUFFIXES)}, not '{suffix}'")
    if suffix == ".parquet":
        return _from_parquet(path)
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is not a text in UTF-8: {error.reason} at byte {error.start}") from error
    if suffix in (".csv", ".tsv"):
        return _from_delimited(text, str(path))
    return _from_json(text, str(path)) if suffix == ".json" else _from_lines(text)


def from_records(records: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return rows of mappings, e.g. of a data frame."""
    return [_row(i, record) for i, record in enumerate(records, 1)]


def _row(number: int, record: object, *, decimal_comma: bool = False) -> Row:
    place = f"row {number}"
    if not isinstance(record, Mapping):
        return Row(place, {}, f"not an object with columns: {str(record)[:60]!r}")
    named = {str(name).strip(): value for name, value in record.items()}
    cells = {
        name: _to_number(name, value, decimal_comma=decimal_comma)
        for name, value in named.items()
        if not _is_empty(value)
    }
    return Row(place, cells, columns=tuple(named))


def _to_number(name: str, value: Any, *, decimal_comma: bool) -> Any:  # noqa: ANN401
    """Return a text such as "93,1" or "93.1 %" as a number, anything else as it is."""
    if not isinstance(value, str) or holds_architecture(name) or name.lower() in NAMES:
        return value
    number = parse_number(value.strip(), decimal_comma=decimal_comma)
    return value if number is None else number


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _from_delimited(text: str, source: str) -> list[Row]:
    separator = find_separator(text)
    file = io.StringIO(text, newline="")
    try:
        lines = list(csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise TableError(f"{source} cannot be read as separated columns: {error}") from error
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    if not lines:
        raise TableError(f"{source} has no rows")
    header = [name.strip() for name in lines[0]]
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise TableError(f"{source} has a column twice: {', '.join(twice)}")
    rows = []
    for number, line in enumerate(lines[1:], 1):
        if len(line) > len(header):
            broken = f"{len(line)} cells under {len(header)} columns"
            rows.append(Row(f"row {number}", {}, broken, tuple(header)))
        else:
            cells = dict(zip_longest(header, (cell.strip() for cell in line)))
            rows.append(_row(number, cells, decimal_comma=separator == ";"))
    return rows


def _from_json(text: str, source: str) -> list[Row]:
    try:
        records = json.loads(text)
    except ValueError as error:
        raise TableError(f"{source} is not JSON: {error}") from error
    if not isinstance(records, list):
        raise TableError(f"{source} must hold a list of objects")
    return from_records(records)


def _from_lines(text: str) -> list[Row]:
    rows = []
    for number, line in enumerate((line for line in text.splitlines() if line.strip()), 1):
        try:
            rows.append(_row(number, json.loads(line)))
        except ValueError as error:
            rows.append(Row(f"row {number}", {}, f"not JSON: {error}"))
    return rows


def _from_parquet(path: Path) -> list[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return from_records(pq.read_table(path).to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path} is not a parquet file: {' '.join(str(error).split())[:200]}") from error


def describe_ignored(rows: Sequence[Row], used: Sequence[str], passed: Sequence[str]) -> str:
    """Return a line that names the columns without effect, with the closest name that has one; "" for none.

    Args:
        rows: All rows.
        used: Columns with an effect.
        passed: Columns without one that are no mistake, because other commands write them.
    """
    known = {*used, *passed, ""}
    ignored = dict.fromkeys(name for row in rows for name in row.columns if name not in known)
    if not ignored:
        return ""
    there = {name for row in rows for name in row.columns}
    free = [name for name in used if name not in there]
    shown = []
    for name in ignored:
        near = closest(name.lower(), free)
        shown.append(f"'{name}' (did you mean {near[0]}?)" if near else f"'{name}'")
    return f"ignored columns: {', '.join(shown)}"


def parse_seed(value: object) -> int | None:
    """Return a seed; ValueError with the reason if it is not a whole number."""
    number = _number(value, "seed")
    if number is not None and number != int(number):
        raise ValueError(f"seed is not a whole number: {value!r}")
    return None if number is None else int(number)


def parse_seconds(value: object) -> float | None:
    """Return seconds; ValueError with the reason if they are no number or negative."""
    number = _number(value, "seconds")
    if number is not None and number < 0:
        raise ValueError(f"seconds are negative: {value!r}")
    return number


def _number(value: object, name: str) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        raise ValueError(f"{name} is not a number: {str(value)[:60]!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number}")
    return number
