"""What an object is, as JSON values: its class and the parameters that shape what it does."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from predictors.hyperparameters import changed_parameters, one_line, parameter_defaults

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def identify(thing: object) -> dict[str, Any]:
    """Return the class of an object and its parameters by name; equal for objects that are built alike.

    Parameters are those of `get_params(deep=False)`; else the constructor arguments stored under their own
    names; else all attributes.
    """
    kind = f"{type(thing).__module__}.{type(thing).__qualname__}"
    if kind.startswith("acerank_file_"):  # a file's module is named after its content
        kind = type(thing).__qualname__
    return {"class": kind, **{name: _value(value, ()) for name, value in _parameters(thing).items()}}


def changed_arguments(thing: object) -> dict[str, Any]:
    """Return the constructor arguments that an object stores and that differ from their defaults."""
    defaults = parameter_defaults(type(thing))
    attributes = getattr(thing, "__dict__", {})
    stored = {name: attributes[name] for name in defaults if name in attributes}
    return changed_parameters(stored, defaults)


def describe_object(thing: object) -> str:
    """Return an object in one line, by its class and arguments where its own text is an address."""
    text = one_line(thing)
    if not _ADDRESS.search(text):
        return text
    arguments = ", ".join(f"{name}={one_line(value)}" for name, value in changed_arguments(thing).items())
    return f"{type(thing).__name__}({arguments})"


def _parameters(thing: Any) -> dict[str, Any]:  # noqa: ANN401
    if callable(getattr(thing, "get_params", None)):
        return dict(thing.get_params(deep=False))
    state = dict(getattr(thing, "__dict__", {}))
    named = parameter_defaults(type(thing))
    if named and all(name in state for name in named):
        return {name: state[name] for name in named}
    return state


def _value(value: Any, seen: tuple[int, ...]) -> Any:  # noqa: ANN401
    """Return a value as JSON values; `seen` are the objects that contain it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if id(value) in seen:
        return "..."
    seen = (*seen, id(value))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes() if value.dtype != object else b"")
        entries = [_value(item, seen) for item in value.ravel()] if value.dtype == object else []
        return {"array": str(value.dtype), "shape": list(value.shape), "of": content.hexdigest()[:16]} | (
            {"entries": entries} if entries else {}
        )
    if isinstance(value, Mapping):
        return {str(key): _value(item, seen) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item, seen) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_value(item, seen) for item in value), key=repr)
    if inspect.isroutine(value) or inspect.isclass(value):
        return f"{value.__module__}.{value.__qualname__}"
    text = repr(value)
    if _ADDRESS.search(text) or hasattr(value, "get_params"):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        return {"class": kind, **{k: _value(v, seen) for k, v in _parameters(value).items()}}
    return text
