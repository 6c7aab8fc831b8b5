"""What every command has in common: errors are one line without a traceback, exit codes are fixed."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from errno import ENOSPC
from typing import NoReturn, cast

import typer

from data.errors import AcerankError

# Newer versions of typer carry their own click: take the class from whichever is in use.
UsageError = cast("type[Exception]", typer.BadParameter.__bases__[0])


class Format(StrEnum):
    """Output formats of commands that describe tables."""

    table = "table"
    tsv = "tsv"
    json = "json"


def run_cli(app: typer.Typer, args: Sequence[str] | None = None, *, prog: str | None = None) -> NoReturn:
    """Run a command and exit: 0 done, 2 for what the user can correct, 130 when interrupted.

    Args:
        app: The command.
        args: Its arguments; those of the process by default.
        prog: Name of the program in its help, e.g. "python -m data.fetch".
    """
    _show_log()
    try:
        command = typer.main.get_command(app)
        code = command.main(None if args is None else list(args), prog_name=prog, standalone_mode=False)
        sys.stdout.flush()
    except AcerankError as error:
        code = fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        # The reader has gone (`| head`): nothing is wrong, and nothing may be written on exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:  # a full disk, a folder without write permission
        where = f"{error.filename}: " if error.filename else ""
        kept = "; finished work is kept: free some space and run again" if error.errno == ENOSPC else ""
        code = fail(f"{where}{error.strerror or error}{kept}")
    except UsageError as error:
        code = fail(f"{error.format_message()} (--help lists the options)")  # pyright: ignore[reportAttributeAccessIssue]
    if code == 130:
        sys.stderr.write("interrupted\n")
    sys.exit(code if isinstance(code, int) else 0)


def fail(message: str) -> int:
    """Write an error as one line to stderr; return the exit code that goes with it."""
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return 2


def to_stderr(line: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(line + "\n")


class _StderrHandler(logging.Handler):
    """Writes messages to whatever stderr is at the time; warnings stand out on a terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message as a line."""
        text = record.getMessage()
        if record.levelno < logging.WARNING or not sys.stderr.isatty():
            to_stderr(f"WARNING: {text}" if record.levelno >= logging.WARNING else text)
            return
        from rich.console import Console

        console = Console(stderr=True, highlight=False)
        console.print(f"WARNING: {text}", markup=False, soft_wrap=True, style="bold red")


def _show_log() -> None:
    """Show what the library reports (logger "acerank", level INFO): silent elsewhere."""
    log = logging.getLogger("acerank")
    log.setLevel(logging.INFO)
    if not log.handlers:
        log.addHandler(_StderrHandler())
