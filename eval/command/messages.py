"""Messages of the library on stderr, as a command shows them."""

from __future__ import annotations

import logging
import sys


class _Handler(logging.Handler):
    """Writes a message as it is; a warning stands out on a terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno < logging.WARNING or not sys.stderr.isatty():
            prefix = "WARNING: " if record.levelno >= logging.WARNING else ""
            sys.stderr.write(f"{prefix}{text}\n")
            return
        from rich.console import Console

        Console(stderr=True, highlight=False).print(
            f"WARNING: {text}", markup=False, soft_wrap=True, style="bold red"
        )


def show_messages() -> None:
    """Show what the library logs, from now on."""
    log = logging.getLogger("acerank")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers[:] = [_Handler()]  # in place of the plain one that every command line starts with


def say(line: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"{line}\n")
