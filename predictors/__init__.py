"""Predictors: architecture graphs to scores. Each is one module here, found by its file name."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import AcerankError
from data.names import check_name

if TYPE_CHECKING:
    from predictors.base import Predictor

_NOT_PREDICTORS = {"__init__", "base"}


def names() -> list[str]:
    """Return the names of all predictors, in alphabetical order, without importing any."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in _NOT_PREDICTORS)


def describe(name: str) -> str:
    """Return the first line of a predictor's docstring, without importing it."""
    path = Path(__file__).parent / f"{check_name('predictor', name, names())}.py"
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def loss_names() -> list[tuple[str, str]]:
    """Return the name and the first docstring line of every loss, without importing torch."""
    tree = ast.parse((Path(__file__).parent / "nn" / "losses.py").read_text("utf-8"))
    return [
        (node.name, (ast.get_docstring(node) or "").partition("\n")[0])
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(mark, ast.Name) and mark.id == "loss" for mark in node.decorator_list)
    ]


def get(name: str) -> type[Predictor]:
    """Return a predictor's class.

    Raises:
        UnknownNameError: There is no such predictor; the closest names are given.
        AcerankError: Its module does not define exactly one public Predictor.
    """
    from predictors.base import Predictor

    module = import_module(f"predictors.{check_name('predictor', name, names())}")
    found = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Predictor)
        and member.__module__ == module.__name__
        and not member.__name__.startswith("_")
    ]
    if len(found) != 1:
        raise AcerankError(f"{module.__file__} must define exactly one public Predictor, not {len(found)}")
    return found[0]
