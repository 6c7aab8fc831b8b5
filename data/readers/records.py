"""JSON and JSON lines -> rows of Python values."""

from __future__ import annotations

import json
from typing import Any

from data.errors import TableError
from data.readers.nested import checked
from data.readers.numbers import holds_architecture

Record = dict[str, Any]


def parse_lines(text: str, source: str) -> list[Record]:
    """Return the objects of JSON lines; TableError names a line that is no object."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    return [
        _record(_load(line, f"{source}: line {number}"), f"{source}: line {number}") for number, line in lines
    ]


def parse_json(text: str, source: str) -> list[Record]:
    """Return the rows of a JSON document.

    It is a list of objects, one a row; or any other form in which pandas writes tables: objects of rows, of
    columns, or of `columns` and `data`; or JSON lines.

    Raises:
        TableError: It is none of these.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1 and all(line.strip().startswith("{") and line.strip().endswith("}") for line in lines):
        return parse_lines(text, source)
    found = _load(text, source)
    if isinstance(found, dict) and "data" in found and set(found) <= {"data", "columns", "index", "schema"}:
        found = _split(found["columns"], found["data"]) if "columns" in found else found["data"]
    if isinstance(found, dict) and _is_by_row(found):
        found = list(found.values())
    if isinstance(found, list):
        return [_record(row, f"{source}: row {number}") for number, row in enumerate(found)]
    if isinstance(found, dict) and found:
        columns = {name: _by_row(values) for name, values in found.items()}
        whole = {name: values for name, values in columns.items() if values is not None}
        keys = [list(values) for values in whole.values()]
        if len(keys) == len(columns) and all(key == keys[0] for key in keys):
            rows = [{name: values[key] for name, values in whole.items()} for key in keys[0]]
            return [_record(row, f"{source}: row {number}") for number, row in enumerate(rows)]
    raise TableError(f"{source}: expected a list of objects, one a row: [{{'arch': ..., 'acc': 93.1}}, ...]")


def _split(names: object, rows: object) -> object:
    """Return the rows of {"columns": [...], "data": [[...], ...]} as objects; None for another form."""
    if (
        not isinstance(names, list)
        or not isinstance(rows, list)
        or not all(isinstance(n, str) for n in names)
    ):
        return None
    if len(set(names)) < len(names) or not all(isinstance(r, list) and len(r) == len(names) for r in rows):
        return None
    return [dict(zip(names, row, strict=True)) for row in rows]


def _is_by_row(found: Record) -> bool:
    """Return whether an object is of rows by name, not of columns: its rows hold architectures."""
    rows = list(found.values())
    return (
        bool(rows)
        and all(isinstance(row, dict) and any(holds_architecture(name) for name in row) for row in rows)
        and not any(holds_architecture(name) for name in found)
    )


def _by_row(values: object) -> dict[Any, Any] | None:
    if isinstance(values, list):
        return dict(enumerate(values))
    return values if isinstance(values, dict) else None


def _record(found: object, where: str) -> Record:
    if not isinstance(found, dict):
        raise TableError(f"{where} is not an object of values by column name: {found!r:.80}")
    for name, value in found.items():
        if not isinstance(value, str):
            try:
                checked(value)
            except ValueError as error:
                raise TableError(f"{where}: column '{name}': {error}") from error
    return {name.strip(): value for name, value in found.items()}


def _load(text: str, where: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise TableError(f"{where}: brackets are nested too deep") from error
    except json.JSONDecodeError as error:
        raise TableError(f"{where} is not JSON: {error}") from error
    except ValueError as error:  # of `_once`, or an integer of more than 4,300 digits
        raise TableError(f"{where}: {str(error).partition(';')[0]}") from error


def _once(pairs: list[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"more than one value named {', '.join(twice)}")
    return found
