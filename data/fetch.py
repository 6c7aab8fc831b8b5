"""Find a public table, or fetch it: folders of ACERANK_DATA, then the cache, then the pinned originals.

Environment:
    ACERANK_DATA: Folders that hold tables (NAME.parquet), searched first and only read.
    ACERANK_CACHE: Folder for what is downloaded; by default the user's cache folder.
    ACERANK_OFFLINE: 1 to never touch the network.
    ACERANK_MIRROR: Address of a folder that holds the originals, for sites without internet.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from data.cli import run_cli
from data.download import UnreachableError, checksum, download, locked
from data.errors import FetchError, InputError, MissingTableError, TableError
from data.progress import bar
from data.sources import Source, SourceFile, human, source, sources

if TYPE_CHECKING:
    from rich.table import Table as Grid

MAX_BYTES = 10_000_000
Say = Callable[[str], object]


def to_stderr(line: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(line + "\n")


def cache_folder() -> Path:
    """Return the folder for downloads and for the tables made of them."""
    if folder := os.environ.get("ACERANK_CACHE"):
        return Path(folder).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("acerank"))


def folders() -> list[Path]:
    """Return the folders searched for tables, first one first; the cache is the last."""
    named = os.environ.get("ACERANK_DATA", "").split(os.pathsep)
    return [*(Path(folder).expanduser() for folder in named if folder.strip()), cache_folder()]


def find(name: str) -> Path | None:
    """Return the file of table `name`, or None if no folder has it; UnknownNameError for an unknown table."""
    produces = source(name).produces
    return next((folder / produces for folder in folders() if (folder / produces).is_file()), None)


def locate(
    name: str, *, offline: bool = False, max_bytes: int | None = MAX_BYTES, say: Say = to_stderr
) -> Path:
    """Return the file of table `name`; a table that no folder has is downloaded and converted first.

    Args:
        name: A table of data/sources.toml.
        offline: Do not touch the network; ACERANK_OFFLINE=1 says the same.
        max_bytes: Largest original that is downloaded unasked; None for no limit. It holds for each
            original: a table of several may be larger in all, and the line said before gives the sum.
        say: Called with one line before a download.

    Raises:
        UnknownNameError: There is no such table.
        MissingTableError: No folder has the table, and it cannot or may not be downloaded.
        FetchError: The download failed or its bytes are not the pinned ones.
    """
    found = find(name)
    if found:
        return found
    return fetch(name, offline=offline, max_bytes=max_bytes, say=say)


def fetch(
    name: str,
    *,
    offline: bool = False,
    max_bytes: int | None = None,
    force: bool = False,
    release: str = "",
    say: Say = to_stderr,
) -> Path:
    """Make table `name` in the cache from its originals, downloading those that are not there.

    Args:
        name: A table of data/sources.toml.
        offline: Do not touch the network.
        max_bytes: Largest original that may be downloaded; None for no limit.
        force: Download and convert again even if the cache has the table.
        release: Official file to make the table of, instead of the one that is taken by default.
        say: Called with one line before a download.

    Raises:
        UnknownNameError: There is no such table, or it has no such release.
        MissingTableError: Originals are missing and cannot or may not be downloaded.
        FetchError: A download failed, its bytes are not the pinned ones, or the cache cannot be written.
    """
    table = source(name)
    made = cache_folder() / table.produces
    originals = cache_folder() / "sources" / table.folder
    wanted = table.originals(release)
    absent = [file for file in wanted if (force and address(file)) or not (originals / file.name).exists()]
    if absent or not wanted:
        _check_allowed(table, absent, offline, max_bytes)
    try:
        with locked(originals / ".lock", lambda: say(f"{name}: waiting for another process that fetches it")):
            if made.is_file() and not (force or release):
                return made
            missing = _missing(wanted, originals, force)
            if missing:
                _check_allowed(table, missing, offline, max_bytes)
                _download(table, missing, originals, say)
            return _convert(table, [originals / file.name for file in wanted], made)
    except UnreachableError as error:
        raise MissingTableError(_where_to_get(table, f"{error}; ")) from error
    except (FetchError, MissingTableError):
        raise
    except OSError as error:
        raise FetchError(
            f"cannot write {error.filename or made}: {error.strerror or error}; "
            "ACERANK_CACHE names another folder for downloads"
        ) from error


def address(file: SourceFile) -> str:
    """Return where an original is downloaded from: ACERANK_MIRROR/NAME, its address, or "" for nowhere."""
    mirror = os.environ.get("ACERANK_MIRROR", "").rstrip("/")
    return f"{mirror}/{quote(file.name)}" if mirror else file.url


def fault(file: SourceFile, path: Path) -> str:
    """Return how the checksum of a file that is there differs from what is known of it; "" if it does not."""
    for kind, known in (("sha256", file.sha256), ("md5", file.md5)):
        if known and path.is_file():
            got = checksum(path, kind)
            if not got.endswith(known):
                ends = "" if len(known) == len(got) else " at the end"
                return f"wrong checksum: expected {kind.upper()} {known}{ends}, got {got}"
    return ""


def _missing(wanted: Sequence[SourceFile], originals: Path, force: bool) -> list[SourceFile]:
    """Return the originals that are not in place with the right bytes; wrong ones are removed.

    Raises:
        TableError: One that was put there by hand is wrong.
    """
    missing = []
    for file in wanted:
        path = originals / file.name
        if wrong := fault(file, path):
            if not address(file):
                raise TableError(f"{path}: {wrong}; download it again")
            path.unlink()
        if not path.exists() or (force and address(file)):
            missing.append(file)
    return missing


def _check_allowed(
    table: Source, missing: Sequence[SourceFile], offline: bool, max_bytes: int | None
) -> None:
    by_hand = [file for file in missing if not address(file)]
    if by_hand or not missing:
        names = ", ".join(f"{file.name} ({file.note})" if file.note else file.name for file in by_hand)
        convert = f"`python -m data.convert {table.name} PATH`"
        manual = table.manual or f"{names} can only be had by hand; then {convert}"
        raise MissingTableError(_where_to_get(table, f"{manual}; "))
    if offline or os.environ.get("ACERANK_OFFLINE", "0") not in ("", "0"):
        raise MissingTableError(_where_to_get(table, "not downloaded, because offline; "))
    if max_bytes is None:
        return
    limit = f"{human(max_bytes)} is the limit of what is downloaded unasked"
    for file in missing:
        if not file.size or file.size > max_bytes:
            size = f"has {human(file.size)}" if file.size else "is of unknown size"
            raise MissingTableError(_where_to_get(table, f"{file.name} {size}; {limit}; "))


def _where_to_get(table: Source, why: str) -> str:
    """Return the one message about a table that was not found."""
    searched = ", ".join(f"{folder}{'' if folder.is_dir() else ' (no such folder)'}" for folder in folders())
    get = "" if table.manual else f"Get it with `python -m data.fetch {table.name}` ({table.amount}), or "
    return (
        f"table '{table.name}' not found: {why}looked for {table.produces} in {searched}. "
        f"{get or 'Or '}set ACERANK_DATA to a folder that holds {table.produces}"
    )


def _download(table: Source, missing: Sequence[SourceFile], originals: Path, say: Say) -> None:
    total = sum(file.size for file in missing)
    mirror = os.environ.get("ACERANK_MIRROR")
    origins = [mirror] if mirror else sorted({file.origin for file in missing})
    checks = ", ".join(f"{file.name}: {file.checksum}" for file in missing)
    say(
        f"{table.name}: downloading {human(total) + ' in ' if total else ''}"
        f"{len(missing)} file{'s' * (len(missing) != 1)} from {', '.join(origins)} ({checks})"
    )
    with bar(table.name, total) as show:
        before = 0
        for file in missing:
            path = download(
                address(file),
                originals / file.name,
                sha256=file.sha256,
                size=file.size,
                progress=lambda done, before=before: show(before + done),
            )
            if wrong := fault(file, path):
                path.unlink()
                raise FetchError(f"{address(file)}: {wrong}; nothing was kept")
            before += file.size


def _convert(table: Source, originals: Sequence[Path], made: Path) -> Path:
    from data.convert import convert, convert_path

    try:
        if table.converter and [file.name for file in table.files] == [path.name for path in originals]:
            return convert(table.converter, {path.name: path for path in originals}).write(made)
        with bar(f"converting {originals[0].name}") as show:
            return convert_path(table.name, originals[0], show).write(made)
    except TableError as error:
        raise TableError(f"table '{table.name}' cannot be made: {error}") from error


class Format(StrEnum):
    """Output formats of what describes tables."""

    table = "table"
    tsv = "tsv"
    json = "json"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Tables to find or fetch.")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the tables: found where, size, licence, citation.")
    ] = False,
    format_: Annotated[Format, typer.Option("--format", help="Output format of --list.")] = Format.table,
    offline: Annotated[bool, typer.Option("--offline", help="Only search; never touch the network.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Download and convert again, even if the table is there.")
    ] = False,
    release: Annotated[
        str, typer.Option(help="Official file to make the table of, if there are several (see --list).")
    ] = "",
) -> None:
    """Find public tables, or download them, checked, into the cache; prints the file of each.

    A table is looked for in the folders of ACERANK_DATA, then in the cache.

    ACERANK_CACHE names another cache folder; ACERANK_OFFLINE=1 is --offline for good.

    ACERANK_MIRROR is the address of a folder that holds the originals.
    """
    if list_:
        sys.stdout.write(listing(format_))
        return
    if not names:
        raise InputError(f"name a table, or use --list; tables: {', '.join(sources())}")
    for name in names:
        source(name).originals(release)
    for name in names:
        if force or release:
            path = fetch(name, offline=offline, force=force, release=release)
        else:
            path = locate(name, offline=offline, max_bytes=None)
        sys.stdout.write(f"{path}\n")


def describe(table: Source) -> dict[str, object]:
    """Return what --list says of a table, with names that stay as they are."""
    found = find(table.name)
    return {
        "name": table.name,
        "title": table.title,
        "found": str(found) if found else None,
        "size": found.stat().st_size if found else None,
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
        console.print(f"looked in: {', '.join(map(str, folders()))}", highlight=False, soft_wrap=True)
    return capture.get()


def _grid() -> Grid:
    from rich.table import Table as Grid

    grid = Grid(show_lines=True, expand=True)
    for heading, ratio in (("table", 5), ("found", 3), ("licence", 2), ("citation", 2)):
        grid.add_column(heading, overflow="fold", ratio=ratio)
    for table in sources().values():
        found = find(table.name)
        get = table.manual or f"python -m data.fetch {table.name} ({table.amount})"
        there = f"{found} ({human(found.stat().st_size)})" if found else f"no; {get}"
        what = [f"[bold]{table.name}[/]", table.title, *map(_line, (*table.files, *table.releases))]
        grid.add_row("\n".join(what), there, table.licence, table.citation)
    return grid


def _line(file: SourceFile) -> str:
    """Return what the list says of an original."""
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
