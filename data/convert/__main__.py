"""python -m data.convert: turn an official file or folder into a checked table."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from data.cache import find
from data.cli import run_cli, to_stderr
from data.convert import FORMATS, convert_path
from data.errors import InputError, TableError, UnknownNameError
from data.fetch import fault
from data.folders import cache_folder, folders
from data.names import check_name
from data.progress import bar
from data.sources import human, source

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Table to make, e.g. nb101; see --list.")
    ] = None,
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="Its official file or folder.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for the table. Default: the cache.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing table.")] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Read a file even if its MD5 contradicts its official name.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List the tables and the official files they are made from.")
    ] = False,
) -> None:
    """Turn the official release of a benchmark into a table that loads in milliseconds.

    Examples:
        python -m data.convert --list
        python -m data.convert nb101 Downloads/nasbench_only108.tfrecord
        python -m data.convert nds_darts Downloads/nds_data --out tables

    The file is read once, in bounded memory and without executing any code in it (many releases are
    pickles). Damaged, contradictory or non-numeric content is rejected with its place, and then no table is
    written. The format is recognised from the file.

    Writes NAME.parquet, prints its path, and says how to evaluate on it. Tables whose originals can be
    downloaded are also made by python -m data.fetch NAME.
    """
    if list_:
        sys.stdout.write(_listing())
        return
    if not name or not path:
        raise InputError(
            f"name a table and its official file, or list them with --list; tables: {', '.join(FORMATS)}"
        )
    check_name("table with official formats", name, FORMATS)
    table = source(name)
    made = (out.expanduser() if out else cache_folder()) / table.produces
    if made.exists() and not force:
        raise InputError(f"{made} exists; --force replaces it, --out writes to another folder")
    for file in table.releases:
        wrong = fault(file, path) if file.name == path.name and file.md5 and not unchecked else ""
        if wrong:
            raise TableError(f"{path}: {wrong}; download it again, or read it anyway with --unchecked")
    with bar(f"converting {path.name}") as show:
        converted = convert_path(name, path, show)
    converted.write(made)
    size = human(made.stat().st_size)
    to_stderr(f"{name}: {len(converted):,} rows, {len(converted.names)} columns, {size}")
    to_stderr(_next_step(name, made))
    sys.stdout.write(f"{made}\n")


def _next_step(name: str, made: Path) -> str:
    """Return the command that evaluates on a new table, or what prevents it."""
    first = find(name)
    is_first = first is not None and first.samefile(made)
    if not is_first and made.parent.resolve() in [folder.resolve() for folder in folders()]:
        return f"{first} is found before it: remove it, or put {made.parent} first in ACERANK_DATA"
    options = "" if source(name).joins else _label_options(name, made)
    if options is None:
        return f"this table has no labels to evaluate on: convert all official files of {name}, see --list"
    command = f"python -m eval.run --bench {source(name).joins or name}{options}"
    return f"next: {command}" if is_first else f"next: ACERANK_DATA={made.parent} {command}"


def _label_options(name: str, made: Path) -> str | None:
    """Return the options that choose a data set and target that a table has; None if it has no labels.

    Official files may be incomplete, and then lack the benchmark's default ones.
    """
    os.environ["ACERANK_DATA"] = os.pathsep.join([str(made.parent), os.environ.get("ACERANK_DATA", "")])
    # Which columns are labels is the benchmark's knowledge, a layer above: only a command may look there.
    try:
        benchmark = import_module("benchmarks").load(name, offline=True)
    except UnknownNameError:  # a benchmark that cannot be built without its default data set or label
        return None
    default = (benchmark.info.dataset, benchmark.info.target)
    labels = [(dataset, label) for dataset in benchmark.datasets for label in benchmark.labels(dataset)]
    for dataset, label in sorted(labels, key=lambda names: (names != default, names[0] != default[0])):
        values = benchmark.target(dataset, label)
        if (values == values).any():  # not all NaN
            choice = {"--dataset": dataset, "--target": label}
            given = zip(choice.items(), default, strict=True)
            return "".join(f" {flag} {value}" for (flag, value), usual in given if value != usual)
    return None


def _listing() -> str:
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid("table", "official file", "contents")
    for name, form in FORMATS.items():
        grid.add_row(name, form.title, source(name).title)
    console = Console(width=None if sys.stdout.isatty() else 140)
    with console.capture() as capture:
        console.print(grid)
    return capture.get()


if __name__ == "__main__":
    run_cli(app, prog="python -m data.convert")
