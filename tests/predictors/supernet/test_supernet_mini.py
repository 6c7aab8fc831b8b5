"""The embedded table: that it is what its recipe says, and that its labels can be trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import data
from data.spaces.edges import NB201
from data.table import Table
from predictors.supernet.architectures import sample_distinct
from predictors.supernet.counts import ImageShape
from predictors.supernet.edges import EdgeNetwork
from predictors.supernet.images import Split
from predictors.supernet.layers import initialise
from predictors.supernet.mini import IMAGES, SAMPLE, SIZE, figures
from predictors.supernet.proxies import Probe, synflow

FILE = Path(data.__file__).with_name("tables") / "nb201_mini.parquet"


@pytest.fixture(scope="module")
def table() -> Table:
    return Table.read(FILE)


def test_it_is_small_and_large_enough(table: Table) -> None:
    assert FILE.stat().st_size < 500_000
    assert len(table) >= 1000


def test_its_cells_are_the_sample_of_the_recipe(table: Table) -> None:
    texts = NB201.format(sample_distinct(NB201, len(table), SAMPLE))
    assert table.column("arch").to_pylist() == texts


def test_its_labels_are_means_over_seeds(table: Table) -> None:
    seeds = [name for name in table.names if name.startswith("cifar10_test_acc_")]
    assert len(seeds) >= 3
    mean = np.mean([table.values(name) for name in seeds], axis=0)
    np.testing.assert_allclose(table.values("cifar10_test_acc"), mean, rtol=1e-6)


def test_half_of_the_seeds_orders_cells_as_the_other_half_does(table: Table) -> None:
    found = figures(table)
    assert found["split_half_tau"] >= 0.75
    assert 0.3 < found["tau_supernet_acc"] < found["tau_supernet_loss"] < 0.9


def test_its_costs_and_proxies_are_those_of_its_networks(table: Table) -> None:
    graphs = NB201.graphs(NB201.parse(table.column("arch").to_pylist()))
    found = EdgeNetwork.counts(NB201, SIZE, graphs, ImageShape(size=IMAGES.size))
    np.testing.assert_allclose(table.values("flops"), found.flops, rtol=1e-6)
    np.testing.assert_allclose(table.values("params"), found.params, rtol=1e-6)
    image = Split(torch.zeros(1, 3, IMAGES.size, IMAGES.size), torch.zeros(1, dtype=torch.int64))
    for row in (0, 17, 999):
        (plan,) = EdgeNetwork.plans(graphs.take(slice(row, row + 1)))
        network = EdgeNetwork(NB201, SIZE, only=[plan])
        initialise(network, [0])
        expected = synflow(Probe(network, plan, image))
        assert table.values("synflow")[row] == pytest.approx(expected, rel=1e-4)
