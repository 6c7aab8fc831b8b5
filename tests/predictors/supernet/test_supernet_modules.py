"""Networks of modules: shared first channels, the published network, costs, commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.small_supernet import DIGITS, QUICK, check_scored
from torch import Tensor

from data.errors import InputError
from data.spaces.chains import TRANSNAS_MACRO
from predictors.supernet import score, truth
from predictors.supernet.counts import ImageShape, count_each
from predictors.supernet.evaluate import autocast
from predictors.supernet.images import Images
from predictors.supernet.job import TrainJob
from predictors.supernet.layers import Conv, initialise
from predictors.supernet.modules import ModuleNetwork, ModuleSettings
from predictors.supernet.network import Plan
from predictors.supernet.parts import SETTINGS
from predictors.supernet.sampling import SAMPLINGS
from predictors.supernet.split import split
from predictors.supernet.train import Trainer, train

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = ModuleSettings(width=2, blocks=2, stem_strides=(1, 1))
KINDS = ("same", "double_channels", "halve_size", "double_channels_halve_size")


def build(members: int = 1, only: list[Plan] | None = None) -> ModuleNetwork:
    network = ModuleNetwork(TRANSNAS_MACRO, SMALL, members=members, only=only)
    initialise(network, range(members))
    return network


def plan_of(digits: str) -> Plan:
    """The plan of an official name's digits."""
    return tuple(KINDS[int(digit) - 1] for digit in digits)


PLANS = [plan_of(digits) for digits in ("1234", "4441", "333312", "24131", "114411")]


def noise(n: int, channels: int = 3) -> Tensor:
    return torch.randn(n, channels, 8, 8, generator=torch.Generator().manual_seed(0))


def first_channels(whole: Tensor, own: Tensor, members: int) -> Tensor:
    """The first channels of each member of a supernet's weight, in the shape of a network's own."""
    if whole.shape == own.shape:
        return whole
    parts = whole.unflatten(0, (members, -1))[:, : len(own) // members]
    return (parts[:, :, : own.shape[1]] if own.ndim == 4 else parts).flatten(0, 1)


def test_plans_are_the_official_names() -> None:
    graphs = TRANSNAS_MACRO.graphs(TRANSNAS_MACRO.parse(["64-1234-basic", "64-24131-basic"]))
    assert ModuleNetwork.plans(graphs) == [plan_of("1234"), plan_of("24131")]


@pytest.mark.parametrize("members", [1, 2])
def test_an_architecture_is_its_own_network_of_the_first_channels(members: int) -> None:
    supernet = build(members).double()
    for parameter in supernet.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    state, x = supernet.state_dict(), noise(4, 3 * members).double()
    for plan in PLANS:
        alone = build(members, [plan]).double()
        own = alone.state_dict()
        alone.load_state_dict({n: first_channels(state[n], value, members) for n, value in own.items()})
        torch.testing.assert_close(supernet(x, plan), alone(x, plan))


@pytest.mark.parametrize("plan", PLANS)
def test_a_network_of_one_architecture_is_the_ordinary_one(plan: Plan) -> None:
    """Built here from torch's own functions, with the same weights in the same order."""
    network = build(1, [plan])
    torch.testing.assert_close(network(noise(4), plan)[:, 0], ordinary(network, plan, noise(4)))


def ordinary(network: ModuleNetwork, plan: Plan, x: Tensor) -> Tensor:
    """The published network, its weights taken one after another."""
    weights = iter(list(network.parameters()))

    def conv_norm(x: Tensor, stride: int = 1) -> Tensor:
        weight, scale, shift = (next(weights) for _ in range(3))
        y = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2)
        return F.batch_norm(y, None, None, scale, shift, training=True)

    x = conv_norm(conv_norm(x).relu())
    for kind in plan:
        for block in range(2):
            double, halve = (not block and word in kind for word in ("double", "halve"))
            y = conv_norm(conv_norm(x.relu(), 1 + halve).relu())
            assert y.shape[1] == x.shape[1] * (1 + double)
            x = y + (conv_norm(x, 1 + halve) if double or halve else x)
    weight, bias = next(weights), next(weights)
    assert next(weights, None) is None
    return F.linear(x.mean((2, 3)), weight.flatten(1), bias)


def test_a_network_of_some_architectures_holds_no_more_than_they_need() -> None:
    both, whole = build(1, PLANS[:2]), build()
    sizes = [sum(p.numel() for p in network.parameters()) for network in (both, whole)]
    assert sizes[0] < sizes[1]
    for plan in PLANS[:2]:
        assert torch.isfinite(both(noise(2), plan)).all()


def test_parameters_by_hand() -> None:
    """64-1234-basic: widths 64, 64, 128, 128, 256, and a shortcut in all modules but the first."""

    def module(c_in: int, c_out: int, *, shortcut: bool) -> int:
        convs = 9 * c_in * c_out + 3 * 9 * c_out**2 + 4 * 2 * c_out
        return convs + shortcut * (c_in * c_out + 2 * c_out)

    expected = 27 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64 + module(64, 64, shortcut=False)
    expected += module(64, 128, shortcut=True) + module(128, 128, shortcut=True)
    expected += module(128, 256, shortcut=True) + 256 * 75 + 75
    graphs = TRANSNAS_MACRO.graphs(TRANSNAS_MACRO.parse(["64-1234-basic"]))
    found = ModuleNetwork.counts(TRANSNAS_MACRO, ModuleSettings(), graphs, ImageShape(3, 224, 75))
    assert round(1e6 * float(found.params[0])) == expected


def test_costs_are_those_of_the_modules() -> None:
    space, shape = TRANSNAS_MACRO, ImageShape(1, 15, 7)
    graphs = space.graphs(space.sample(3, np.random.default_rng(0)))
    found = ModuleNetwork.counts(space, SMALL, graphs, shape)
    built = count_each(ModuleNetwork, space, SMALL, ModuleNetwork.plans(graphs), shape)
    np.testing.assert_allclose(found.flops, built.flops)
    np.testing.assert_allclose(found.params, built.params)


def test_sizes_that_are_no_network() -> None:
    with pytest.raises(InputError, match="blocks must be at least 1, not 0"):
        ModuleSettings(blocks=0)
    with pytest.raises(InputError, match="width must be even, not 3"):
        ModuleSettings(width=3)
    with pytest.raises(InputError, match=r"stem_strides must be two numbers, not \(2,\)"):
        ModuleSettings(stem_strides=(2,))


# At work.


def job_of(**fields: Any) -> TrainJob:
    return TrainJob(TRANSNAS_MACRO.name, SMALL, DIGITS, replace(QUICK, epochs=1), **fields)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_step_of_every_sampling(sampling: str, digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictors.supernet.sampling.SANDWICH_POOL", 20)
    if sampling == "fair":
        with pytest.raises(InputError, match="strict fairness is impossible"):
            Trainer(job_of(sampling=sampling), digits)
    else:
        assert np.isfinite(Trainer(job_of(sampling=sampling), digits).step())


def test_trained_and_scored(digits: Images, tmp_path: Path) -> None:
    check_scored(train(job_of(), digits, tmp_path / "net"), TRANSNAS_MACRO, 2, tmp_path / "scores")


def test_trained_from_scratch(tmp_path: Path) -> None:
    job = truth.TruthJob(TRANSNAS_MACRO.name, SMALL, DIGITS, replace(QUICK, epochs=1), together=2)
    codes = TRANSNAS_MACRO.sample(2, np.random.default_rng(0))
    assert len(truth.run(job, codes, 2, tmp_path, jobs=1)) == 2


def test_a_space_with_invalid_combinations_cannot_be_split(digits: Images, tmp_path: Path) -> None:
    job = TrainJob("transnas_macro", SMALL, DIGITS, replace(QUICK, epochs=1, batch=200))
    path = train(job, digits, tmp_path)
    with pytest.raises(InputError, match="cannot be split"):
        split(path, 0, tmp_path / "split", epochs=1, lr=0.1, device="cpu")


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_gradients_in_low_precision_on_a_map_of_one_position(kernel: int) -> None:
    conv = Conv(8, 8, kernel, members=1, stride=2)
    initialise(conv, [0])
    x = torch.randn(16, 8, 1, 1, generator=torch.Generator().manual_seed(0))
    conv(x).square().sum().backward()
    exact, conv.weight.grad = conv.weight.grad, None
    with autocast(x, True):
        y = conv(x)
    freed = [torch.full((size,), torch.nan) for size in range(16, 4000, 16)]
    del freed  # memory that is used next holds no numbers
    y.float().square().sum().backward()
    assert exact is not None
    assert conv.weight.grad is not None
    torch.testing.assert_close(conv.weight.grad, exact, rtol=0.05, atol=0.05 * float(exact.abs().max()))


def test_recalibration_needs_two_images(digits: Images, tmp_path: Path) -> None:
    job = TrainJob("transnas_macro", SMALL, DIGITS, replace(QUICK, epochs=1, batch=200))
    path = train(job, digits, tmp_path)
    scoring = score.score_job(path, [], "", DIGITS, None, recalibrate=1)
    with pytest.raises(InputError, match="at least 2"):
        score.run(scoring, TRANSNAS_MACRO.sample(1, np.random.default_rng(0)), tmp_path / "scores", jobs=1)


@pytest.mark.parametrize("text", ["{", "{}", '{"job": "train"}', "[]"])
def test_truth_in_a_folder_of_another_job(text: str, tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_text(text)
    assert truth.grouping(tmp_path, 3) == 3
