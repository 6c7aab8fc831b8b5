"""What users write for a predictor or strategy: "NAME:PARAMETER=VALUE"; a name may be a place in code."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.places import is_place


def split_items(given: object) -> list[object]:
    """Return items one by one: a text may hold several with commas, a sequence may mix texts and objects."""
    items: list[object] = []
    for item in [given] if isinstance(given, str) or not isinstance(given, Iterable) else given:
        if isinstance(item, str):
            items += [part.strip() for part in item.split(",") if part.strip()]
        else:
            items.append(item)
    return items


def split_name(text: str, known: Container[str]) -> tuple[str, list[str]]:
    """Return a name, or a place with its attribute, and the parameters after it; `known` holds the names."""
    name, *items = text.split(":")
    if name not in known and items and "=" not in items[0] and is_place(f"{name}:{items[0]}"):
        name = f"{name}:{items.pop(0)}"
    return name, items


def shorten_name(name: str) -> str:
    """Return what a name is called in reports: a place by its attribute or file."""
    place, _, attribute = name.partition(":")
    return attribute or Path(place).stem if is_place(name) else name


def split_parameter(item: str, whole: str) -> tuple[str, str]:
    """Return (parameter, value) of "PARAMETER=VALUE"; InputError if it is not of this form."""
    key, equals, value = item.partition("=")
    if not equals or not key:
        raise InputError(f"'{item}' in '{whole}' is not of the form PARAMETER=VALUE")
    return key, value


def parse_value(name: str, text: str, default: Any) -> Any:  # noqa: ANN401
    """Return `text` as a value of the same type as the default.

    Raises:
        InputError: It is not of that type.
    """
    if isinstance(default, str):
        return text
    try:
        value = ast.literal_eval(text.capitalize() if isinstance(default, bool) else text)
    except (ValueError, SyntaxError):
        value = None
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        raise InputError(f"{name}={text}: expected a value like the default, {default!r}")
    return value
