"""What determined a result: the code, the libraries and the machine."""

from __future__ import annotations

import ast
import hashlib
import platform
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("data", "benchmarks", "predictors", "eval")
LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "lightgbm", "torch")


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}}


@cache
def device() -> str:
    """Return what the machine is, in a few words."""
    return f"{platform.machine()} cpu"


def code_hash(modules: Iterable[str]) -> str:
    """Return twelve hex digits for the source of these modules and of all they import of this project.

    A result is stale when code that could have shaped it has changed, and only then.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and _source(name) is not None:
            found.add(name)
            waiting.extend(_imports(name))
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(f"{name}\0{_source(name)}\0".encode())
    return digest.hexdigest()[:12]


@cache
def _source(module: str) -> str | None:
    if module.partition(".")[0] not in PACKAGES:
        return None
    path = ROOT.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file.read_text("utf-8")
    return None


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Return the names a module imports; a name that is no module of ours is skipped by the caller."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_source(module) or "")):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(names)


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "none"
