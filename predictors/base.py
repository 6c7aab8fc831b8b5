"""The predictor contract: keyword hyper-parameters, `fit(graphs, y, seed=)`, `predict(graphs)`."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from data.errors import AcerankError, InputError
from data.graphs import Graphs
from data.names import check_name
from data.space import SearchSpace


class Repeats(Protocol):
    """Several fitted copies of one predictor, asked together."""

    def predict(self, graphs: Graphs) -> np.ndarray:
        """Return the scores (repeats, n) of n architectures, higher is better."""
        ...


class Predictor(ABC):
    """A ranker of architectures.

    A subclass stores its keyword-only hyper-parameters in `__init__` under their own names and writes
    `_fit` and `_predict`; checks, label scaling and canonical forms are done here, once for all.

    `fit` sees what a user would have: the training architectures and their labels. Labels reach `_fit`
    standardised (mean 0, deviation 1, rounded to 1e-9; all 0 if constant): scores are only an order, so
    the unit of the labels cannot matter.

    Attributes:
        canonical: Whether architectures reach `_fit` and `_predict` in their canonical form
            (`Graphs.effective`), so that twins score alike. False for what does not look at graphs, and
            for published methods that tell twins apart.
        pretrains: Whether `pretrain` learns from weak labels. Such a predictor has a hyper-parameter
            `weak`: names of weak labels joined by "+", "default" for the benchmark's own, or "none".
        quick: Hyper-parameters with which a costly predictor is quick, for trying things out.
    """

    canonical: ClassVar[bool] = True
    pretrains: ClassVar[bool] = False
    quick: ClassVar[Mapping[str, Any]] = {}

    def lacks(self, weak: Collection[str]) -> tuple[str, ...]:
        """Return the weak labels that this predictor cannot work without and that are not among `weak`."""
        del weak
        return ()

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return every hyper-parameter with its default value."""
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def params(self) -> dict[str, Any]:
        """Return every hyper-parameter with the value this predictor was made with."""
        return {name: getattr(self, name) for name in self.defaults()}

    def clone(self) -> Self:
        """Return an unfitted twin with the same hyper-parameters."""
        return type(self)(**self.params())

    @property
    def name(self) -> str:
        """Name in the registry."""
        return type(self).__module__.rpartition(".")[2]

    def fit(self, graphs: Graphs, y: np.ndarray, *, seed: int = 0) -> Self:
        """Learn from n architectures and their labels.

        Args:
            graphs: The n training architectures.
            y: (n,) labels, higher is better, in any unit.
            seed: Seed of everything random in the training.

        Returns:
            self, fitted.

        Raises:
            InputError: No architectures, labels of another length, or a label that is NaN or infinite.
        """
        labels = self._check_labels(graphs, y)
        self._check_weak(graphs)
        with self._naming_errors():
            self._fit(graphs.effective() if self.canonical else graphs, standardise(labels), seed)
        self.space_ = graphs.space
        return self

    def predict(self, graphs: Graphs) -> np.ndarray:
        """Return the scores (n,) of n architectures, higher is better.

        Raises:
            InputError: The predictor is not fitted, was fitted on another space, or its scores are not
                finite numbers.
        """
        if not hasattr(self, "space_"):
            raise InputError(f"predictor '{self.name}' must be fitted before it can predict")
        self._check_space(graphs, self.space_)
        self._check_weak(graphs)
        return predict_canonical(self, self._predict, graphs)

    def pretrain(self, graphs: Graphs, weak_labels: Mapping[str, np.ndarray], *, seed: int = 0) -> Self:
        """Learn the representation from weak labels, before `fit`; the graphs' own weak labels are not read.

        Args:
            graphs: n architectures, most of them without a training label.
            weak_labels: (n,) values by name, in any unit, NaN where unknown.
            seed: Seed of everything random in the pretraining.

        Raises:
            InputError: This predictor does not pretrain, or the labels do not belong to the graphs.
        """
        del graphs, weak_labels, seed
        raise InputError(f"predictor '{self.name}' does not learn from weak labels")

    def save_encoder(self, path: Path) -> None:
        """Save what `pretrain` learned, as safetensors."""
        raise InputError(f"predictor '{self.name}' does not learn from weak labels: no encoder for {path}")

    def load_encoder(self, path: Path) -> Self:
        """Take what `save_encoder` saved, in place of pretraining."""
        raise InputError(f"predictor '{self.name}' does not learn from weak labels: no use for {path}")

    def fit_repeats(
        self, graphs: Sequence[Graphs], ys: Sequence[np.ndarray], seeds: Sequence[int]
    ) -> Repeats:
        """Fit one copy for each (graphs, y, seed); predictors that can train them together override this.

        Args:
            graphs: Training architectures of each repeat.
            ys: (n,) labels of each repeat.
            seeds: Seed of each repeat.
        """
        fitted = [self._twin().fit(g, y, seed=seed) for g, y, seed in zip(graphs, ys, seeds, strict=True)]
        return _Loop(fitted)

    @property
    def pretrained_on(self) -> tuple[str, ...]:
        """Names of the weak labels that were pretrained on."""
        return ()

    def pretrain_params(self) -> dict[str, Any]:
        """Return the hyper-parameters that what `pretrain` learns depends on."""
        return self.params()

    def _twin(self) -> Self:
        """Return an unfitted twin that keeps what was pretrained."""
        return self.clone()

    @abstractmethod
    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        """Learn from architectures (canonical if `canonical`) and standardised labels (n,)."""

    @abstractmethod
    def _predict(self, graphs: Graphs) -> np.ndarray:
        """Return the scores (n,) of architectures (canonical and distinct if `canonical`)."""

    def _check_labels(self, graphs: Graphs, y: np.ndarray) -> np.ndarray:
        labels = np.asarray(y, np.float64)
        if labels.shape != (len(graphs),) or len(graphs) == 0:
            raise InputError(
                f"predictor '{self.name}': {len(graphs)} architectures with labels of shape {labels.shape}; "
                "one label for each of at least one architecture is needed"
            )
        bad = np.flatnonzero(~np.isfinite(labels))
        if len(bad):
            raise InputError(
                f"predictor '{self.name}': {len(bad)} training labels are NaN or infinite, "
                f"the first at position {bad[0]}"
            )
        return labels

    @contextmanager
    def _naming_errors(self) -> Iterator[None]:
        """Turn what a library says of impossible hyper-parameters into an error that names the predictor."""
        try:
            yield
        except AcerankError:
            raise
        except (ValueError, ArithmeticError, RuntimeError) as error:
            changed = {k: v for k, v in self.params().items() if v != self.defaults()[k]}
            raise InputError(f"predictor '{self.name}' cannot be fitted with {changed}: {error}") from error

    def _check_space(self, graphs: Graphs, fitted: SearchSpace) -> None:
        if graphs.space != fitted:
            raise InputError(
                f"predictor '{self.name}' was fitted on space '{fitted.name}', not '{graphs.space.name}'"
            )

    def _check_weak(self, graphs: Graphs) -> None:
        for column in self.lacks(graphs.weak):
            check_name(f"weak label (predictor '{self.name}' needs it)", column, graphs.weak)


class _Loop:
    """Repeats that were fitted one by one."""

    def __init__(self, fitted: Sequence[Predictor]) -> None:
        self.fitted = fitted

    def predict(self, graphs: Graphs) -> np.ndarray:
        return np.stack([predictor.predict(graphs) for predictor in self.fitted])


def predict_canonical(predictor: Predictor, predict: Any, graphs: Graphs) -> np.ndarray:  # noqa: ANN401
    """Call `predict` on `graphs`, once for each distinct network if the predictor is canonical.

    Args:
        predictor: Whose scores these are.
        predict: Graphs to scores (..., n).
        graphs: n architectures.

    Returns:
        Scores (..., n), checked to be finite.
    """
    if predictor.canonical:
        rows, inverse = graphs.unique()
        scores = np.asarray(predict(graphs.take(rows).effective()), np.float64)[..., inverse]
    else:
        scores = np.asarray(predict(graphs), np.float64)
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise InputError(f"predictor '{predictor.name}': {len(bad)} of its scores are NaN or infinite")
    return scores


def standardise(y: np.ndarray) -> np.ndarray:
    """Return labels (n,) with mean 0 and deviation 1, rounded to 1e-9 so that their unit leaves no trace."""
    spread = y.std()
    if spread <= 1e-12 * max(1.0, np.abs(y).max()):
        return np.zeros_like(y)
    return np.round((y - y.mean()) / spread, 9)


def with_params(predictor: Predictor, **params: Any) -> Predictor:  # noqa: ANN401
    """Return an unfitted twin with some hyper-parameters changed."""
    for name in params:
        check_name(f"hyper-parameter of {predictor.name}", name, predictor.defaults())
    return type(predictor)(**{**copy(predictor.params()), **params})
