"""Networks with shared weights: every family's battery, costs against the published tables, proxies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import nn

from benchmarks.base import Benchmark
from data import spaces
from data.errors import InputError, UnknownNameError
from data.graphs import PAD, Graphs
from data.spaces.edges import NB201
from data.spaces.nb101 import NB101
from data.table import Table
from predictors.supernet.cells import CellsSettings
from predictors.supernet.chains import PUBLISHED, ChainSettings
from predictors.supernet.channels import ChannelSettings
from predictors.supernet.counts import ImageShape, count_each
from predictors.supernet.edges import EdgeNetwork, EdgeSettings, live_edges
from predictors.supernet.families import FAMILIES, default_recipe, network_class
from predictors.supernet.images import Split
from predictors.supernet.layers import AvgPool, initialise
from predictors.supernet.modules import ModuleSettings
from predictors.supernet.nb101 import Nb101Network, Nb101Settings, vertex_channels
from predictors.supernet.network import Network, Plan
from predictors.supernet.ofa import OfaSettings
from predictors.supernet.proxies import PROXIES, Probe
from predictors.supernet.recipe import Recipe
from predictors.supernet.sizes import SizeSettings
from predictors.supernet.stages import StageSettings

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL: dict[type, Any] = {
    EdgeSettings: EdgeSettings((4, 8), depth=1),
    Nb101Settings: Nb101Settings(width=8, stacks=2, depth=1),
    CellsSettings: CellsSettings(width=4, depth=3),
    SizeSettings: SizeSettings(unit=2),
    ChannelSettings: ChannelSettings(widths=(8,) * 7, stem_stride=1),
    ModuleSettings: ModuleSettings(width=4, blocks=1, stem_strides=(1, 1)),
    StageSettings: StageSettings(stem=4, width_divisor=8, depth_divisor=8),
    OfaSettings: OfaSettings((8,) * 5, (1, 2, 1, 1, 1), 8, 1, first=8, last=16, mix=16),
}


def settings_of(space: str) -> Any:
    """The settings of a network small enough for a test."""
    kind = network_class(space).Settings
    if kind is ChainSettings:
        stages = len(PUBLISHED[space].widths)
        return ChainSettings((8,) * stages, (1, 2) + (1,) * (stages - 2), 8, 1, last=16)
    return SMALL[kind]


def build(space: str, seeds: tuple[int, ...] = (0,), only: list[Plan] | None = None) -> Network:
    network = network_class(space)(spaces.get(space), settings_of(space), members=len(seeds), only=only)
    initialise(network, seeds)
    return network


def some_plans(space: str, n: int = 4) -> list[Plan]:
    members = spaces.get(space)
    return network_class(space).plans(members.graphs(members.sample(n, np.random.default_rng(1))))


def noise(n: int, channels: int = 3, size: int = 8) -> torch.Tensor:
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(0))


# The battery of every family.


@pytest.mark.parametrize("space", FAMILIES)
def test_a_paths_gradient_touches_only_its_own_weights(space: str) -> None:
    network = build(space)
    for plan in some_plans(space, 2):
        network.zero_grad(set_to_none=True)
        network(noise(4), plan).sum().backward()
        touched = {name for name, p in network.named_parameters() if p.grad is not None}
        own = {name for name, _ in build(space, only=[plan]).named_parameters()}
        assert touched
        assert touched <= own
        assert len(own) < len(list(network.parameters()))


@pytest.mark.parametrize("space", FAMILIES)
def test_members_do_not_see_each_other(space: str) -> None:
    """Networks side by side compute what each would compute alone."""
    (plan,) = some_plans(space, 1)
    both, first, second = (build(space, seeds, [plan]) for seeds in ((3, 5), (3,), (5,)))
    x, y = noise(4).double(), noise(5)[1:].double()
    found = both.double()(torch.cat([x, y], 1), plan)
    expected = torch.cat([first.double()(x, plan), second.double()(y, plan)], 1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("space", FAMILIES)
def test_a_space_has_a_default_recipe(space: str) -> None:
    assert Recipe(**default_recipe(space)).epochs >= 360


def test_a_space_without_a_network() -> None:
    with pytest.raises(UnknownNameError, match="did you mean nb201"):
        network_class("nb2001")


def test_a_space_without_a_supernet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictors.supernet.families.SPACES", (*spaces.SPACES, "far_away"))
    with pytest.raises(
        InputError, match="space 'far_away' has no supernet here; spaces that have one: nb101"
    ):
        network_class("far_away")


# Shared weights, by example.


def plan_of(**ops: str) -> Plan:
    """A NAS-Bench-201 code with these operations on edges e0 ... e5, skip_connect elsewhere."""
    names = ["skip_connect"] * 6
    for edge, name in ops.items():
        names[int(edge[1])] = name
    return tuple(NB201.edge_ops.index(name) for name in names)


def test_architectures_share_the_weights_of_an_operation_at_one_place() -> None:
    network = build("nb201").eval()
    with_it = plan_of(e0="nor_conv_3x3"), plan_of(e0="nor_conv_3x3", e5="nor_conv_1x1")
    without = plan_of(e1="nor_conv_3x3"), plan_of(e0="nor_conv_1x1")
    before = [network(noise(2), plan) for plan in (*with_it, *without)]
    with torch.no_grad():
        network.get_parameter("stages.0.0.ops.0_nor_conv_3x3.conv.weight").mul_(2)
    after = [network(noise(2), plan) for plan in (*with_it, *without)]
    same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [False, False, True, True]


def test_a_network_of_its_own_is_built_by_the_same_code() -> None:
    """With the supernet's weights it computes what that does; with its own seed it starts alike."""
    plan = plan_of(e0="nor_conv_3x3", e4="avg_pool_3x3", e5="nor_conv_1x1")
    supernet, alone = build("nb201"), build("nb201", only=[plan])
    assert torch.equal(supernet(noise(4), plan), alone(noise(4), plan))
    for parameter in supernet.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    state = supernet.state_dict()
    alone.load_state_dict({name: state[name] for name in alone.state_dict()})
    assert torch.equal(supernet.eval()(noise(4), plan), alone.eval()(noise(4), plan))


def test_initialising_reads_no_global_random_state() -> None:
    before = torch.get_rng_state()
    with torch.device("meta"):
        network = EdgeNetwork(NB201, EdgeSettings((4,), depth=1))
    initialise(network.to_empty(device="cpu"), [0])
    assert torch.equal(before, torch.get_rng_state())


def test_an_empty_cell_gives_zeros() -> None:
    plan = plan_of(**{f"e{i}": "none" for i in range(6)})
    assert live_edges(NB201, plan) == ()
    assert torch.isfinite(build("nb201")(noise(2), plan)).all()


def test_edges_off_the_path_are_not_computed() -> None:
    """Edge 1→2 hangs in the air without 0→1; edge 0→2 leads nowhere without 2→3."""
    assert live_edges(NB201, plan_of(e0="none", e5="none")) == (3,)


@pytest.mark.parametrize("size", [1, 3, 8, 11])
def test_pooling_as_a_matrix(size: int) -> None:
    x = noise(2, 5, size)
    torch.testing.assert_close(AvgPool()(x), F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))


# Costs.


def test_costs_agree_with_all_of_nas_bench_201(nb201: Benchmark) -> None:
    found = EdgeNetwork.counts(NB201, EdgeSettings(), nb201.graphs, ImageShape())
    np.testing.assert_allclose(found.flops, nb201.table.values("flops"), atol=1e-9)
    np.testing.assert_allclose(found.params, nb201.table.values("params"), atol=1e-9)


def test_costs_of_cells_are_those_of_the_modules(nb201: Benchmark) -> None:
    graphs = nb201.graphs.take(np.array([0, 7, 12_345]))
    size, shape = EdgeSettings((8, 16), depth=2, stem_stride=2, reduction="conv"), ImageShape(1, 16, 7)
    found = EdgeNetwork.counts(NB201, size, graphs, shape)
    for i, plan in enumerate(EdgeNetwork.plans(graphs)):
        network = EdgeNetwork(NB201, size, channels=1, classes=7, only=[plan])
        assert sum(p.numel() for p in network.parameters()) == pytest.approx(1e6 * found.params[i])


@pytest.fixture(scope="module")
def nb101_rows(data_dir: Path) -> tuple[Graphs, np.ndarray]:
    """The cells of nb101.parquet, and their parameters."""
    table = pq.read_table(data_dir / "nb101.parquet").to_pydict()
    n = len(table["params"])
    ops, adjacency = np.full((n, 7), PAD, np.int8), np.zeros((n, 7, 7), np.uint8)
    codes = {name: i for i, name in enumerate(NB101.ops)}
    for row, (v, matrix, names) in enumerate(
        zip(table["num_vertices"], table["adjacency"], table["ops"], strict=True)
    ):
        ops[row, :v] = [codes[name] for name in names]
        adjacency[row, :v, :v] = np.reshape(matrix, (v, v))
    vertices = np.array(table["num_vertices"], np.int16)
    return Graphs(ops, adjacency, vertices, NB101), np.array(table["params"])


def test_parameters_agree_with_all_rows_of_nas_bench_101(nb101_rows: tuple[Graphs, np.ndarray]) -> None:
    graphs, params = nb101_rows
    found = Nb101Network.counts(NB101, Nb101Settings(), graphs, ImageShape())
    np.testing.assert_allclose(1e6 * found.params, params, atol=1e-3)


def test_nb101_costs_are_those_of_the_modules(nb101_rows: tuple[Graphs, np.ndarray]) -> None:
    graphs = nb101_rows[0].take(np.arange(4))
    size, shape = Nb101Settings(16, 2, 2), ImageShape(size=16)
    found = Nb101Network.counts(NB101, size, graphs, shape)
    built = count_each(Nb101Network, NB101, size, Nb101Network.plans(graphs), shape)
    np.testing.assert_allclose(found.flops, built.flops)
    np.testing.assert_allclose(found.params, built.params)


def test_parameters_agree_with_nas_bench_macro(data_dir: Path) -> None:
    table = Table.read(data_dir / "macro.parquet")
    rows = np.array([0, 1234, 6560])
    space, kind = spaces.get("macro"), network_class("macro")
    texts = [table.column("arch")[int(row)].as_py() for row in rows]
    found = kind.counts(space, kind.Settings(), space.graphs(space.parse(texts)), ImageShape())
    np.testing.assert_allclose(1e6 * found.params, table.values("params")[rows], atol=1e-3)


def test_vertex_channels_by_hand() -> None:
    """Two of four vertices enter the output: 11 channels are 6 and 5; the vertex before them has 6."""
    edges = ((0, 1), (1, 2), (1, 3), (2, 4), (3, 4))
    assert vertex_channels(8, 11, 5, edges) == [8, 6, 6, 5, 11]


# Zero-cost proxies.


def probe(plan: Plan, size: EdgeSettings, images: int = 16) -> Probe:
    network = EdgeNetwork(NB201, size, only=[plan])
    initialise(network, [0])
    labels = torch.arange(images) % 10
    return Probe(network, plan, Split(noise(images, size=16), labels))


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_is_a_number_and_leaves_the_weights(name: str) -> None:
    looked_at = probe(plan_of(e0="nor_conv_3x3", e5="avg_pool_3x3"), EdgeSettings((4, 8), depth=1))
    before = [p.detach().clone() for p in looked_at.network.parameters()]
    assert np.isfinite(PROXIES[name](looked_at))
    assert all(map(torch.equal, before, looked_at.network.parameters()))
    assert looked_at.network.stem.conv.weight.dtype == torch.float32
    dead = plan_of(e0="nor_conv_1x1", **dict.fromkeys(("e1", "e3", "e4", "e5"), "none"))
    nothing = probe(
        dead, EdgeSettings((4, 8, 8), depth=2, stem_stride=2)
    )  # no path from the images to the classes
    assert np.isfinite(PROXIES[name](nothing))


def test_proxies_agree_with_the_published_ones(real_tables: Path) -> None:
    """Rank correlation over a sample, with networks of a cell a stage and noise for images."""
    table = Table.read(real_tables / "nb201_zero_cost.parquet")
    rows = np.random.default_rng(0).permutation(len(table))[:24]
    codes = NB201.parse([table.column("arch")[int(row)].as_py() for row in rows])
    size = replace(EdgeSettings(), depth=1)
    looked_at = [probe(plan, size) for plan in EdgeNetwork.plans(NB201.graphs(codes))]
    for name, least in {"synflow": 0.8, "nwot": 0.8, "l2_norm": 0.8, "grad_norm": 0.4, "snip": 0.5}.items():
        found = [PROXIES[name](p) for p in looked_at]
        correlation: Any = spearmanr(found, table.values(name)[rows])
        assert correlation.statistic > least, name


@pytest.mark.parametrize("missing", ["plans", "forward"])
def test_a_family_without_its_methods_cannot_be_instantiated(missing: str) -> None:
    methods = {"plans": staticmethod(lambda graphs: []), "forward": lambda self, x, plan: x}
    kept = {name: method for name, method in methods.items() if name != missing}
    family = type("Family", (Network,), kept)
    with pytest.raises(TypeError, match=missing):
        family(NB201, EdgeSettings())
    assert isinstance(type("Family", (Network,), methods)(NB201, EdgeSettings()), nn.Module)
