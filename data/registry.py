"""Registry: the one way to find what has a name: predictors, benchmarks, strategies, search spaces.

A name is known because a module of that file name stands in a package, because a table says
"module:Attribute", because an installed package declares an entry point, or because code registered an object.
What is not a name may be a place: "./my_ranker.py", "./my_ranker.py:Best" or "my_package.rankers:Best".
Listing names and descriptions imports nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from data.errors import AcerankError, InputError
from data.names import check_name

T = TypeVar("T")

_FILE_MODULE = "acerank_file_"


class Registry(Mapping[str, T], Generic[T]):
    """Objects of one kind by name.

    Args:
        kind: What the names name, for messages ("predictor", "strategy", ...).
        package: Package whose modules are members, by file name; "" for none.
        skip: Modules of that package that are not members.
        table: "module:Attribute" by name.
        group: Entry-point group through which installed packages add members; "" for none.
        is_member: Whether an object of a module is a member: a module defines exactly one.
    """

    def __init__(
        self,
        kind: str,
        *,
        package: str = "",
        skip: frozenset[str] = frozenset(),
        table: Mapping[str, str] | None = None,
        group: str = "",
        is_member: Callable[[object], bool] = lambda found: True,
    ) -> None:
        """Describe where members come from; nothing is imported."""
        self.kind, self.package, self.group, self.is_member = kind, package, group, is_member
        self._skip = skip
        self._table = dict(table or {})
        self._added: dict[str, T] = {}

    @cached_property
    def _places(self) -> dict[str, str]:
        """Where each member of the tree, of the table and of installed packages is."""
        places = dict(self._table)
        if self.package:
            folder = _source_file(self.package).parent
            stems = {path.stem for path in folder.glob("*.py")} - self._skip - {"__init__"}
            places |= {stem: f"{self.package}.{stem}" for stem in stems}
        if self.group:
            for point in metadata.entry_points(group=self.group):
                if point.name in places:
                    raise AcerankError(
                        f"an installed package declares the {self.kind} '{point.name}' ({point.value}), "
                        "which is already taken"
                    )
                places[point.name] = point.value
        return places

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names: a table's in its order, modules in alphabetical order."""
        names = [*self._places, *self._added]
        return iter(names if self._table else sorted(names))

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self._places) + len(self._added)

    def __contains__(self, name: object) -> bool:
        """Return whether it is a name; a place ("./file.py") is none."""
        return name in self._places or name in self._added

    def __getitem__(self, name: str) -> T:
        """Return the member of a name, or at a place.

        Raises:
            UnknownNameError: No such name; the closest ones are given.
            InputError: No such place, or its file cannot be imported.
            AcerankError: A module that does not define exactly one member.
        """
        if name in self._added:
            return self._added[name]
        if name not in self._places and is_place(name):
            return load_place(name, self.kind, self.is_member)
        place = self._places[check_name(self.kind, name, self)]
        if ":" in place:
            module, attribute = place.split(":")
            found: Any = import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
            return found
        return _only_member(import_module(place), self.kind, self.is_member)

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that adds an object under a name, for this process.

        Raises:
            InputError: The name is taken.
        """
        if name in self:
            raise InputError(f"the {self.kind} '{name}' exists already; choose another name")

        def add(found: T) -> T:
            self._added[name] = found
            return found

        return add

    def describe(self, name: str) -> str:
        """Return the first line of a member's docstring (of its module's, for a module), without importing it."""
        if name in self._added:
            return (inspect.getdoc(self._added[name]) or "").partition("\n")[0]
        module, _, attribute = self._places[check_name(self.kind, name, self)].partition(":")
        file = _source_file(module)
        tree = ast.parse(file.read_text("utf-8"))
        nodes = [
            n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == attribute
        ]
        return (ast.get_docstring(nodes[0] if nodes else tree) or "").partition("\n")[0]

    def place(self, name: str) -> str:
        """Return "module" or "module:Attribute" of a name; "" for an object that code registered."""
        return "" if name in self._added else self._places[check_name(self.kind, name, self)]


def is_place(text: str) -> bool:
    """Return whether a text names a place in code: a .py file or "module:Attribute"."""
    path, _, attribute = _split_place(text)
    return path.endswith(".py") or bool(attribute)


def load_place(text: str, kind: str, is_member: Callable[[object], bool]) -> Any:  # noqa: ANN401
    """Return the object at "./file.py", "./file.py:Name" or "package.module:Name".

    Raises:
        InputError: There is no such file, module or attribute, or importing it fails.
        AcerankError: No attribute is named, and the file does not define exactly one member.
    """
    place, _, attribute = _split_place(text)
    try:
        module = _file_module(Path(place)) if place.endswith(".py") else _named_module(place)
    except AcerankError:
        raise
    except Exception as error:
        raise InputError(f"{kind} '{text}': importing it failed: {type(error).__name__}: {error}") from error
    if not attribute:
        return _only_member(module, kind, is_member)
    if not hasattr(module, attribute):
        public = [name for name, found in vars(module).items() if is_member(found)]
        check_name(f"{kind} of {place}", attribute, public)
    return getattr(module, attribute)


def get_file_place(member: type) -> str:
    """Return "FILE.py:NAME" of a class that `load_place` read from a file; "" for any other.

    Other processes find it by that place: the module has no name they could import.
    """
    module = sys.modules.get(member.__module__)
    if module is None or not module.__name__.startswith(_FILE_MODULE):
        return ""
    return f"{module.__file__}:{member.__name__}"


def _split_place(text: str) -> tuple[str, str, str]:
    """Return (file or module, ":" or "", attribute)."""
    place, colon, attribute = text.partition(":")
    return place, colon, attribute if attribute.isidentifier() else ""


def _file_module(path: Path) -> ModuleType:
    """Import a file under a name of its own, once for each content, so that an edited file is read again."""
    if not path.is_file():
        raise InputError(f"there is no file '{path}'")
    path = path.resolve()
    name = f"{_FILE_MODULE}{hashlib.sha256(str(path).encode() + path.read_bytes()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"'{path}' is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.parent)
    sys.path.append(folder)  # last, so that what stands beside the file shadows nothing of ours
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(folder)
    return module


def _named_module(name: str) -> ModuleType:
    folder = str(Path.cwd())
    sys.path.append(folder)
    try:
        return import_module(name)
    finally:
        sys.path.remove(folder)


def _only_member(module: ModuleType, kind: str, is_member: Callable[[object], bool]) -> Any:  # noqa: ANN401
    """Return the one public member that a module defines itself."""
    found = [
        member
        for name, member in vars(module).items()
        if not name.startswith("_")
        and is_member(member)
        and getattr(member, "__module__", "") == module.__name__
    ]
    if len(found) != 1:
        raise AcerankError(
            f"{module.__file__} must define exactly one public {kind}, not {len(found)}; "
            "name one as FILE.py:NAME"
        )
    return found[0]


def _source_file(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise AcerankError(f"there is no source of module '{module}'")
    return Path(spec.origin)
