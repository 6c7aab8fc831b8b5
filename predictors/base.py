"""The predictor contract: keyword hyper-parameters, `fit(graphs, y, seed=)`, `predict(graphs)`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, Protocol, Self, overload

import numpy as np

from data.errors import AcerankError, InputError
from data.graphs import Graphs
from data.names import check_name
from data.space import SearchSpace
from predictors.device import CPU
from predictors.distinct import check_pair, check_single, predict_canonical, predict_std_canonical
from predictors.errors import PredictorError, describe_failure
from predictors.hyperparameters import Parametrised, one_line
from predictors.label_scale import LabelScale, standardise

__all__ = ["LabelScale", "Predictor", "Repeats", "predict_canonical", "standardise", "with_params"]

ScoresAndStd = tuple[np.ndarray, np.ndarray]


class Repeats(Protocol):
    """Several fitted copies of one predictor, scored together."""

    @overload
    def predict(self, graphs: Graphs, *, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict(self, graphs: Graphs, *, return_std: Literal[True]) -> ScoresAndStd: ...

    def predict(self, graphs: Graphs, *, return_std: bool = False) -> np.ndarray | ScoresAndStd:
        """Return the scores (repeats, n) of n architectures, higher is better.

        With `return_std`, return scores and standard deviations, both (repeats, n); see Predictor.predict.
        """
        ...


class Predictor(Parametrised):
    """A ranker of architectures.

    A subclass stores its keyword-only hyper-parameters in `__init__` under their own names and implements
    `_fit` and `_predict`. This base class does what all predictors share: it checks inputs and scores, scales
    labels and computes canonical forms.

    `fit` sees what a user would have: the training architectures and their labels. Labels reach `_fit`
    standardised (mean 0, deviation 1, rounded to 1e-9), or as normal scores of their ranks if
    `normal_labels`; all 0 if constant. Scores are only an order, so the unit of the labels cannot matter.

    Attributes:
        canonical: Whether architectures reach `_fit` and `_predict` in their canonical form
            (`Graphs.effective`), so that twins score alike. False for predictors that do not look at graphs,
            and for published methods that tell twins apart.
        has_std: Whether it says how sure it is: `predict(graphs, return_std=True)`, by `_predict_std`.
        normal_labels: Whether labels reach `_fit` as the normal scores of their ranks (ties averaged), not
            standardised; see predictors.label_scale.
        max_train_size: Largest number of training labels that it can learn from; None for no known limit.
        quick: Hyper-parameters that make a slow predictor quick, for trying things out.
        costly: Whether a repeat takes so long that a leaderboard leaves it out unless it is named.
        has_device: Whether it can compute on another device than the CPU.
        device: Where it computes: "cpu", "cuda", "cuda:1", "mps"; see `on`.
    """

    role: ClassVar[str] = "predictor"
    package: ClassVar[str] = "predictors"
    canonical: ClassVar[bool] = True
    has_std: ClassVar[bool] = False
    normal_labels: ClassVar[bool] = False
    max_train_size: ClassVar[int | None] = None
    quick: ClassVar[Mapping[str, Any]] = {}
    costly: ClassVar[bool] = False
    has_device: ClassVar[bool] = False
    device: str = CPU

    def lacks(self, weak: Collection[str]) -> tuple[str, ...]:
        """Return the weak labels that this predictor requires and that are not among `weak`."""
        del weak
        return ()

    def covers(self, graphs: Graphs) -> np.ndarray:
        """Return (n,) which architectures it can score: all, but for a floor with missing values."""
        return np.ones(len(graphs), bool)

    @property
    def name(self) -> str:
        """Name in the registry; for a class from elsewhere, its class name in snake case."""
        return self.get_name()

    def _called(self) -> str:
        return self.name

    def fit(self, graphs: Graphs, y: np.ndarray, *, seed: int = 0) -> Self:
        """Learn from n architectures and their labels.

        Args:
            graphs: The n training architectures.
            y: (n,) labels, higher is better, in any unit.
            seed: Seed of everything random in the training.

        Returns:
            self, fitted.

        Raises:
            InputError: No architectures or more than `max_train_size`, labels of another length, or a label
                that is NaN or infinite.
            PredictorError: `_fit` failed.
        """
        seen, labels, scale = self._prepare(graphs, y)
        with self._naming_errors("_fit"):
            self._fit(seen, labels, seed)
        self.space_, self.label_scale_ = graphs.space, scale
        return self

    @overload
    def predict(self, graphs: Graphs, *, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict(self, graphs: Graphs, *, return_std: Literal[True]) -> ScoresAndStd: ...

    def predict(self, graphs: Graphs, *, return_std: bool = False) -> np.ndarray | ScoresAndStd:
        """Return the scores (n,) of n architectures, higher is better.

        Args:
            graphs: The n architectures.
            return_std: Whether to also return (n,) predictive standard deviations of a label, noise included,
                in the unit of `label_units`: the scores are then the predictive means.

        Raises:
            InputError: The predictor is not fitted, was fitted on another space, or does not say how sure it
                is (`has_std`).
            PredictorError: `_predict` or `_predict_std` failed, or did not return one finite number per
                architecture.
        """
        self._check_fitted()
        self._check_space(graphs, self.space_)
        self._check_weak(graphs)
        if not return_std:
            return predict_canonical(self, self._predict, graphs)
        self.check_has_std()
        return predict_std_canonical(self, self._predict_std, graphs)

    def label_units(self, y: np.ndarray) -> np.ndarray:
        """Return labels (n,) in the unit of the scores and deviations of `predict(..., return_std=True)`.

        The unit is that of the labels that reached `_fit`; see predictors.label_scale.LabelScale.

        Raises:
            InputError: The predictor is not fitted.
        """
        self._check_fitted()
        return self.label_scale_(y)

    def labels_from_units(self, values: np.ndarray) -> np.ndarray:
        """Return labels (n,) of scores in the unit of `label_units`; its inverse.

        Raises:
            InputError: The predictor is not fitted.
        """
        self._check_fitted()
        return self.label_scale_.to_labels(values)

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

    def clone(self) -> Self:
        """Return a new instance with the same parameters, on the same device."""
        return super().clone()._placed(self.device)

    def on(self, device: str) -> Self:
        """Return an unfitted copy that computes on a device: "cpu", "cuda", "cuda:1", "mps".

        Random numbers come from the CPU, so results differ from the CPU's by rounding alone.

        Raises:
            InputError: It always computes on the CPU.
        """
        if device != CPU and not self.has_device:
            raise InputError(f"predictor '{self.name}' always computes on the CPU, not on '{device}'")
        return self._twin()._placed(device)

    def _placed(self, device: str) -> Self:
        if self.has_device and self.device != device:
            self.device = device
        return self

    def _twin(self) -> Self:
        """Return an unfitted copy that keeps what was pretrained."""
        return self.clone()

    @abstractmethod
    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        """Learn from architectures (canonical if `canonical`) and scaled labels (n,), see the class."""

    @abstractmethod
    def _predict(self, graphs: Graphs) -> np.ndarray:
        """Return the scores (n,) of architectures (canonical and distinct if `canonical`)."""

    def _predict_std(self, graphs: Graphs) -> ScoresAndStd:
        """Return scores (n,), those of `_predict`, and the predictive standard deviation (n,) of a label.

        Only called if `has_std`; deviations include the noise of a label and are in the unit of the labels
        that reached `_fit`.
        """
        raise NotImplementedError(f"{type(self).__name__} sets has_std and does not implement _predict_std")

    def check_has_std(self) -> None:
        """Check that this predictor says how sure it is.

        Raises:
            InputError: It does not; names those that do.
        """
        if not self.has_std:
            from predictors import REGISTRY

            able = [name for name in REGISTRY if getattr(REGISTRY[name], "has_std", False) is True]
            raise InputError(
                f"predictor '{self.name}' does not say how sure it is (return_std); these do: "
                f"{', '.join(able)}"
            )

    def check_train_size(self, train_size: int) -> None:
        """Check that this predictor can learn from `train_size` labels.

        Raises:
            InputError: More than `max_train_size`.
        """
        if self.max_train_size is not None and train_size > self.max_train_size:
            raise InputError(
                f"predictor '{self.name}' can learn from at most {self.max_train_size:,} training labels, "
                f"not {train_size:,}; use fewer labels or another predictor"
            )

    def _prepare(self, graphs: Graphs, y: np.ndarray) -> tuple[Graphs, np.ndarray, LabelScale]:
        """Check architectures and labels (n,); return both as `_fit` sees them, and the labels' scale."""
        labels = self._check_labels(graphs, y)
        self._check_weak(graphs)
        scale = LabelScale.fit(labels, normal=self.normal_labels)
        return graphs.effective() if self.canonical else graphs, scale(labels), scale

    def _check_labels(self, graphs: Graphs, y: np.ndarray) -> np.ndarray:
        labels = np.asarray(y, np.float64)
        if labels.shape != (len(graphs),) or len(graphs) == 0:
            raise InputError(
                f"predictor '{self.name}': {len(graphs)} architectures with labels of shape {labels.shape}; "
                "at least one architecture and one label for each are required"
            )
        self.check_train_size(len(graphs))
        bad = np.flatnonzero(~np.isfinite(labels))
        if len(bad):
            raise InputError(
                f"predictor '{self.name}': {len(bad)} training labels are NaN or infinite, "
                f"the first at position {bad[0]}"
            )
        return labels

    @contextmanager
    def _naming_errors(self, method: str) -> Iterator[None]:
        """Turn any exception of a method into one error that names the predictor and the method."""
        try:
            yield
        except AcerankError:
            raise
        except Exception as error:
            changed = ", ".join(f"{k}={one_line(v)}" for k, v in self.changed().items())
            settings = f" with {changed}" if changed else ""
            raise PredictorError(
                f"predictor '{self.name}': {method} failed{settings}: {describe_failure(error)}"
            ) from error

    def _check_fitted(self) -> None:
        if not hasattr(self, "space_"):
            raise InputError(f"predictor '{self.name}' must be fitted before it can predict")

    def _check_space(self, graphs: Graphs, fitted: SearchSpace) -> None:
        if graphs.space != fitted:
            raise InputError(
                f"predictor '{self.name}' was fitted on space '{fitted.name}', not '{graphs.space.name}'"
            )

    def _check_weak(self, graphs: Graphs) -> None:
        for column in self.lacks(graphs.weak):
            check_name(f"weak label (required by predictor '{self.name}')", column, graphs.weak)


class _Loop:
    """Repeats that were fitted one by one; what they are asked about is brought into canonical form once."""

    def __init__(self, fitted: Sequence[Predictor]) -> None:
        self.fitted = fitted

    @overload
    def predict(self, graphs: Graphs, *, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict(self, graphs: Graphs, *, return_std: Literal[True]) -> ScoresAndStd: ...

    def predict(self, graphs: Graphs, *, return_std: bool = False) -> np.ndarray | ScoresAndStd:
        own = self.fitted[0]
        if type(own).predict is Predictor.predict:
            for predictor in self.fitted:
                predictor._check_space(graphs, predictor.space_)
                predictor._check_weak(graphs)
            if not return_std:
                return predict_canonical(own, self._predict, graphs, repeats=True)
            own.check_has_std()
            return predict_std_canonical(own, self._predict_std, graphs, repeats=True)
        if not return_std:
            return np.stack([predictor.predict(graphs) for predictor in self.fitted])
        return _stack_pairs([predictor.predict(graphs, return_std=True) for predictor in self.fitted])

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return np.stack([check_single(each, each._predict(graphs), len(graphs)) for each in self.fitted])

    def _predict_std(self, graphs: Graphs) -> ScoresAndStd:
        return _stack_pairs([check_pair(p, p._predict_std(graphs), len(graphs)) for p in self.fitted])


def _stack_pairs(pairs: Sequence[ScoresAndStd]) -> ScoresAndStd:
    return np.stack([scores for scores, _ in pairs]), np.stack([std for _, std in pairs])


class Together:
    """Repeats that were fitted together and are scored together."""

    def __init__(
        self,
        predictor: Predictor,
        space: SearchSpace,
        predict: Callable[[Graphs], object],
        predict_std: Callable[[Graphs], object],
    ) -> None:
        """Take what scores graphs (canonical if the predictor is).

        Args:
            predictor: The predictor that was fitted.
            space: The space that it was fitted on.
            predict: Graphs to scores (repeats, n).
            predict_std: Graphs to scores and deviations (repeats, n); only called if it `has_std`.
        """
        self.predictor, self.space = predictor, space
        self._predict, self._predict_std = predict, predict_std

    @overload
    def predict(self, graphs: Graphs, *, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict(self, graphs: Graphs, *, return_std: Literal[True]) -> ScoresAndStd: ...

    def predict(self, graphs: Graphs, *, return_std: bool = False) -> np.ndarray | ScoresAndStd:
        """Return the scores, and deviations if asked, (repeats, n); see Predictor.predict."""
        own = self.predictor
        own._check_space(graphs, self.space)
        own._check_weak(graphs)
        if not return_std:
            return predict_canonical(own, self._predict, graphs, repeats=True)
        own.check_has_std()
        return predict_std_canonical(own, self._predict_std, graphs, repeats=True)


def with_params(predictor: Predictor, **params: Any) -> Predictor:  # noqa: ANN401
    """Return an unfitted copy with some hyper-parameters changed.

    Raises:
        UnknownNameError: An unknown hyper-parameter; the closest names are given.
    """
    for name in params:
        check_name(f"hyper-parameter of {predictor.name}", name, predictor.defaults())
    return type(predictor)(**{**predictor.params(), **params})._placed(predictor.device)
