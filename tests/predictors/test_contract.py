"""The battery finds what it is for: each broken predictor breaks exactly the rules it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.commands import run_module

from benchmarks import load
from data.errors import InputError
from data.graphs import Graphs
from predictors.base import Predictor
from predictors.contract import RULES, check
from predictors.contract_std import STD_RULES
from predictors.errors import PredictorError


class Sound(Predictor):
    """Ranks by the number of nodes."""

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.mean_ = y.mean()

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return graphs.n_nodes + self.mean_


class Validates(Sound):
    def __init__(self, *, depth: int = 3) -> None:
        if depth > 3:
            raise ValueError("too deep")
        self.depth = depth


class Positional(Sound):
    def __init__(self, depth: int = 3) -> None:
        self.depth = depth


class Converts(Sound):
    def __init__(self, *, depth: int = 3) -> None:
        self.depth = str(depth)


class Global(Sound):
    def _predict(self, graphs: Graphs) -> np.ndarray:
        return np.random.rand(len(graphs))  # noqa: NPY002


class ByPlace(Sound):
    def _predict(self, graphs: Graphs) -> np.ndarray:
        return np.arange(len(graphs))


class ByBatch(Sound):
    def _predict(self, graphs: Graphs) -> np.ndarray:
        return graphs.n_nodes / graphs.n_nodes.max() + len(graphs)


class Writes(Sound):
    canonical = False

    def _predict(self, graphs: Graphs) -> np.ndarray:
        graphs.ops[0] = graphs.ops[0]
        return super()._predict(graphs)


class Twice(Sound):
    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.mean_ = getattr(self, "mean_", 0.0) + 1


class Fragile(Sound):
    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.mean_ = (y - y.mean())[3] / y.std()


class Lambda(Sound):
    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.mean_, self.lines_ = 0.0, (line for line in ())


class TellsTwinsApart(Sound):
    def predict(self, graphs: Graphs, **kwargs) -> np.ndarray:
        return super().predict(graphs, **kwargs) + graphs.ops[:, 2] + 10 * graphs.ops[:, 3]


class Sure(Sound):
    """Says how sure it is: less so of larger networks."""

    has_std = True

    def _predict_std(self, graphs: Graphs) -> tuple[np.ndarray, np.ndarray]:
        return self._predict(graphs), self.deviations(graphs)

    def deviations(self, graphs: Graphs) -> np.ndarray:
        return 0.1 * graphs.n_nodes


class Certain(Sure):
    def deviations(self, graphs: Graphs) -> np.ndarray:
        return np.zeros(len(graphs))


class SureByBatch(Sure):
    def deviations(self, graphs: Graphs) -> np.ndarray:
        return graphs.n_nodes / len(graphs)


class OtherScores(Sure):
    def _predict_std(self, graphs: Graphs) -> tuple[np.ndarray, np.ndarray]:
        return 2 * self._predict(graphs), self.deviations(graphs)


class NoDeviations(Sound):
    has_std = True


class ReturnsNone(Sound):
    def _predict(self, graphs: Graphs) -> np.ndarray:
        return None  # pyright: ignore


BROKEN = [
    (Validates, ["constructor"]),
    (Positional, ["constructor"]),
    (Converts, ["constructor"]),
    (
        Global,
        [
            "same seed",
            "global random",
            "order of the rows",
            "what else",
            "unit",
            "repeats",
            "process",
            "twins",
        ],
    ),
    (ByPlace, ["order of the rows", "what else"]),
    (ByBatch, ["what else"]),
    (Writes, ["not changed"]),
    (Twice, ["same seed"]),
    (Fragile, ["constant labels", "one or two"]),
    (Lambda, ["process"]),
    (TellsTwinsApart, ["twins"]),
    (Certain, ["one deviation"]),
    (SureByBatch, ["a deviation does not depend"]),
    (OtherScores, ["one deviation", "repeats have"]),
    (NoDeviations, [*STD_RULES, "twins"]),
]


@pytest.fixture(scope="module")
def mini() -> tuple[Graphs, np.ndarray]:
    bench = load("nb201_mini", offline=True)
    return bench.graphs, bench.target(bench.info.dataset, bench.info.target)


def broken_rules(predictor: object, mini: tuple[Graphs, np.ndarray]) -> list[str]:
    return [finding.rule for finding in check(predictor, *mini) if finding.outcome == "fail"]


def test_a_sound_predictor_breaks_no_rule(mini) -> None:
    findings = check(Sound, *mini)
    assert [f.rule for f in findings] == list(RULES)
    assert {f.rule: f.outcome for f in findings if f.outcome != "pass"} == dict.fromkeys(STD_RULES, "skip")
    assert {f.outcome for f in check(Sure, *mini)} == {"pass"}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("kind", "expected"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_predictor_breaks_its_rules(kind: type, expected: list[str], mini) -> None:
    found = broken_rules(kind, mini)
    for part in expected:
        assert any(part in rule for rule in found), (part, found)
    assert len(found) <= len(expected) + 1


def test_a_predictor_that_returns_nothing_breaks_most_rules(mini) -> None:
    found = check(ReturnsNone, *mini)
    assert sum("_predict returned None" in f.message for f in found if f.outcome == "fail") > 8


def test_too_few_architectures_are_refused(mini) -> None:
    graphs, y = mini
    with pytest.raises(InputError):
        check(Sound, graphs.take(np.arange(20)), y[:20])


# One error that names the predictor and the method.


@pytest.mark.parametrize(
    "returned",
    [
        lambda n: None,
        lambda n: np.zeros((n, 1)),
        lambda n: np.zeros(n - 1),
        lambda n: 1.0,
        lambda n: ["a"] * n,
        lambda n: np.zeros(n, complex),
        lambda n: [None] * n,
        lambda n: [[1.0]] + [[1.0, 2.0]] * (n - 1),
        lambda n: np.full(n, np.inf),
        lambda n: {"scores": 1},
    ],
)
def test_wrong_scores_are_named(returned, mini) -> None:
    class Mine(Sound):
        def _predict(self, graphs: Graphs) -> np.ndarray:
            return returned(len(graphs))

    fitted = Mine().fit(*mini)
    with pytest.raises(PredictorError, match="predictor 'mine': _predict"):
        fitted.predict(mini[0])
    with pytest.raises(PredictorError, match="predictor 'mine': _predict"):
        Mine().fit_repeats([mini[0]] * 2, [mini[1]] * 2, [0, 1]).predict(mini[0])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda n: None, "_predict_std returned None"),
        (lambda n: np.zeros(n), "must return a pair: scores, deviations"),
        (lambda n: (np.zeros(n), None), "_predict_std returned None"),
        (lambda n: (np.zeros(n), np.zeros(n - 1)), "returned shape"),
        (lambda n: (np.zeros(n), np.full(n, np.nan)), "standard deviations that are NaN or infinite"),
        (lambda n: (np.zeros(n), np.full(n, -1.0)), "negative standard deviations, the first at position 0"),
        (lambda n: (np.full(n, np.inf), np.zeros(n)), "scores that are NaN or infinite"),
    ],
)
def test_wrong_deviations_are_named(returned, message: str, mini) -> None:
    class Mine(Sure):
        def _predict_std(self, graphs: Graphs) -> tuple[np.ndarray, np.ndarray]:
            return returned(len(graphs))

    fitted = Mine().fit(*mini)
    for of in (fitted, Mine().fit_repeats([mini[0]] * 2, [mini[1]] * 2, [0, 1])):
        with pytest.raises(PredictorError, match=f"predictor 'mine': .*{message}"):
            of.predict(mini[0], return_std=True)


def test_a_predictor_that_does_not_say_how_sure_it_is_names_some_that_do(mini) -> None:
    with pytest.raises(InputError, match=r"'sound' does not say how sure it is .*gaussian_process.*forest"):
        Sound().fit(*mini).predict(mini[0], return_std=True)


@pytest.mark.parametrize(
    "error", [TypeError("no"), IndexError(3), KeyError("x"), AttributeError(), ZeroDivisionError()]
)
@pytest.mark.parametrize("method", ["_fit", "_predict"])
def test_exceptions_are_named_and_chained(error: Exception, method: str, mini) -> None:
    def fail(*args) -> None:
        raise error

    kind = type("MyRanker", (Sound,), {method: fail})
    with pytest.raises(PredictorError) as caught:
        kind().fit(*mini).predict(mini[0])
    assert f"predictor 'my_ranker': {method} failed: {type(error).__name__}" in str(caught.value)
    assert "test_contract.py, line" in str(caught.value)
    assert caught.value.__cause__ is error


def test_a_parameter_that_is_not_stored_is_named(mini) -> None:
    class Forgets(Sound):
        def __init__(self, *, depth: int = 3) -> None:
            pass

    assert repr(Forgets()) == "Forgets(depth='?')"
    with pytest.raises(InputError, match="'forgets': its constructor must store depth"):
        Forgets().params()


# The command.


@pytest.mark.parametrize(
    ("body", "code"),
    [("return graphs.n_nodes", 0), ("return None", 1), ("return [0.5, len(graphs)] * len(graphs)", 1)],
)
def test_the_command(body: str, code: int, tmp_path: Path) -> None:
    path = tmp_path / "my_ranker.py"
    path.write_text(
        "class Mine:\n    def fit(self, graphs, y):\n        return self\n\n"
        f"    def predict(self, graphs):\n        {body}\n"
    )
    done = run_module("eval.check", str(path))
    assert done.returncode == code, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(RULES)
    assert {line.split()[0] for line in lines} <= {"pass", "skip", "FAIL"}
    assert ("FAIL" in done.stdout) is bool(code)


def test_the_command_on_what_is_no_predictor(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    for place in ("gnc", str(tmp_path / "empty.py"), str(tmp_path / "missing.py")):
        done = run_module("eval.check", place)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
