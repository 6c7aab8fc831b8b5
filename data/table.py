"""Table: one row per architecture, one column per measured value, each with its unit and direction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.arrow import floats
from data.column import Column
from data.content import refuse_other_kinds
from data.descriptions import dump_descriptions, parse_descriptions
from data.errors import InputError, TableError
from data.files import atomic_path
from data.names import check_name

METADATA_KEY = b"acerank"
PART = 50_000  # rows of a column of texts or lists that are hashed at once
__all__ = ["METADATA_KEY", "Column", "Table"]


@dataclass(frozen=True)
class Table:
    """Columns of equal length, in memory as Arrow.

    Attributes:
        arrow: The columns; row r belongs to architecture r.
        columns: Descriptions of the numeric columns that have one, by column name.
    """

    arrow: pa.Table
    columns: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.arrow.num_rows

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return self.arrow.column_names

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column as Arrow; UnknownNameError if there is none of that name."""
        return self.arrow.column(check_name("column", name, self.names))

    def values(self, name: str) -> np.ndarray:
        """Return a column of numbers or truth values as (n,) float64, NaN where the value is missing."""
        column = self.column(name)
        kind = column.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise InputError(f"column '{name}' holds {column.type}, not numbers")
        return floats(column)

    @cached_property
    def content_hash(self) -> str:
        """Twelve hex digits that identify the values and column names, whatever file they came from."""
        digest = hashlib.sha256()
        for name in sorted(self.names):
            digest.update(f"{name}\0{len(self)}\0".encode())
            for part in _column_bytes(self.arrow.column(name)):
                digest.update(part)
        return digest.hexdigest()[:12]

    def take(self, rows: np.ndarray) -> Table:
        """Return the table of these rows, in that order."""
        return Table(self.arrow.take(pa.array(rows)), self.columns)

    def join(self, side: Table, on: str) -> Table:
        """Return this table with the other columns of `side`, matched by `on`; missing rows are null.

        Raises:
            TableError: `side` names a row twice.
        """
        place = self.places(side, on)
        arrow = self.arrow
        for name in side.names:
            if name not in self.names:
                arrow = arrow.append_column(name, side.column(name).combine_chunks().take(place))
        return Table(arrow, {**side.columns, **self.columns})

    def places(self, side: Table, on: str) -> pa.Array:
        """Return which row of `side` each row is, matched by `on`; null for none.

        Raises:
            TableError: `side` names a row twice.
        """
        keys = side.column(on).combine_chunks()
        if len(keys.unique()) != len(keys):
            raise TableError(f"a row is named twice in column '{on}' of a table to be joined")
        return pc.index_in(self.column(on).combine_chunks(), keys)  # pyright: ignore[reportAttributeAccessIssue]

    @staticmethod
    def read(path: Path, columns: Sequence[str] | None = None) -> Table:
        """Read a parquet file.

        Raises:
            TableError: The file is not a whole parquet file, or its descriptions contradict their form.
        """
        try:
            with pq.ParquetFile(path) as file:
                arrow = file.read(list(columns) if columns is not None else None)
                _ = arrow.column_names  # fails if one is not UTF-8
        except (pa.ArrowException, OSError, UnicodeError) as error:
            refuse_other_kinds(path)
            reason = " ".join(str(error).split())
            raise TableError(f"{path} is not a whole parquet file: {reason}") from error
        stored = (arrow.schema.metadata or {}).get(METADATA_KEY, b"[]")
        return Table(arrow.replace_schema_metadata(None), parse_descriptions(stored, str(path)))

    def write(self, path: Path) -> Path:
        """Write to a parquet file, whole or not at all; column descriptions go with it."""
        stored = dump_descriptions(self.columns)
        with atomic_path(path) as part:
            pq.write_table(
                self.arrow.replace_schema_metadata({METADATA_KEY: stored}), part, compression="zstd"
            )
        return path


def _column_bytes(column: pa.ChunkedArray) -> Iterator[bytes]:
    """Yield bytes that depend on the values of a column alone (numbers to single precision).

    Other values are the JSON of the whole column, which is made in parts: a large table's would fill memory.
    """
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        yield floats(column).astype(np.float32).tobytes()
        return
    yield b"["
    for start in range(0, len(column), PART):
        values = column.slice(start, PART).to_pylist()
        text = json.dumps(values, separators=(",", ":"), default=str)[1:-1]
        yield (f",{text}" if start else text).encode()
    yield b"]"
