"""The first check of every command line: that our four packages, whose names are common words, are ours."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import typer


def check_origin() -> None:
    """Refuse to run when another package took the place of one of ours."""
    home = Path(__file__).resolve().parents[2]
    for name in ("data", "benchmarks", "predictors", "eval"):
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec and spec.origin else None
        if found is None or found.parent.parent != home:
            sys.stderr.write(
                f"error: package '{name}' comes from {found or 'nowhere'}, not from {home}; run from another "
                "folder, or use the command `acerank`\n"
            )
            sys.exit(2)


def start(app: typer.Typer, prog: str | None = None) -> NoReturn:
    """Run a command line, if all packages are ours."""
    check_origin()
    from data.cli import run_cli

    run_cli(app, prog=prog)
