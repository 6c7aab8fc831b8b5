"""The files of an original (a folder, a zip archive or one file), read without unpacking."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from data.convert.jsonstream import Readable, said, shorten
from data.errors import TableError

RATIO_LIMIT = 200
"""Largest ratio of unpacked to packed size of a member; JSON of measurements reaches about ten."""

NAME_LIMIT = 500


@dataclass(frozen=True)
class Member:
    """A file of an original.

    Attributes:
        name: Its path in the folder or archive, with "/".
        size: Bytes, unpacked.
        source: The file itself, or the archive that holds it.
        info: Its entry in the archive; None for a file.
    """

    name: str
    size: int
    source: Path
    info: zipfile.ZipInfo | None = None

    @property
    def base(self) -> str:
        """Last part of the name."""
        return PurePosixPath(self.name).name

    @contextmanager
    def open(self, taken: Callable[[int], object] = lambda size: None) -> Iterator[Readable]:
        """Give the file for reading; `taken` is called with the size of each piece that has been read.

        Raises:
            TableError: The file cannot be read, or the archive is damaged; the member is named.
        """
        with ExitStack() as stack:
            try:
                stream = stack.enter_context(self._stream(stack))
            except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise TableError(f"{self.name}: cannot be read: {shorten(str(error))}") from error
            yield _Metered(stream, self.name, taken)

    def _stream(self, stack: ExitStack) -> IO[bytes]:
        if self.info is None:
            return self.source.open("rb")
        if self.size > RATIO_LIMIT * max(self.info.compress_size, 1):
            raise TableError(
                f"{self.source.name}, {self.name}: unpacks to {self.size:,} bytes, more than {RATIO_LIMIT} "
                f"times its packed size of {self.info.compress_size:,}"
            )
        return stack.enter_context(zipfile.ZipFile(self.source)).open(self.info)


class _Metered:
    """A stream that reports how much has been read, and whose errors name the file."""

    def __init__(self, stream: IO[bytes], name: str, taken: Callable[[int], object]) -> None:
        self.stream, self.name, self.taken = stream, name, taken

    def read(self, size: int, /) -> bytes:
        try:
            chunk = self.stream.read(size)
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise TableError(f"{self.name}: incomplete or damaged: {shorten(str(error))}") from error
        self.taken(len(chunk))
        return chunk


def members(path: Path, suffix: str) -> list[Member]:
    """Return the files ending in `suffix`, sorted by name: of a folder and all below it, of a zip, or itself.

    Raises:
        TableError: `path` is an incomplete .zip archive, or contains a file with an unreasonable name.
    """
    if path.is_dir():
        files = [file for file in path.rglob(f"*{suffix}") if file.is_file()]
        found = [Member(file.relative_to(path).as_posix(), file.stat().st_size, file) for file in files]
    elif path.suffix == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise TableError(f"{path.name}: not a complete zip archive: {shorten(str(error))}") from error
        found = [Member(entry.filename, entry.file_size, path, entry) for entry in entries]
    else:
        found = [Member(path.name, path.stat().st_size, path)]
    for member in found:
        if len(member.name) > NAME_LIMIT or not member.name.isprintable():
            raise TableError(f"{path.name}: contains a file with an unreasonable name: {said(member.name)}")
    kept = [member for member in found if member.name.endswith(suffix) and not _is_litter(member)]
    return sorted(kept, key=lambda member: member.name)


def _is_litter(member: Member) -> bool:
    """Return whether macOS added this file to the archive or folder."""
    return member.base.startswith("._") or member.name.startswith("__MACOSX/")


def share_of(total: int, progress: Callable[[float], object]) -> Callable[[int], None]:
    """Return a function that takes sizes read and calls `progress` with their share of `total`."""
    done = 0

    def taken(size: int) -> None:
        nonlocal done
        done += size
        progress(min(done / max(total, 1), 1.0))

    return taken
