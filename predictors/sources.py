"""The source that determines a predictor: its modules, and its files outside of this project."""

from __future__ import annotations

import ast
import importlib.machinery
import inspect
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType

# Their versions are recorded with every result, so their sources need not be.
_VERSIONED = {"joblib", "lightgbm", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "torch"}
_OURS = {"benchmarks", "data", "eval", "predictors"}
_INSTALLED = tuple(
    Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib", "purelib", "platlib")
)


def source_modules(predictor: object) -> list[str | Path] | None:
    """Return what to hash so that a changed predictor is noticed.

    Considered are the classes of the predictor, of what it adapts (an estimator, a pipeline and its steps,
    an encoding), and their bases.

    Returns:
        Names of this project's modules, and files of code from elsewhere, with the files next to it that they
        import; sorted. Libraries whose versions are recorded are left out. None if the source of some part is
        unknown: it was defined in a notebook, in `__main__`, by exec or inside a function.
    """
    found: set[str | Path] = set()
    for part in _parts(predictor, set()):
        module = _module(part)
        if module is None:
            return None
        found |= _sources(module)
    return sorted(found, key=str)


def pickle_by_value(predictor: object) -> None:
    """Let cloudpickle send a predictor's classes by value where another process could not import them.

    These are the modules of single files ("./my_ranker.py"), and those next to them that they import.
    """
    import cloudpickle

    for part in _parts(predictor, set()):
        module = sys.modules.get(part.__module__)
        file = getattr(module, "__file__", None)
        top = part.__module__.partition(".")[0]
        if not module or not file or top in {*sys.stdlib_module_names, *_VERSIONED, *_OURS}:
            continue
        files = {path for path in _sources(module) if isinstance(path, Path)}
        for own in list(sys.modules.values()):
            path = getattr(own, "__file__", None)
            if path and _resolve(path) in files and not _is_importable(own):
                cloudpickle.register_pickle_by_value(own)


def _parts(thing: object, seen: set[int]) -> Iterator[type | FunctionType]:
    """Yield the classes and functions that an object consists of."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, FunctionType | type):
        yield from thing.__mro__ if isinstance(thing, type) else [thing]
    elif isinstance(thing, dict | list | tuple | set | frozenset):
        for item in thing.values() if isinstance(thing, dict) else thing:
            yield from _parts(item, seen)
    elif hasattr(thing, "__dict__") and not isinstance(thing, ModuleType):
        yield from type(thing).__mro__
        for value in vars(thing).values():
            yield from _parts(value, seen)


def _module(part: type | FunctionType) -> ModuleType | None:
    """Return the module that holds the source of a class or function; None if that is not certain."""
    module = sys.modules.get(part.__module__)
    if part.__module__.partition(".")[0] in {*sys.stdlib_module_names, *_VERSIONED} - {"__main__"}:
        return module
    file = getattr(module, "__file__", None)
    if module is None or part.__module__ == "__main__" or file is None or not Path(file).is_file():
        return None
    known: object = module
    for name in part.__qualname__.split("."):  # "<locals>" is no attribute
        known = getattr(known, name, None)
    try:
        return module if known is part and inspect.getsource(part) else None
    except (OSError, TypeError):
        return None


def _sources(module: ModuleType) -> set[str | Path]:
    """Return a module, and the user's modules that it imports."""
    found: set[str | Path] = set()
    waiting = [module]
    while waiting:
        here = waiting.pop()
        top = here.__name__.partition(".")[0]
        file = getattr(here, "__file__", None)
        if top in _OURS:
            found.add(here.__name__)
        elif file and top not in _VERSIONED and top not in sys.stdlib_module_names:
            path = _resolve(file)
            if path in found or (here is not module and _is_installed(path) and top != _top(module)):
                continue
            found.add(path)
            changed = path.stat().st_mtime_ns if path.suffix == ".py" else 0
            imported = _imports(path, here.__name__, changed)
            waiting += [sys.modules[name] for name in imported if name in sys.modules]
    return found


def _top(module: ModuleType) -> str:
    return module.__name__.partition(".")[0]


def _is_importable(module: ModuleType) -> bool:
    """Return whether another process with the same search path finds the module under its name."""
    package = sys.modules.get(_top(module), module)
    found = importlib.machinery.PathFinder.find_spec(package.__name__)
    return found is not None and found.origin == package.__file__


@cache
def _resolve(file: str) -> Path:
    return Path(file).resolve()


@cache
def _is_installed(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in _INSTALLED)


@cache
def _imports(path: Path, name: str, changed: int) -> frozenset[str]:
    """Return the full names of the modules that a file, last changed at a time, may import."""
    del changed
    if path.suffix != ".py":
        return frozenset()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return frozenset(names)
