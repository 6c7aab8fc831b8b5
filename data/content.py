"""What a file's first bytes say it is, and text out of bytes."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from data.errors import TableError

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
PARQUET, ZIP, GZIP = b"PAR1", b"PK\x03\x04", b"\x1f\x8b"
_KINDS = (
    (LFS_POINTER, "a Git LFS pointer, not the file itself: run `git lfs pull` where it was cloned"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: save the table as CSV or parquet, e.g. with pandas.read_hdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel file (.xls): save it as .xlsx or .csv"),
    (b"\x93NUMPY", "a numpy array: save the table as CSV or parquet"),
    (b"SQLite format 3\x00", "an SQLite database: export the table as CSV"),
    (b"ARROW1", "an Arrow (feather) file: save it with pandas.DataFrame.to_parquet"),
    (b"\x80\x02", "a pickle: save the table with pandas.DataFrame.to_parquet"),
    (b"\x80\x03", "a pickle: save the table with pandas.DataFrame.to_parquet"),
    (b"\x80\x04", "a pickle: save the table with pandas.DataFrame.to_parquet"),
    (b"\x80\x05", "a pickle: save the table with pandas.DataFrame.to_parquet"),
    (b"%PDF-", "a PDF document: save the table as CSV"),
    (b"BZh", "compressed with bzip2: unpack it first, or compress it with gzip"),
    (b"\xfd7zXZ\x00", "compressed with xz: unpack it first, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first, or compress it with gzip"),
)
_PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml")


def other_kind(head: bytes) -> str:
    """Return what bytes that begin a file are, and what to do, if they are of no table; else ""."""
    for start, what in _KINDS:
        if head.startswith(start):
            return what
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        return (
            "an HTML page, such as the warning or login page of a download site: "
            "download the file itself, e.g. from the page's download button"
        )
    return ""


def refuse_other_kinds(path: Path) -> None:
    """Raise TableError if a file's first bytes say that it is something else than a table."""
    try:
        with path.open("rb") as file:
            what = other_kind(file.read(512))
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from error
    if what:
        raise TableError(f"{path} is {what}")


def read_text(path: Path) -> tuple[str, list[str]]:
    """Return the text of a file, unpacked if it is compressed with gzip, and what a reader must be told.

    UTF-8 and UTF-16 with a byte order mark are known; what is not UTF-8 is read as Latin-1 (Windows-1252),
    with a line that says so.

    Raises:
        TableError: The file cannot be read, is no text, or is known to be something else.
    """
    refuse_other_kinds(path)
    try:
        raw = path.read_bytes()
        if raw.startswith(GZIP):
            raw = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(f"{path} cannot be read: {error}") from error
    what = other_kind(raw[:512])
    if raw.startswith(PARQUET):
        what = "a parquet file: give it the suffix .parquet"
    elif raw.startswith(ZIP):
        what = "a zip archive or an Excel file: unpack it, or give it the suffix .xlsx"
    if what:
        raise TableError(f"{path} is {what}")
    return _decode(path, raw)


def _decode(path: Path, raw: bytes) -> tuple[str, list[str]]:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16"), []
        except UnicodeDecodeError as error:
            raise TableError(f"{path} begins as UTF-16 text but is none: {error.reason}") from error
    if b"\x00" in raw:
        line = raw[: raw.index(b"\x00")].count(b"\n") + 1
        raise TableError(f"{path} is not a text file: there is a zero byte in line {line}")
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        notice = f"{path.name} is not UTF-8 (line {line}): read as Latin-1 (Windows-1252)"
        return raw.decode("cp1252", errors="replace"), [notice]
