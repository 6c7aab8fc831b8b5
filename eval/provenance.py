"""What determined a result: the code, the libraries and the machine."""

from __future__ import annotations

import ast
import hashlib
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from predictors.device import describe_device

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("data", "benchmarks", "predictors", "eval")
LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "lightgbm", "torch")
_PLACE = re.compile(
    r"[a-z_]\w*(?:\.\w+)+(?::[\w.]+)?"
)  # "data.spaces.edges:NB201", as registries write places


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}}


@cache
def device(name: str = "cpu") -> str:
    """Return what the machine is, and the device that networks computed on, in a few words."""
    return f"{platform.machine()} {name if name == 'cpu' else describe_device(name)}"


def code_hash(sources: Iterable[str | Path]) -> str:
    """Return twelve hex digits for the code of modules or files and of what they use of the same project.

    Imports are followed wherever they stand, and so are texts that name a module ("data.spaces.edges:NB201"),
    but not imports for type checking alone. Docstrings, comments and formatting do not count: a
    result is stale when code that could have shaped it has changed, and only then.

    Args:
        sources: Names of modules, or Python files of the user's.
    """
    files: dict[Path, None] = {}
    waiting = [_file(source) for source in sources]
    while waiting:
        file = waiting.pop()
        if file is not None and file not in files:
            files[file] = None
            waiting.extend(_uses(file, _stamp(file)))
    digest = hashlib.sha256()
    for name, file in sorted((_name(file), file) for file in files):
        digest.update(f"{name}\0{_code(file, _stamp(file))}\0".encode())
    return digest.hexdigest()[:12]


def _file(source: str | Path) -> Path | None:
    """Return the file of a module, or of a path; None if it is not Python source."""
    if isinstance(source, Path):
        return source.resolve() if source.is_file() else None
    if source.partition(".")[0] in PACKAGES:
        return _below(ROOT, source)
    module = sys.modules.get(source)
    origin = getattr(module, "__file__", None)
    return Path(origin).resolve() if origin and origin.endswith(".py") else None


def _below(folder: Path, module: str) -> Path | None:
    path = folder.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else file.name


def _stamp(file: Path) -> int:
    """Return what changes when a file is edited, so that a long session reads it again."""
    return file.stat().st_mtime_ns


@cache
def _code(file: Path, stamp: int) -> str:
    """Return the code of a file without docstrings, comments and formatting."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                part
                for part in node.body
                if not (
                    isinstance(part, ast.Expr)
                    and isinstance(part.value, ast.Constant)
                    and isinstance(part.value.value, str)
                )
            ]
    return ast.dump(tree)


@cache
def _uses(file: Path, stamp: int) -> tuple[Path, ...]:
    """Return the files that a file uses: of our packages, and, for a user's file, of its own project."""
    found = []
    for name in _names(ast.parse(file.read_text("utf-8"))):
        if name.partition(".")[0] in PACKAGES:
            found.append(_below(ROOT, name))
        elif not file.is_relative_to(ROOT):
            found.append(_below(_project(file), name))
            found.append(_below(file.parent, name.lstrip(".")))
    return tuple(each for each in found if each is not None)


def _project(file: Path) -> Path:
    """Return the folder from which the top-level package of a user's file is imported."""
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _names(tree: ast.Module) -> Iterator[str]:
    """Yield what may be the name of a module: imported, or in a text that names a place in code."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped |= {id(inner) for part in node.body for inner in ast.walk(part)}
        elif id(node) in skipped:
            continue
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = "." * node.level + (node.module or "")
            if node.module:
                yield stem
            yield from (f"{stem}.{alias.name}" if node.module else alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _PLACE.fullmatch(node.value):
            yield node.value.partition(":")[0]


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "none"
