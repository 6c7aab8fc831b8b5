"""Where tables are: the folders of ACERANK_DATA, then the cache.

Environment:
    ACERANK_DATA: Folders that hold tables (NAME.parquet), searched first and only read.
    ACERANK_CACHE: Folder for downloads and the tables made from them; by default the user's cache folder.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from data.folders import folders
from data.sources import source

MAX_BYTES = 10_000_000
"""Largest file that is downloaded without having been asked for."""


def find(name: str) -> Path | None:
    """Return the file of table `name`, or None if no folder has it.

    Raises:
        UnknownNameError: There is no such table.
    """
    produces = source(name).produces
    return next((folder / produces for folder in folders() if (folder / produces).is_file()), None)


def locate(name: str, *, offline: bool = False, max_bytes: int | None = MAX_BYTES) -> Path:
    """Return the file of table `name`; a table that no folder has is first downloaded and converted.

    Args:
        name: A table of data/sources.toml.
        offline: Never use the network; ACERANK_OFFLINE=1 has the same effect.
        max_bytes: Largest original to download; None for no limit. The limit applies to each original: a
            table made from several may be larger in total, and the line logged before the download says so.

    Raises:
        UnknownNameError: There is no such table.
        MissingTableError: No folder has the table, and it cannot or may not be downloaded.
        FetchError: The download failed or its checksum is wrong.
    """
    path = find(name)
    if path:
        return path
    # Loaded by name, not imported: scores depend on a table's content, which they are filed under, not on
    # how it got here. An import would make every finished score stale when a download message changes.
    return import_module("data.fetch").fetch(name, offline=offline, max_bytes=max_bytes)
