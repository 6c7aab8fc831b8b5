"""A machine that runs a pickle and can do nothing but build data.

Written out rather than made from `pickle.Unpickler`: that one calls whatever a file names unless told
otherwise, allocates what a file declares, and holds every object of a file of 5 GB until its end. Here a
name is looked up in a short list (`pickle_names`), memory grows only with the bytes read and within limits,
and the values of one large dict can be reduced to a few numbers as they come (`Shed`).
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from data.convert.pickle_bytes import Reader
from data.convert.pickle_names import (
    Dtype,
    Name,
    RefusedError,
    Unfinished,
    check_keys,
    fill_array,
    find_name,
    shown,
)
from data.convert.pickle_shed import Past, Shed
from data.errors import TableError

_MOST_MARKS = 200
_LONGEST_INT = 64
_OPEN = 4  # last records that may be parts of one; real ones have several fields and are told apart at once
_TOGETHER = 4  # records that are shed at a time

_float = struct.Struct(">d").unpack_from
_uint4 = struct.Struct("<I").unpack_from


@dataclass(frozen=True)
class Limits:
    """What a pickle may cost.

    Attributes:
        size: Most bytes of the pickle, after decompression.
        held: Most bytes between two times that records are shed; else like `size`.
        objects: Most containers and objects to refer to that are made between two such times.
    """

    size: int = 1 << 30
    held: int = 1 << 30
    objects: int = 4_000_000


class Machine:
    """Runs one pickle; `load` returns what it holds."""

    def __init__(
        self,
        reader: Reader,
        *,
        limits: Limits | None = None,
        text: Literal["latin1", "bytes"] = "latin1",
        shed: Shed | None = None,
        names: Mapping[str, Name] | None = None,
    ) -> None:
        self._reader, self._limits, self._text, self._shed = reader, limits or Limits(), text, shed
        self._names = names or {}
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # the stacks under each mark
        self._memo: dict[int, Any] = {}
        self._containers = 0
        self._since = reader.base + reader.at  # where what is in memory began
        self._level: list[Any] | None = None  # the stack of the dict that is being shed, and its name
        self._level_name = ""
        self._reduced = 0  # pairs of that stack whose value is reduced
        self._begun: dict[int, int] = {}  # pair -> size of the memo when it was begun, or earlier
        self._past = Past()
        self._gone = 0  # memo numbers that are no longer in the memo

    def load(self) -> Any:  # noqa: ANN401
        """Return the value of the pickle.

        Raises:
            TableError: The pickle wants something it may not have, is cut short or not a pickle; the file
                and the byte are named.
        """
        try:
            return self._run()
        except (RefusedError, RecursionError) as error:
            raise self._error(f"refuses {error}") from error
        except TableError:
            raise
        except (IndexError, ValueError, TypeError, OverflowError, struct.error) as error:
            raise self._error(f"not a well-formed pickle ({type(error).__name__})") from error

    def _error(self, what: str) -> TableError:
        return TableError(f"{self._reader.place}, after byte {self._reader.base + self._reader.at:,}: {what}")

    def _run(self) -> Any:  # noqa: ANN401
        """Run to the end. The frequent steps are here, with all they need in local names."""
        reader, memo = self._reader, self._memo
        buffer, at, safe, stack = reader.buffer, reader.at, reader.safe, self._stack
        steps, unknown, past, gone = Machine._STEPS, Machine._unknown, self._past, 0
        while True:
            if at > safe:
                self._account(at)
                reader.refill(at)
                buffer, at, safe = reader.buffer, reader.at, reader.safe
            op = buffer[at]
            if op == 0x47:  # BINFLOAT
                stack.append(_float(buffer, at + 1)[0])
                at += 9
            elif op == 0x72:  # LONG_BINPUT
                memo[_uint4(buffer, at + 1)[0]] = stack[-1]
                at += 5
            elif op == 0x6A:  # LONG_BINGET
                number = _uint4(buffer, at + 1)[0]
                stack.append(memo[number] if number in memo else past.recall(number))
                at += 5
            elif op == 0x4B:  # BININT1
                stack.append(buffer[at + 1])
                at += 2
            elif op == 0x58 and (last := at + 5 + _uint4(buffer, at + 1)[0]) <= safe:  # BINUNICODE
                stack.append(buffer[at + 5 : last].decode())
                at = last
            elif op == 0x8C and (last := at + 2 + buffer[at + 1]) <= safe:  # SHORT_BINUNICODE
                stack.append(buffer[at + 2 : last].decode())
                at = last
            elif op == 0x94:  # MEMOIZE
                memo[gone + len(memo)] = stack[-1]
                at += 1
            elif op == 0x68:  # BINGET
                number = buffer[at + 1]
                stack.append(memo[number] if number in memo else past.recall(number))
                at += 2
            elif op == 0x71:  # BINPUT
                memo[buffer[at + 1]] = stack[-1]
                at += 2
            else:
                reader.at = at + 1
                if op == 0x2E:  # STOP
                    if len(stack) != 1 or self._below or at >= reader.end:
                        raise IndexError
                    return stack[0]
                self._stack = stack
                self._containers += 1
                steps.get(op, unknown)(self)
                buffer, at, safe, stack = reader.buffer, reader.at, reader.safe, self._stack
                gone = self._gone

    def _account(self, at: int) -> None:
        """Refuse a pickle that outgrows its limits when it is read up to `at`."""
        if self._reader.base + at - self._since > self._limits.held:
            raise RefusedError(f"a value of more than {self._limits.held:,} bytes")
        if self._containers + len(self._memo) > self._limits.objects:
            raise RefusedError(f"a value of more than {self._limits.objects:,} objects")

    def _shed_pairs(self, items: list[Any], pairs: int, before: int) -> None:
        """Reduce the first `pairs` keys and values of `items` and forget the memo before number `before`.

        Containers that are still open stay in the memo, and so do the names of constructors.
        """
        shed = self._shed
        assert shed is not None
        for at in range(2 * self._reduced, 2 * pairs, 2):
            items[at + 1] = shed.reduce(self._level_name, items[at], items[at + 1])
        self._reduced = pairs
        still_open = {id(item) for item in items[2 * pairs :]}
        over = []
        for number, thing in self._memo.items():
            if number >= before:
                break
            if number >= len(self._past):
                self._past.add(number, thing)
            if type(thing) not in (Name, Dtype) and id(thing) not in still_open:
                over.append(number)
        for number in over:
            del self._memo[number]
        self._gone += len(over)
        self._containers, self._since = 0, self._reader.base + self._reader.at

    def _mark(self) -> None:
        stack = self._stack
        if len(self._below) >= _MOST_MARKS:
            raise RefusedError(f"nesting of more than {_MOST_MARKS} levels")
        starts = False
        if self._shed is not None:
            if self._level is None:
                starts = self._is_shed(stack)
            elif stack is self._level:
                self._mark_record(stack)
        self._below.append(stack)
        self._stack = []
        if starts:
            self._level, self._level_name, self._reduced, self._begun = self._stack, stack[-2], 0, {}

    def _mark_record(self, stack: list[Any]) -> None:
        """Take note that something of the last record of `stack` begins, and shed the earlier ones.

        A container is filled after it is put on the stack, and one of a single item without a mark: whether
        the last pairs are records, or parts of one that is not closed yet, shows only later.
        """
        last = len(stack) // 2 - 1
        self._begun.setdefault(last, self._gone + len(self._memo))
        if last - _OPEN - self._reduced >= _TOGETHER:
            pairs = last - _OPEN
            before = max((number for pair, number in self._begun.items() if pair <= pairs), default=0)
            self._shed_pairs(stack, pairs, before)
            self._begun = {pair: number for pair, number in self._begun.items() if pair > pairs}

    def _is_shed(self, stack: list[Any]) -> bool:
        """Whether the top of `stack` is one of the dicts to shed, under its name."""
        shed = self._shed
        return (
            shed is not None
            and len(stack) > 1
            and type(stack[-1]) is dict
            and type(stack[-2]) is str
            and stack[-2] in shed.dicts
        )

    def _popped(self) -> list[Any]:
        """Return the stack above the last mark; the one below it is the stack again."""
        items, self._stack = self._stack, self._below.pop()
        return items

    def _set_items(self) -> None:
        if self._stack is self._level:
            self._shed_pairs(self._stack, len(self._stack) // 2, self._gone + len(self._memo))
            self._level = None
        self._update(self._popped())

    def _set_item(self) -> None:
        items = self._stack[-2:]
        del self._stack[-2:]
        if self._level is None and self._is_shed(self._stack):
            self._level_name, self._reduced = self._stack[-2], 0
            self._shed_pairs(items, 1, self._gone + len(self._memo))
        self._update(items)

    def _update(self, items: list[Any]) -> None:
        target, keys, values = self._stack[-1], items[::2], items[1::2]
        if type(target) is not dict or len(keys) != len(values):
            raise TypeError
        check_keys(keys)
        size = len(target)
        target.update(zip(keys, values, strict=True))
        if len(target) != size + len(keys):
            raise RefusedError("a key that is given twice")

    def _append(self) -> None:
        value = self._stack.pop()
        self._list().append(value)

    def _appends(self) -> None:
        items = self._popped()
        self._list().extend(items)

    def _list(self) -> list[Any]:
        if type(self._stack[-1]) is not list:
            raise TypeError
        return self._stack[-1]

    def _add_items(self) -> None:
        items = self._popped()
        if type(self._stack[-1]) is not set:
            raise TypeError
        check_keys(items)
        self._stack[-1].update(items)

    def _tuple(self, size: int) -> None:
        items = tuple(self._stack[-size:])
        if len(items) != size:
            raise IndexError
        self._stack[-size:] = [items]

    def _mark_tuple(self) -> None:
        items = tuple(self._popped())
        self._stack.append(items)

    def _global(self) -> None:
        module = self._reader.line()
        self._push_name(module, self._reader.line())

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise TypeError
        self._push_name(module, name)

    def _push_name(self, module: str, name: str) -> None:
        self._stack.append(find_name(f"{module}.{name}", self._names))

    def _inst(self) -> None:
        raise RefusedError(f"{self._reader.line()}.{self._reader.line()} (by INST)")

    def _reduce(self) -> None:
        arguments, made = self._stack.pop(), self._stack.pop()
        if type(made) is not Name or type(arguments) is not tuple:
            raise RefusedError(f"a call of {shown(made)}")
        self._stack.append(made.build(*arguments))

    def _new(self) -> None:
        """Build an object of the names that this file alone may use."""
        if not self._names:
            self._unknown()
        self._reduce()

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Unfinished):
            target.build(state)
        elif type(target) is np.ndarray:
            fill_array(target, state)
        else:
            raise RefusedError(f"a state for {shown(target)}")

    def _integer(self, size: int) -> None:
        if size > _LONGEST_INT:
            raise RefusedError(f"an integer of {size:,} bytes")
        self._stack.append(int.from_bytes(self._reader.take(size), "little", signed=True))

    def _bytes(self, size: int) -> None:
        self._stack.append(self._reader.take(size))

    def _unicode(self, size: int) -> None:
        self._stack.append(self._reader.take(size).decode())

    def _string(self, size: int) -> None:
        """A text of Python 2: bytes, or one letter a byte."""
        raw = self._reader.take(size)
        self._stack.append(raw if self._text == "bytes" else raw.decode("latin1"))

    def _protocol(self) -> None:
        protocol = self._reader.take(1)[0]
        if not 2 <= protocol <= 5:
            raise RefusedError(f"protocol {protocol}; 2 to 5 are read")

    def _size(self, width: int) -> int:
        """Return the length of what follows, which the stream gives in `width` bytes."""
        size = int.from_bytes(self._reader.take(width), "little")
        self._account(self._reader.at + size)
        return size

    def _unknown(self) -> None:
        """Refuse a step that no official release needs."""
        reader = self._reader
        if reader.at > reader.end:
            reader.cut_short()
        op = chr(reader.buffer[reader.at - 1])
        known = [step.name for step in pickletools.opcodes if step.code == op]
        raise RefusedError(f"the step {known[0]}" if known else f"{op!r}, which is no step of a pickle")

    _STEPS: ClassVar[dict[int, Callable[[Machine], object]]] = {
        0x80: _protocol,  # PROTO
        0x95: lambda self: self._reader.take(8),  # FRAME: a hint about sizes
        0x28: _mark,
        0x4E: lambda self: self._stack.append(None),
        0x88: lambda self: self._stack.append(True),
        0x89: lambda self: self._stack.append(False),
        0x4A: lambda self: self._integer(4),  # BININT
        0x4D: lambda self: self._stack.append(int.from_bytes(self._reader.take(2), "little")),  # BININT2
        0x8A: lambda self: self._integer(self._size(1)),  # LONG1
        0x8B: lambda self: self._integer(self._size(4)),  # LONG4
        0x58: lambda self: self._unicode(self._size(4)),  # BINUNICODE, SHORT_BINUNICODE, BINUNICODE8
        0x8C: lambda self: self._unicode(self._size(1)),
        0x8D: lambda self: self._unicode(self._size(8)),
        0x55: lambda self: self._string(self._size(1)),  # SHORT_BINSTRING, BINSTRING
        0x54: lambda self: self._string(self._size(4)),
        0x43: lambda self: self._bytes(self._size(1)),  # SHORT_BINBYTES, BINBYTES, BINBYTES8
        0x42: lambda self: self._bytes(self._size(4)),
        0x8E: lambda self: self._bytes(self._size(8)),
        0x96: lambda self: self._bytes(self._size(8)),  # BYTEARRAY8
        0x5D: lambda self: self._stack.append([]),
        0x61: _append,
        0x65: _appends,
        0x29: lambda self: self._stack.append(()),
        0x85: lambda self: self._tuple(1),
        0x86: lambda self: self._tuple(2),
        0x87: lambda self: self._tuple(3),
        0x74: _mark_tuple,
        0x7D: lambda self: self._stack.append({}),
        0x73: _set_item,
        0x75: _set_items,
        0x8F: lambda self: self._stack.append(set()),
        0x90: _add_items,
        0x63: _global,
        0x93: _stack_global,
        0x69: _inst,
        0x52: _reduce,
        0x62: _build,
        0x81: _new,  # NEWOBJ
    }
