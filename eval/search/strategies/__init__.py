"""Search strategies: what to query next. Each is one module here, found by its file name."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from data.errors import AcerankError
from data.places import is_place
from data.registry import Registry

if TYPE_CHECKING:
    from eval.search.strategies.base import Strategy, View

__all__ = ["REGISTRY", "Strategy", "View", "describe", "get", "is_at", "names"]


def _is_strategy(member: object) -> bool:
    """Return whether a module's member is a strategy. Abstract classes are bases, not strategies."""
    from eval.search.strategies.base import Strategy

    return inspect.isclass(member) and issubclass(member, Strategy) and not inspect.isabstract(member)


REGISTRY: Registry[type[Strategy]] = Registry(
    "strategy",
    package="eval.search.strategies",
    skip=frozenset({"base", "multi_fidelity"}),
    group="acerank.strategies",
    is_member=_is_strategy,
)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import the contract when it is first used: listing names imports no numerical library."""
    if name not in ("Strategy", "View"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module("eval.search.strategies.base"), name)


def names() -> list[str]:
    """Return the names of all strategies, in alphabetical order, without importing any."""
    return list(REGISTRY)


def describe(name: str) -> str:
    """Return the first line of a strategy's docstring, without importing it."""
    return REGISTRY.describe(name)


def get(name: str) -> type[Strategy]:
    """Return a strategy's class by name, or by place: "./my_strategy.py", "my_package.search:Mine".

    Raises:
        UnknownNameError: There is no such strategy; the closest names are given.
        InputError: There is no such file or module, or importing it failed.
        AcerankError: Its module does not define exactly one public strategy.
    """
    return REGISTRY[name]


def is_at(text: str) -> bool:
    """Return whether a text is the place of a strategy in code."""
    try:
        return is_place(text) and _is_strategy(REGISTRY[text])
    except AcerankError:  # it cannot be imported, or does not define exactly one strategy
        return False
