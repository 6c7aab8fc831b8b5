"""Hyper-parameters of a class: names, defaults, documentation, and how they are printed."""

from __future__ import annotations

import inspect
import re
from abc import ABC
from collections.abc import Mapping, Sequence
from reprlib import Repr
from typing import Any, ClassVar, Self

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


def check_arguments(
    kind: type,
    args: Sequence[object],
    kwargs: Mapping[str, object],
    *,
    noun: str = "hyper-parameter",
    owner: str = "",
) -> None:
    """Check that a constructor takes these arguments.

    Args:
        kind: The class.
        args: Positional arguments.
        kwargs: Keyword arguments.
        noun: What messages call an argument.
        owner: Whose arguments messages say they are; the class's by default.

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
        raise InputError(f"{kind.__name__}: {noun}s are keyword arguments ({known}), not {args!r}")
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in kwargs:
            check_name(f"{noun} of {owner or kind.__name__}", name, named)


class Parametrised(ABC):
    """A class whose constructor stores its keyword-only parameters under their own names.

    Attributes:
        role: What its instances are, for messages: "predictor", "strategy".
        noun: What messages call a parameter.
        package: Package whose modules give the classes in them their names.
    """

    role: ClassVar[str]
    noun: ClassVar[str] = "hyper-parameter"
    package: ClassVar[str]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401
        """Check the arguments of the constructor before it runs.

        Raises:
            UnknownNameError: An unknown parameter; the closest names are given.
            InputError: Positional arguments where the constructor takes keywords only, or a class with
                abstract methods.
        """
        if inspect.isabstract(cls):
            missing = ", ".join(sorted(cls.__abstractmethods__))
            raise InputError(
                f"{cls.__name__} cannot be used as a {cls.role}: it does not implement {missing}"
            )
        check_arguments(cls, args, kwargs, noun=cls.noun, owner=cls._owner())
        return super().__new__(cls)

    def __repr__(self) -> str:
        """Return one line: the class and the parameters that differ from their defaults."""
        own = {name: vars(self).get(name, "?") for name in self.defaults()}
        changed = changed_parameters(own, self.defaults())
        return f"{type(self).__name__}({', '.join(f'{k}={one_line(v)}' for k, v in changed.items())})"

    @classmethod
    def _owner(cls) -> str:
        """Return whose a parameter is, for messages."""
        return cls.__name__

    @classmethod
    def get_name(cls) -> str:
        """Return the name in the registry; for a class from elsewhere, its class name in snake case."""
        package, _, stem = cls.__module__.rpartition(".")
        return stem if package == cls.package else snake_case(cls.__name__)

    def _called(self) -> str:
        """Return its name, for messages."""
        return self.get_name()

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return every parameter with its default value."""
        return parameter_defaults(cls)

    def params(self) -> dict[str, Any]:
        """Return every parameter with its current value."""
        missing = [name for name in self.defaults() if not hasattr(self, name)]
        if missing:
            raise InputError(
                f"{self.role} '{self._called()}': its constructor must store {', '.join(missing)} under "
                f"{'their' if len(missing) > 1 else 'its'} own name"
            )
        return {name: getattr(self, name) for name in self.defaults()}

    def changed(self) -> dict[str, Any]:
        """Return the parameters whose values differ from their defaults."""
        return changed_parameters(self.params(), self.defaults())

    def clone(self) -> Self:
        """Return a new instance with the same parameters."""
        return type(self)(**self.params())


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
