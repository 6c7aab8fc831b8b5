"""Pretraining: who has it, what it costs, and the files that keep it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from benchmarks import load
from data.errors import InputError, TableError
from data.graphs import Graphs
from predictors import get, names
from predictors.base import Predictor
from predictors.pretraining import Pretrains

QUICK = {"pretrain_epochs": 1, "pretrain_size": 60}


@pytest.fixture(scope="module")
def weak() -> tuple[Graphs, dict[str, np.ndarray]]:
    bench = load("nb201_mini", offline=True)
    rows = np.arange(100)
    graphs = bench.graphs.take(rows)
    return graphs.with_weak({}), {name: graphs.weak[name] for name in ("flops", "synflow")}


def pretrained(weak, name: str = "acenas", **params) -> Predictor:
    return get(name)(**QUICK, **params).pretrain(*weak, seed=1)  # pyright: ignore


def test_who_pretrains_and_on_what() -> None:
    found = {name: get(name).default_weak for name in names() if issubclass(get(name), Pretrains)}
    assert found == {
        "ace": None,
        "acenas": None,
        "acenas_paper": None,
        "brp_nas": ("flops",),
        "weak_sum": None,
    }
    for name in names():
        assert "weak" not in get(name).defaults()
        assert hasattr(get(name), "pretrain") is (name in found)


@pytest.mark.parametrize("name", ["acenas", "acenas_paper", "brp_nas"])
def test_an_encoder_keeps_what_it_cost(name: str, weak, tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    first = pretrained(weak, name, **({"width": 8} if name == "brp_nas" else {}))
    assert 0 < first.pretrain_seconds_ < 100
    assert math.isnan(first.clone().pretrain_seconds_)
    first.save_encoder(path)
    loaded = first.clone().load_encoder(path)
    assert loaded.pretrain_seconds_ == first.pretrain_seconds_
    assert loaded._twin().pretrain_seconds_ == first.pretrain_seconds_
    assert loaded.pretrained_on == ("flops", "synflow")
    for key, tensor in first.weak_.state.items():
        np.testing.assert_array_equal(loaded.weak_.state[key], tensor)
    first.save_encoder(path, cost=False)
    assert math.isnan(first.clone().load_encoder(path).pretrain_seconds_)


def test_equal_encoders_are_equal_files(weak, tmp_path: Path) -> None:
    contents = set()
    for i in range(4):
        path = tmp_path / f"{i}.safetensors"
        pretrained(weak).save_encoder(path, cost=False)
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_a_file_with_an_entry_for_each_item_is_read(weak, tmp_path: Path) -> None:
    first = pretrained(weak)
    path, old = tmp_path / "new.safetensors", tmp_path / "old.safetensors"
    first.save_encoder(path, cost=False)
    with safe_open(path, "pt") as file:
        described = json.loads(file.metadata()["acerank"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(tensors, old, metadata={**described, "weak": json.dumps(described["weak"])})
    assert first.clone().load_encoder(old).pretrained_on == ("flops", "synflow")


@pytest.mark.parametrize(
    "metadata", [None, {"acerank": "["}, {"acerank": "3"}, {"acerank": "{}"}, {"x": "y"}]
)
def test_other_files_are_refused(metadata, weak, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(TableError, match="not an encoder file"):
        get("acenas")().load_encoder(path)  # pyright: ignore


def test_weak_labels_that_the_drawn_networks_lack_are_refused(weak) -> None:
    graphs, labels = weak
    rare = np.full(len(graphs), np.nan)
    rare[np.random.default_rng(1).permutation(len(graphs))[-1]] = 1.0
    with pytest.raises(InputError, match="'rare' is known for none of 60"):
        get("acenas")(**QUICK).pretrain(graphs, {**labels, "rare": rare}, seed=1)  # pyright: ignore
