"""Public tables: what data/sources.toml says of each, read once."""

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
    """One original: where it is and what it must be.

    Attributes:
        name: File name, in the cache and on a mirror.
        url: Pinned address; "" if it can only be had by hand.
        sha256: Checksum, hex digits.
        size: Bytes.
    """

    name: str
    sha256: str
    size: int
    url: str = ""

    @property
    def origin(self) -> str:
        """Host and, for a code host, owner and repository: what a person recognises of the address."""
        parts = urlsplit(self.url)
        return "/".join([parts.netloc, *parts.path.split("/")[1:3]])


@dataclass(frozen=True)
class Source:
    """One public table.

    Attributes:
        name: Name of the table.
        title: What it holds.
        licence: Who may use it.
        citation: Whom to cite.
        produces: File name of the converted table.
        converter: Key of the function that makes the table of the originals.
        files: The originals.
        manual: What to do by hand if they cannot be downloaded; "" if they can.
    """

    name: str
    title: str
    licence: str
    citation: str
    produces: str
    converter: str
    files: tuple[SourceFile, ...]
    manual: str = ""

    @property
    def size(self) -> int:
        """Bytes of all originals together."""
        return sum(file.size for file in self.files)

    @property
    def amount(self) -> str:
        """Number and size of the originals, for people: "6 files, 12.6 MB"."""
        count = len(self.files)
        return f"{count} file{'s' * (count != 1)}, {human(self.size)}"


@cache
def sources() -> Mapping[str, Source]:
    """Return every public table, by name."""
    text = Path(__file__).with_name("sources.toml").read_text(encoding="utf-8")
    return {name: _source(name, entry) for name, entry in tomllib.loads(text).items()}


def source(name: str) -> Source:
    """Return the public table `name`; UnknownNameError with the closest names if there is none."""
    return sources()[check_name("table", name, sources())]


def human(size: float) -> str:
    """Return a number of bytes as people write it: "662 kB", "12.6 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.1f} {unit}" if unit in ("MB", "GB") else f"{size:.0f} {unit}"


def _source(name: str, entry: Mapping[str, Any]) -> Source:
    return Source(name, **{**entry, "files": tuple(SourceFile(**file) for file in entry["files"])})
