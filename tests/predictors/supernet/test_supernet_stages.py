"""Networks of stages: shared first blocks, channels and groups, published networks, costs, commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.small_supernet import DIGITS, QUICK, check_scored
from torch import Tensor, nn

from data.errors import InputError
from data.graphs import Graphs
from data.spaces import get
from data.spaces.stages import NDS_RESNET, NDS_RESNEXT_A, NDS_VANILLA, StagesSpace
from predictors.supernet import truth
from predictors.supernet.counts import ImageShape, count_each
from predictors.supernet.families import default_recipe
from predictors.supernet.images import Images
from predictors.supernet.job import TrainJob
from predictors.supernet.layers import Conv, initialise
from predictors.supernet.network import Plan
from predictors.supernet.sampling import SAMPLINGS
from predictors.supernet.stages import KINDS, GroupConv, StageNetwork, StageSettings, diagonal
from predictors.supernet.train import Trainer, compile_operations, train

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = StageSettings(stem=4, width_divisor=8, depth_divisor=8)
"""Of at most three blocks a stage; a bottleneck has at least one channel, and then one group."""


def build(name: str, members: int = 1, only: list[Plan] | None = None) -> StageNetwork:
    network = StageNetwork(space_of(name), SMALL, members=members, only=only)
    initialise(network, range(members))
    return network


def space_of(name: str) -> StagesSpace:
    space = get(name)
    assert isinstance(space, StagesSpace)
    return space


def some_plans(name: str, n: int = 5) -> list[Plan]:
    space = space_of(name)
    return StageNetwork.plans(space.graphs(space.sample(n, np.random.default_rng(2))))


def noise(n: int, channels: int = 3) -> Tensor:
    return torch.randn(n, channels, 8, 8, generator=torch.Generator().manual_seed(0))


def part_of(whole: Tensor, own: Tensor, groups: int, members: int) -> Tensor:
    """What an architecture uses of a supernet's weight, in the shape of its own."""
    if whole.shape == own.shape:
        return whole
    each = whole.unflatten(0, (members, -1))[:, : len(own) // members]
    if own.ndim < 4:
        return each.flatten(0, 1)
    size = own.shape[1]
    rows = [
        row[k // (each.shape[1] // groups) * size :][:size] if groups > 1 else row[:size]
        for member in each
        for k, row in enumerate(member)
    ]
    return torch.stack(rows)


def load_part(alone: StageNetwork, supernet: StageNetwork) -> None:
    """Give a network of one architecture the weights that a supernet computes it with."""
    state, members = supernet.state_dict(), alone.members
    convs = {f"{n}.weight": m.groups // members for n, m in alone.named_modules() if isinstance(m, Conv)}
    own = alone.state_dict()
    alone.load_state_dict(
        {name: part_of(state[name], v, convs.get(name, 1), members) for name, v in own.items()}
    )


# Shared weights.


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("name", KINDS)
def test_an_architecture_is_its_own_network_of_a_part_of_the_weights(name: str, members: int) -> None:
    supernet = build(name, members).double()
    for parameter in supernet.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    x = noise(4, 3 * members).double()
    for plan in some_plans(name):
        alone = build(name, members, [plan]).double()
        load_part(alone, supernet)
        torch.testing.assert_close(supernet(x, plan), alone(x, plan))


@pytest.mark.parametrize("name", KINDS)
def test_a_network_of_one_architecture_is_the_ordinary_one(name: str) -> None:
    """Built here from torch's own functions, with the same weights in the same order."""
    for plan in some_plans(name, 3):
        network = build(name, 1, [plan])
        torch.testing.assert_close(network(noise(4), plan)[:, 0], ordinary(name, network, plan, noise(4)))


def ordinary(name: str, network: StageNetwork, plan: Plan, x: Tensor) -> Tensor:
    """The published network, its weights taken one after another."""
    weights = iter(list(network.parameters()))

    def conv_norm(x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
        weight, scale, shift = (next(weights) for _ in range(3))
        y = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, groups)
        return F.batch_norm(y, None, None, scale, shift, training=True)

    x = conv_norm(x).relu()
    for stage, (depth, width, ratio, groups) in enumerate(plan):
        c_out = max(1, round(width / 8))
        for block in range(-(-depth // 8)):
            stride = 2 if stage and not block else 1
            if KINDS[name] == "bottleneck":
                inner = max(1, round(c_out / ratio))
                y = conv_norm(conv_norm(x).relu(), stride, int(np.gcd(groups, inner))).relu()
            else:
                y = conv_norm(x, stride).relu()
            y = conv_norm(y)
            if KINDS[name] != "plain":
                y = y + (x if stride == 1 and x.shape[1] == c_out else conv_norm(x, stride))
            x = y.relu()
    weight, bias = next(weights), next(weights)
    assert next(weights, None) is None
    return F.linear(x.mean((2, 3)), weight.flatten(1), bias)


@pytest.mark.parametrize("name", KINDS)
def test_a_network_of_some_architectures_holds_no_more_than_they_need(name: str) -> None:
    plans = some_plans(name, 2)
    both, whole = build(name, 1, plans), build(name)
    sizes = [sum(p.numel() for p in network.parameters()) for network in (both, whole)]
    assert sizes[0] < sizes[1]
    for plan in plans:
        assert torch.isfinite(both(noise(2), plan)).all()


def test_a_stage_of_fewer_blocks_uses_the_first_ones() -> None:
    deep, flat = [((depth, 16, 1.0, 1),) * 3 for depth in (24, 8)]
    network = build("nds_resnet")
    for plan, blocks in ((deep, {"0", "1", "2"}), (flat, {"0"})):
        network.zero_grad(set_to_none=True)
        network(noise(4), plan).sum().backward()
        used = {
            name.split(".")[3] for name, p in network.stages.named_parameters("stages") if p.grad is not None
        }
        assert used == blocks


def test_groups_are_the_blocks_on_the_diagonal() -> None:
    """Groups of zeros elsewhere compute the same."""
    conv = GroupConv({(8, 1), (8, 4), (4, 2)}, stride=1, members=1)
    initialise(conv, [0])
    for width, groups in ((8, 1), (8, 4), (4, 2)):
        weight = torch.zeros(width, width, 3, 3)
        size = width // groups
        for start in range(0, width, size):
            rows = slice(start, start + size)
            weight[rows, rows] = conv.conv.weight.detach()[rows, rows]
        x = noise(2, width)
        torch.testing.assert_close(conv(x, groups), conv.norm(F.conv2d(x, weight, padding=1)).relu())
        expected = [weight[k, k // size * size :][:size] for k in range(width)]
        torch.testing.assert_close(diagonal(conv.conv.weight, width, groups, 1), torch.stack(expected))


# Costs.


def graphs_of(space: StagesSpace, *stages: tuple[float, ...]) -> Graphs:
    """The network of stages, each (depth, width, bottleneck, groups)."""
    return space.build([np.array([column]) for column in zip(*stages, strict=True)])


def conv_costs(network: StageNetwork, plan: Plan) -> int:
    """Multiply-adds of convolutions and classifier, for 32 × 32 pixels."""
    costs = []

    def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
        costs.append(output.numel() * module.weight[0].numel())  # pyright: ignore[reportIndexIssue, reportCallIssue, reportAttributeAccessIssue]

    for module in network.modules():
        if isinstance(module, Conv):
            module.register_forward_hook(hook)
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, 32, 32, device="meta"), plan)
    return sum(costs)


@pytest.mark.parametrize(
    ("space", "depth", "params", "flops"),
    [
        (NDS_RESNET, 9, 855_770, 125_747_850),
        (NDS_RESNET, 18, 1_730_714, 253_149_834),
        (NDS_VANILLA, 9, 853_018, 125_485_706),
    ],
)
def test_costs_agree_with_published_networks(space: StagesSpace, depth: int, params: int, flops: int) -> None:
    """R-56, R-110 and V-56 of pycls, whose FLOPs are those of convolutions and classifier with its bias."""
    graphs = graphs_of(space, *((depth, width, 1, 1) for width in (16, 32, 64)))
    found = StageNetwork.counts(space, StageSettings(), graphs, ImageShape())
    assert round(1e6 * float(found.params[0])) == params
    (plan,) = StageNetwork.plans(graphs)
    with torch.device("meta"):
        network = StageNetwork(space, StageSettings(), only=[plan])
    assert conv_costs(network, plan) + 10 == flops


def test_parameters_of_a_resnext_by_hand() -> None:
    """Stages (2, 16, 2, 2), (1, 32, 4, 4) and (1, 32, 1, 1): the first has no shortcut."""

    def block(c_in: int, c_out: int, ratio: int, groups: int, *, shortcut: bool) -> int:
        inner = c_out // ratio
        convs = c_in * inner + 9 * inner * inner // groups + inner * c_out
        return convs + 2 * (2 * inner + c_out) + shortcut * (c_in * c_out + 2 * c_out)

    expected = 27 * 16 + 2 * 16 + 2 * block(16, 16, 2, 2, shortcut=False)
    expected += block(16, 32, 4, 4, shortcut=True) + block(32, 32, 1, 1, shortcut=True) + 330
    graphs = graphs_of(NDS_RESNEXT_A, (2, 16, 2, 2), (1, 32, 4, 4), (1, 32, 1, 1))
    found = StageNetwork.counts(NDS_RESNEXT_A, StageSettings(), graphs, ImageShape())
    assert round(1e6 * float(found.params[0])) == expected


@pytest.mark.parametrize("name", KINDS)
def test_costs_are_those_of_the_modules(name: str) -> None:
    space, shape = space_of(name), ImageShape(1, 15, 7)
    graphs = space.graphs(space.sample(3, np.random.default_rng(0)))
    found = StageNetwork.counts(space, SMALL, graphs, shape)
    built = count_each(StageNetwork, space, SMALL, StageNetwork.plans(graphs), shape)
    np.testing.assert_allclose(found.flops, built.flops)
    np.testing.assert_allclose(found.params, built.params)


# Architectures.


@pytest.mark.parametrize("name", KINDS)
def test_a_plan_is_what_the_code_says(name: str) -> None:
    space = space_of(name)
    codes = space.sample(300, np.random.default_rng(0))
    numbers = [
        np.array(values)[codes.reshape(-1, 3, 4)[:, :, place]] for place, values in enumerate(space.options)
    ]
    assert np.array_equal(StageNetwork.plans(space.graphs(codes)), np.stack(numbers, axis=2))


def test_rows_of_published_tables_are_read() -> None:
    """They list the stem as a stage, and a bottleneck's channels as a share of the width."""
    graphs = graphs_of(NDS_RESNEXT_A, (1, 16, 0.0, 1), (2, 16, 0.5, 2), (5, 32, 0.25, 4), (16, 128, 1, 1))
    expected = ((2, 16, 2.0, 2), (5, 32, 4.0, 4), (16, 128, 1.0, 1))
    assert StageNetwork.plans(graphs) == [expected]


def test_sizes_that_are_no_network() -> None:
    with pytest.raises(InputError, match="width_divisor must be at least 1, not 0"):
        StageSettings(width_divisor=0)
    with pytest.raises(InputError, match=r"strides must be 3 numbers, one for each stage, not \(2,\)"):
        StageSettings(strides=(2,))


def test_the_recipe_is_that_of_chains() -> None:
    assert default_recipe("nds_resnet") == default_recipe("proxyless") != default_recipe("nds_darts")


# At work.


def job_of(name: str, **fields: Any) -> TrainJob:
    return TrainJob(name, SMALL, DIGITS, replace(QUICK, epochs=1), **fields)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("name", KINDS)
def test_a_step_of_every_sampling(
    name: str, sampling: str, digits: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("predictors.supernet.sampling.SANDWICH_POOL", 20)
    trainer = Trainer(job_of(name, sampling=sampling), digits)
    if sampling == "fair":
        for column, options in zip(trainer.sample(0).T.tolist(), trainer.space.choices, strict=True):
            assert set(column) == set(range(options))
    assert np.isfinite(trainer.step())


@pytest.mark.parametrize("name", KINDS)
def test_trained_and_scored(name: str, digits: Images, tmp_path: Path) -> None:
    check_scored(train(job_of(name), digits, tmp_path / "net"), space_of(name), 2, tmp_path / "scores")


@pytest.mark.parametrize("name", KINDS)
def test_trained_from_scratch(name: str, tmp_path: Path) -> None:
    job = truth.TruthJob(name, SMALL, DIGITS, replace(QUICK, epochs=1), together=2)
    codes = space_of(name).sample(2, np.random.default_rng(0))
    assert len(truth.run(job, codes, 2, tmp_path, jobs=1)) == 2


def test_no_operation_has_a_fixed_shape(digits: Images) -> None:
    with pytest.raises(InputError, match="have no fixed shape"):
        compile_operations(Trainer(job_of("nds_resnet"), digits))
