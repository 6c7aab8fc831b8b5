"""Networks of widths: shared first channels, the ordinary network of given widths, costs, the commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.small_supernet import DIGITS, QUICK, check_scored
from torch import nn

from data.errors import InputError, UnknownNameError
from data.spaces.chains import CHANNEL_MACRO, NATS_SIZE, ChainSpace
from data.spaces.edges import NB201
from data.table import Table
from predictors.supernet import truth
from predictors.supernet.channels import WIDEST, ChannelNetwork, ChannelSettings
from predictors.supernet.counts import ImageShape, count_each
from predictors.supernet.edges import EdgeNetwork, EdgeSettings
from predictors.supernet.images import Images
from predictors.supernet.job import TrainJob
from predictors.supernet.layers import Conv, initialise
from predictors.supernet.network import Plan
from predictors.supernet.sampling import SAMPLINGS
from predictors.supernet.sizes import SizeNetwork, SizeSettings
from predictors.supernet.train import Trainer, compile_operations, train
from predictors.supernet.widths import WidthNetwork

pytestmark = pytest.mark.usefixtures("one_thread")

SEVEN = (8, 12, 4, 16, 8, 12, 20)
SMALL: dict[str, tuple[type[WidthNetwork], ChainSpace, Any]] = {
    "nats_size": (SizeNetwork, NATS_SIZE, SizeSettings(unit=2)),
    "resnet": (ChannelNetwork, CHANNEL_MACRO, ChannelSettings("resnet", SEVEN, 1)),
    "mobilenet": (ChannelNetwork, CHANNEL_MACRO, ChannelSettings("mobilenet", SEVEN, 1)),
}


def build(key: str, members: int = 1, only: list[Plan] | None = None) -> WidthNetwork:
    kind, space, settings = SMALL[key]
    network = kind(space, settings, members=members, only=only)
    initialise(network, range(members))
    return network


def some_plans(key: str, n: int = 6) -> list[Plan]:
    space = SMALL[key][1]
    return WidthNetwork.plans(space.graphs(space.sample(n, np.random.default_rng(2))))


def first_channels(whole: torch.Tensor, own: torch.Tensor, members: int) -> torch.Tensor:
    """The first channels of each member of a supernet's weight, in the shape of a network's own."""
    if whole.shape == own.shape:
        return whole
    parts = whole.unflatten(0, (members, -1))[:, : len(own) // members]
    return (parts[:, :, : own.shape[1]] if own.ndim == 4 else parts).flatten(0, 1)


def noise(n: int, channels: int = 3) -> torch.Tensor:
    return torch.randn(n, channels, 8, 8, generator=torch.Generator().manual_seed(0))


# Shared weights.


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("key", SMALL)
def test_an_architecture_is_its_own_network_of_the_first_channels(key: str, members: int) -> None:
    supernet = build(key, members).double()
    for parameter in supernet.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    state, x = supernet.state_dict(), noise(4, 3 * members).double()
    for plan in some_plans(key):
        alone = build(key, members, [plan]).double()
        assert all(type(module) is not nn.BatchNorm2d or module.affine for module in alone.modules())
        own = alone.state_dict()
        alone.load_state_dict(
            {name: first_channels(state[name], value, members) for name, value in own.items()}
        )
        torch.testing.assert_close(supernet(x, plan), alone(x, plan))


@pytest.mark.parametrize("key", SMALL)
def test_a_step_moves_the_first_channels_only(key: str) -> None:
    """Their gradient is that of the network of these widths, and zero elsewhere."""
    supernet, plan = build(key), some_plans(key)[0]
    supernet(noise(4), plan).square().sum().backward()
    own = dict(build(key, 1, [plan]).named_parameters())
    for name, parameter in supernet.named_parameters():
        if parameter.grad is not None and parameter.ndim == 4:
            outside = parameter.grad.clone()
            outside[: own[name].shape[0], : own[name].shape[1]] = 0
            assert not outside.any(), name


@pytest.mark.parametrize("key", SMALL)
def test_a_network_of_some_architectures_holds_no_more_than_they_need(key: str) -> None:
    plans = some_plans(key, 2)
    both, whole = build(key, 1, plans), build(key)
    sizes = [sum(p.numel() for p in network.parameters()) for network in (both, whole)]
    assert sizes[0] < sizes[1]
    for plan in plans:
        assert torch.isfinite(both(noise(2), plan)).all()


# Costs.


def conv_costs(network: WidthNetwork, plan: Plan, size: int = 32) -> int:
    """Multiply-adds of convolutions and classifier alone."""
    costs = []

    def hook(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        costs.append(output.numel() * module.weight[0].numel())  # pyright: ignore[reportIndexIssue, reportCallIssue, reportAttributeAccessIssue]

    for module in network.modules():
        if isinstance(module, Conv):
            module.register_forward_hook(hook)
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, size, size, device="meta"), plan)
    return sum(costs)


@pytest.mark.parametrize(
    ("blocks", "arch", "params", "flops"),
    [
        ("resnet", "1111111", 963_658, 90_096_896),
        ("resnet", "4444444", 15_356_170, 1_436_226_560),
        ("resnet", "1234123", 2_735_050, 245_810_432),
        ("resnet", "4321432", 8_276_362, 813_372_416),
        ("mobilenet", "1111111", 125_418, 14_285_312),
        ("mobilenet", "4444444", 1_804_170, 211_281_920),
        ("mobilenet", "1234123", 325_610, 37_928_448),
        ("mobilenet", "4321432", 1_081_738, 122_364_928),
    ],
)
def test_costs_agree_with_channel_bench_macro(blocks: str, arch: str, params: int, flops: int) -> None:
    """Published numbers; FLOPs are those of convolutions and classifier."""
    settings = ChannelSettings(blocks)
    graphs = CHANNEL_MACRO.graphs(CHANNEL_MACRO.parse([arch]))
    found = ChannelNetwork.counts(CHANNEL_MACRO, settings, graphs, ImageShape())
    assert round(1e6 * float(found.params[0])) == params
    (plan,) = ChannelNetwork.plans(graphs)
    with torch.device("meta"):
        network = ChannelNetwork(CHANNEL_MACRO, settings, only=[plan])
    assert conv_costs(network, plan) == flops


@pytest.mark.parametrize("key", SMALL)
def test_costs_are_those_of_the_modules(key: str) -> None:
    kind, space, settings = SMALL[key]
    shape = ImageShape(1, 16, 7)
    graphs = space.graphs(space.sample(5, np.random.default_rng(0)))
    found = kind.counts(space, settings, graphs, shape)
    built = count_each(kind, space, settings, kind.plans(graphs), shape)
    np.testing.assert_allclose(found.flops, built.flops)
    np.testing.assert_allclose(found.params, built.params)


CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"


def test_one_width_everywhere_is_a_network_of_nas_bench_201() -> None:
    """Of the same cell, with one cell a stage: its costs, and what it computes with the same weights."""
    space, cell = NATS_SIZE, NB201.parse([CELL])
    for width in (8, 64):
        graphs = space.graphs(space.parse([":".join([str(width)] * 5)]))
        found = SizeNetwork.counts(space, SizeSettings(), graphs, ImageShape())
        same = EdgeNetwork.counts(NB201, EdgeSettings((width,) * 3, 1), NB201.graphs(cell), ImageShape())
        np.testing.assert_allclose(found.flops, same.flops)
        np.testing.assert_allclose(found.params, same.params)
    plan, (edges,) = (4,) * 5, EdgeNetwork.plans(NB201.graphs(cell))
    ours = build("nats_size", 1, [plan])
    theirs = EdgeNetwork(NB201, EdgeSettings((8,) * 3, 1), only=[edges])
    initialise(theirs, [0])
    # Both hold their operations in the order of the edges, so that weights correspond one by one.
    stages, between = theirs.stages, theirs.reductions
    parts = [theirs.stem, stages[0], between[0], stages[1], between[1], stages[2], theirs.head]
    with torch.no_grad():
        for mine, other in zip(
            ours.parameters(), (p for part in parts for p in part.parameters()), strict=True
        ):
            assert mine.shape == other.shape
            mine.copy_(other)
    torch.testing.assert_close(ours(noise(4), plan), theirs(noise(4), edges))


def test_parameters_of_five_widths_by_hand() -> None:
    """Stem and cells have their identity as a convolution only where the width changes."""
    a, b, c, d, e = 8, 16, 16, 24, 64
    stem, first = 27 * a + 2 * a, 5 * (9 * a * a + 2 * a)
    down = 9 * a * b + 9 * b * b + 4 * b + a * b, 9 * c * d + 9 * d * d + 4 * d + c * d
    second = 2 * (9 * b * c + 2 * c) + 3 * (9 * c * c + 2 * c)
    third = 2 * (9 * d * e + 2 * e) + 3 * (9 * e * e + 2 * e) + (d * e + 2 * e)
    space = NATS_SIZE
    graphs = space.graphs(space.parse(["8:16:16:24:64"]))
    found = SizeNetwork.counts(space, SizeSettings(), graphs, ImageShape())
    expected = stem + first + sum(down) + second + third + 2 * e + 10 * e + 10
    assert round(1e6 * float(found.params[0])) == expected


# Settings.


def test_sizes_that_are_no_network() -> None:
    with pytest.raises(UnknownNameError, match="did you mean resnet"):
        ChannelSettings("resnets")
    with pytest.raises(InputError, match=r"seven multiples of 4, not \(8, 8\)"):
        ChannelSettings(widths=(8, 8))
    with pytest.raises(InputError, match="seven multiples of 4"):
        ChannelSettings(widths=(6,) * 7)
    with pytest.raises(InputError, match="stem_stride must be at least 1, not 0"):
        ChannelSettings(stem_stride=0)
    with pytest.raises(InputError, match="unit must be at least 1, not 0"):
        SizeSettings(unit=0)
    assert ChannelNetwork.published(CHANNEL_MACRO).widths == WIDEST["resnet"]


# At work.


def job_of(key: str, **fields: Any) -> TrainJob:
    _, space, settings = SMALL[key]
    return TrainJob(space.name, settings, DIGITS, replace(QUICK, epochs=1), **fields)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("key", SMALL)
def test_a_step_of_every_sampling(key: str, sampling: str, digits: Images) -> None:
    trainer = Trainer(job_of(key, sampling=sampling), digits)
    codes = trainer.sample(0)
    if sampling == "fair":
        assert all(len(set(column)) == max(trainer.space.choices) for column in codes.T.tolist())
    assert np.isfinite(trainer.step())


@pytest.mark.parametrize("key", SMALL)
def test_trained_and_scored(key: str, digits: Images, tmp_path: Path) -> None:
    check_scored(train(job_of(key), digits, tmp_path / "net"), SMALL[key][1], 3, tmp_path / "scores")


@pytest.mark.parametrize("key", SMALL)
def test_trained_from_scratch(key: str, tmp_path: Path) -> None:
    _, space, settings = SMALL[key]
    job = truth.TruthJob(space.name, settings, DIGITS, replace(QUICK, epochs=1), together=2)
    codes = space.sample(2, np.random.default_rng(0))
    table: Table = truth.run(job, codes, 2, tmp_path, jobs=1)
    assert len(table) == 2


def test_no_operation_has_a_fixed_shape(digits: Images) -> None:
    with pytest.raises(InputError, match="have no fixed shape"):
        compile_operations(Trainer(job_of("nats_size"), digits))
