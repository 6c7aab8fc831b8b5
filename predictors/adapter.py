"""Adapters: any object with fit and predict as a predictor, and scikit-learn estimators on graph features."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from data import encode
from data.errors import AcerankError, InputError
from data.graphs import Graphs
from data.names import check_name
from predictors.base import Predictor, ScoresAndStd
from predictors.errors import PredictorError
from predictors.hyperparameters import one_line, parameter_defaults, snake_case
from predictors.identity import changed_arguments, describe_object, identify
from predictors.sources import pickle_by_value, source_modules

__all__ = ["Adapted", "Encoded", "as_predictor", "source_modules"]

Encoding = Callable[[Graphs], np.ndarray]
ENCODINGS: dict[str, Encoding] = {
    "path_statistics": encode.path_statistics,
    "one_hot": encode.one_hot,
}


def as_predictor(ranker: object, name: str = "", **params: Any) -> Predictor:  # noqa: ANN401
    """Return anything that can fit and predict as a Predictor.

    Args:
        ranker: A Predictor or a class of one; a predictor's name or place ("gcn", "./my_ranker.py:Best"); or
            any other object or class with `fit(graphs, y)` and `predict(graphs)`. A class is called with
            `params`.
        name: Name in results of an object that is not a Predictor; by default its class name in snake case.
        params: Constructor arguments, for a class or a name only.

    Raises:
        InputError: It has no `fit` and `predict`, or a class cannot be called with these arguments.
        UnknownNameError: An unknown name or constructor argument; the closest ones are given.
    """
    if isinstance(ranker, str):
        from predictors import get

        ranker = get(ranker)
    made = _instantiate(ranker, params) if inspect.isclass(ranker) else ranker
    if params and made is ranker:
        raise InputError(
            f"{describe_object(ranker)} is already an instance: pass its class to set {', '.join(params)}"
        )
    if isinstance(made, Predictor):
        pickle_by_value(made)
        return made
    if not all(callable(getattr(made, method, None)) for method in ("fit", "predict")):
        raise InputError(
            f"{describe_object(made)} is not a predictor: "
            "it needs the methods fit(graphs, y) and predict(graphs)"
        )
    adapted = Adapted(made, name=name)
    pickle_by_value(adapted)
    return adapted


def _instantiate(kind: type, params: dict[str, Any]) -> object:
    defaults = parameter_defaults(kind)
    for parameter in params:
        check_name(f"hyper-parameter of {kind.__name__}", parameter, defaults)
    try:
        return kind(**params)
    except AcerankError:
        raise
    except Exception as error:
        raise InputError(
            f"{kind.__name__} cannot be built with {params or 'its default arguments'}: "
            f"{type(error).__name__}: {error}"
        ) from error


class Adapted(Predictor):
    """Any object with `fit(graphs, y)` and `predict(graphs)`.

    It sees what a Predictor with `canonical = False` sees: the architectures as they are written, so that
    twins may score differently (call `graphs.effective()` for the canonical form), and standardised labels.
    Every fit uses a fresh copy: `sklearn.base.clone` if there is `get_params`, else a deep copy of the object
    as it was given. The seed is passed as `fit(..., seed=)` if `fit` has that argument; else every
    `random_state` and `seed` among `get_params()` is set to it.

    It says how sure it is if its `predict` (of a pipeline, its last step's) has an argument `return_std`, as
    in scikit-learn: `predict(..., return_std=True)` then returns means and deviations of standardised labels.
    Whether these include the noise of a label is up to the object: scikit-learn's Gaussian process only
    includes that of a WhiteKernel.
    """

    canonical: ClassVar[bool] = False

    def __init__(self, estimator: object, *, name: str = "") -> None:
        """Adapt an object.

        Args:
            estimator: The object; it is never fitted itself.
            name: Name in results.
        """
        self.estimator = estimator
        self._name = name

    def __repr__(self) -> str:
        """Return one line: the adapted object and the arguments that differ from their defaults."""
        return describe_object(self.estimator)

    @property
    def name(self) -> str:
        """The name that was given; else the class name of the object, of a pipeline its last step's."""
        return self._name or _name(self.estimator)

    @property
    def has_std(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the object's `predict` takes `return_std`."""
        return _takes(_last_step(self.estimator).predict, "return_std")

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return nothing: the hyper-parameters depend on the object, see `params`."""
        return {}

    def params(self) -> dict[str, Any]:
        """Return what identifies the object: its class, and its parameters by name.

        Parameters are those of `get_params()`; else the constructor arguments that are stored under their own
        names; else all attributes. Values that are objects themselves are described as JSON values.
        """
        return identify(self.estimator)

    def changed(self) -> dict[str, Any]:
        """Return the constructor arguments of the object that differ from their defaults."""
        return changed_arguments(self.estimator)

    def clone(self) -> Self:
        """Return an unfitted copy."""
        twin = copy.copy(self)
        for learned in ("model_", "space_", "label_scale_"):
            vars(twin).pop(learned, None)
        return twin

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.model_ = fit_copy(self.estimator, self._inputs(graphs), y, seed)

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return self.model_.predict(self._inputs(graphs))

    def _predict_std(self, graphs: Graphs) -> ScoresAndStd:
        return self.model_.predict(self._inputs(graphs), return_std=True)

    def _inputs(self, graphs: Graphs) -> Any:  # noqa: ANN401
        return graphs


class Encoded(Adapted):
    """A scikit-learn estimator or pipeline on fixed-length features of the canonical graphs.

    `Encoded(Ridge(alpha=10))` learns standardised labels from `data.encode.path_statistics`; copies and seeds
    are those of Adapted. Twins get the same features, so they score alike.
    """

    canonical: ClassVar[bool] = True

    def __init__(
        self, estimator: object, *, encoding: str | Encoding = "path_statistics", name: str = ""
    ) -> None:
        """Put an estimator on an encoding.

        Args:
            estimator: Anything with `fit(X, y)` and `predict(X)`.
            encoding: "path_statistics" or "one_hot" of data.encode, or a function of n graphs that returns
                an array (n, features).
            name: Name in results; by default the class name of the estimator.
        """
        super().__init__(_instantiate(estimator, {}) if inspect.isclass(estimator) else estimator, name=name)
        self.encoding = encoding

    def __repr__(self) -> str:
        """Return one line: the estimator and its encoding."""
        return f"Encoded({describe_object(self.estimator)}, encoding={_encoding_name(self.encoding)!r})"

    def params(self) -> dict[str, Any]:
        """Return what identifies the estimator, and the encoding."""
        return {**super().params(), "encoding": _encoding_name(self.encoding)}

    def changed(self) -> dict[str, Any]:
        """Return the estimator's arguments and the encoding where they differ from their defaults."""
        encoding = _encoding_name(self.encoding)
        return super().changed() | ({} if encoding == "path_statistics" else {"encoding": encoding})

    def _inputs(self, graphs: Graphs) -> np.ndarray:
        if isinstance(self.encoding, str):
            encode_graphs = ENCODINGS[check_name("encoding", self.encoding, ENCODINGS)]
        else:
            encode_graphs = self.encoding
        features = np.asarray(encode_graphs(graphs))
        if features.ndim != 2 or len(features) != len(graphs):
            raise PredictorError(
                f"predictor '{self.name}': encoding {_encoding_name(self.encoding)} returned shape "
                f"{features.shape} for {len(graphs)} architectures; expected ({len(graphs)}, features)"
            )
        return features


def fit_copy(estimator: Any, inputs: object, y: np.ndarray, seed: int) -> Any:  # noqa: ANN401
    """Return a fresh copy of an object, fitted to inputs and labels (n,)."""
    has_params = hasattr(estimator, "get_params") and hasattr(estimator, "set_params")
    if has_params:
        from sklearn.base import clone

        fresh: Any = clone(estimator)
    else:
        fresh = copy.deepcopy(estimator)
    if _takes(fresh.fit, "seed"):
        fresh.fit(inputs, y, seed=seed)
        return fresh
    if has_params:
        seeded = [k for k in fresh.get_params() if k.rpartition("__")[2] in ("random_state", "seed")]
        if seeded:
            fresh.set_params(**dict.fromkeys(seeded, seed))
    fresh.fit(inputs, y)
    return fresh


def _takes(method: Callable[..., object], argument: str) -> bool:
    """Return whether a method names an argument in its signature."""
    try:
        found = inspect.signature(method).parameters.get(argument)
    except (ValueError, TypeError):  # compiled methods have no signature
        return False
    return found is not None and found.kind is not found.VAR_KEYWORD


def _last_step(estimator: Any) -> Any:  # noqa: ANN401
    """Return the last step of a pipeline, and anything else as it is."""
    steps = getattr(estimator, "steps", None)
    if isinstance(steps, list) and steps and isinstance(steps[-1], tuple):
        return _last_step(steps[-1][-1])
    return estimator


def _name(estimator: object) -> str:
    return snake_case(type(_last_step(estimator)).__name__)


def _encoding_name(encoding: str | Encoding) -> str:
    if isinstance(encoding, str):
        return encoding
    return getattr(encoding, "__qualname__", one_line(encoding))
