"""Registry: the one way to look up by name what can be added to: predictors, benchmarks, search spaces, ...

A name is registered by a module of that file name in a package, by a table of "module:Attribute", by an
entry point of an installed package, or by a decorator. Whatever is not a name may be a place in code:
"./my_ranker.py", "./my_ranker.py:Best" or "my_package.rankers:Best" (see data.places).
Listing names and describing them imports none of them.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

from data.errors import AcerankError, InputError
from data.names import check_name
from data.places import describe_error, get_only_member, is_place, load_place

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Objects of one kind by name.

    Args:
        kind: What the names stand for, in messages ("predictor", "strategy", ...).
        package: Package whose modules are members, by file name; "" for none.
        skip: Modules of that package that are not members.
        table: "module:Attribute" by name.
        group: Entry-point group through which installed packages add members; "" for none.
        is_member: Whether an object of a module is a member; each module defines exactly one.
    """

    def __init__(
        self,
        kind: str,
        *,
        package: str = "",
        skip: frozenset[str] = frozenset(),
        table: Mapping[str, str] | None = None,
        group: str = "",
        is_member: Callable[[object], bool] = lambda member: True,
    ) -> None:
        """Describe where members come from; nothing is imported."""
        self.kind, self.package, self.group, self.is_member = kind, package, group, is_member
        self._skip = skip
        self._table = dict(table or {})
        self._added: dict[str, T] = {}

    @cached_property
    def _own(self) -> dict[str, str]:
        """The place of each member of this project."""
        places = dict(self._table)
        if self.package:
            folder = _source_file(self.package).parent
            stems = {path.stem for path in folder.glob("*.py")} - self._skip - {"__init__"}
            places |= {stem: f"{self.package}.{stem}" for stem in stems}
        return places

    @cached_property
    def _installed(self) -> dict[str, metadata.EntryPoint]:
        """The entry point of each member from an installed package."""
        points: dict[str, metadata.EntryPoint] = {}
        for point in metadata.entry_points(group=self.group) if self.group else ():
            if point.name in self._own or points.get(point.name, point).value != point.value:
                raise InputError(
                    f"{_package_name(point)} adds a {self.kind} '{point.name}' ({point.value}), "
                    "but that name is taken; rename its entry point or uninstall it"
                )
            points[point.name] = point
        return points

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names: in the order of the table, else alphabetically."""
        names = [*self._own, *self._installed, *self._added]
        return iter(names if self._table else sorted(names))

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self._own) + len(self._installed) + len(self._added)

    def __contains__(self, name: object) -> bool:
        """Return whether `name` is registered; False for places such as "./file.py"."""
        return name in self._own or name in self._installed or name in self._added

    def __getitem__(self, name: str) -> T:
        """Return the member with a name, or at a place.

        Raises:
            UnknownNameError: There is no such name; the message gives the closest ones.
            InputError: The place does not exist, or importing it failed.
            AcerankError: A module of this project does not define exactly one member.
        """
        if name in self._added:
            return self._added[name]
        if name not in self and is_place(name):
            return load_place(name, self.kind, self.is_member)
        check_name(self.kind, name, self)
        if name in self._installed:
            return self._load_installed(self._installed[name])
        place = self._own[name]
        if ":" in place:
            return load_attribute(place)
        return get_only_member(import_module(place), self.kind, self.is_member)

    def _load_installed(self, point: metadata.EntryPoint) -> T:
        try:
            if point.attr:
                return point.load()
            module = import_module(point.module)
        except (Exception, SystemExit) as error:
            raise InputError(
                f"{self.kind} '{point.name}' of {_package_name(point)} ({point.value}): importing it failed: "
                f"{describe_error(error)}"
            ) from error
        return get_only_member(module, self.kind, self.is_member)

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers an object under a name, in this process.

        Raises:
            InputError: The name is taken.
        """
        if name in self:
            raise InputError(f"the {self.kind} '{name}' already exists; choose another name")

        def add(member: T) -> T:
            self._added[name] = member
            return member

        return add

    def describe(self, name: str) -> str:
        """Return the first line of a member's docstring (or of its module's), without importing the member.

        Raises:
            UnknownNameError: There is no such name.
        """
        if name in self._added:
            return _first_line(inspect.getdoc(self._added[name]))
        module, _, attribute = self.place(name).partition(":")
        try:
            tree = ast.parse(_source_file(module).read_text("utf-8"))
        except (ImportError, AcerankError, OSError, ValueError, SyntaxError):
            if name not in self._installed:
                raise
            return ""  # a package whose source cannot be read must not break the list of all others
        definitions = (ast.ClassDef, ast.FunctionDef)
        nodes = [node for node in tree.body if isinstance(node, definitions) and node.name == attribute]
        return _first_line(ast.get_docstring(nodes[0] if nodes else tree))

    def place(self, name: str) -> str:
        """Return "module" or "module:Attribute" of a name; "" for an object that a decorator registered.

        Raises:
            UnknownNameError: There is no such name.
        """
        if name in self._added:
            return ""
        check_name(self.kind, name, self)
        if name in self._installed:
            point = self._installed[name]
            return f"{point.module}:{point.attr}" if point.attr else point.module
        return self._own[name]


def load_attribute(place: str) -> Any:  # noqa: ANN401
    """Return the object at "module:Attribute" or "module:Attribute.attribute" of this project."""
    module, _, attribute = place.partition(":")
    value: Any = import_module(module)
    for part in attribute.split("."):
        value = getattr(value, part)
    return value


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]


def _package_name(point: metadata.EntryPoint) -> str:
    return f"package '{point.dist.name}'" if point.dist else "an installed package"


def _source_file(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise AcerankError(f"module '{module}' has no source file")
    return Path(spec.origin)
