"""Bytes of a pickle, a chunk at a time, and no more than it may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, NoReturn

from data.convert.pickle_names import RefusedError
from data.errors import TableError

CHUNK = 1 << 18
_PAD = bytes(16)  # after the last byte, so that a fixed operand can be read without looking for the end
_LONGEST_NAME = 200


class Reader:
    """Bytes of a stream, a chunk at a time.

    Attributes:
        buffer: Bytes at hand, padded after the last byte of the stream.
        at: Place of the next byte in `buffer`.
        end: Number of real bytes in `buffer`.
        safe: Places after this one need a refill first.
        base: Bytes of the stream before `buffer`.
    """

    def __init__(
        self, stream: IO[bytes], place: str, size: int, progress: Callable[[], object] = lambda: None
    ) -> None:
        self._stream, self._size, self._progress = stream, size, progress
        self.place = place
        self.buffer, self.at, self.end, self.base, self.safe = b"", 0, 0, 0, -1
        self._finished = False
        self.refill(0)

    def refill(self, at: int) -> None:
        """Drop the bytes before `at` and read the next chunk."""
        self.at = at
        if self._finished:
            return
        rest = self.buffer[at : self.end]
        chunk = self._stream.read(CHUNK)
        self._progress()
        self.base, self.at = self.base + at, 0
        self._finished = not chunk
        self.end = len(rest) + len(chunk)
        self.buffer = rest + (chunk or _PAD)
        self.safe = self.end if self._finished else self.end - len(_PAD)
        if self.base + self.end > self._size:
            raise TableError(f"{self.place}: longer than {self._size:,} bytes when unpacked")

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        if self.at + count <= self.end:
            self.at += count
            return self.buffer[self.at - count : self.at]
        parts, missing = [], count
        while missing > (ready := max(self.end - self.at, 0)):
            if self._finished:
                self.cut_short()
            parts.append(self.buffer[self.at : self.end])
            missing -= ready
            self.refill(self.end)
        parts.append(self.buffer[self.at : self.at + missing])
        self.at += missing
        return b"".join(parts)

    def line(self) -> str:
        """Return the text up to the next line end."""
        text = bytearray()
        while (sign := self.take(1)) != b"\n":
            text += sign
            if len(text) > _LONGEST_NAME:
                raise RefusedError(f"a name of more than {_LONGEST_NAME} letters")
        return text.decode()

    def is_empty(self) -> bool:
        """Whether there is no further byte."""
        if self.at >= self.end:
            self.refill(self.end)
        return self.at >= self.end

    def cut_short(self) -> NoReturn:
        """Raise the error for a stream that ends too early."""
        raise TableError(f"{self.place}: cut short after {self.base + self.end:,} bytes")
