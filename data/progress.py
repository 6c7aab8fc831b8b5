"""Progress of a long step, on stderr, where a person is watching and messages were asked for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(label: str, size: int | None = None) -> Iterator[Callable[[float], object]]:
    """Give a function to call with the progress: bytes of `size`, or a share from 0 to 1 if `size` is None.

    Nothing is shown unless stderr is a terminal and the logger "acerank" shows messages of level INFO, as in
    every command.
    """
    if not (sys.stderr.isatty() and logging.getLogger("acerank").isEnabledFor(logging.INFO)):
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
