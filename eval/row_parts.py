"""Rows of very large runs: parquet files of a folder, read part by part when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import TableError
from data.files import atomic_path

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
PART = 100_000  # rows of a file
_JSON = b"acerank_json"  # names of columns whose values are JSON: lists and mappings


class RowParts(Sequence[Row]):
    """Rows in files NAME-00000.parquet, NAME-00001.parquet, ...; one file at a time is in memory."""

    def __init__(self, folder: Path, name: str = "rows") -> None:
        """Use the files of a folder.

        Raises:
            TableError: There are none, or one of them is damaged.
        """
        self.paths = find_parts(folder, name)
        try:
            self._sizes = [pq.read_metadata(path).num_rows for path in self.paths]
        except (pa.ArrowInvalid, OSError) as error:
            raise TableError(f"the rows in '{folder}' are damaged: {error}") from error
        if not self.paths:
            raise TableError(f"'{folder}' holds no {name}-*.parquet")

    def __len__(self) -> int:
        """Return the number of rows in all files."""
        return sum(self._sizes)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows in order."""
        for path in self.paths:
            yield from _read(path)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        """Return a row, or those of a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        for path, size in zip(self.paths, self._sizes, strict=True):
            if 0 <= place < size:
                return _last(path)[place]
            place -= size
        raise IndexError(f"row {index} of {len(self)}")

    @cached_property
    def columns(self) -> list[str]:
        """Names of the fields of a row."""
        return pq.read_schema(self.paths[0]).names

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the rows as a frame; naming the columns reads only these."""
        import pandas as pd

        frames = []
        for path in self.paths:
            table = pq.read_table(path, columns=None if columns is None else list(columns))
            frame = table.to_pandas()
            for name in _get_json(table) & set(frame.columns):
                frame[name] = [json.loads(value) for value in frame[name]]
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)


def find_parts(folder: Path, name: str = "rows") -> list[Path]:
    """Return the files of rows in a folder, in order."""
    return sorted(folder.glob(f"{name}-[0-9][0-9][0-9][0-9][0-9].parquet"))


def write_parts(folder: Path, rows: Iterable[Row], name: str = "rows") -> RowParts:
    """Write rows as files of at most PART rows, in place of those that are there; return them.

    Only one file's rows are in memory at a time.
    """
    before = find_parts(folder, name)
    written = []
    waiting = iter(rows)
    for number, part in enumerate(iter(lambda: list(islice(waiting, PART)), [])):
        written.append(folder / f"{name}-{number:05d}.parquet")
        with atomic_path(written[-1]) as path:
            pq.write_table(_to_table(part), path, compression="zstd")
    for path in set(before) - set(written):
        path.unlink()
    _last.cache_clear()
    return RowParts(folder, name)


def _to_table(rows: Sequence[Row]) -> pa.Table:
    names = list(dict.fromkeys(chain.from_iterable(rows)))
    nested = [name for name in names if any(isinstance(row.get(name), list | dict) for row in rows)]
    columns = {
        name: [json.dumps(row.get(name)) for row in rows]
        if name in nested
        else [row.get(name) for row in rows]
        for name in names
    }
    return pa.table(columns).replace_schema_metadata({_JSON: json.dumps(nested).encode()})


def _get_json(table: pa.Table) -> set[str]:
    return set(json.loads((table.schema.metadata or {}).get(_JSON, b"[]")))


def _read(path: Path) -> Iterator[Row]:
    table = pq.read_table(path)
    nested = _get_json(table)
    for row in table.replace_schema_metadata(None).to_pylist():
        yield {name: json.loads(value) if name in nested else value for name, value in row.items()}


@lru_cache(maxsize=1)
def _last(path: Path) -> list[Row]:
    """Return the rows of a file; kept for the next row that is asked for."""
    return list(_read(path))
