"""python -m data.convert: an official file or folder -> a checked table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from data.cache import cache_folder, find, folders
from data.cli import run_cli, to_stderr
from data.convert import FORMATS, convert_path
from data.errors import InputError, TableError
from data.fetch import fault
from data.names import check_name
from data.progress import bar
from data.sources import human, source

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Table to make.")] = None,
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="Its official file or folder.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for the table; by default the cache.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the table if it is there.")] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Read a file whose MD5 is not the one in its official name.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List the tables and the official files they are made of.")
    ] = False,
) -> None:
    """Turn the official release of a benchmark into a table that everything here reads in milliseconds.

    The format is found from the file. It is read once, in bounded memory and without running any code in it;
    what is damaged, contradicts itself or is not a number is refused with its place, and no table is written.

    For example: python -m data.convert nb101 Downloads/nasbench_only108.tfrecord

    Writes NAME.parquet and prints its path. Tables whose originals have an address are also made by
    python -m data.fetch NAME.
    """
    if list_:
        sys.stdout.write(_listing())
        return
    if not name or not path:
        raise InputError(f"name a table and its official file, or use --list; tables: {', '.join(FORMATS)}")
    check_name("table with official formats", name, FORMATS)
    table = source(name)
    made = (out.expanduser() if out else cache_folder()) / table.produces
    if made.exists() and not force:
        raise InputError(f"{made} is there already; --force replaces it, --out names another folder")
    for file in table.releases:
        wrong = fault(file, path) if file.name == path.name and file.md5 and not unchecked else ""
        if wrong:
            raise TableError(f"{path}: {wrong}; download it again, or read it as it is with --unchecked")
    with bar(f"converting {path.name}") as show:
        converted = convert_path(name, path, show)
    converted.write(made)
    size = human(made.stat().st_size)
    to_stderr(f"{name}: {len(converted):,} rows, {len(converted.names)} columns, {size}")
    to_stderr(_next(name, made))
    sys.stdout.write(f"{made}\n")


def _next(name: str, made: Path) -> str:
    """Return what to do with a table that was made."""
    found = find(name)
    command = f"python -m eval.run --bench {source(name).joins or name}"
    if found and found.samefile(made):
        return f"next: {command}"
    if made.parent.resolve() in [folder.resolve() for folder in folders()]:
        return f"{found} is found before it: remove it, or name {made.parent} first in ACERANK_DATA"
    return f"next: ACERANK_DATA={made.parent} {command}"


def _listing() -> str:
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid("table", "official file", "what it holds")
    for name, form in FORMATS.items():
        grid.add_row(name, form.title, source(name).title)
    console = Console(width=None if sys.stdout.isatty() else 140)
    with console.capture() as capture:
        console.print(grid)
    return capture.get()


if __name__ == "__main__":
    run_cli(app, prog="python -m data.convert")
