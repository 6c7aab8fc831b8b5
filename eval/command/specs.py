"""Predictors as users write them: "gcn", "gcn:loss=mse", "--set gcn.loss=mse"."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from data.errors import InputError
from data.names import check_name
from eval.task import Spec
from predictors import get, names


def parse(text: str, settings: Iterable[str] = (), *, distinct: bool = False) -> list[Spec]:
    """Return the predictors of a list such as "gcn,gcn:loss=mse:width=32".

    Args:
        text: Predictors, separated by commas; each may carry its own hyper-parameters after colons.
        settings: "PREDICTOR.PARAMETER=VALUE" for every predictor of that name in the list.
        distinct: Take a predictor that is listed twice once, instead of refusing.

    Raises:
        UnknownNameError: An unknown predictor or hyper-parameter; the closest names are given.
        InputError: Not of this form, a value of the wrong type, or one predictor twice.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if not entries:
        raise InputError("no predictors were named")
    shared = _settings(settings, [entry.partition(":")[0] for entry in entries])
    specs = [_spec(entry, shared) for entry in entries]
    labels = [spec.label for spec in specs]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if distinct:
        return list({spec.label: spec for spec in specs}.values())
    if twice:
        raise InputError(f"listed twice: {', '.join(twice)}")
    return specs


def _spec(entry: str, shared: dict[str, list[tuple[str, str]]]) -> Spec:
    name, *own = entry.split(":")
    check_name("predictor", name, names())
    defaults = get(name).defaults()
    params = dict(defaults)
    for key, value in [*shared.get(name, []), *(_pair(item, entry) for item in own)]:
        check_name(f"hyper-parameter of {name}", key, defaults)
        params[key] = _value(f"{name}.{key}", value, defaults[key])
    changed = [f"{key}={value}" for key, value in sorted(params.items()) if value != defaults[key]]
    return Spec(name, tuple(sorted(params.items())), ":".join([name, *changed]))


def _settings(settings: Iterable[str], named: list[str]) -> dict[str, list[tuple[str, str]]]:
    shared: dict[str, list[tuple[str, str]]] = {}
    for setting in settings:
        name, dot, rest = setting.partition(".")
        if not dot:
            raise InputError(f"'{setting}' is not of the form PREDICTOR.PARAMETER=VALUE")
        check_name("predictor", name, names())
        if name not in named:
            raise InputError(f"'{setting}' sets a predictor that is not run; run are {', '.join(named)}")
        shared.setdefault(name, []).append(_pair(rest, setting))
    return shared


def _pair(item: str, whole: str) -> tuple[str, str]:
    key, equals, value = item.partition("=")
    if not equals or not key:
        raise InputError(f"'{item}' in '{whole}' is not of the form PARAMETER=VALUE")
    return key, value


def _value(name: str, text: str, default: Any) -> Any:  # noqa: ANN401
    """Return `text` as a value of the same type as the default."""
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
