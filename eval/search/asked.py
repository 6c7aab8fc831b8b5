"""Strategies as users name them ("greedy", "half_random:explore=0.3", a file, a class, an instance)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from data.errors import InputError
from data.names import check_name
from eval.grid.written import parse_value, shorten_name, split_items, split_name, split_parameter
from eval.provenance import code_hash
from eval.search.strategies import REGISTRY, Strategy
from predictors.sources import source_modules


@dataclass(frozen=True, eq=False)
class AskedStrategy:
    """A strategy as it enters a search.

    Attributes:
        name: Name in reports, without parameters.
        strategy: The strategy; searches use copies of it.
        code: Hash of its code; None if it has no source file (a class of a notebook), so that no search by it
            can be reused.
    """

    name: str
    strategy: Strategy
    code: str | None
    _once: str = field(default_factory=lambda: uuid.uuid4().hex, init=False, repr=False)

    @property
    def title(self) -> str:
        """Name in reports: the strategy's, and what differs from its defaults."""
        shown = self.strategy.changed()
        return ":".join([self.name, *(f"{key}={shown[key]}" for key in sorted(shown))])

    @cached_property
    def content(self) -> dict[str, Any]:
        """Everything about the strategy that shapes a search."""
        kind = type(self.strategy)
        return {
            "strategy": f"{kind.__module__.rpartition('.')[2]}.{kind.__qualname__}",
            "params": self.strategy.params(),
            "code": self._once if self.code is None else self.code,
        }


def parse_strategies(strategies: object) -> list[AskedStrategy]:
    """Return the strategies that are asked for.

    Args:
        strategies: Names separated by commas, a class, an instance, or a sequence of these. A name may carry
            parameters after colons ("half_random:explore=0.3"), and may be a place in code
            ("./my_strategy.py", "my_package.search:Mine").

    Raises:
        UnknownNameError: An unknown strategy or parameter; the closest names are given.
        InputError: Not of this form, a value of the wrong type, or one strategy twice.
    """
    asked = [_parse(item) for item in split_items(strategies)]
    if not asked:
        raise InputError(f"no strategy was named; known: {', '.join(REGISTRY)}")
    titles = [each.title for each in asked]
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        raise InputError(f"listed twice: {', '.join(twice)}")
    return asked


def _parse(item: object) -> AskedStrategy:
    if isinstance(item, str):
        name, strategy = _from_text(item)
    elif isinstance(item, Strategy):
        name, strategy = item.get_name(), item
    elif isinstance(item, type) and issubclass(item, Strategy):
        name, strategy = item.get_name(), _make(item)
    else:
        raise InputError(
            f"{item!r} is not a strategy: name one, or give a class or instance that derives from "
            "eval.search.Strategy"
        )
    sources = source_modules(strategy)
    return AskedStrategy(name, strategy, None if sources is None else code_hash(sources))


def _from_text(text: str) -> tuple[str, Strategy]:
    name, items = split_name(text, REGISTRY)
    kind = REGISTRY[name]
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        raise InputError(f"'{name}' is not a strategy: it does not derive from eval.search.Strategy")
    given = dict(split_parameter(item, text) for item in items)
    defaults = kind.defaults()
    for key in given:
        check_name(f"parameter of strategy {kind.get_name()}", key, defaults)
    params = {key: parse_value(f"{name}.{key}", value, defaults[key]) for key, value in given.items()}
    return shorten_name(name), _make(kind, **params)


def _make(kind: type[Strategy], **params: Any) -> Strategy:  # noqa: ANN401
    """Return a strategy; a constructor that lacks a value is a fault of the user's class."""
    try:
        return kind(**params)
    except TypeError as error:
        raise InputError(f"strategy {kind.__name__} cannot be made: {error}") from error
