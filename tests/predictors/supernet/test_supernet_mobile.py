"""The once-for-all network: its blocks against torch's modules, published costs, older folders and files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file
from support.small_supernet import DIGITS
from torch import Tensor, nn

from data import spaces
from data.errors import InputError, UnknownNameError
from data.spaces.mobile import OFA, OFA_EXPANSIONS, OFA_SLOTS
from predictors.supernet import counts, score, truth
from predictors.supernet.alone import build
from predictors.supernet.blocks import (
    BlockStyle,
    MixHead,
    MobileBlock,
    MobileNetV3Style,
    SqueezeExcitation,
    to_eights,
)
from predictors.supernet.chains import ChainSettings
from predictors.supernet.counts import ImageShape, count_flops
from predictors.supernet.evaluate import autocast
from predictors.supernet.families import network_class
from predictors.supernet.images import Images, Split
from predictors.supernet.job import TrainJob
from predictors.supernet.layers import Conv, initialise
from predictors.supernet.network import Plan, settings_json, settings_of_json
from predictors.supernet.ofa import OfaNetwork, OfaSettings
from predictors.supernet.parts import SETTINGS, check_settings
from predictors.supernet.proxies import PROXIES, Probe
from predictors.supernet.recipe import Recipe
from predictors.supernet.train import Trainer, compile_operations, train
from predictors.supernet.weights import KEY, load_network, read_supernet, save_supernet

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = OfaSettings((8,) * 5, (1, 2, 1, 1, 1), 8, 1, first=8, last=16, mix=16)
PLAIN = replace(SMALL, design="plain", mix=0)
QUICK = Recipe(epochs=1, batch=200, lr=0.05, crop=0, flip=False)
JOB = TrainJob("ofa", SMALL, DIGITS, QUICK)
CODES = OFA.sample(3, np.random.default_rng(0))
HARD_STYLE = MobileNetV3Style(nn.Hardswish, True, nn.Hardsigmoid)


def noise(*shape: int) -> Tensor:
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def plans(codes: np.ndarray = CODES) -> list[Plan]:
    return OfaNetwork.plans(OFA.graphs(codes))


# Blocks against torch's own modules.


@pytest.mark.parametrize("gate", [nn.Sigmoid, nn.Hardsigmoid])
def test_squeeze_excitation_is_that_of_torchs_modules(gate: type[nn.Module]) -> None:
    own = SqueezeExcitation(16, 8, members=1, gate=gate)
    expected = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 8, 1), nn.ReLU(), nn.Conv2d(8, 16, 1), gate()
    )
    own.load_state_dict(dict(zip(own.state_dict(), expected.state_dict().values(), strict=True)))
    x = noise(3, 16, 4, 4)
    torch.testing.assert_close(own(x), x * expected(x))


def test_a_block_of_mobilenet_v3_is_that_of_torchs_modules() -> None:
    own = MobileBlock(8, 8, 5, 3.0, members=1, style=HARD_STYLE)
    squeeze = SqueezeExcitation(24, 8, members=1, gate=nn.Hardsigmoid)  # a quarter of 24 is 6
    expected = nn.Sequential(
        *(nn.Conv2d(8, 24, 1, bias=False), nn.BatchNorm2d(24), nn.Hardswish()),
        *(nn.Conv2d(24, 24, 5, padding=2, groups=24, bias=False), nn.BatchNorm2d(24), nn.Hardswish()),
        *(squeeze, nn.Conv2d(24, 8, 1, bias=False), nn.BatchNorm2d(8)),
    )
    own.load_state_dict(dict(zip(own.state_dict(), expected.state_dict().values(), strict=True)))
    x = noise(3, 8, 6, 6)
    torch.testing.assert_close(own(x), x + expected(x))


def test_the_last_layers_are_those_of_torchs_modules() -> None:
    own = MixHead(16, 24, 10, members=1)
    mix, classifier = nn.Linear(16, 24, bias=False), nn.Linear(24, 10)
    weights = [mix.weight[:, :, None, None], classifier.weight[:, :, None, None], classifier.bias]
    own.load_state_dict(dict(zip(own.state_dict(), weights, strict=True)))
    x = noise(3, 16, 2, 2)
    expected = classifier(nn.functional.hardswish(mix(x.mean((2, 3)))))
    torch.testing.assert_close(own(x), expected[:, None])


@pytest.mark.parametrize(
    ("channels", "rounded"), [(1, 8), (11, 16), (12, 16), (18, 24), (20, 24), (36, 40), (43, 40), (240, 240)]
)
def test_multiples_of_eight(channels: int, rounded: int) -> None:
    """18 is nearer to 16, but that is less than nine tenths of it."""
    assert to_eights(channels) == rounded


def test_squeeze_excitation_by_name_is_mnasnets() -> None:
    """A quarter of the input's channels, a logistic gate."""
    block = MobileBlock(16, 16, 3, 4.0, members=1, squeeze=True)
    (squeeze,) = (m for m in block.modules() if isinstance(m, SqueezeExcitation))
    assert squeeze.reduce.weight.shape == (4, 64, 1, 1)
    assert isinstance(squeeze.gate, nn.Sigmoid)


def test_stages_are_as_published() -> None:
    """Of the largest network: activation, squeeze-excitation, width and kernel of every stage's blocks."""
    (plan,) = plans(np.array([[2] * 5 + [2] * 20 + [2] * 20]))
    with torch.device("meta"):
        network = OfaNetwork(OFA, OfaSettings(), classes=1000, only=[plan])
    found = []
    for stage in network.stages:
        blocks = [m for m in stage.modules() if isinstance(m, MobileBlock)]
        assert len(blocks) == OFA_SLOTS
        modules = [m for block in blocks for m in block.modules()]
        acts = {type(m) for m in modules if isinstance(m, (nn.ReLU6, nn.Hardswish))}
        squeezed = [m.reduce.weight.shape[:2] for m in modules if isinstance(m, SqueezeExcitation)]
        found.append((acts, [tuple(shape) for shape in squeezed]))
    hard = {nn.Hardswish}
    assert found == [
        (set(), []),
        (set(), [(40, 144), *[(64, 240)] * 3]),
        (hard, []),
        (hard, [(120, 480), *[(168, 672)] * 3]),
        (hard, [(168, 672), *[(240, 960)] * 3]),
    ]
    assert [type(network.stem[2]), type(network.last[2])] == [nn.Hardswish] * 2
    assert network.last[0].weight.shape == (960, 160, 1, 1)
    assert network.head.mix.weight.shape == (1280, 960, 1, 1)
    assert not any(isinstance(m, nn.ReLU6) for m in network.modules())


def test_a_supernet_holds_the_operations_that_codes_have() -> None:
    with torch.device("meta"):
        names = {name for stage in OfaNetwork(OFA, SMALL).stages for name in stage.ops}
    assert {float(name.split("_e")[1].split("_")[0].replace("p", ".")) for name in names} == {*OFA_EXPANSIONS}
    assert len(names) == OFA_SLOTS * 9


# Costs.


class Alone(nn.Module):
    """A module that is called as a network is."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        del plan
        return self.module(x)


def test_squeeze_excitation_counts() -> None:
    """Of 16 channels and 4 × 4 positions: mean, 16 to 8 channels, ReLU, 8 to 16 channels."""
    with torch.device("meta"):
        module = SqueezeExcitation(16, 8, members=1, gate=nn.Hardsigmoid)
    flops = count_flops(Alone(module), torch.empty(1, 16, 4, 4, device="meta"), ())
    assert flops == 16 * 5 * 5 + 16 * 8 + 8 + 8 * 16
    assert sum(p.numel() for p in module.parameters()) == 16 * 8 + 8 + 8 * 16 + 16


@pytest.mark.parametrize("squeeze", [False, True])
def test_costs_of_a_block_by_hand(squeeze: bool) -> None:
    """8 channels to 24 to 16, 4 × 4 positions to 2 × 2; norm and h-swish are 3 per value."""
    with torch.device("meta"):
        style = replace(HARD_STYLE, squeeze=squeeze)
        module = MobileBlock(8, 16, 3, 3.0, members=1, stride=2, style=style)
    flops = count_flops(Alone(module), torch.empty(1, 8, 4, 4, device="meta"), ())
    own = 24 * 16 * (8 + 3) + 24 * 4 * (9 + 3) + 16 * 4 * (24 + 2)
    weighing = 24 * 3 * 3 + 24 * 8 + 8 + 8 * 24
    assert flops == own + squeeze * weighing
    params = 8 * 24 + 24 * 9 + 24 * 16 + 2 * (24 + 24 + 16)
    assert sum(p.numel() for p in module.parameters()) == params + squeeze * (2 * 8 * 24 + 8 + 24)


def test_costs_agree_with_published_ones(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters and multiply-accumulates, which are those of convolutions and the classifier."""
    columns = ["ks", "e", "d", "params", "macs", "image_size"]
    table = pq.read_table(data_dir / "ofa.parquet", columns=columns).to_pandas()
    rows = table[table["macs"].notna()].iloc[[0, 1000, 2000]]
    parts = [np.array(rows[name].tolist()) for name in ("d", "ks", "e", "image_size")]
    shape = ImageShape(size=int(rows["image_size"].iloc[0]), classes=1000)
    monkeypatch.setattr(counts, "_COSTS", {Conv: counts._COSTS[Conv]})
    found = OfaNetwork.counts(OFA, OfaSettings(), OFA.build(*parts), shape)
    np.testing.assert_allclose(1e6 * found.params, rows["params"], atol=0.5, rtol=0)
    np.testing.assert_allclose(1e6 * found.flops, rows["macs"], atol=0.5, rtol=0)


@pytest.mark.parametrize("key", ["proxyless", "macro", "mnasnet", "ofa", "plain"])
def test_costs_of_blocks_add_up_to_those_of_whole_networks(key: str) -> None:
    space = spaces.get("ofa" if key == "plain" else key)
    kind = network_class(space.name)
    settings = OfaSettings(design="plain") if key == "plain" else kind.Settings()
    graphs, shape = space.graphs(space.sample(3, np.random.default_rng(1))), ImageShape(size=40, classes=7)
    found = kind.counts(space, settings, graphs, shape)
    built = counts.count_each(kind, space, settings, kind.plans(graphs), shape)
    np.testing.assert_array_equal(found.flops, built.flops)
    np.testing.assert_array_equal(found.params, built.params)


# Proxies, precision, compiled blocks.


@pytest.mark.parametrize("settings", [SMALL, PLAIN])
def test_proxies(settings: OfaSettings) -> None:
    plan = plans()[0]
    network = OfaNetwork(OFA, settings, only=[plan])
    initialise(network, [0])
    looked_at = Probe(network, plan, Split(noise(8, 3, 8, 8), torch.arange(8)))
    assert all(np.isfinite(proxy(looked_at)) for proxy in PROXIES.values())


def test_units_of_h_swish_count_in_nwot() -> None:
    """Of two images: all units on the diagonal, those that agree off it; on is a positive input."""
    plan = plans()[0]
    network = OfaNetwork(OFA, SMALL, only=[plan])
    initialise(network, [0])
    x = noise(2, 3, 8, 8)
    on: list[Tensor] = []
    handles = [
        m.register_forward_hook(lambda module, inputs, output: on.append((inputs[0] > 0).flatten(1)))
        for m in network.modules()
        if isinstance(m, (nn.ReLU, nn.Hardswish))
    ]
    network(x, plan)
    for handle in handles:
        handle.remove()
    first, second = torch.cat(on, 1)
    same = float((first == second).sum())
    found = PROXIES["nwot"](Probe(network, plan, Split(x, torch.arange(2))))
    assert found == pytest.approx(np.log(len(first) ** 2 - same**2))


def test_low_precision() -> None:
    plan = plans()[0]
    network = OfaNetwork(OFA, SMALL, only=[plan]).eval()
    initialise(network, [0])
    x = noise(4, 3, 8, 8)
    expected = network(x, plan)
    with autocast(x, True):
        found = network(x, plan)
    assert found.dtype == torch.float32
    assert (found - expected).norm() < 0.05 * expected.norm()


def test_every_block_is_compiled(digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which modules are; what the compiler does is torch's affair."""
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(type(self)))
    compile_operations(Trainer(JOB, digits))
    assert compiled == [MobileBlock] * (1 + 5 * OFA_SLOTS * 9)


# Jobs.


@pytest.fixture(scope="module")
def trained(digits: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a trained supernet."""
    return train(JOB, digits, tmp_path_factory.mktemp("supernet"))


def test_training_resumes_bit_for_bit(digits: Images, tmp_path: Path) -> None:
    whole = train(JOB, digits, tmp_path / "whole")
    assert not train(JOB, digits, tmp_path / "stopped", stop=lambda step: step == 1).is_file()
    assert train(JOB, digits, tmp_path / "stopped").read_bytes() == whole.read_bytes()


def test_a_trained_supernet_scores(trained: Path, tmp_path: Path) -> None:
    assert read_supernet(trained).job == JOB
    job = score.score_job(trained, ["nwot"], "", DIGITS, None, recalibrate=100, proxy_batch=8)
    table = score.run(job, CODES[:2], tmp_path / "scores", jobs=1)
    assert np.isfinite(table.values("supernet_loss")).all()
    assert json.loads((tmp_path / "scores" / SETTINGS).read_text())["settings"]["design"]


def test_seeds_side_by_side_are_true_labels(tmp_path: Path) -> None:
    job = truth.TruthJob("ofa", SMALL, DIGITS, QUICK, together=2)
    table = truth.run(job, CODES[:1], 2, tmp_path, jobs=1)
    assert table.values("digits_test_acc_0") != table.values("digits_test_acc_1")


# Folders and files from before there were designs.


OLD = {
    "widths": [8] * 5,
    "strides": [1, 2, 1, 1, 1],
    "stem": 8,
    "stem_stride": 1,
    "first": 8,
    "last": 16,
}


def test_settings_from_before_are_the_plain_design() -> None:
    assert settings_of_json(OfaSettings, OLD) == PLAIN
    assert json.loads(json.dumps(settings_json(PLAIN))) == OLD
    assert settings_json(OfaSettings())["design"] == "mobilenet_v3"
    for settings in (SMALL, PLAIN, OfaSettings()):
        assert settings_of_json(OfaSettings, json.loads(json.dumps(settings_json(settings)))) == settings
    assert set(settings_json(ChainSettings())) == set(OLD)


def test_the_plain_design() -> None:
    """ReLU6, no squeeze-excitation, the last convolution before the classifier, every expansion of tables."""
    with torch.device("meta"):
        network = OfaNetwork(OFA, replace(OfaSettings(), design="plain"))
    kinds = {type(m) for m in network.modules()}
    assert nn.ReLU6 in kinds
    assert not kinds & {nn.ReLU, nn.Hardswish, SqueezeExcitation, MixHead}
    assert network.head.classifier.weight.shape == (10, 1280, 1, 1)
    assert len(network.stages[0].ops) == OFA_SLOTS * 18


def test_an_older_supernet_keeps_its_network(digits: Images, tmp_path: Path) -> None:
    """As a file that knows nothing of designs; so does the one that is written now."""
    before = build(OfaNetwork, OFA, PLAIN, digits, [0])
    save_supernet(tmp_path / "now", before, replace(JOB, settings=PLAIN))
    job: Any = {**JOB.as_json(), "settings": OLD}
    save_file(before.state_dict(), tmp_path / "before", {KEY: json.dumps(job)})
    supernet = read_supernet(tmp_path / "before")
    assert supernet.job.settings == PLAIN
    assert (tmp_path / "now").read_bytes() == (tmp_path / "before").read_bytes()
    network = load_network(supernet, digits)
    assert not any(isinstance(m, (SqueezeExcitation, nn.Hardswish, MixHead)) for m in network.modules())


def test_an_older_folder_is_not_resumed_with_another_network(digits: Images, tmp_path: Path) -> None:
    own = {"job": "train", **replace(JOB, settings=PLAIN).as_json()}
    check_settings(tmp_path / SETTINGS, {**own, "hash": digits.content_hash, "processes": 1})
    with pytest.raises(InputError, match=r"settings.design None then, 'mobilenet_v3' now"):
        train(JOB, digits, tmp_path)
    job = truth.TruthJob("ofa", PLAIN, DIGITS, QUICK, together=1)
    truth.run(job, CODES[:1], 1, tmp_path / "truth", jobs=1)
    kept = json.loads((tmp_path / "truth" / SETTINGS).read_text())
    assert set(kept["settings"]) == set(OLD)
    with pytest.raises(InputError, match=r"settings.design None then"):
        truth.run(replace(job, settings=SMALL), CODES[:1], 1, tmp_path / "truth", jobs=1)


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ({"design": "mobilenet_v2"}, UnknownNameError, "did you mean mobilenet_v3"),
        ({"design": "plain", "mix": 64}, InputError, "mix=64 has no use"),
        ({"mix": -1}, InputError, "mix must be at least 0"),
        ({"last": -1}, InputError, "last must be at least 0"),
    ],
)
def test_settings_that_are_refused(values: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        OfaSettings(**values)


def test_the_default_style_is_the_plain_one() -> None:
    assert BlockStyle().hidden(24, 1.5) == 36
    assert HARD_STYLE.hidden(24, 1.5) == 40


@pytest.mark.parametrize("stem", [4, 12])
def test_the_first_block_has_the_width_of_any_stem(stem: int) -> None:
    network = OfaNetwork(OFA, replace(SMALL, stem=stem), only=[OfaNetwork.plans(OFA.graphs(CODES))[0]])
    assert network.stem(torch.randn(2, 3, 8, 8)).shape[1] == stem
    assert network.first(torch.randn(2, stem, 8, 8)).shape == (2, 8, 8, 8)
