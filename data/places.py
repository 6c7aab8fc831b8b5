"""Places in code: "./file.py", "./file.py:Name" and "package.module:Name", loaded as objects.

A file is imported under a name made from its path and content, so that an edited file is read again. The
modules that it imports from its own folder belong to it. All of these, and modules found only through the
working directory, are pickled by value: worker processes, and processes elsewhere, cannot import them.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from data.errors import AcerankError, InputError
from data.names import check_name

_FILE = re.compile(r"(?P<file>.+\.py)(?::(?P<attribute>.*))?", re.S)
_NAMED = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<attribute>[^\W\d]\w*(\.[^\W\d]\w*)*)")
_PREFIX = "acerank_file_"


@dataclass
class _Loaded:
    """A module that was loaded from a file, with all source that it consists of.

    Attributes:
        module: The module.
        sources: Content of the file and of the modules it imported from its folder, by path.
        helpers: Names of those modules.
    """

    module: ModuleType
    sources: dict[Path, bytes]
    helpers: list[str] = field(default_factory=list)

    @property
    def is_current(self) -> bool:
        """Whether every source file still has the content that was loaded."""
        return all(path.is_file() and path.read_bytes() == text for path, text in self.sources.items())


_loaded: dict[Path, _Loaded] = {}
_versions: dict[str, dict[Path, bytes]] = {}  # source of each version of a module, by the module's name


def is_place(text: str) -> bool:
    """Return whether a text names a place in code: a .py file or "module:Attribute"."""
    return bool(_FILE.fullmatch(text) or _NAMED.fullmatch(text))


def load_place(text: str, kind: str, is_member: Callable[[object], bool]) -> Any:  # noqa: ANN401
    """Return the object at "./file.py", "./file.py:Name" or "package.module:Name".

    Args:
        text: The place; a relative file is in the working directory.
        kind: What the object is, in messages ("predictor", ...).
        is_member: Whether an object of the module is of that kind.

    Raises:
        InputError: There is no such file or module, importing it failed, or no attribute is named and the
            file does not define exactly one member.
        UnknownNameError: The module has no such attribute; the message gives the closest ones.
    """
    match = _FILE.fullmatch(text) or _NAMED.fullmatch(text)
    if match is None:
        raise InputError(f"'{text}' is neither FILE.py, FILE.py:NAME nor MODULE:NAME")
    parts = match.groupdict()
    path = Path(parts["file"]).expanduser() if parts.get("file") else None
    try:
        module = _load_file(path) if path else _load_module(parts["module"])
    except AcerankError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{kind} '{text}': importing it failed: {describe_error(error, path)}") from error
    if not parts["attribute"]:
        return get_only_member(module, kind, is_member)
    value: Any = module
    for name in parts["attribute"].split("."):
        if not hasattr(value, name):
            members = [known for known, member in vars(module).items() if is_member(member)]
            check_name(f"{kind} in {path or parts['module']}", name, [n for n in members if n[0] != "_"])
        value = getattr(value, name)
    return value


def get_only_member(module: ModuleType, kind: str, is_member: Callable[[object], bool]) -> Any:  # noqa: ANN401
    """Return the one public member that a module defines itself.

    Raises:
        InputError: It defines none, or several, which are then named.
    """
    members = {
        name: member
        for name, member in vars(module).items()
        if not name.startswith("_")
        and getattr(member, "__module__", "") == module.__name__
        and is_member(member)
    }
    if len(members) != 1:
        file = module.__file__
        several = f"{len(members)} public {kind}s ({', '.join(members)}); name one, as {file}:NAME"
        none = f"no public {kind}; it must define one"
        raise InputError(f"{file} defines {several if members else none}")
    return next(iter(members.values()))


def get_sources(module_name: str) -> dict[Path, bytes] | None:
    """Return the source of a module loaded from a file, and of its helpers, as loaded; None for others.

    Args:
        module_name: The `__module__` of a class or function.
    """
    return _versions.get(module_name)


def describe_error(error: BaseException, path: Path | None = None) -> str:
    """Return an exception of foreign code as one line, with the line of the file at `path` it came from."""
    kind = type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{kind}: {error.msg} (line {error.lineno})"
    resolved = str(path.resolve()) if path else ""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == resolved
    ]
    return f"{kind}: {error}{f' (line {lines[-1]})' if lines else ''}"


def _load_file(path: Path) -> ModuleType:
    """Import a file; the module is reused until the file, or a module from its folder, changes."""
    if not path.is_file():
        raise InputError(f"there is no file '{path}'")
    path = path.resolve()
    earlier = _loaded.get(path)
    if earlier and earlier.is_current:
        return earlier.module
    content = path.read_bytes()
    digest = hashlib.sha256(str(path).encode() + content)
    if earlier:
        for helper in earlier.helpers:
            sys.modules.pop(helper, None)
        for file in earlier.sources:
            digest.update(file.read_bytes() if file.is_file() else b"")
    name = _PREFIX + digest.hexdigest()[:16]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"'{path}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    known = set(sys.modules)
    sys.modules[name] = module
    importlib.invalidate_caches()
    try:
        with _searched_last(path.parent):
            exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    helpers = [found for found in set(sys.modules) - known if _is_helper(found, path.parent)]
    sources = {path: content}
    for helper in helpers:
        file = Path(sys.modules[helper].__file__ or "").resolve()
        sources[file] = file.read_bytes()
    _loaded[path] = _Loaded(module, sources, helpers)
    _versions[name] = sources
    for owned in (name, *helpers):
        _pickle_by_value(sys.modules[owned])
    return module


def _load_module(name: str) -> ModuleType:
    """Import a module, also from the working directory, which an installed command does not search."""
    top = name.partition(".")[0]
    is_local = top not in sys.modules and PathFinder.find_spec(top) is None
    importlib.invalidate_caches()
    with _searched_last(Path.cwd()):
        module = importlib.import_module(name)
    if is_local:
        _pickle_by_value(sys.modules[top])
    return module


@contextmanager
def _searched_last(folder: Path) -> Iterator[None]:
    """Search a folder for modules, after all others so that it shadows nothing."""
    before, entry = sys.dont_write_bytecode, str(folder)
    sys.path.append(entry)
    sys.dont_write_bytecode = True  # cached bytecode would hide edits within the same second
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
        last = len(sys.path) - 1 - sys.path[::-1].index(entry)
        del sys.path[last]


def _is_helper(name: str, folder: Path) -> bool:
    """Return whether a module is a source file below a folder and found there only."""
    file = getattr(sys.modules[name], "__file__", None) or ""
    below = file.endswith(".py") and Path(file).resolve().is_relative_to(folder)
    return below and PathFinder.find_spec(name.partition(".")[0]) is None


def _pickle_by_value(module: ModuleType) -> None:
    """Let classes and functions of a module travel to processes that cannot import it."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(module)
