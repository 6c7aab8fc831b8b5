"""Columns of text -> numbers; a column that holds mostly numbers, but not only numbers, is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.arrow import floats
from data.errors import TableError

MISSING = frozenset(
    {"", "-", "--", "–", "—", ".", "?", "na", "n/a", "<na>", "#n/a", "nan", "-nan", "none", "null", "nil"}
)
"""Spellings of a missing value, in lower case."""
MOSTLY = 0.5  # share of numbers from which a column is a column of numbers with faults
NAMES = frozenset(
    {
        "id", "uid", "uuid", "key", "hash", "name", "arch_id", "arch_name", "model", "model_id", "model_name",
        "network", "architecture", "note", "notes", "comment", "remark", "description", "tag", "label_name",
        "config", "config_id", "run", "run_id", "run_name", "file", "path", "date", "time_stamp", "timestamp",
    }
)  # fmt: skip
"""Columns that name or describe a row, in lower case: text among their numbers is no fault."""
ARCHITECTURE = frozenset(
    {"arch", "ops", "adjacency", "stage", "features", "feature_names", "normal", "reduce", "space"}
)
"""Columns that hold architectures: always text or lists, whatever they look like."""
BLOCK = re.compile(r"(block|layer|op)[ _-]?(\d{1,3})", re.IGNORECASE)
"""Columns of one block each: block0, block1, ..."""
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_LONGEST = 100  # characters of a number


def holds_architecture(name: str) -> bool:
    """Return whether a column of this name holds (part of) an architecture."""
    return name.strip().lower() in ARCHITECTURE or BLOCK.fullmatch(name.strip()) is not None


def typed(name: str, texts: pa.Array, *, decimal_comma: bool = False) -> tuple[pa.Array, list[str]]:
    """Return a column of texts as numbers if it holds numbers, else as it is, and what a reader must be told.

    Args:
        name: Its name, for messages.
        texts: (n,) strings, null where missing.
        decimal_comma: Whether "1,234" is 1.234, as in files whose separator is a semicolon.

    Raises:
        TableError: Most values are numbers and one is not; the row and its text are named.
    """
    stripped = pc.utf8_trim_whitespace(texts).cast(pa.string())  # pyright: ignore[reportAttributeAccessIssue]
    lower = pc.fill_null(pc.utf8_lower(stripped), "")  # pyright: ignore[reportAttributeAccessIssue]
    missing = pc.is_in(lower, pa.array(sorted(MISSING)))  # pyright: ignore[reportAttributeAccessIssue]
    if pc.all(missing).as_py():  # pyright: ignore[reportAttributeAccessIssue]
        return pa.nulls(len(texts)), []
    known = pc.if_else(missing, pa.scalar(None, pa.string()), stripped)  # pyright: ignore[reportAttributeAccessIssue]
    numbers, notices = _plain(known), []
    if numbers is None:
        if set(known.drop_null().unique().to_pylist()) <= {"true", "false", "True", "False", "TRUE", "FALSE"}:
            return pc.equal(pc.utf8_lower(known), "true"), []  # pyright: ignore[reportAttributeAccessIssue]
        numbers, notices = _written(name, known, decimal_comma=decimal_comma)
    if numbers is None:
        return texts, notices
    marks = Counter(pc.fill_null(stripped, "").filter(missing).to_pylist())  # pyright: ignore[reportAttributeAccessIssue]
    if marks:
        shown = ", ".join(
            f"{count} × {mark!r}" if mark else f"{count} empty" for mark, count in marks.items()
        )
        notices.append(f"column '{name}': {marks.total()} of {len(texts)} values are missing ({shown})")
    return numbers, notices


def _plain(known: pa.Array) -> pa.Array | None:
    """Return texts as int64 or float64; None if one is not a plain number."""
    whole = pc.match_substring_regex(known, r"^-?\d{1,18}$")  # pyright: ignore[reportAttributeAccessIssue]
    if pc.all(whole).as_py():  # pyright: ignore[reportAttributeAccessIssue]
        return known.cast(pa.int64())
    plain = pc.match_substring_regex(known, r"^-?[0-9.eE+-]{1,100}$")  # pyright: ignore[reportAttributeAccessIssue]
    if not pc.all(plain).as_py():  # pyright: ignore[reportAttributeAccessIssue]
        return None
    try:
        return known.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def _written(name: str, known: pa.Array, *, decimal_comma: bool) -> tuple[pa.Array | None, list[str]]:
    """Return texts of one other way to write numbers as float64, else None; see `typed`."""
    code = known.dictionary_encode()
    words: list[str] = code.dictionary.to_pylist()
    rows = floats(code.indices)
    there = np.isfinite(rows)
    uses = np.bincount(rows[there].astype(np.int64), minlength=len(words))
    like = np.array([_like_number(word) for word in words], bool)
    if not like.any():
        return None, []
    share = uses[like].sum() / uses.sum()
    for style, read in _styles(decimal_comma=decimal_comma):
        values = [read(word) for word in words]
        if all(value is not None for value in values):
            table = np.array(values, float)
            found = np.full(len(rows), np.nan)
            found[there] = table[rows[there].astype(np.int64)]
            notices = [f"column '{name}': {style} such as {words[0]!r}"] if style else []
            return pa.array(found, mask=~there), notices
    if name.strip().lower() in NAMES:
        return None, []
    if share < MOSTLY:
        return None, [f"column '{name}' holds numbers in {share:.0%} of its rows only: read as text"]
    read_plain = [_read_plain(word) for word in words]
    plain = np.array([value is not None for value in read_plain])
    odd = ~plain if uses[plain].sum() * 2 >= uses.sum() else ~like if (~like).any() else plain
    if not odd.any():
        odd = np.ones(len(words), bool)
    at = np.flatnonzero(there & odd[np.where(there, rows, 0).astype(np.int64)])
    more = f" and {len(at) - 1} more rows" if len(at) > 1 else ""
    reason = "is mostly numbers" if not like.all() else "writes its numbers in several ways, or ambiguously"
    raise TableError(
        f"column '{name}' {reason}: row {at[0]} (rows count from 0){more} holds "
        f"{words[int(rows[at[0]])]!r:.80}; write it as a plain number such as 93.1, or leave it empty"
    )


def parse_number(word: str, *, decimal_comma: bool = False) -> float | None:
    """Return a single text as a number, written in any of the ways that columns are; None if it is none.

    See `typed`; a text that is a number in two ways, such as "1,234" without `decimal_comma`, is none.
    """
    values = (read(word) for _, read in _styles(decimal_comma=decimal_comma))
    return next((value for value in values if value is not None), None)


def _like_number(word: str) -> bool:
    number = word.replace("−", "-").removesuffix("%").strip()
    return len(number) <= _LONGEST and bool(
        _PLAIN.fullmatch(number) or _COMMA.fullmatch(number) or _GROUPS.fullmatch(number)
    )


def _styles(*, decimal_comma: bool) -> list[tuple[str, Callable[[str], float | None]]]:
    """Return the ways to write numbers that a column may use throughout, and a line for each."""
    comma = _read_comma if decimal_comma else _read_clear_comma
    return [
        ("", _read_plain),
        ("percent signs are dropped", lambda word: _percent(word, _read_plain)),
        ("decimal commas are read", comma),
        ("decimal commas are read and percent signs dropped", lambda word: _percent(word, comma)),
        ("commas that group digits are dropped", lambda word: _read_groups(word)),
    ]


def _read_plain(word: str) -> float | None:
    number = word.replace("−", "-")
    return float(number) if len(number) <= _LONGEST and _PLAIN.fullmatch(number) else None


def _percent(word: str, read: Callable[[str], float | None]) -> float | None:
    return read(word[:-1].strip()) if word.endswith("%") else None


def _read_comma(word: str) -> float | None:
    if _COMMA.fullmatch(word):
        return _read_plain(word.replace(",", "."))
    return _read_plain(word) if re.fullmatch(r"[+-]?\d+", word) else None


def _read_clear_comma(word: str) -> float | None:
    """Read a decimal comma, but not in "1,234", which may be 1234 as well."""
    return None if _GROUPS.fullmatch(word) else _read_comma(word)


def _read_groups(word: str) -> float | None:
    """Read "1,234,567", or a number below 1,000; one group alone may be a decimal comma."""
    if word.count(",") == 1 and "." not in word:
        return None
    return _read_plain(word.replace(",", "")) if _GROUPS.fullmatch(word) else _read_plain(word)
