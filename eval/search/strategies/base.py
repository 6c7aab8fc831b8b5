"""The strategy contract: given everything a search has seen so far, choose the rows to query next."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from data.names import check_name
from predictors.hyperparameters import changed_parameters, one_line, parameter_defaults, snake_case


@dataclass(frozen=True)
class View:
    """What a strategy sees: never the label of an architecture that was not queried, never a test label.

    Attributes:
        graphs: Every architecture that may be queried, by row.
        candidates: (c,) rows that may be queried now.
        networks: (c,) integers, equal for candidates that count as one network; only one of these may be
            queried, and no candidate counts as a network that was queried before.
        scores: (c,) the predictor's scores of the candidates, higher is better; None if it was not asked.
        queried: (q,) rows queried so far, oldest first.
        labels: (q,) their labels, higher is better.
    """

    graphs: Graphs
    candidates: np.ndarray
    networks: np.ndarray
    scores: np.ndarray | None
    queried: np.ndarray
    labels: np.ndarray

    def random(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return `size` candidates drawn at random, from distinct networks."""
        return self._first(rng.permutation(len(self.candidates)), size)

    def best(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the `size` candidates with the highest scores, from distinct networks; ties are random.

        Raises:
            InputError: There are no scores.
        """
        if self.scores is None:
            raise InputError("the strategy asked for the best candidates, but its `uses_scores` is False")
        order = rng.permutation(len(self.candidates))
        return self._first(order[np.argsort(-self.scores[order], kind="stable")], size)

    def without(self, rows: np.ndarray) -> View:
        """Return the view without these candidates and without their twins."""
        gone = self.networks[np.isin(self.candidates, rows)]
        kept = ~np.isin(self.networks, gone)
        scores = None if self.scores is None else self.scores[kept]
        return replace(self, candidates=self.candidates[kept], networks=self.networks[kept], scores=scores)

    def _first(self, order: np.ndarray, size: int) -> np.ndarray:
        """Return the first `size` candidates of an order (c,), skipping networks that came before."""
        firsts = np.sort(np.unique(self.networks[order], return_index=True)[1])
        return self.candidates[order[firsts[:size]]]


class Strategy(ABC):
    """Decides what a search queries after its first, random batch.

    A subclass implements `choose` and stores its keyword-only parameters in `__init__` under their own names.
    Every repeat of a search uses a copy of its own, so a strategy may remember what it has done.

    Attributes:
        uses_scores: Whether it needs the predictor. If so, it queries a batch each round, after the predictor
            was trained on all labels seen so far; if not, it queries one architecture at a time and sees each
            label at once.
    """

    uses_scores: ClassVar[bool] = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401
        """Check the arguments of the constructor before it runs.

        Raises:
            UnknownNameError: An unknown parameter; the closest names are given.
            InputError: Positional arguments, or a class that does not implement `choose`.
        """
        if inspect.isabstract(cls):
            missing = ", ".join(sorted(cls.__abstractmethods__))
            raise InputError(f"{cls.__name__} cannot be used as a strategy: it does not implement {missing}")
        cls.check_parameters(kwargs)
        if args:
            known = ", ".join(f"{name}=..." for name in cls.defaults()) or "none"
            raise InputError(f"{cls.__name__}: parameters are keyword arguments ({known}), not {args!r}")
        return super().__new__(cls)

    def __repr__(self) -> str:
        """Return one line: the class and the parameters that differ from their defaults."""
        own = {name: vars(self).get(name, "?") for name in self.defaults()}
        changed = changed_parameters(own, self.defaults())
        return f"{type(self).__name__}({', '.join(f'{k}={one_line(v)}' for k, v in changed.items())})"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return every parameter with its default value."""
        return parameter_defaults(cls)

    @classmethod
    def check_parameters(cls, params: Mapping[str, object]) -> None:
        """Raise UnknownNameError with the closest names for a parameter that this strategy does not have."""
        for name in params:
            check_name(f"parameter of strategy {cls.get_name()}", name, cls.defaults())

    @classmethod
    def get_name(cls) -> str:
        """Return its name in the registry; for a class from elsewhere, its class name in snake case."""
        package = __name__.rpartition(".")[0]
        module, _, stem = cls.__module__.rpartition(".")
        return stem if module == package else snake_case(cls.__name__)

    def params(self) -> dict[str, Any]:
        """Return every parameter with its current value."""
        missing = [name for name in self.defaults() if not hasattr(self, name)]
        if missing:
            raise InputError(
                f"strategy '{self.get_name()}': its constructor must store {', '.join(missing)} under "
                f"{'their' if len(missing) > 1 else 'its'} own name"
            )
        return {name: getattr(self, name) for name in self.defaults()}

    def changed(self) -> dict[str, Any]:
        """Return the parameters whose values differ from their defaults."""
        return changed_parameters(self.params(), self.defaults())

    def clone(self) -> Self:
        """Return a new strategy with the same parameters."""
        return type(self)(**self.params())

    @abstractmethod
    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the rows (size,) to query next: candidates from distinct networks, most wanted first."""
