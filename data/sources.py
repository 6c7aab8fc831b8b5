"""Public tables, as described in data/sources.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from data.names import check_name


@dataclass(frozen=True)
class SourceFile:
    """One original: its address and checksums.

    Attributes:
        name: File name, in the cache and on a mirror.
        sha256: Checksum, hex digits; "" if unknown.
        md5: Last digits of its MD5, which some official names contain; "" if unknown. Without any checksum
            only the checks of the file's own format apply.
        size: Bytes; 0 if unknown.
        url: Pinned address; "" if it must be downloaded manually.
        note: How a release differs from the others of its table.
    """

    name: str
    sha256: str = ""
    md5: str = ""
    size: int = 0
    url: str = ""
    note: str = ""

    @property
    def checksum(self) -> str:
        """How the file is checked, as readable text."""
        if self.sha256 or self.md5:
            return f"SHA-256 {self.sha256[:12]}" if self.sha256 else f"MD5 ...{self.md5[-6:]}"
        return "no checksum known, only its format's own checks"

    @property
    def origin(self) -> str:
        """Host and, for a code host, owner and repository: the recognisable part of the address."""
        parts = urlsplit(self.url)
        return "/".join([parts.netloc, *parts.path.split("/")[1:3]])


@dataclass(frozen=True)
class Source:
    """One public table.

    Attributes:
        name: Name of the table.
        title: What it contains.
        licence: Its licence.
        citation: Whom to cite.
        produces: File name of the converted table.
        converter: Key of the function that makes the table from `files`; "" without files.
        files: Originals that together make the table.
        releases: Official files, any one of which makes the table; the first is the default.
        manual: Instructions if they must be downloaded manually; "" if not.
        folder: Folder in the cache for the originals; tables with the same originals share it.
        joins: Table that this one adds columns to; "" if none.
    """

    name: str
    title: str
    licence: str
    citation: str
    produces: str
    converter: str = ""
    files: tuple[SourceFile, ...] = ()
    releases: tuple[SourceFile, ...] = ()
    manual: str = ""
    folder: str = ""
    joins: str = ""

    def originals(self, release: str = "") -> tuple[SourceFile, ...]:
        """Return the files to download for the table: those of `release`, or the default ones.

        Raises:
            UnknownNameError: It has no such release.
        """
        if release:
            names = [file.name for file in self.releases]
            return (self.releases[names.index(check_name(f"release of {self.name}", release, names))],)
        return self.files or self.releases[:1]

    @property
    def size(self) -> int:
        """Bytes of all originals together; 0 if unknown."""
        return sum(file.size for file in self.originals())

    @property
    def amount(self) -> str:
        """Number and size of the originals as text: "6 files, 12.6 MB"."""
        count = len(self.originals())
        return f"{count} file{'s' * (count != 1)}, {human(self.size) if self.size else 'size unknown'}"


@cache
def sources() -> Mapping[str, Source]:
    """Return every public table, by name."""
    text = Path(__file__).with_name("sources.toml").read_text(encoding="utf-8")
    return {name: _source(name, entry) for name, entry in tomllib.loads(text).items()}


def source(name: str) -> Source:
    """Return the public table `name`; UnknownNameError with the closest names if it does not exist."""
    return sources()[check_name("table", name, sources())]


def human(size: float) -> str:
    """Return a number of bytes as readable text: "662 kB", "12.6 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.1f} {unit}" if unit in ("MB", "GB") else f"{size:.0f} {unit}"


def _source(name: str, entry: Mapping[str, Any]) -> Source:
    lists = {
        part: tuple(SourceFile(**file) for file in entry.get(part, ())) for part in ("files", "releases")
    }
    return Source(name, **{"folder": name, **entry, **lists})
