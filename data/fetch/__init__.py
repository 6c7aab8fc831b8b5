"""Make a public table: download its pinned originals, check them, convert them, keep the result in the cache.

Environment (see data.cache for the folders):
    ACERANK_OFFLINE: 1 to never use the network.
    ACERANK_MIRROR: Address of a folder that holds the originals, for sites without internet access.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from data.cache import find, locate
from data.download import UnreachableError, download
from data.errors import FetchError, MissingTableError, TableError
from data.files import checksum, locked
from data.folders import cache_folder, folders
from data.impostors import describe_file
from data.progress import bar
from data.sources import Source, SourceFile, human, source

__all__ = ["fetch", "find", "locate"]

_log = logging.getLogger("acerank.fetch")


def fetch(
    name: str,
    *,
    offline: bool = False,
    max_bytes: int | None = None,
    force: bool = False,
    release: str = "",
) -> Path:
    """Make table `name` in the cache from its originals, downloading those that are missing.

    The download is announced by the logger "acerank.fetch", with its size, origin and checksums.

    Args:
        name: A table of data/sources.toml.
        offline: Never use the network.
        max_bytes: Largest original that may be downloaded; None for no limit.
        force: Download and convert again even if the cache has the table.
        release: Official file to make the table from, instead of the default one.

    Raises:
        UnknownNameError: There is no such table, or it has no such release.
        MissingTableError: Originals are missing and cannot or may not be downloaded.
        TableError: An original is not what its format says.
        FetchError: A download failed, its checksum is wrong, or the cache cannot be written.
    """
    table = source(name)
    made = cache_folder() / table.produces
    originals = cache_folder() / "sources" / table.folder
    wanted = table.originals(release)
    absent = [file for file in wanted if (force and address(file)) or not (originals / file.name).exists()]
    if absent or not wanted:
        _check_allowed(table, absent, offline, max_bytes)
    try:
        with locked(
            originals / ".lock", lambda: _log.info("%s: another process is fetching it; waiting", name)
        ):
            if made.is_file() and not (force or release):
                return made
            missing = _missing(wanted, originals, force)
            if missing:
                _check_allowed(table, missing, offline, max_bytes)
                _download(table, missing, originals)
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
    """Return where an original is downloaded from: ACERANK_MIRROR/NAME, else its own address, "" if none."""
    mirror = os.environ.get("ACERANK_MIRROR", "").rstrip("/")
    return f"{mirror}/{quote(file.name)}" if mirror else file.url


def fault(file: SourceFile, path: Path) -> str:
    """Return what is wrong with the original at `path`, as far as a checksum is known; "" if nothing is."""
    for kind, known in (("sha256", file.sha256), ("md5", file.md5)):
        if known and path.is_file():
            got = checksum(path, kind)
            if not got.endswith(known):
                if impostor := describe_file(path):
                    return f"this is {impostor}"
                ends = "" if len(known) == len(got) else " at the end"
                return f"wrong checksum: expected {kind.upper()} {known}{ends}, got {got}"
    return ""


def _missing(wanted: Sequence[SourceFile], originals: Path, force: bool) -> list[SourceFile]:
    """Return the originals that are missing or wrong; wrong ones are removed.

    Raises:
        TableError: A manually placed original is wrong.
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
    manual_files = [file for file in missing if not address(file)]
    if manual_files or not missing:
        names = ", ".join(f"{file.name} ({file.note})" if file.note else file.name for file in manual_files)
        convert = f"`python -m data.convert {table.name} PATH`"
        manual = table.manual or f"{names} must be downloaded manually; then run {convert}"
        raise MissingTableError(_where_to_get(table, f"{manual}; "))
    if offline or os.environ.get("ACERANK_OFFLINE", "0") not in ("", "0"):
        raise MissingTableError(_where_to_get(table, "not downloaded because offline; "))
    if max_bytes is None:
        return
    limit = f"only files up to {human(max_bytes)} are downloaded automatically"
    for file in missing:
        if not file.size or file.size > max_bytes:
            size = f"has {human(file.size)}" if file.size else "has an unknown size"
            raise MissingTableError(_where_to_get(table, f"{file.name} {size}; {limit}; "))


def _where_to_get(table: Source, why: str) -> str:
    """Return the message about a table that was not found: why, where it was searched for, how to get it."""
    searched = ", ".join(f"{folder}{'' if folder.is_dir() else ' (no such folder)'}" for folder in folders())
    get = "" if table.manual else f"Get it with `python -m data.fetch {table.name}` ({table.amount}), or "
    return (
        f"table '{table.name}' not found: {why}searched for {table.produces} in {searched}. "
        f"{get or 'Or '}set ACERANK_DATA to a folder that contains {table.produces}"
    )


def _download(table: Source, missing: Sequence[SourceFile], originals: Path) -> None:
    total = sum(file.size for file in missing)
    mirror = os.environ.get("ACERANK_MIRROR")
    origins = [mirror] if mirror else sorted({file.origin for file in missing})
    checks = ", ".join(f"{file.name}: {file.checksum}" for file in missing)
    _log.info(
        "%s: downloading %s%d file%s from %s (%s)",
        table.name,
        f"{human(total)} in " if total else "",
        len(missing),
        "s" * (len(missing) != 1),
        ", ".join(origins),
        checks,
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
                raise FetchError(f"{address(file)}: {wrong}; the download was discarded")
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
