"""Hyper-parameters of a class: names, defaults, documentation, and how they are printed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from reprlib import Repr
from typing import Any

from data.errors import InputError
from data.names import check_name

_NAMED = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_SECTIONS = ("Args:", "Attributes:", "Hyper-parameters:")
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def _parameters(kind: type) -> list[inspect.Parameter]:
    if kind.__init__ is object.__init__:
        return []
    return list(inspect.signature(kind.__init__).parameters.values())[1:]


def parameter_defaults(kind: type) -> dict[str, Any]:
    """Return the named constructor arguments of a class with their defaults.

    An argument without a default has `inspect.Parameter.empty`.
    """
    return {p.name: p.default for p in _parameters(kind) if p.kind in _NAMED}


def check_arguments(kind: type, args: Sequence[object], kwargs: Mapping[str, object]) -> None:
    """Check that a constructor takes these arguments.

    Raises:
        UnknownNameError: An unknown argument; the closest names are given.
        InputError: Too many positional arguments.
    """
    parameters = _parameters(kind)
    named = [p.name for p in parameters if p.kind in _NAMED]
    positional = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY and p.kind is not p.VAR_KEYWORD]
    any_positional = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if len(args) > len(positional) and not any_positional:
        known = ", ".join(f"{name}=..." for name in named) or "none"
        raise InputError(f"{kind.__name__}: hyper-parameters are keyword arguments ({known}), not {args!r}")
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in kwargs:
            check_name(f"hyper-parameter of {kind.__name__}", name, named)


def changed_parameters(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters whose values differ from their defaults."""
    return {name: value for name, value in params.items() if _differs(value, defaults.get(name))}


def _differs(value: object, default: object) -> bool:
    if value is default:
        return False
    try:
        return bool(value != default)
    except (ValueError, TypeError):  # arrays do not compare to one truth value
        return True


def one_line(value: object) -> str:
    """Return a short one-line representation of any value."""
    return " ".join(_SHORT.repr(value).split())


def snake_case(name: str) -> str:
    """Return a class name in snake case: "MyRanker" becomes "my_ranker"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).strip("_").lower()


def documented_parameters(kind: type) -> list[tuple[str, Any, str]]:
    """Return (name, default, description) of every constructor argument of a class.

    Descriptions come from the sections "Hyper-parameters:", "Args:" and "Attributes:" in the docstrings of
    `__init__` and of the class, then of its bases; "" for an argument that none of them mentions.
    """
    texts: dict[str, str] = {}
    for base in kind.__mro__:
        for doc in (inspect.getdoc(vars(base).get("__init__")), vars(base).get("__doc__")):
            for name, text in _sections(inspect.cleandoc(doc or "")).items():
                texts.setdefault(name, text)
    return [(name, default, texts.get(name, "")) for name, default in parameter_defaults(kind).items()]


def _sections(doc: str) -> dict[str, str]:
    """Return the descriptions by name in the sections of a Google docstring."""
    found: dict[str, str] = {}
    names: list[str] = []
    inside = False
    for line in doc.splitlines():
        if line and not line.startswith(" "):
            inside, names = line.strip() in _SECTIONS, []
        elif inside and (entry := re.match(r"    (\w[\w, ]*)(?: \([^)]*\))?: +(.*)", line)):
            names = [name.strip() for name in entry[1].split(",")]
            found |= dict.fromkeys(names, entry[2].strip())
        elif inside and line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found
