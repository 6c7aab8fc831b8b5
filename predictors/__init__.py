"""Predictors: architecture graphs to scores. Each is one module here, found by its file name."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.registry import Registry

if TYPE_CHECKING:
    from predictors.adapter import Encoded, as_predictor
    from predictors.base import Predictor
    from predictors.pretraining import Pretrains

__all__ = [
    "REGISTRY",
    "Encoded",
    "Predictor",
    "Pretrains",
    "as_predictor",
    "describe",
    "describe_parameters",
    "get",
    "loss_names",
    "names",
]

_LAZY = {  # imported when asked for: listing names imports no numerical library
    "Encoded": "predictors.adapter",
    "as_predictor": "predictors.adapter",
    "Predictor": "predictors.base",
    "Pretrains": "predictors.pretraining",
}
_NOT_PREDICTORS = frozenset(
    {
        "adapter",
        "base",
        "boosting",
        "contract",
        "contract_case",
        "contract_std",
        "device",
        "distinct",
        "errors",
        "forest_spread",
        "hyperparameters",
        "identity",
        "knows_weak",
        "label_scale",
        "lean_forests",
        "pretraining",
        "sources",
        "weak_knowledge",
    }
)


def _is_predictor(member: object) -> bool:
    """Return whether a module's member is a predictor: in this package a Predictor, elsewhere also any class
    with fit and predict. Abstract classes that others derive from are bases, not predictors.
    """  # noqa: D205
    from predictors.base import Predictor

    if not inspect.isclass(member) or (inspect.isabstract(member) and member.__subclasses__()):
        return False
    if issubclass(member, Predictor):
        return True
    outside = not member.__module__.startswith("predictors.")
    return outside and all(callable(getattr(member, method, None)) for method in ("fit", "predict"))


REGISTRY: Registry[type[Predictor]] = Registry(
    "predictor",
    package="predictors",
    skip=_NOT_PREDICTORS,
    group="acerank.predictors",
    is_member=_is_predictor,
)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a public class when it is first used."""
    if name not in _LAZY:
        raise AttributeError(f"module 'predictors' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)


def names() -> list[str]:
    """Return the names of all predictors, in alphabetical order, without importing any."""
    return list(REGISTRY)


def describe(name: str) -> str:
    """Return the first line of a predictor's docstring, without importing it."""
    return REGISTRY.describe(name)


def describe_parameters(name: str) -> list[tuple[str, Any, str]]:
    """Return (name, default value, description) of every hyper-parameter of a predictor.

    Raises:
        UnknownNameError: There is no such predictor; the closest names are given.
    """
    from predictors.hyperparameters import documented_parameters

    return documented_parameters(get(name))


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
    """Return a predictor's class by name, or by place: "./my_ranker.py", "my_package.rankers:Best".

    A class from elsewhere may be any class with fit(graphs, y) and predict(graphs); `as_predictor` makes a
    Predictor of it.

    Raises:
        UnknownNameError: There is no such predictor; the closest names are given.
        InputError: There is no such file or module, or importing it failed.
        AcerankError: Its module does not define exactly one public predictor.
    """
    return REGISTRY[name]
