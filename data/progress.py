"""How far a long step is, on stderr, if a person is there to read it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(label: str, size: int | None = None) -> Iterator[Callable[[float], object]]:
    """Give what is to be told how much is done: bytes of `size`, or a share from 0 to 1 if that is None."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich import progress as rich
    from rich.console import Console

    amount = (
        [rich.TaskProgressColumn()] if size is None else [rich.DownloadColumn(), rich.TransferSpeedColumn()]
    )
    columns = rich.TextColumn("{task.description}"), rich.BarColumn(), *amount, rich.TimeRemainingColumn()
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(label, total=(1.0 if size is None else size) or None)
        yield lambda done: shown.update(task, completed=done)
