"""The predictor contract: one battery, generated from the registry, for whatever is registered."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

import predictors
from benchmarks import load
from benchmarks.base import Benchmark
from data.errors import AcerankError, InputError, UnknownNameError
from data.graphs import PAD, Graphs
from data.space import SearchSpace
from data.spaces.edges import NB201
from predictors import describe, describe_parameters, get, names
from predictors.adapter import Adapted
from predictors.base import Predictor, standardise, with_params
from predictors.contract import check
from predictors.contract_std import STD_RULES

EVERY = pytest.mark.parametrize("name", names())


@pytest.fixture(scope="module")
def train(nb201: Benchmark) -> Graphs:
    """24 random training architectures."""
    return nb201.graphs.take(ROWS[:24])


@pytest.fixture(scope="module")
def test(nb201: Benchmark) -> Graphs:
    """60 other ones."""
    return nb201.graphs.take(ROWS[24:84])


@pytest.fixture(scope="module")
def y(nb201: Benchmark) -> np.ndarray:
    """Validation accuracies of the training architectures, percent."""
    return nb201.target("cifar10", "valid_acc")[ROWS[:24]]


ROWS = np.random.default_rng(3).permutation(15_625)


def quick(name: str) -> Predictor:
    """A predictor, made quick where it says how."""
    return get(name)(**get(name).quick)


@cache
def _scores(name: str) -> np.ndarray:
    bench = load("nb201", offline=True)
    labels = bench.target("cifar10", "valid_acc")[ROWS[:24]]
    return (
        quick(name).fit(bench.graphs.take(ROWS[:24]), labels, seed=5).predict(bench.graphs.take(ROWS[24:84]))
    )


@pytest.fixture
def scores(name: str, nb201: Benchmark) -> np.ndarray:
    """What the predictor of this test, fitted with seed 5, gives the test architectures."""
    return _scores(name)


def order(found: np.ndarray) -> list[int]:
    return np.argsort(found, kind="stable").tolist()


# The registry.


def test_no_predictor_escapes_the_battery() -> None:
    """Every concrete public predictor class of the package is the one that its file's name gets."""
    for module in pkgutil.walk_packages(predictors.__path__, "predictors."):
        importlib.import_module(module.name)
    found, waiting = set(), [Predictor]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        ours = kind.__module__.startswith("predictors.") and not kind.__name__.startswith("_")
        if ours and not issubclass(kind, Adapted) and not getattr(kind, "__abstractmethods__", None):
            found.add(kind)
    assert found == {get(name) for name in names()}
    assert len(found) == len(names())


def test_names_are_the_files() -> None:
    assert names() == sorted(names())
    assert {"random_order", "flops", "params", "weak_label", "mlp", "random_forest", "gcn"} <= set(names())
    assert {"lambdamart", "gaussian_process"} <= set(names())
    for name in names():
        assert get(name)().name == name


def test_unknown_names_get_the_closest() -> None:
    for ask in (get, describe):
        with pytest.raises(UnknownNameError, match="unknown predictor 'gcnn'; did you mean gcn"):
            ask("gcnn")


def test_listing_imports_nothing_heavy(real_tables: Path) -> None:
    code = (
        "import sys, predictors\n"
        "texts = [predictors.describe(name) for name in predictors.names()]\n"
        "assert all(texts) and len(texts) > 8\n"
        "print([m for m in ('torch', 'sklearn', 'lightgbm', 'scipy', 'pyarrow') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# The contract.


@EVERY
def test_the_contract(name: str, nb201: Benchmark) -> None:
    rows = ROWS[:84]
    findings = check(lambda: quick(name), nb201.graphs.take(rows), nb201.target("cifar10", "valid_acc")[rows])
    assert len(findings) > 10
    assert [finding for finding in findings if finding.outcome == "fail"] == []
    skipped = [finding.rule for finding in findings if finding.outcome == "skip"]
    without_std = [] if get(name).has_std else list(STD_RULES)
    assert skipped == [*([] if get(name).canonical else ["twins score alike"]), *without_std]


# The constructor.


def altered(value: Any) -> Any:
    """Another value of the same type."""
    return {bool: lambda v: not v, str: lambda v: v + "x"}.get(type(value), lambda v: v + 1)(value)


@EVERY
def test_hyper_parameters_can_be_written_on_a_command_line(name: str) -> None:
    defaults = get(name).defaults()
    assert get(name)().params() == defaults
    for value in defaults.values():
        assert type(value) in (int, float, str, bool)


@EVERY
def test_every_hyper_parameter_is_documented(name: str) -> None:
    described = describe_parameters(name)
    assert [(key, default) for key, default, _ in described] == list(get(name).defaults().items())
    assert [key for key, _, text in described if not text] == []


@EVERY
def test_wrong_arguments_are_named(name: str) -> None:
    with pytest.raises(UnknownNameError, match="no_such_parameter"):
        get(name)(no_such_parameter=1)
    with pytest.raises(InputError, match="keyword arguments"):
        get(name)(1)
    for key in get(name).defaults():
        with pytest.raises(UnknownNameError, match=f"did you mean .*{key}"):
            get(name)(**{f"{key}_": 1})


@EVERY
def test_a_representation_is_one_line_of_what_was_changed(name: str) -> None:
    kind = get(name)
    assert repr(kind()) == f"{kind.__name__}()"
    for key, value in kind.defaults().items():
        changed = kind(**{key: altered(value)})
        assert repr(changed) == f"{kind.__name__}({key}={altered(value)!r})"
        assert changed.changed() == {key: altered(value)}


@EVERY
def test_with_params(name: str) -> None:
    original = get(name)()
    for key, value in original.params().items():
        changed = with_params(original, **{key: altered(value)})
        assert changed.params() == {**original.params(), key: altered(value)}
    assert original.params() == get(name).defaults()
    with pytest.raises(UnknownNameError, match=f"unknown hyper-parameter of {name} 'qqq'"):
        with_params(original, qqq=1)


# Fit and predict.


@EVERY
def test_scores_are_numbers(name: str, scores: np.ndarray) -> None:
    assert scores.shape == (60,)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    assert len(set(scores.tolist())) > 10


@EVERY
def test_twins_score_alike(name: str, nb201: Benchmark, train: Graphs, y: np.ndarray) -> None:
    if not get(name).canonical:
        pytest.skip(f"{name} does not look at graphs")
    classes, counts = np.unique(nb201.classes, return_counts=True)
    twins = [np.flatnonzero(nb201.classes == of)[:2] for of in classes[counts > 1][:25]]
    first, second = np.array(twins).T
    predictor = quick(name).fit(train, y, seed=5)
    together = predictor.predict(nb201.graphs.take(np.concatenate([first, second])))
    np.testing.assert_array_equal(together[:25], together[25:])
    apart = [predictor.predict(nb201.graphs.take(rows)) for rows in (first, second)]
    np.testing.assert_allclose(*apart, rtol=1e-5, atol=1e-6)


@EVERY
def test_training_on_twins_is_training_on_the_same(
    name: str, nb201: Benchmark, test: Graphs, y: np.ndarray, scores: np.ndarray
) -> None:
    if not get(name).canonical:
        pytest.skip(f"{name} does not look at graphs")
    twins = [np.flatnonzero(nb201.classes == nb201.classes[row])[-1] for row in ROWS[:24]]
    assert (twins != ROWS[:24]).any()
    again = quick(name).fit(nb201.graphs.take(np.array(twins)), y, seed=5).predict(test)
    np.testing.assert_array_equal(again, scores)


@EVERY
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_label_that_is_no_number_is_named(name: str, bad: float, train: Graphs, y: np.ndarray) -> None:
    labels = y.copy()
    labels[[7, 9]] = bad
    message = f"predictor '{name}': 2 training labels are NaN or infinite, the first at position 7"
    with pytest.raises(InputError, match=message):
        quick(name).fit(train, labels)
    with pytest.raises(InputError, match=message):
        quick(name).fit_repeats([train, train], [y, labels], [0, 1])


@EVERY
def test_labels_of_another_length_are_refused(name: str, train: Graphs, y: np.ndarray) -> None:
    none = train.take(np.array([], int))
    for graphs, labels in ((train, y[:-1]), (train, y[:, None]), (none, y[:0])):
        with pytest.raises(InputError, match=f"predictor '{name}': {len(graphs)} architectures with labels"):
            quick(name).fit(graphs, labels)


@EVERY
def test_only_fitted_predictors_predict(name: str, test: Graphs) -> None:
    with pytest.raises(InputError, match=f"predictor '{name}' must be fitted before it can predict"):
        quick(name).predict(test)


@EVERY
def test_a_failed_fit_is_no_fit(name: str, train: Graphs, y: np.ndarray) -> None:
    predictor = quick(name)
    with pytest.raises(InputError):
        predictor.fit(train, y * np.nan)
    with pytest.raises(InputError, match="must be fitted"):
        predictor.predict(train)


@EVERY
def test_another_space_is_refused(name: str, train: Graphs, y: np.ndarray) -> None:
    other = SearchSpace("other", NB201.ops, NB201.max_nodes, NB201.identity, NB201.zero)
    moved = Graphs(train.ops, train.adjacency, train.n_nodes, other, train.weak)
    message = f"predictor '{name}' was fitted on space 'nb201', not 'other'"
    with pytest.raises(InputError, match=message):
        quick(name).fit(train, y).predict(moved)
    with pytest.raises(InputError, match=message):
        quick(name).fit_repeats([train] * 2, [y] * 2, [0, 1]).predict(moved)


# Repeats together.


def repeats(bench: Benchmark, starts: list[int]) -> tuple[list[Graphs], list[np.ndarray]]:
    rows = [ROWS[start : start + 24] for start in starts]
    labels = bench.target("cifar10", "valid_acc")
    return [bench.graphs.take(of) for of in rows], [labels[of] for of in rows]


def short(name: str) -> Predictor:
    """The predictor, trained for a few epochs only: rounding errors grow with every step."""
    epochs = {"epochs": 3} if "epochs" in get(name).defaults() else {}
    return get(name)(**epochs)


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """One ranking, but for items that rounding may have swapped."""
    if np.array_equal(a, b):
        return True
    return kendalltau(a, b).statistic > 0.98 and np.abs(a - b).max() < 0.3 * a.std()


@EVERY
def test_repeats_together_are_repeats_alone(name: str, nb201: Benchmark, test: Graphs) -> None:
    graphs, ys = repeats(nb201, [100, 200, 300])
    together = short(name).fit_repeats(graphs, ys, [7, 8, 9]).predict(test)
    assert together.shape == (3, 60)
    for found, g, y, seed in zip(together, graphs, ys, [7, 8, 9], strict=True):
        assert alike(short(name).fit(g, y, seed=seed).predict(test), found)
    again = short(name).fit_repeats(graphs, ys, [7, 8, 9]).predict(test)
    np.testing.assert_array_equal(again, together)


@EVERY
def test_a_repeat_does_not_depend_on_the_others(name: str, nb201: Benchmark, test: Graphs) -> None:
    """A repeat of small networks is the same beside one of large networks."""
    n_nodes = nb201.graphs.effective().n_nodes
    labels = nb201.target("cifar10", "valid_acc")
    rng = np.random.default_rng(0)
    small, large = (rng.choice(np.flatnonzero(n_nodes == size), 24, replace=False) for size in (5, 8))
    graphs = [nb201.graphs.take(rows) for rows in (small, large)]
    ys = [labels[rows] for rows in (small, large)]
    together = short(name).fit_repeats(graphs, ys, [3, 4]).predict(test)
    alone = short(name).fit(graphs[0], ys[0], seed=3).predict(test)
    assert alike(alone, together[0])


@EVERY
def test_repeats_of_several_sizes(name: str, nb201: Benchmark, test: Graphs) -> None:
    graphs, ys = repeats(nb201, [100, 200])
    graphs[1], ys[1] = graphs[1].take(np.arange(20)), ys[1][:20]
    together = short(name).fit_repeats(graphs, ys, [1, 2]).predict(test)
    for found, g, y, seed in zip(together, graphs, ys, [1, 2], strict=True):
        assert alike(short(name).fit(g, y, seed=seed).predict(test), found)


# Another space, with other operations, graphs of several sizes and few nodes.

CELLS = SearchSpace("cells", ("conv", "pool", "input", "output"), 6)


def random_cells(n: int, seed: int) -> Graphs:
    rng = np.random.default_rng(seed)
    ops, edges = np.full((n, 6), PAD, np.int8), np.zeros((n, 6, 6), np.uint8)
    sizes = rng.integers(2, 7, size=n)
    for row, v in enumerate(sizes):
        ops[row, :v] = [2, *rng.integers(2, size=v - 2), 3]
        edges[row, :v, :v] = np.triu(rng.random((v, v)) < 0.6, 1)
    weak = {"flops": rng.random(n), "params": rng.random(n)}
    return Graphs(ops, edges, sizes, CELLS, weak).validate()


@EVERY
def test_other_spaces(name: str) -> None:
    graphs = random_cells(90, 0)
    y = (graphs.ops == 0).sum(1) + 0.1 * graphs.adjacency.sum((1, 2))
    train, test = graphs.take(np.arange(40)), graphs.take(np.arange(40, 90))
    found = quick(name).fit(train, y[:40], seed=0).predict(test)
    assert np.isfinite(found).all()
    learns = get(name).canonical and not name.startswith("random_order")
    if learns:
        assert kendalltau(found, y[40:]).statistic > 0.3
    both = short(name).fit_repeats([train, train], [y[:40]] * 2, [0, 1]).predict(test)
    assert alike(short(name).fit(train, y[:40], seed=0).predict(test), both[0])


# What the base class offers.


def test_standardise() -> None:
    y = np.array([90.0, 91.0, 95.0])
    z = standardise(y)
    assert z.mean() == pytest.approx(0, abs=1e-8)
    assert z.std() == pytest.approx(1, abs=1e-8)
    np.testing.assert_array_equal(standardise(y / 100), z)
    np.testing.assert_array_equal(standardise(np.full(3, 0.1 + 0.2)), np.zeros(3))
    np.testing.assert_array_equal(y, [90, 91, 95])


def test_scores_that_are_no_numbers_are_refused(train: Graphs, y: np.ndarray) -> None:
    class Broken(Predictor):
        def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
            pass

        def _predict(self, graphs: Graphs) -> np.ndarray:
            return np.where(np.arange(len(graphs)) == 0, np.nan, 1.0)

    with pytest.raises(InputError, match=r"'broken': _predict .* 1 scores .* position 0"):
        Broken().fit(train, y).predict(train)


def test_weak_label_puts_the_unknown_last(train: Graphs, y: np.ndarray) -> None:
    values = np.arange(24.0) - 30
    values[[3, 5]] = np.nan
    graphs = train.with_weak({"proxy": values})
    found = get("weak_label")().fit(graphs, y).predict(graphs)
    known = np.isfinite(values)
    np.testing.assert_array_equal(found[known], values[known])
    assert (found[~known] < values[known].min()).all()
    unknown = train.with_weak({"proxy": np.full(24, np.nan)})
    assert np.isfinite(get("weak_label")().fit(unknown, y).predict(unknown)).all()


def test_floors_are_the_order_of_their_column(test: Graphs, train: Graphs, y: np.ndarray) -> None:
    for name in ("flops", "params"):
        np.testing.assert_array_equal(quick(name).fit(train, y).predict(test), test.weak[name])
    chosen = get("weak_label")(column="synflow").fit(train, y).predict(test)
    known = np.isfinite(test.weak["synflow"])
    np.testing.assert_array_equal(chosen[known], test.weak["synflow"][known])
    np.testing.assert_array_equal(get("weak_label")().fit(train, y).predict(test), test.weak["gdas249_acc"])


@pytest.mark.parametrize(
    ("name", "column", "params"),
    [("flops", "flops", {}), ("params", "params", {}), ("weak_label", "synflow", {"column": "synflow"})],
)
def test_a_missing_weak_label_is_named(
    name: str, column: str, params: dict, train: Graphs, y: np.ndarray
) -> None:
    without = train.with_weak({key: value for key, value in train.weak.items() if key != column})
    predictor = get(name)(**params)
    assert predictor.lacks(train.weak) == ()
    assert predictor.lacks(without.weak) == (column,)
    for ask in (lambda: predictor.fit(without, y), lambda: predictor.fit(train, y).predict(without)):
        with pytest.raises(UnknownNameError, match=rf"required by predictor '{name}'\) '{column}'"):
            ask()
    with pytest.raises(UnknownNameError, match=r"; known: none"):
        predictor.fit(train.with_weak({}), y)


def test_a_weak_label_of_any_name_is_needed(train: Graphs, y: np.ndarray) -> None:
    with pytest.raises(UnknownNameError, match=r"weak label \(required by predictor 'weak_label'\)"):
        get("weak_label")().fit(train.with_weak({}), y)


@pytest.mark.parametrize("name", ["gcn", "mlp"])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "lamdarank"}, "unknown loss 'lamdarank'; did you mean lambdarank"),
        ({"epochs": 0}, "batch, epochs and max_steps must be at least 1"),
        ({"batch": 0}, "batch, epochs and max_steps must be at least 1"),
        ({"max_steps": 0}, "batch, epochs and max_steps must be at least 1"),
    ],
)
def test_impossible_hyper_parameters_of_networks(name, params, message, train: Graphs, y: np.ndarray) -> None:
    with pytest.raises(AcerankError, match=message):
        get(name)(**params).fit(train, y)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("random_forest", {"n_estimators": 0}),
        ("lambdamart", {"num_leaves": 1}),
        ("lambdamart", {"folds": 0}),
        ("lambdamart", {"folds": 1}),
        ("lambdamart", {"max_trees": 0}),
        ("lambdamart", {"list_size": 1}),
        ("lambdamart", {"bagging_fraction": 0.0}),
        ("gaussian_process", {"length_scale": -1.0}),
        ("gcn", {"width": 0}),
        ("gcn", {"lr": -1.0}),
    ],
)
def test_impossible_hyper_parameters_are_an_error_of_ours(name, params, train: Graphs, y) -> None:
    with pytest.raises(AcerankError, match=name):
        get(name)(**params).fit(train, y)


@pytest.mark.parametrize("name", ["gcn", "mlp"])
def test_losses_are_not_the_same(name: str, train: Graphs, test: Graphs, y: np.ndarray) -> None:
    found = [get(name)(loss=loss).fit(train, y).predict(test) for loss in ("lambdarank", "ranknet", "mse")]
    assert len({tuple(order(of)) for of in found}) == 3


def test_random_order_is_of_the_network_and_the_seed(test: Graphs, train: Graphs, y: np.ndarray) -> None:
    first, second = (get("random_order")().fit(train, y, seed=seed).predict(test) for seed in (1, 2))
    assert abs(kendalltau(first, second).statistic) < 0.4
    assert ((first >= 0) & (first < 1)).all()
