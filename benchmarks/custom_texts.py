"""Architectures written as texts of a known space -> graphs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from benchmarks.lists import graphs_of_texts
from benchmarks.nb201 import parse_strings
from benchmarks.operations import NB201_NAMES, Rules, fold_spelling
from benchmarks.own_rows import column_values
from data.errors import InputError, TableError
from data.graphs import Graphs
from data.spaces import get
from data.spaces.codes import CodeSpace
from data.spaces.edges import NB201
from data.table import Table

TEXT_SPACES = ("transnas_micro", "transnas_macro", "nats_size", "macro", "proxyless")  # and nb201
_EDGE = re.compile(r"(?<![^|~+])([^|~+]+)~(?=\d)")


def texts(table: Table, rules: Rules) -> Graphs:
    """Return the graphs of the texts of the space that the first row's text is of.

    Raises:
        TableError: The first text is of no known space, or another one is not of that space.
    """
    del rules  # a known space says itself what its operations are
    arch = [_text(value) for value in column_values(table, "arch")]
    first = arch[0]
    if first is not None and "|" in first:
        return NB201.graphs(parse_strings(pa.chunked_array([pa.array(_official(arch), pa.string())])))
    for name in TEXT_SPACES:
        space = get(name)
        padded = _padded(arch, space)
        if _parses(space, padded[0]):
            return _parsed(space, padded)
    rng = np.random.default_rng(0)
    known = [(name, get(name).format(get(name).sample(1, rng))[0]) for name in ("nb201", *TEXT_SPACES)]
    examples = ", ".join(f"{text} ({name})" for name, text in known)
    raise TableError(
        f"row 0: arch {first!r:.200} is of no space that can be told from the text; texts look like "
        f"{examples}; texts of other spaces need a column 'space' with its name"
    )


def named_texts(table: Table, rules: Rules) -> Graphs:
    """Return the graphs of texts `arch` of the space that the column `space` names."""
    del rules
    spaces = [_text(value) for value in column_values(table, "space")]
    arch = [_text(value) for value in column_values(table, "arch")]
    if None in spaces or None in arch:
        row = next(i for i, pair in enumerate(zip(spaces, arch, strict=True)) if None in pair)
        raise TableError(f"row {row}: 'space' or 'arch' is missing")
    if len(set(spaces)) == 1:
        space = get(str(spaces[0]))
        arch = _official(arch) if space == NB201 else _padded(arch, space)
        _parsed(space, arch)
    return graphs_of_texts(Table(pa.table({"space": spaces, "arch": pa.array(arch, pa.string())})))


def _parsed(space: CodeSpace, arch: Sequence[str | None]) -> Graphs:
    """Return the graphs of texts; TableError names the first that is no architecture of the space."""
    if None not in arch:
        try:
            codes = space.parse([str(text) for text in arch])
        except InputError:
            pass  # found below, by row
        else:
            valid = space.valid(codes)
            if valid.all():
                return space.graphs(codes)
            row = int(np.flatnonzero(~valid)[0])
            raise TableError(f"row {row}: arch {arch[row]!r} is no architecture of space '{space.name}'")
    bad = [row for row, text in enumerate(arch) if not _parses(space, text)]
    raise TableError(
        f"row {bad[0]}: arch {arch[bad[0]]!r:.200} is no text of space '{space.name}' such as "
        f"{space.format(space.sample(1, np.random.default_rng(0)))[0]} ({len(bad)} such rows)"
    )


def _parses(space: CodeSpace, text: str | None) -> bool:
    if text is None:
        return False
    try:
        space.parse([text])
    except InputError:
        return False
    return True


def _text(value: object) -> str | None:
    """Return an architecture as text: a code that is a number without ".0", None where it is missing."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() if isinstance(value, (str, int, float)) else str(value)


def _padded(arch: list[str | None], space: CodeSpace) -> list[str | None]:
    """Return codes of digits with the zeros in front that a column of numbers has lost."""
    if getattr(space, "separator", None) != "":
        return arch
    width = len(space.choices)
    return [text.zfill(width) if text is not None and text.isdecimal() else text for text in arch]


def _official(arch: list[str | None]) -> list[str | None]:
    """Return NAS-Bench-201 strings with the official names of operations: "Zero~0" is "none~0"."""
    folded: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        given = match[1]
        if given not in folded:
            folded[given] = NB201_NAMES.get(fold_spelling(given), given)
        return f"{folded[given]}~"

    return [None if text is None else _EDGE.sub(name, text) for text in arch]
