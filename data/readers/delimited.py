"""Comma-, semicolon- and tab-separated text -> columns of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from data.errors import TableError

SEPARATORS = (",", ";", "\t")


def parse_delimited(text: str, source: str) -> tuple[list[str], list[list[str]], str]:
    """Return (names, rows, separator) of separated text whose first line has the names.

    The separator is the one that the first line has most of. Blank lines are skipped.

    Raises:
        TableError: There is no line, a quote is not closed, or a row has more or fewer values than names.
    """
    if not text.strip():
        raise TableError(f"{source} is empty")
    separator = find_separator(text)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    rows = _rows(reader, source)
    names = [name.strip() for name in next(rows, [])]
    data = list(rows)
    for number, row in enumerate(data):
        if len(row) != len(names):
            raise TableError(
                f"{source}: row {number} (rows count from 0) has {len(row)} values, the first line "
                f"{len(names)} names; a value with {_word(separator)} in it, such as a list, needs double "
                "quotes around it"
            )
    return names, data, separator


def find_separator(text: str) -> str:
    """Return the separator that the first line of a text has most of, a comma if it has none."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(SEPARATORS, key=first.count)


def _rows(reader: Iterator[list[str]], source: str) -> Iterator[list[str]]:
    try:
        for row in reader:
            if any(value.strip() for value in row):
                yield row
    except csv.Error as error:
        line = getattr(reader, "line_num", "?")
        raise TableError(f"{source}: line {line}: {error}; check the quotes there") from error


def _word(separator: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs"}[separator]
