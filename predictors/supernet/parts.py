"""Long jobs in parts, on several processes: each finished part is a file, so interrupted runs resume."""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from data.errors import AcerankError, InputError
from data.files import atomic_path

Record = dict[str, Any]
QUIET = 300  # seconds without a line
SETTINGS = "settings.json"  # in the folder of a job: what it depends on


class Tell(Protocol):
    """What a job tells of its progress."""

    def __call__(self, done: int, word: str = "") -> object:
        """Say how many parts are done, and how it goes."""


class Parts:
    """The finished parts of a job, one JSON file each, in a folder that remembers the job's settings."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Open a folder, a new one or one with parts of the same job.

        Args:
            folder: Where the parts are.
            settings: Everything a part's content depends on, as JSON values.

        Raises:
            InputError: The folder holds parts of a job with other settings; they are named.
        """
        self.folder = folder
        check_settings(folder / SETTINGS, settings)

    def path(self, name: str) -> Path:
        """Return the file of a part."""
        return self.folder / "parts" / f"{name}.json"

    def has(self, name: str) -> bool:
        """Return whether a part is finished and its file complete."""
        try:
            found = json.loads(self.path(name).read_text())
        except (OSError, ValueError):
            return False
        return isinstance(found, dict) and bool(found) and all(isinstance(v, list) for v in found.values())

    def write(self, name: str, record: Record) -> None:
        """Keep a finished part."""
        with atomic_path(self.path(name)) as part:
            part.write_text(json.dumps(record))

    def read(self, name: str) -> Record:
        """Return a finished part."""
        return json.loads(self.path(name).read_text())


def check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write settings to a new file, or compare them with those an existing one holds.

    Raises:
        InputError: They differ; what differs is named.
    """
    wanted = json.loads(json.dumps(settings))
    if not path.is_file():
        with atomic_path(path) as part:
            part.write_text(json.dumps(wanted, indent=2) + "\n")
        return
    try:
        before, wanted = _flat(json.loads(path.read_text())), _flat(wanted)
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"{path} was not written by this project; delete it or choose another folder"
        ) from error
    changed = [
        f"{name} {before.get(name)!r} then, {wanted.get(name)!r} now"
        for name in sorted({*before, *wanted})
        if before.get(name) != wanted.get(name)
    ]
    if changed:
        what = "; ".join(changed)
        raise InputError(
            f"{path.parent} was started with other settings ({what}); use those, or another folder"
        )


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those in a group next to the others, "recipe.epochs"."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        inner = {f"{name}.{key}": v for key, v in _flat(value).items()} if isinstance(value, dict) else {}
        flat |= inner or {name: value}
    return flat


def run_parts(
    function: Callable[[Any], Record],
    items: Mapping[str, Any],
    parts: Parts,
    *,
    setup: Callable[..., None],
    setup_args: Sequence[Any],
    jobs: int,
    title: str,
    remote: Callable[[Mapping[str, Any]], Iterator[tuple[str, Record]]] | None = None,
) -> None:
    """Compute the parts that are missing and keep each as soon as it is there.

    Args:
        function: Computes a part from its item; a function of a module.
        items: What each part is computed from, by the part's name.
        parts: Where finished parts are kept.
        setup: Called once in each process before any item; a function of a module.
        setup_args: Its arguments.
        jobs: Processes. One thread each, so that their number changes no result.
        title: What the progress bar is called.
        remote: Computes items elsewhere, in place of processes; yields the name and the record of each.
    """
    missing = {name: item for name, item in items.items() if not parts.has(name)}
    finished = len(items) - len(missing)
    with progress(title, len(items)) as tell:
        tell(finished)
        if remote is not None and missing:
            for name, record in remote(missing):
                parts.write(name, record)
                tell(finished := finished + 1)
            return
        if jobs <= 1 or len(missing) <= 1:
            setup(*setup_args)
            for name, item in missing.items():
                parts.write(name, function(item))
                tell(finished := finished + 1)
            return
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(
            min(jobs, len(missing)), context, initializer=_quietly, initargs=(setup, *setup_args)
        )
        try:
            futures = {pool.submit(function, item): name for name, item in missing.items()}
            for future in as_completed(futures):
                parts.write(futures[future], future.result())
                tell(finished := finished + 1)
        except BrokenProcessPool as error:
            raise AcerankError(
                "a process ended before its part was done (out of memory?); finished parts are kept: run "
                "again, with one process to see why"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _quietly(setup: Callable[..., None], *args: Any) -> None:  # noqa: ANN401
    """Set a process up; Ctrl-C is for the first process, which then ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup(*args)


@contextmanager
def progress(title: str, total: int) -> Iterator[Tell]:
    """Show how far a job is and how long it will take: a bar on a terminal, else now and then a line.

    Yields:
        What is to be told how many of the parts are done, before the first and after each, with a word on
        how it goes if there is one.
    """
    if not sys.stderr.isatty():
        yield _Lines(title, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done, word="": bar.update(task, completed=done, description=f"{title} {word}".strip())


class _Lines:
    """A line to stderr at the beginning, at every twentieth of a job, and every few minutes."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total = title, total
        self.first = 0.0, 0  # when, and how much was done
        self.shown = 0.0, -1
        self.calls = 0

    def __call__(self, done: int, word: str = "") -> None:
        now, share = time.monotonic(), done * 20 // max(1, self.total)
        self.calls += 1
        if self.calls <= 2:  # until the first part is done processes start and read images
            self.first = now, done
        if self.calls > 1 and share == self.shown[1] and now - self.shown[0] < QUIET:
            return
        self.shown = now, share
        start, before = self.first
        left = (
            f", {(now - start) / (done - before) * (self.total - done):.0f} s left" if done > before else ""
        )
        sys.stderr.write(f"{self.title}: {done} of {self.total}{word and ', ' + word}{left}\n")
        sys.stderr.flush()
