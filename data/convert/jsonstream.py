"""JSON read as a stream: one record at a time, strictly, from a file that nobody vouches for.

The official JSON files hold up to gigabytes in one list or object. Only one record of it is in memory here;
its size and nesting are limited, duplicate keys are rejected, and so is anything after the end.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Iterator
from typing import Any, NoReturn, Protocol

from data.errors import TableError

CHUNK = 1 << 20
RECORD_LIMIT = 8 << 20
DEPTH_LIMIT = 16

Place = tuple[str | int, ...]
"""Where a value is: the keys and list positions (from 0) that lead to it."""

# A whole string, or a bracket, or a quote whose string has not ended yet.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}"]', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_ATOM = re.compile(rb'[^ \t\r\n,:\[\]{}"]*')
_CLOSING = {b"[": b"]", b"{": b"}"}

# Bounded: a value read from a pickle may hold one list many times, and its whole text could be endless.
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 100


class Readable(Protocol):
    """What is read from: `read(n)` returns at most n bytes, none at the end."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102


def records(stream: Readable, name: str, depth: int | None = None) -> Iterator[tuple[Place, Any]]:
    """Yield (place, value) of every value that is `depth` lists or objects deep, in the file's order.

    Args:
        stream: The file, open for reading bytes.
        name: Its name, for messages.
        depth: 0 for the file as one value, 1 for the members of its outermost list or object, ...; None for
            the records of a list, or of lists under names (1 for a list, 2 for an object).

    Raises:
        TableError: The file is cut off, is not JSON, or a record of it is too large or too deeply nested; the
            file and the record are named.
    """
    source = _Source(stream, name)
    if depth is None:
        depth = 2 if source.peek() == b"{" else 1
    yield from source.walk(depth, ())
    if source.peek():
        source.fail((), "something follows after its end")


def document(stream: Readable, name: str) -> Any:  # noqa: ANN401
    """Return the one value of a small JSON file; as strict as `records`."""
    ((_, value),) = records(stream, name, 0)
    return value


def spell(name: str, place: Place) -> str:
    """Return file and place for a message: "DARTS.json, record 3", "macro.json, record '00000000'"."""
    return name + (", record " + "/".join(said(step) for step in place) if place else "")


class _Source:
    """A buffer over the stream, with the reading position `at`."""

    def __init__(self, stream: Readable, name: str) -> None:
        self.stream, self.name = stream, name
        self.buffer, self.at = b"", 0

    def fail(self, place: Place, what: str) -> NoReturn:
        raise TableError(f"{spell(self.name, place)}: {what}")

    def walk(self, depth: int, place: Place) -> Iterator[tuple[Place, Any]]:
        """Yield the values `depth` levels below the value that comes next."""
        if depth == 0:
            yield place, self.value(place)
            return
        opening = self.peek()
        if opening not in _CLOSING:
            self.fail(place, "not a list or an object" if opening else "the file ends here")
        closing, keys = _CLOSING[opening], set()
        self.at += 1
        if self.peek() == closing:
            self.at += 1
            return
        for n in range(1 << 62):
            step: str | int = n
            if opening == b"{":
                step = self.key(place)
                if step in keys:
                    self.fail((*place, step), "this key comes a second time")
                keys.add(step)
            yield from self.walk(depth - 1, (*place, step))
            sign = self.peek()
            self.at += 1
            if sign == closing:
                return
            if sign != b",":
                self.fail((*place, step), self.found("a comma or the end should follow", sign))

    def key(self, place: Place) -> str:
        key = self.value(place)
        if not isinstance(key, str):
            self.fail(place, f"a key should be a string, not {said(key)}")
        sign = self.peek()
        if sign != b":":
            self.fail((*place, key), self.found("a colon should follow the key", sign))
        self.at += 1
        return key

    def found(self, wanted: str, sign: bytes) -> str:
        return f"not JSON: {wanted}, not {sign!r}" if sign else "the file ends here"

    def more(self) -> bool:
        """Drop what has been read and append the next chunk; False at the end of the file."""
        chunk = self.stream.read(CHUNK)
        self.buffer, self.at = self.buffer[self.at :] + chunk, 0
        return bool(chunk)

    def peek(self) -> bytes:
        """Return the next byte that is not white space, b"" at the end of the file."""
        while True:
            space = _SPACE.match(self.buffer, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.buffer):
                return self.buffer[self.at : self.at + 1]
            if not self.more():
                return b""

    def value(self, place: Place) -> Any:  # noqa: ANN401
        """Return the value that comes next, decoded."""
        first = self.peek()
        if not first:
            self.fail(place, "the file ends here")
        end = self.bracketed(place) if first in b'[{"' else self.atom(place)
        text, self.at = self.buffer[self.at : end], end
        try:
            return json.loads(text.decode(), object_pairs_hook=_once)
        except ValueError as error:
            self.fail(place, f"not JSON: {shorten(str(error))}")

    def bracketed(self, place: Place) -> int:
        """Return where the list, object or string that starts at `at` ends."""
        cursor, depth = self.at, 0
        while True:
            token = _TOKEN.search(self.buffer, cursor)
            if token is not None and token.group() != b'"':
                cursor, sign = token.end(), token.group()[:1]
                depth += (sign in b"[{") - (sign in b"]}")
                if depth <= 0:
                    return cursor
                if depth > DEPTH_LIMIT:
                    self.fail(place, f"nested more than {DEPTH_LIMIT} levels deep")
                continue
            cursor = len(self.buffer) if token is None else token.start()
            cursor = self.extend(place, cursor)
            if cursor is None:
                self.fail(place, "the file ends in the middle of it")

    def atom(self, place: Place) -> int:
        """Return where the number or name that starts at `at` ends."""
        while True:
            atom = _ATOM.match(self.buffer, self.at)
            end = atom.end() if atom else self.at
            if end < len(self.buffer) or self.extend(place, end) is None:
                return max(end, self.at + 1) if end < len(self.buffer) else len(self.buffer)

    def extend(self, place: Place, cursor: int) -> int | None:
        """Read on within a record; return `cursor` in the new buffer, None at the end of the file."""
        cursor -= self.at
        if len(self.buffer) - self.at > RECORD_LIMIT:
            self.fail(place, f"larger than {RECORD_LIMIT >> 20} MiB")
        return cursor if self.more() else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        raise ValueError(f"the key {said(next(k for k in names if names.count(k) > 1))} comes twice")
    return found


def said(value: object) -> str:
    """Return a value for a message: its repr, shortened; its kind if it has no reasonable one."""
    try:
        return shorten(_REPR.repr(value))
    except (ValueError, RecursionError):  # a number of too many digits, a list in a list in a ...
        return f"a {type(value).__name__}"


def shorten(text: str) -> str:
    """Return a text on one line of at most 80 characters, for a message."""
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."
