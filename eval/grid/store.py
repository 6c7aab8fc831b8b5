"""The folder where finished trials are kept, one file each, put in place whole.

A trial's file holds its raw values and the rows computed from them, so a run that is killed loses the trials
it was in and no others, and a metric that is asked for later needs no refit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import TableError
from data.files import atomic_path
from eval.row_parts import find_parts, write_parts

KEY = b"acerank"
MOST = 500_000  # rows of one file of JSON lines, and in memory


T = TypeVar("T")
Rows = list[dict[str, Any]]


def pack(values: pa.Table, extra: dict[str, Any]) -> bytes:
    """Return the content of a trial's file; see `Store.save`."""
    metadata = {KEY: json.dumps(extra, default=repr).encode()}
    file = pa.BufferOutputStream()
    pq.write_table(values.replace_schema_metadata(metadata), file, compression="zstd")
    return file.getvalue().to_pybytes()


def _read_all(trials: Sequence[T], find: Callable[[T], Rows | None]) -> Iterator[dict[str, Any]]:
    """Yield the rows of trials that have all been stored."""
    for number, trial in enumerate(trials, 1):
        if (found := find(trial)) is None:
            raise TableError(f"the file of trial {number} of {len(trials)} is gone; run again")
        yield from found


class Store:
    """Finished trials by id."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is made when something is first stored."""
        self.folder = folder

    def path(self, trial_id: str) -> Path:
        """Return where a trial is kept."""
        return self.folder / "trials" / f"{trial_id}.parquet"

    def save(self, trial_id: str, values: pa.Table, extra: dict[str, Any]) -> None:
        """Store a finished trial, whole or not at all.

        Args:
            trial_id: Its id.
            values: Raw values, e.g. a score for each repeat and row.
            extra: Rows, identity and measurements; written as JSON.
        """
        self.put(trial_id, pack(values, extra))

    def put(self, trial_id: str, content: bytes) -> None:
        """Store the file of a finished trial that `pack` made, here or on another machine."""
        with atomic_path(self.path(trial_id)) as part:
            part.write_bytes(content)

    def load(self, trial_id: str) -> tuple[pa.Table, dict[str, Any]] | None:
        """Return what `save` stored, or None if the trial has not been run.

        Raises:
            TableError: The file is damaged.
        """
        path = self.path(trial_id)
        if not path.is_file():
            return None
        try:
            stored = pq.read_table(path)
            extra = json.loads(stored.schema.metadata[KEY])
        except (pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError) as error:
            raise TableError(f"{path} is damaged ({error}); delete it and run again") from error
        return stored.replace_schema_metadata(None), extra

    def write_rows(self, rows: Iterable[dict[str, Any]], name: str = "rows.jsonl") -> None:
        """Write a file of rows, one JSON object a line."""
        with atomic_path(self.folder / name) as part:
            part.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    def append_rows(self, rows: Iterable[dict[str, Any]], name: str = "rows.jsonl") -> None:
        """Add rows to that file."""
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))

    def resume(
        self,
        trials: Sequence[T],
        find: Callable[[T], Rows | None],
        run: Callable[[Sequence[T]], Iterator[tuple[int, Rows]]],
        done: Callable[[T, bool], object],
        name: str = "rows.jsonl",
    ) -> Sequence[dict[str, Any]]:
        """Run the trials that are not stored yet; return the rows of all, in the order of `trials`.

        Args:
            trials: All trials.
            find: Returns the rows of a stored trial, None for one that is missing.
            run: Runs missing trials and stores them; yields the position and the rows of each as it finishes.
            done: Called with each finished trial, and whether it was found here.
            name: File that gets the rows as they come, and in the end all of them in order. More than `MOST`
                rows become files of parquet instead, and are not held in memory.
        """
        rows: dict[int, Rows] = {}
        finished: set[int] = set()
        count = 0

        def take(index: int, found: Rows) -> None:
            nonlocal count
            finished.add(index)
            count += len(found)
            if count <= MOST:
                rows[index] = found
            else:
                rows.clear()  # read again from the trials' files when all are there

        for index, trial in enumerate(trials):
            if (found := find(trial)) is not None:
                take(index, found)
                done(trial, True)
        missing = [index for index in range(len(trials)) if index not in finished]
        if missing:
            self.write_rows((row for found in rows.values() for row in found), name)
        for position, found in run([trials[index] for index in missing]):
            index = missing[position]
            take(index, found)
            if count <= MOST:
                self.append_rows(found, name)
            done(trials[index], False)
        stem = name.removesuffix(".jsonl")
        if count > MOST:
            parts = write_parts(self.folder, _read_all(trials, find), stem)
            (self.folder / name).unlink(missing_ok=True)
            return parts
        ordered = [row for index in range(len(trials)) for row in rows[index]]
        self.write_rows(ordered, name)
        for path in find_parts(self.folder, stem):
            path.unlink()
        return ordered
