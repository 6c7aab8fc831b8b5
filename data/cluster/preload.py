"""What a worker process of local:N does first: leave Ctrl-C to the client, which ends it."""

from __future__ import annotations

import signal
import threading


def dask_setup(worker: object) -> None:
    """Ignore the interrupts that a terminal sends to all processes of a command."""
    del worker
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
