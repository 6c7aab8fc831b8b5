"""Networks on a device: what is refused, and that every tensor ends up there."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from data.errors import InputError
from data.spaces.edges import NB201
from predictors import REGISTRY
from predictors import device as devices
from predictors.ace import Ace
from predictors.base import with_params
from predictors.gcn import Gcn
from predictors.nn import device as nn_device
from predictors.nn import ranker, training
from predictors.nn.ranker import TorchRanker
from predictors.random_forest import RandomForest

FAKE = "meta"  # whose tensors have no values
NETWORKS = [
    name for name in REGISTRY if isinstance(REGISTRY[name], type) and issubclass(REGISTRY[name], TorchRanker)
]


def _graphs(n: int = 12) -> Any:
    graphs = NB201.graphs(NB201.sample(n, np.random.default_rng(0)))
    return graphs.with_weak({name: np.arange(float(n)) for name in ("flops", "params", "naswot", "synflow")})


def test_an_unavailable_device_is_refused_with_those_that_are_there() -> None:
    missing = "cuda:63"
    with pytest.raises(InputError, match="available here; available: "):
        Gcn(epochs=1).on(missing).fit(_graphs(), np.arange(12.0))


def test_auto_says_what_it_chose(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "acerank"):
        chosen = devices.choose_device("auto")
    assert chosen == devices.get_devices()[0].partition(":")[0]
    assert chosen in caplog.text


def test_a_predictor_without_networks_has_no_device() -> None:
    with pytest.raises(InputError, match=r"random_forest.*CPU"):
        RandomForest().on("cuda")
    assert RandomForest().on("cpu").device == "cpu"


def test_copies_keep_the_device_and_it_is_no_hyper_parameter() -> None:
    placed = Gcn(width=8).on("cuda")
    assert placed.device == placed.clone().device == with_params(placed, width=4).device == "cuda"
    assert placed.params() == Gcn(width=8).params()
    assert Ace().on("cuda")._network().device == "cuda"


@pytest.mark.parametrize("name", NETWORKS)
def test_all_tensors_of_a_network_are_on_its_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors without values refuse to be mixed with those of the CPU, as those of a GPU do."""
    kind = REGISTRY[name]
    for module in list(sys.modules.values()):
        if hasattr(module, "edge_operations"):  # asks for a value
            monkeypatch.setattr(module, "edge_operations", lambda inputs: True)
    small = {k: v for k, v in {"unlabelled": 0, "width": 8}.items() if k in kind.defaults()}
    predictor = kind(**{**kind.quick, **small}).on(FAKE)
    assert isinstance(predictor, TorchRanker)
    graphs = _graphs().effective() if predictor.canonical else _graphs()
    rngs = ranker.generators([0, 1])
    inputs = predictor._inputs(graphs)
    assert {x.device.type for x in inputs.values()} == {"cpu"}
    with nn_device.on_device(FAKE):
        batch = predictor._stack_inputs([graphs, graphs])
        net = predictor._network(batch, rngs).train()
        y = nn_device.move(torch.arange(24.0, device="cpu").reshape(2, 12))
        objective = predictor._objective(net, batch, y)
        loss = objective.loss(next(training.random_lists(objective.size, 4, rngs)))
        loss.sum().backward()
    tensors = [*batch.values(), *net.parameters(), *net.buffers(), loss]
    assert {x.device.type for x in tensors} == {FAKE}
    monkeypatch.setattr(torch.Tensor, "cpu", lambda x: x)
    assert ranker.apply(net, inputs).device.type == FAKE


def test_pretraining_is_on_the_device_too() -> None:
    from predictors.acenas import Acenas
    from predictors.nn.pretrained import WeakRegression

    predictor = Acenas().on(FAKE)
    inputs = predictor._graph_inputs(_graphs().effective())
    with nn_device.on_device(FAKE):
        moved = nn_device.move_inputs(inputs)
        net = predictor._new_weak_net(moved, 2, ranker.generators([0])).train()
        objective = WeakRegression(net, moved, nn_device.move(torch.ones(12, 2, device="cpu")))
        loss = objective.loss(next(training.random_lists(12, 4, ranker.generators([0]))))
    assert {x.device.type for x in (*net.parameters(), loss)} == {FAKE}


def test_training_imports_no_compiler() -> None:
    code = (
        "import sys, numpy as np; from data.spaces.edges import NB201; from predictors.gcn import Gcn; "
        "g = NB201.graphs(NB201.sample(9, np.random.default_rng(0))); "
        "Gcn(epochs=1).fit(g, np.arange(9.0)).predict(g); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_trees_of_lean_forests_are_those_of_scikit_learn() -> None:
    from sklearn import ensemble

    from predictors import lean_forests

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 5)), rng.normal(size=40)
    for name in ("RandomForestRegressor", "ExtraTreesRegressor"):
        ours, theirs = (
            getattr(place, name)(7, bootstrap=True, max_features=0.5, random_state=3)
            .fit(x, y)
            .fit(x[1:], y[1:])
            for place in (lean_forests, ensemble)
        )
        assert np.array_equal(ours.predict(x), theirs.predict(x))
        assert [t.random_state for t in ours.estimators_] == [t.random_state for t in theirs.estimators_]
