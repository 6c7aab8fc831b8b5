"""Evaluation: predictors compared as rankers. `from eval import evaluate, Results`."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.ablate import ablate
    from eval.curve import curve
    from eval.evaluate import evaluate
    from eval.rank import rank
    from eval.results import Results
    from eval.search import search

__all__ = ["Results", "ablate", "curve", "evaluate", "rank", "search"]

_MODULES = {"Results": "eval.results"} | {
    name: f"eval.{name}" for name in ("ablate", "curve", "evaluate", "rank", "search")
}


class _Package(ModuleType):
    """Imports on demand. A function keeps its name when the module of the same name is imported."""

    def __getattr__(self, name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module 'eval' has no attribute '{name}'")
        return getattr(import_module(_MODULES[name]), name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in _MODULES and isinstance(value, ModuleType):
            value = getattr(value, name, value)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
