"""TFRecord files, streamed without TensorFlow: every checksum is checked, memory does not grow with the file.

A record is its length (8 bytes, little-endian), the masked CRC-32C of those 8 bytes (4), the data and the
masked CRC-32C of the data (4). A masked checksum is the CRC rotated right by 15 bits plus a constant.
Source: tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from google_crc32c import value as crc32c

from data.errors import TableError
from data.files import atomic_path

MAX_RECORD = 1 << 20  # bytes; a record of a NAS table has a few hundred
_CHUNK = 1 << 20
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")


class Record(NamedTuple):
    """One record and where it is.

    Attributes:
        number: Its number in the file, from 0.
        offset: Byte of the file that it begins at.
        data: What it holds.
    """

    number: int
    offset: int
    data: bytes


def place(path: Path, number: int, offset: int) -> str:
    """Return where a record is, for a message: "x.tfrecord, record 7 (byte 2,870)"."""
    return f"{path.name}, record {number:,} (byte {offset:,})"


def masked_crc(data: bytes) -> int:
    """Return the checksum that the format keeps of `data`."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read_records(
    path: Path, progress: Callable[[float], object] = lambda share: None, max_record: int = MAX_RECORD
) -> Iterator[Record]:
    """Yield the records of a file in order, each one checked.

    Args:
        path: The file.
        progress: Called with the share (0 to 1) of the file that has been read.
        max_record: Most bytes that one record may have.

    Raises:
        TableError: The file is cut, is no TFRecord file, or holds a record that is too long or has a wrong
            checksum; the record and its first byte are named.
    """
    size = path.stat().st_size
    number = begin = at = 0  # `begin` is the byte of the file that the buffer starts with
    buffer = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            buffer = buffer[at:] + chunk
            begin, at = begin + at, 0
            while (end := _end(path, buffer, at, number, begin + at, max_record)) <= len(buffer):
                data = buffer[at + 12 : end - 4]
                if _FOOTER.unpack_from(buffer, end - 4)[0] != masked_crc(data):
                    raise TableError(f"{place(path, number, begin + at)}: the data has a wrong checksum")
                yield Record(number, begin + at, data)
                number, at = number + 1, end
            progress(min(1.0, (begin + len(buffer)) / size) if size else 1.0)
    if at < len(buffer):
        left = len(buffer) - at
        raise TableError(f"{place(path, number, begin + at)}: the file ends in it, after {left:,} bytes")


def _end(path: Path, buffer: bytes, at: int, number: int, offset: int, max_record: int) -> int:
    """Return where the record at `at` ends; beyond the buffer if its header is not there yet."""
    if len(buffer) < at + 12:
        return at + 12 + 4
    length, crc = _HEADER.unpack_from(buffer, at)
    if crc != masked_crc(buffer[at : at + 8]):
        why = "the length has a wrong checksum" if number else "not a TFRecord file"
        raise TableError(f"{place(path, number, offset)}: {why}")
    if length > max_record:
        raise TableError(
            f"{place(path, number, offset)}: {length:,} bytes long; at most {max_record:,} are read"
        )
    return at + 12 + length + 4


def looks_like_records(path: Path) -> bool:
    """Return whether a file begins with the header of a record."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(12)
    return len(head) == 12 and _HEADER.unpack(head)[1] == masked_crc(head[:8])


def write_records(path: Path, records: Iterable[bytes]) -> Path:
    """Write records to a file, complete or not at all."""
    with atomic_path(path) as part, part.open("wb") as file:
        for data in records:
            length = struct.pack("<Q", len(data))
            file.write(
                b"".join((length, _FOOTER.pack(masked_crc(length)), data, _FOOTER.pack(masked_crc(data))))
            )
    return path
