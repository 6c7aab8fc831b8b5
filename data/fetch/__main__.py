"""python -m data.fetch: find public tables, or download and convert them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from data.cache import find, locate
from data.cli import Format, run_cli
from data.errors import InputError
from data.fetch import fetch
from data.folders import folders
from data.sources import Source, SourceFile, human, source, sources

if TYPE_CHECKING:
    from rich.table import Table as Grid

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Tables to find or fetch, e.g. nb201.")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List all tables: where found, size, licence, citation.")
    ] = False,
    format_: Annotated[Format, typer.Option("--format", help="Output format of --list.")] = Format.table,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only search this machine; never use the network.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Download and convert again, even if the table exists.")
    ] = False,
    release: Annotated[
        str, typer.Option(help="Official file to make the table from, where there are several (see --list).")
    ] = "",
) -> None:
    """Find public tables on this machine, or download and convert them; prints the path of each.

    Examples:
        python -m data.fetch --list
        python -m data.fetch nb201 nb201_zero_cost
        python -m data.fetch nb101 --release nasbench_full.tfrecord

    Tables are searched for in the folders of ACERANK_DATA, then in the cache. What is missing is downloaded
    from pinned addresses, checked by its SHA-256, and converted to NAME.parquet in the cache. Interrupted
    downloads resume when the command is run again. Tables that must be downloaded manually are converted by
    python -m data.convert NAME FILE; --list says which.

    Environment: ACERANK_CACHE names another cache folder, ACERANK_OFFLINE=1 has the effect of --offline in
    every command, and ACERANK_MIRROR is the address of a folder with the originals, for sites without
    internet access.
    """
    if list_:
        sys.stdout.write(listing(format_))
        return
    if not names:
        raise InputError(f"name a table, or list all with --list; tables: {', '.join(sources())}")
    for name in names:
        source(name).originals(release)
    for name in names:
        if force or release:
            path = fetch(name, offline=offline, force=force, release=release)
        else:
            path = locate(name, offline=offline, max_bytes=None)
        sys.stdout.write(f"{path}\n")


def describe(table: Source) -> dict[str, object]:
    """Return what --list prints about a table; these names are stable."""
    path = find(table.name)
    return {
        "name": table.name,
        "title": table.title,
        "found": str(path) if path else None,
        "size": path.stat().st_size if path else None,
        "download_size": table.size,
        "looked_in": [str(folder) for folder in folders()],
        "licence": table.licence,
        "citation": table.citation,
        "manual": table.manual,
        "files": [asdict(file) for file in table.files],
        "releases": [asdict(file) for file in table.releases],
    }


def listing(form: Format) -> str:
    """Return the list of tables as text; JSON and TSV hold the same fields."""
    rows = [describe(table) for table in sources().values()]
    if form is Format.json:
        import json

        return json.dumps(rows, indent=2) + "\n"
    if form is Format.tsv:
        lines = [rows[0].keys(), *(map(_cell, row.values()) for row in rows)]
        return "".join("\t".join(line) + "\n" for line in lines)
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 140)
    with console.capture() as capture:
        console.print(_grid())
        console.print(f"searched: {', '.join(map(str, folders()))}", highlight=False, soft_wrap=True)
    return capture.get()


def _grid() -> Grid:
    from rich.table import Table as Grid

    grid = Grid(show_lines=True, expand=True)
    for heading, ratio in (("table", 5), ("found", 3), ("licence", 2), ("citation", 2)):
        grid.add_column(heading, overflow="fold", ratio=ratio)
    for table in sources().values():
        path = find(table.name)
        get = table.manual or f"python -m data.fetch {table.name} ({table.amount})"
        place = f"{path} ({human(path.stat().st_size)})" if path else f"no; {get}"
        lines = [f"[bold]{table.name}[/]", table.title, *map(_line, (*table.files, *table.releases))]
        grid.add_row("\n".join(lines), place, table.licence, table.citation)
    return grid


def _line(file: SourceFile) -> str:
    """Return the line about an original."""
    facts = [human(file.size)] if file.size else []
    return f"- {file.name} ({'; '.join([*facts, *filter(None, [file.note]), file.checksum])})"


def _cell(value: object) -> str:
    """Return a field as one TSV cell."""
    if isinstance(value, list):
        return " ".join(
            str((item["url"] or item["name"]) if isinstance(item, Mapping) else item) for item in value
        )
    return "" if value is None else str(value)


if __name__ == "__main__":
    run_cli(app, prog="python -m data.fetch")
