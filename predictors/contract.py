"""The contract battery: checks that a predictor, of this project or a user's, keeps the rules of ranking."""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from predictors.adapter import Adapted, as_predictor
from predictors.contract_case import (
    SEED,
    BrokenError,
    Case,
    SkipError,
    check_close,
    check_equal,
    check_shape,
)
from predictors.contract_std import STD_RULES
from predictors.errors import describe_failure
from predictors.hyperparameters import one_line

N_TRAIN, N_TEST = 24, 60


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        rule: What the contract demands.
        outcome: "pass", "fail" or "skip".
        message: What went wrong, or why it was skipped; "" if it passed.
    """

    rule: str
    outcome: str
    message: str = ""


def check(predictor: object, graphs: Graphs, y: np.ndarray) -> list[Finding]:
    """Check whether a predictor keeps the contract.

    Args:
        predictor: A function without arguments that returns a new predictor, or anything that `as_predictor`
            takes.
        graphs: At least 30 architectures; up to 84 are used.
        y: (n,) their labels, higher is better.

    Returns:
        A finding for each rule, in a fixed order. A predictor that raises breaks the rule being checked.

    Raises:
        InputError: Too few architectures or labels, or `predictor` is none.
    """
    labels = np.asarray(y, np.float64)
    if len(graphs) < 30 or labels.shape != (len(graphs),):
        raise InputError(
            f"the contract needs at least 30 architectures with a label each, not {len(graphs)} with labels "
            f"of shape {labels.shape}"
        )
    case = _case(predictor, graphs, labels)
    return [_run(rule, test, case) for rule, test in RULES.items()]


def _case(predictor: object, graphs: Graphs, y: np.ndarray) -> Case:
    if inspect.isfunction(predictor) or inspect.ismethod(predictor):
        make = lambda: as_predictor(predictor())  # noqa: E731
    elif isinstance(predictor, str) or inspect.isclass(predictor):
        make = lambda: as_predictor(predictor)  # noqa: E731
    else:
        adapted = as_predictor(predictor)
        make = adapted.clone
    make()
    n = min(N_TRAIN, len(graphs) // 2)
    train, test = np.arange(n), np.arange(n, min(n + N_TEST, len(graphs)))
    return Case(make, graphs.take(train), y[train], graphs.take(test), graphs)


def _run(rule: str, test: Callable[[Case], None], case: Case) -> Finding:
    try:
        test(case)
    except SkipError as reason:
        return Finding(rule, "skip", str(reason))
    except BrokenError as broken:
        return Finding(rule, "fail", str(broken))
    except Exception as error:
        ours = isinstance(error, InputError)
        return Finding(rule, "fail", str(error) if ours else describe_failure(error))
    return Finding(rule, "pass")


RULES: dict[str, Callable[[Case], None]] = {}


def _rule(name: str) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    def add(test: Callable[[Case], None]) -> Callable[[Case], None]:
        RULES[name] = test
        return test

    return add


@_rule("the constructor takes keywords and only stores them")
def _constructor(case: Case) -> None:
    made = case.make()
    if isinstance(made, Adapted):
        raise SkipError("an adapted object stores its parameters as it likes")
    kind = type(made)
    parameters = [] if kind.__init__ is object.__init__ else [*inspect.signature(kind).parameters.values()]
    for p in parameters:
        if p.kind is not p.KEYWORD_ONLY or p.default is p.empty:
            raise BrokenError(
                f"'{p}' must be a keyword-only argument with a default: def __init__(self, *, ...)"
            )
    learned = [name for name in vars(made) if name.endswith("_") and not name.startswith("_")]
    if learned:
        raise BrokenError(
            f"{', '.join(learned)}: learned attributes end in '_' and are set by _fit, not __init__"
        )
    for name, default in kind.defaults().items():
        other = _altered(default)
        try:
            stored = getattr(kind(**{**made.params(), name: other}), name)
        except Exception as error:
            raise BrokenError(f"{name}={other!r}: {describe_failure(error)}; check values in _fit") from error
        if stored is not other:
            raise BrokenError(f"{name}={other!r} is stored as {stored!r}")


def _altered(value: Any) -> Any:  # noqa: ANN401
    """Return another value of the same type, where there is one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return value + "x" if isinstance(value, str) else value


@_rule("clone returns an unfitted copy")
def _clone(case: Case) -> None:
    twin = case.fitted.clone()
    if twin is case.fitted or type(twin) is not type(case.fitted):
        raise BrokenError(f"clone returned {one_line(twin)}")
    if repr(twin.params()) != repr(case.fitted.params()):
        raise BrokenError(f"clone has parameters {one_line(twin.params())}")
    try:
        twin.predict(case.test)
    except InputError:
        return
    raise BrokenError("the clone of a fitted predictor can predict")


@_rule("predict returns one finite number for each architecture")
def _shape(case: Case) -> None:
    check_shape(case.scores, (len(case.test),))
    check_shape(case.fitted.predict(case.test.take(np.arange(1))), (1,))


@_rule("the same seed gives the same scores")
def _deterministic(case: Case) -> None:
    state = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(987)  # noqa: NPY002 - the global state must not matter
        again = case.fit()
        check_equal(
            again.predict(case.test), case.scores, "fitting again with the same seed changes the scores"
        )
    finally:
        np.random.set_state(state)  # noqa: NPY002
    check_equal(again.predict(case.test), case.scores, "predicting again changes the scores")
    refitted = again.fit(case.train, case.y, seed=SEED).predict(case.test)
    check_equal(refitted, case.scores, "fitting the same object again changes the scores")


@_rule("global random state is left alone")
def _global_state(case: Case) -> None:
    before = _random_state()
    case.fit().predict(case.test)
    changed = [name for name, state in _random_state().items() if state != before.get(name, state)]
    if changed:
        raise BrokenError(
            f"the random state of {', '.join(changed)} changed; use a generator seeded by `seed`"
        )


def _random_state() -> dict[str, object]:
    states: dict[str, object] = {"random": random.getstate()}
    states["numpy.random"] = repr([np.asarray(x).tolist() for x in np.random.get_state()])  # noqa: NPY002
    if torch := sys.modules.get("torch"):
        states["torch"] = torch.get_rng_state().tolist()
    return states


@_rule("a score does not depend on the order of the rows")
def _row_order(case: Case) -> None:
    mixed = np.random.default_rng(0).permutation(len(case.test))
    check_close(case.fitted.predict(case.test.take(mixed)), case.scores[mixed], "in another order")


@_rule("a score does not depend on what else is scored")
def _batch(case: Case) -> None:
    for rows in (np.array([len(case.test) // 2]), np.arange(0, len(case.test), 3)):
        scores = case.fitted.predict(case.test.take(rows))
        check_close(scores, case.scores[rows], f"when {len(rows)} of {len(case.test)} are scored")


@_rule("graphs and labels are not changed")
def _inputs_kept(case: Case) -> None:
    """Arrays that cannot be written to are accepted, and are the same afterwards."""
    train, test, y = _read_only(case.train), _read_only(case.test), case.y.copy()
    y.flags.writeable = False
    made = case.make()
    before = repr(made.params())
    made.fit(train, y, seed=SEED).predict(test)
    made._twin().fit_repeats([train] * 2, [y] * 2, [0, 1]).predict(test)
    for given, original in ((train, case.train), (test, case.test)):
        for name, array in _arrays(given).items():
            if not np.array_equal(array, _arrays(original)[name], equal_nan=True):
                raise BrokenError(f"{name} of the graphs was changed")
    if repr(made.params()) != before:
        raise BrokenError(f"fitting changed the hyper-parameters to {one_line(made.params())}")


def _arrays(graphs: Graphs) -> dict[str, np.ndarray]:
    own = {name: getattr(graphs, name) for name in ("ops", "adjacency", "n_nodes", "stage", "features")}
    return own | {f"weak label {name}": values for name, values in graphs.weak.items()}


def _read_only(graphs: Graphs) -> Graphs:
    own = replace(
        graphs,
        weak={name: values.copy() for name, values in graphs.weak.items()},
        **{name: a.copy() for name, a in _arrays(graphs).items() if not name.startswith("weak label ")},
    )
    for array in _arrays(own).values():
        array.flags.writeable = False
    return own


@_rule("the unit of the labels does not matter")
def _unit(case: Case) -> None:
    for scale, shift in ((0.01, 0.0), (1000.0, -7.0)):
        found = case.fit(scale * case.y + shift).predict(case.test)
        if not np.array_equal(np.argsort(found, kind="stable"), np.argsort(case.scores, kind="stable")):
            raise BrokenError(f"labels times {scale:g} plus {shift:g} give another order")


@_rule("labels that are NaN or infinite are refused")
def _bad_labels(case: Case) -> None:
    for bad in (np.nan, np.inf):
        labels = case.y.copy()
        labels[1] = bad
        try:
            case.fit(labels)
        except InputError:
            continue
        raise BrokenError(f"fit accepts the label {bad}")


@_rule("constant labels and labels of two values are learned from")
def _poor_labels(case: Case) -> None:
    n = len(case.y)
    for labels in (np.full(n, 91.0), np.arange(n) % 2.0, np.where(np.arange(n) == 0, 10.0, 90.0)):
        check_shape(case.fit(labels).predict(case.test), (len(case.test),))


@_rule("one or two labels are learned from")
def _few_labels(case: Case) -> None:
    for n in (1, 2):
        few = case.train.take(np.arange(n))
        made = case.make().fit(few, case.y[:n], seed=SEED)
        check_shape(made.predict(case.test), (len(case.test),))


@_rule("repeats fit together")
def _repeats(case: Case) -> None:
    def score() -> np.ndarray:
        fitted = case.make().fit_repeats([case.train] * 2, [case.y, case.y[::-1]], [0, 1])
        return fitted.predict(case.test)

    found = score()
    check_shape(found, (2, len(case.test)))
    check_equal(score(), found, "fitting the same repeats again changes the scores")


@_rule("it can be sent to another process")
def _picklable(case: Case) -> None:
    import cloudpickle

    sent = cloudpickle.loads(cloudpickle.dumps(case.make()))
    check_equal(
        sent.fit(case.train, case.y, seed=SEED).predict(case.test), case.scores, "pickling changes the scores"
    )
    fitted = cloudpickle.loads(cloudpickle.dumps(case.fitted))
    check_equal(fitted.predict(case.test), case.scores, "pickling a fitted predictor changes its scores")


@_rule("twins score alike")
def _twins(case: Case) -> None:
    if not case.fitted.canonical:
        raise SkipError("it is not canonical: it sees architectures as they are written")
    twins, originals = _reordered(case.all.take(np.arange(min(200, len(case.all)))))
    if not len(twins):
        raise SkipError("no architecture can be written in another order of its nodes")
    check_close(case.fitted.predict(twins), case.fitted.predict(originals), "between twins")
    if case.fitted.has_std:
        both = [case.fitted.predict(graphs, return_std=True)[1] for graphs in (twins, originals)]
        check_close(both[0], both[1], "between twins", noun="deviations")


def _reordered(graphs: Graphs) -> tuple[Graphs, Graphs]:
    """Return architectures with two unconnected neighbouring nodes swapped, and the originals."""
    n, v = graphs.ops.shape
    places = np.tile(np.arange(v), (n, 1))
    for i in range(1, v - 2):
        inside = (places == np.arange(v)).all(1) & (i + 1 < graphs.n_nodes - 1)
        differ = graphs.ops[:, i] != graphs.ops[:, i + 1]
        swap = inside & differ & (graphs.adjacency[:, i, i + 1] == 0)
        places[swap, i], places[swap, i + 1] = i + 1, i
    rows = np.flatnonzero((places != np.arange(v)).any(1))
    originals, places = graphs.take(rows), places[rows]
    at = np.arange(len(rows))[:, None]
    swapped = replace(
        originals,
        ops=originals.ops[at, places],
        adjacency=originals.adjacency[at[:, :, None], places[:, :, None], places[:, None, :]],
        stage=originals.stage[at, places],
        features=originals.features[at, places],
    )
    return swapped.validate(), originals


RULES |= STD_RULES
