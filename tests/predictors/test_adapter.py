"""Adapters: objects with fit and predict, scikit-learn on graph features, identity, seeds and sources."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import BayesianRidge, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import load
from data.encode import one_hot, path_statistics
from data.errors import AcerankError, InputError, UnknownNameError
from data.graphs import Graphs
from predictors import Encoded, as_predictor, get, names
from predictors.adapter import source_modules
from predictors.base import standardise
from predictors.contract import check

FILE = '''
"""A ranker of a user."""

import helper


class MyRanker:
    def __init__(self, depth=3):
        self.depth = depth

    def fit(self, graphs, y):
        self.weight_ = helper.SIGN * self.depth
        return self

    def predict(self, graphs):
        return self.weight_ * graphs.n_nodes
'''


class Counts:
    """Scores by the number of nodes; remembers what it was fitted with."""

    def __init__(self, scale: float = 1.0, items=(1, 2)) -> None:
        self.scale, self.items = scale, items

    def fit(self, graphs, y, seed=None):
        self.fitted_with = (graphs, y, seed)
        return self

    def predict(self, graphs):
        return self.scale * graphs.n_nodes


@pytest.fixture(scope="module")
def mini() -> tuple[Graphs, np.ndarray]:
    bench = load("nb201_mini", offline=True)
    return bench.graphs.take(np.arange(84)), bench.target(bench.info.dataset, bench.info.target)[:84]


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("SIGN = 1\n")
    (tmp_path / "my_ranker.py").write_text(FILE)
    yield tmp_path / "my_ranker.py"
    sys.modules.pop("helper", None)


def test_predictors_are_themselves() -> None:
    gcn = get("gcn")(width=8)
    assert as_predictor(gcn) is gcn
    for made in (as_predictor(get("gcn"), width=8), as_predictor("gcn", width=8)):
        assert (type(made), made.params()) == (type(gcn), gcn.params())


def test_an_object_sees_graphs_standardised_labels_and_the_seed(mini) -> None:
    graphs, y = mini
    given = Counts(scale=2.0)
    adapted = as_predictor(given).fit(graphs, y, seed=7)
    seen, labels, seed = adapted.model_.fitted_with
    assert seen is graphs
    np.testing.assert_array_equal(labels, standardise(y))
    assert seed == 7
    assert vars(given) == {"scale": 2.0, "items": (1, 2)}  # a copy was fitted
    np.testing.assert_array_equal(adapted.predict(graphs), 2.0 * graphs.n_nodes)


def test_names_and_representations() -> None:
    assert as_predictor(Counts).name == "counts"
    assert as_predictor(Counts(), name="mine").name == "mine"
    assert repr(as_predictor(Counts(scale=2.0))) == "Counts(scale=2.0)"
    assert as_predictor(Counts(scale=2.0)).changed() == {"scale": 2.0}
    pipeline = make_pipeline(StandardScaler(), Ridge())
    assert Encoded(pipeline).name == "ridge"
    assert "\n" not in repr(Encoded(pipeline))
    assert Encoded(Ridge(alpha=2.0), encoding="one_hot").changed() == {"alpha": 2.0, "encoding": "one_hot"}


def test_equal_parameters_are_equal_identities() -> None:
    assert as_predictor(Counts(2.0)).params() == as_predictor(Counts(2.0)).params()
    different = [
        as_predictor(Counts(1.0)),
        as_predictor(Counts(2.0)),
        as_predictor(Counts(items=np.arange(2))),
        as_predictor(Counts(items=np.arange(3))),
        Encoded(Ridge()),
        Encoded(Ridge(alpha=2)),
        Encoded(Ridge(), encoding="one_hot"),
        Encoded(make_pipeline(StandardScaler(), Ridge())),
        Encoded(make_pipeline(StandardScaler(), Ridge(alpha=2))),
        Encoded(RandomForestRegressor()),
    ]
    assert len({repr(p.params()) for p in different}) == len(different)
    for predictor in different:
        assert " at 0x" not in repr(predictor.params())


@pytest.mark.parametrize(
    ("encoding", "function"), [("path_statistics", path_statistics), ("one_hot", one_hot)]
)
def test_estimators_on_features(encoding: str, function, mini) -> None:
    graphs, y = mini
    found = Encoded(Ridge(), encoding=encoding).fit(graphs, y).predict(graphs)
    features = function(graphs.effective())
    expected = Ridge().fit(features, standardise(y)).predict(features)
    np.testing.assert_allclose(found, expected)
    by_function = Encoded(Ridge, encoding=function).fit(graphs, y).predict(graphs)
    np.testing.assert_array_equal(by_function, found)


def test_seeds_reach_every_random_state(mini) -> None:
    graphs, y = mini
    forest = Encoded(make_pipeline(StandardScaler(), RandomForestRegressor(5)))
    first, again, other = (forest.clone().fit(graphs, y, seed=s).predict(graphs) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_contract_holds_for_adapted_objects(mini) -> None:
    for ranker in (Counts(), Counts, Encoded(Ridge()), lambda: Encoded(RandomForestRegressor(5))):
        assert [f for f in check(ranker, *mini) if f.outcome == "fail"] == []


@pytest.mark.parametrize(
    ("ranker", "has_std"),
    [
        (Encoded(BayesianRidge()), True),
        (Encoded(make_pipeline(StandardScaler(), BayesianRidge())), True),
        (Encoded(Ridge()), False),
        (as_predictor(Counts()), False),
    ],
)
def test_objects_say_how_sure_they_are_if_predict_takes_return_std(ranker, has_std: bool, mini) -> None:
    graphs, y = mini
    fitted = ranker.clone().fit(graphs, y)
    assert fitted.has_std is has_std
    if not has_std:
        with pytest.raises(InputError, match="does not say how sure it is"):
            fitted.predict(graphs, return_std=True)
        return
    features = path_statistics(graphs.effective())
    expected = ranker.clone().estimator.fit(features, standardise(y)).predict(features, return_std=True)
    np.testing.assert_allclose(fitted.predict(graphs, return_std=True), expected)
    assert [f for f in check(ranker, *mini) if f.outcome == "fail"] == []


@pytest.mark.parametrize("ranker", [3, object(), np, len, Graphs])
def test_what_cannot_rank_is_refused(ranker: object) -> None:
    with pytest.raises(InputError):
        as_predictor(ranker)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean scale"):
        as_predictor(Counts, scael=1)
    with pytest.raises(InputError, match="already an instance"):
        as_predictor(Counts(), scale=1)
    with pytest.raises(UnknownNameError, match="did you mean one_hot"):
        Encoded(Ridge(), encoding="onehot").fit(load_two(), np.array([1.0, 2.0]))
    with pytest.raises(InputError, match=r"returned shape \(3,\) for 2 architectures"):
        Encoded(Ridge(), encoding=lambda graphs: np.zeros(3)).fit(load_two(), np.array([1.0, 2.0]))


def load_two() -> Graphs:
    return load("nb201_mini", offline=True).graphs.take(np.arange(2))


# Files and sources.


def test_a_file_of_ones_own(own_file: Path, mini) -> None:
    graphs, y = mini
    ranker = as_predictor(str(own_file), depth=2)
    assert (ranker.name, repr(ranker)) == ("my_ranker", "MyRanker(depth=2)")
    np.testing.assert_array_equal(ranker.fit(graphs, y).predict(graphs), 2 * graphs.n_nodes)
    assert set(source_modules(ranker) or []) >= {own_file, own_file.with_name("helper.py")}
    assert [f for f in check(str(own_file), graphs, y) if f.outcome == "fail"] == []


def test_a_predictor_from_a_file_reaches_another_process(own_file: Path, tmp_path: Path) -> None:
    code = (
        "import sys, cloudpickle; from predictors import as_predictor\n"
        f"ranker = as_predictor({str(own_file)!r}, depth=5)\n"
        f"open({str(tmp_path / 'sent')!r}, 'wb').write(cloudpickle.dumps(ranker))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    read = f"import cloudpickle; print(cloudpickle.load(open({str(tmp_path / 'sent')!r}, 'rb')))"
    done = subprocess.run([sys.executable, "-c", read], check=True, capture_output=True, text=True)
    assert done.stdout == "MyRanker(depth=5)\n"


@pytest.mark.parametrize("name", names())
def test_sources_of_registered_predictors(name: str) -> None:
    found = source_modules(get(name)())
    assert f"predictors.{name}" in (found or [])
    assert all(isinstance(module, str) for module in found or [])


def test_sources_that_are_unknown() -> None:
    class Local(Counts):
        pass

    space: dict = {"__name__": "__main__"}
    exec(
        "class Made:\n    def fit(self, g, y): return self\n    def predict(self, g): return g.n_nodes", space
    )
    assert source_modules(as_predictor(Local())) is None
    assert source_modules(as_predictor(space["Made"]())) is None
    assert source_modules(Encoded(Ridge(), encoding=lambda graphs: one_hot(graphs))) is None
    assert Path(__file__) in (source_modules(as_predictor(Counts())) or [])
    assert source_modules(Encoded(Ridge())) is not None


def test_pickling_keeps_everything() -> None:
    for ranker in (as_predictor(Counts(3.0), name="mine"), Encoded(Ridge(alpha=3)), get("gcn")(width=8)):
        back = cloudpickle.loads(cloudpickle.dumps(ranker))
        assert (back.name, back.params(), repr(back)) == (ranker.name, ranker.params(), repr(ranker))


@pytest.mark.parametrize("text", ["x = 1\n", "from predictors.mlp import Mlp\n", "{one}{two}"])
def test_a_file_holds_exactly_one_predictor(text: str, tmp_path: Path) -> None:
    one, two = (f"class {name}(Predictor):\n    pass\n\n\n" for name in ("One", "Two"))
    path = tmp_path / "oddity.py"
    path.write_text("from predictors import Predictor\n\n\n" + text.format(one=one, two=two))
    with pytest.raises(AcerankError, match=r"oddity\.py defines (no|2) public predictor"):
        get(str(path))
    if "{one}" in text:
        with pytest.raises(InputError, match=r"One cannot .* does not implement _fit, _predict"):
            get(f"{path}:One")()
