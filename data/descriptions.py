"""Descriptions of columns as a file holds them -> Column; what contradicts their form is named."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from data.column import Column
from data.errors import TableError, UnknownNameError
from data.names import check_name

PLAIN_DATASET = "table"  # data set of columns whose description names none
DIRECTIONS: Mapping[Any, int] = {1: 1, -1: -1, "max": 1, "min": -1}


def parse_descriptions(text: str | bytes, source: str) -> dict[str, Column]:
    """Return descriptions by column name.

    Args:
        text: JSON: a list of objects with a `name`, or an object of objects by name. What an object leaves
            out has its default; the data set is then "table" and the target the column's name.
        source: Where it stands, for messages.

    Raises:
        TableError: It is not of this form; the column and the field are named.
    """
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TableError(f"{source}: the descriptions of columns are not JSON: {str(error)[:200]}") from error
    if isinstance(stored, dict):
        stored = [{"name": name, **v} if isinstance(v, dict) else v for name, v in stored.items()]
    if not isinstance(stored, list) or not all(isinstance(one, dict) for one in stored):
        raise TableError(f"{source}: expected a list of column descriptions, not {stored!r:.80}")
    columns = [_column(one, source) for one in stored]
    twice = sorted({c.name for c in columns if sum(c.name == other.name for other in columns) > 1})
    if twice:
        raise TableError(f"{source}: column {', '.join(twice)} is described more than once")
    return {column.name: column for column in columns}


def dump_descriptions(columns: Mapping[str, Column]) -> bytes:
    """Return descriptions as `parse_descriptions` reads them; lists of operations only if given."""
    rows = [asdict(column) for column in columns.values()]
    optional = ("zero", "identity", "feature_names")
    kept = [{k: v for k, v in row.items() if k not in optional or v is not None} for row in rows]
    return json.dumps(kept).encode()


def _column(stored: dict[str, Any], source: str) -> Column:
    name = stored.get("name")
    if not isinstance(name, str) or not name:
        raise TableError(f"{source}: a column description has no 'name': {stored!r:.80}")
    fields = {"dataset": PLAIN_DATASET, "target": name, **stored}
    for field, value in fields.items():
        where = f"{source}: description of column '{name}'"
        try:
            rule, accepts = _RULES[check_name("field", field, _RULES)]
        except UnknownNameError as error:
            raise TableError(f"{where}: {error}") from error
        if not accepts(value):
            raise TableError(f"{where}: '{field}' must be {rule}, not {value!r:.80}")
    fields["direction"] = DIRECTIONS[fields.get("direction", 1)]
    for field in ("seeds", "zero", "identity", "feature_names"):
        if fields.get(field) is not None:
            fields[field] = tuple(fields[field])
    return Column(**fields)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


_RULES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "name": ("a text", _text),
    "dataset": ("a text", _text),
    "target": ("a text", _text),
    "unit": ("a text", _text),
    "note": ("a text", _text),
    "direction": ("1 or 'max', -1 or 'min'", lambda v: isinstance(v, (int, str)) and v in DIRECTIONS),
    "kind": ("'label' or 'weak'", lambda v: v in ("label", "weak") if isinstance(v, str) else False),
    "decimals": ("a whole number or null", lambda v: v is None or (type(v) is int and abs(v) <= 300)),
    "failed": ("a number or null", lambda v: v is None or _number(v)),
    "scale": ("a number other than 0", lambda v: _number(v) and v != 0 and abs(v) < 1e30),
    "seeds": ("a list of column names", _names),
    "zero": ("a list of operations or null", lambda v: v is None or _names(v)),
    "identity": ("a list of operations or null", lambda v: v is None or _names(v)),
    "feature_names": ("a list of names or null", lambda v: v is None or _names(v)),
}
