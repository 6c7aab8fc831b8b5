"""Search strategies: what to query next. Each is one module here, found by its file name."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import AcerankError
from data.names import check_name

if TYPE_CHECKING:
    from eval.search.strategies.base import Strategy

_NOT_STRATEGIES = {"__init__", "base"}


def names() -> list[str]:
    """Return the names of all strategies, in alphabetical order, without importing any."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in _NOT_STRATEGIES)


def describe(name: str) -> str:
    """Return the first line of a strategy's docstring, without importing it."""
    path = Path(__file__).parent / f"{check_name('strategy', name, names())}.py"
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def get(name: str) -> type[Strategy]:
    """Return a strategy's class.

    Raises:
        UnknownNameError: There is no such strategy; the closest names are given.
        AcerankError: Its module does not define exactly one Strategy.
    """
    from eval.search.strategies.base import Strategy

    module = import_module(f"eval.search.strategies.{check_name('strategy', name, names())}")
    found = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Strategy) and member.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise AcerankError(f"{module.__file__} must define exactly one Strategy, not {len(found)}")
    return found[0]


def make(name: str, **options: object) -> Strategy:
    """Return a strategy, made with those of the options that it takes."""
    strategy = get(name)
    taken = inspect.signature(strategy).parameters
    return strategy(**{key: value for key, value in options.items() if key in taken})
