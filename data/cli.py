"""What every command line of this project does with faults: one line, no traceback, a fixed exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from errno import ENOSPC
from typing import NoReturn, cast

import typer

from data.errors import AcerankError

# Newer versions of typer carry their own click: take the class from whichever is in use.
UsageError = cast("type[Exception]", typer.BadParameter.__bases__[0])


def run_cli(app: typer.Typer, args: Sequence[str] | None = None, *, prog: str | None = None) -> NoReturn:
    """Run a command line and exit: 0 done, 2 for what the user can mend, 130 when interrupted.

    Args:
        app: The command line.
        args: Arguments; those of the process by default.
        prog: What the help calls the program, e.g. "python -m data.fetch".
    """
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
    except OSError as error:  # a full disk, a folder that cannot be written
        where = f"{error.filename}: " if error.filename else ""
        kept = "; what was finished is kept: free some space and run again" if error.errno == ENOSPC else ""
        code = fail(f"{where}{error.strerror or error}{kept}")
    except UsageError as error:
        code = fail(f"{error.format_message()} (--help shows what there is)")  # pyright: ignore[reportAttributeAccessIssue]
    if code == 130:
        sys.stderr.write("interrupted\n")
    sys.exit(code if isinstance(code, int) else 0)


def fail(message: str) -> int:
    """Write an error as one line to stderr; return the exit code that goes with it."""
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return 2
