"""Protocol buffers on the wire: the fields of one message, checked against its bounds.

Only what public tables need: numbers, 64-bit floats and embedded messages; groups are refused.
Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

_DOUBLE = struct.Struct("<d")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Yield (number, value) of every field: an int, a 64-bit float, or bytes (of 32-bit values too).

    Raises:
        ValueError: The message is cut or holds what no message may; the byte is named.
    """
    at, size = 0, len(message)
    while at < size:
        begin = at
        tag, at = _varint(message, at)
        kind, length = tag & 7, 0
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == _FIXED64:
            length = 8
        elif kind == _BYTES:
            length, at = _varint(message, at)
        elif kind == _FIXED32:
            length = 4
        else:
            raise ValueError(f"protobuf: unknown wire type {kind} at byte {begin}")
        if length > size - at:
            raise ValueError(f"protobuf: the message ends within the field at byte {begin}")
        yield tag >> 3, _DOUBLE.unpack_from(message, at)[0] if kind == _FIXED64 else message[at : at + length]
        at += length


def message(values: Iterable[tuple[int, int | float | bytes]]) -> bytes:
    """Return the message that `fields` reads as these values; an int is written as a number of 0 or more."""
    parts = []
    for number, value in values:
        if isinstance(value, bytes):
            parts += [_to_varint(number << 3 | _BYTES), _to_varint(len(value)), value]
        elif isinstance(value, float):
            parts += [_to_varint(number << 3 | _FIXED64), _DOUBLE.pack(value)]
        else:
            parts += [_to_varint(number << 3 | _VARINT), _to_varint(value)]
    return b"".join(parts)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return (number, place after it)."""
    if at < len(message) and message[at] < 0x80:
        return message[at], at + 1
    number = 0
    for i, byte in enumerate(message[at : at + 10]):
        number |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, at + i + 1
    raise ValueError(f"protobuf: no integer at byte {at}")


def _to_varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
