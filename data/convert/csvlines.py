"""CSV read as a stream: one line at a time, as text by column, with its place for messages."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from data.convert.jsonstream import Readable, said, shorten
from data.errors import TableError


class Line:
    """A line of a table.

    Attributes:
        file: Name of the file, for messages.
        number: Number of the line, from 1.
        fields: Column -> text.
    """

    def __init__(self, file: str, number: int, fields: Mapping[str, str]) -> None:
        self.file, self.number, self.fields = file, number, fields

    def fail(self, what: str) -> NoReturn:
        """Raise TableError: `what` is wrong with this line."""
        raise TableError(f"{self.file}, line {self.number}: {what}")

    def number_in(self, name: str, low: float = 0, high: float = math.inf) -> float:
        """Return a column that is a finite number in [low, high]."""
        text = self.fields[name]
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not low <= number <= high or math.isinf(number):
            limits = f" of at least {low:g}" if math.isinf(high) else f" in {low:g}..{high:g}"
            self.fail(f"{name} is not a number{limits}: {said(text)}")
        return number


def lines(stream: Readable, name: str, *needed: str) -> Iterator[Line]:
    """Yield the lines after the header, which must name the columns `needed`.

    Raises:
        TableError: The file is not CSV in UTF-8, or a line does not fit the header; the line is named.
    """
    text = io.TextIOWrapper(io.BufferedReader(_Raw(stream)), encoding="utf-8", newline="")
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, [])
        missing = [column for column in needed if column not in header]
        if missing or len(set(header)) < len(header):
            what = f"no column {', '.join(missing)}" if missing else "a column is named twice"
            raise TableError(f"{name}: {what}: {shorten(','.join(header))}")
        for fields in reader:
            line = Line(name, reader.line_num, dict(zip(header, fields, strict=False)))
            if len(fields) != len(header):
                line.fail(f"{len(fields)} fields; the header has {len(header)}")
            yield line
    except csv.Error as error:
        raise TableError(f"{name}, line {reader.line_num}: not CSV: {shorten(str(error))}") from error
    except UnicodeDecodeError as error:
        raise TableError(f"{name}, after line {reader.line_num}: not UTF-8: {shorten(str(error))}") from error


class _Raw(io.RawIOBase):
    """A readable as the raw stream that io's readers take."""

    def __init__(self, stream: Readable) -> None:
        self.stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401
        chunk = self.stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
