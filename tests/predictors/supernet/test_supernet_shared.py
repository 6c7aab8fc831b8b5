"""Shared judging, learning rates by complexity, momenta apart, split supernets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from support.small_supernet import CODES, DIGITS, JOB, QUICK

from data.errors import InputError, MissingTableError, UnknownNameError
from data.spaces.edges import NB201
from data.table import Column, Table
from predictors.supernet import linear, score
from predictors.supernet.alone import build
from predictors.supernet.courses import ComplexityDecay
from predictors.supernet.edges import EdgeNetwork, EdgeSettings
from predictors.supernet.evaluate import judge, recalibrate
from predictors.supernet.images import Images
from predictors.supernet.mix import mix
from predictors.supernet.shared import SharedJudge
from predictors.supernet.split import parts, split
from predictors.supernet.train import Trainer, train
from predictors.supernet.weights import load_network, read_supernet

pytestmark = pytest.mark.usefixtures("one_thread")

# Every operation on every edge, an empty cell, one of identities alone.
CELLS = np.array(
    [[2, 3, 1, 4, 0, 2], [4, 1, 2, 3, 3, 4], [1, 4, 3, 2, 4, 3], [3, 0, 4, 0, 2, 1], [0] * 6, [1] * 6]
)


def edge_network(size: EdgeSettings, digits: Images) -> EdgeNetwork:
    network = build(EdgeNetwork, NB201, size, digits, [0])
    assert isinstance(network, EdgeNetwork)
    return network


@pytest.mark.parametrize(
    "size",
    [
        EdgeSettings((4, 8), depth=2),
        EdgeSettings((32, 8), depth=1, reduction="conv"),
        EdgeSettings((4, 4, 8), depth=1, stem_stride=2),
    ],
    ids=["residual", "large", "halved"],
)
def test_shared_judging_is_that_of_the_network(size: EdgeSettings, digits: Images) -> None:
    network = edge_network(size, digits)
    x = digits.train.x[:301]
    shared = SharedJudge(network, x, digits.valid, amp=False)
    plans = EdgeNetwork.plans(NB201.graphs(CELLS))
    for plan in (*plans, plans[0]):
        found = shared.judge(plan)
        recalibrate(network, plan, x)
        expected = judge(network, plan, digits.valid)
        torch.testing.assert_close(found.loss, expected.loss, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found.accuracy, expected.accuracy)


def test_shared_judging_in_low_precision_is_close(digits: Images) -> None:
    network = edge_network(EdgeSettings((16, 16), depth=1), digits)
    shared = SharedJudge(network, digits.train.x, digits.valid, amp=True)
    for plan in EdgeNetwork.plans(NB201.graphs(CELLS)):
        recalibrate(network, plan, digits.train.x, amp=True)
        expected = judge(network, plan, digits.valid, amp=True)
        torch.testing.assert_close(shared.judge(plan).loss, expected.loss, rtol=0.02, atol=0.02)


def test_sums_without_onednn_are_the_same(digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    network = edge_network(EdgeSettings((32,), depth=2), digits)
    (plan,) = EdgeNetwork.plans(NB201.graphs(CELLS[1:2]))
    losses = []
    for adding in (linear.ADDING, None):
        monkeypatch.setattr(linear, "ADDING", adding)
        losses.append(SharedJudge(network, digits.train.x, digits.valid, amp=False).judge(plan).loss)
    torch.testing.assert_close(*losses)


def test_the_cache_forgets(digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    network = edge_network(EdgeSettings((8,), depth=1), digits)
    plans = EdgeNetwork.plans(NB201.graphs(CELLS))
    shared = SharedJudge(network, digits.train.x, digits.valid, amp=False)
    before = [shared.judge(plan).loss for plan in plans]
    monkeypatch.setattr("predictors.supernet.shared.CACHE_BYTES", 0)
    shared = SharedJudge(network, digits.train.x, digits.valid, amp=False)
    assert all(torch.equal(shared.judge(plan).loss, loss) for plan, loss in zip(plans, before, strict=True))
    assert len(shared.cache) == 1


def test_computations_of_nas_bench_201() -> None:
    """Identity and pooling may stand on any edge; a convolution has weights of its own."""
    plans = EdgeNetwork.plans(NB201.graphs(NB201.enumerate()))
    assert len({EdgeNetwork.computed(NB201, plan) for plan in plans}) == 7548
    pool, conv = ([(op, 0, 0, 0, 1, 0), (1, 0, 0, 0, op, 0)] for op in (4, 3))
    assert len({EdgeNetwork.computed(NB201, plan) for plan in pool}) == 1
    assert len({EdgeNetwork.computed(NB201, plan) for plan in conv}) == 2


# Recalibrations.


@pytest.fixture(scope="module")
def trained(digits: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a trained supernet."""
    return train(JOB, digits, tmp_path_factory.mktemp("supernet"))


def test_scores_are_means_over_recalibrations(trained: Path, digits: Images, tmp_path: Path) -> None:
    job = score.score_job(trained, [], "", DIGITS, None, recalibrate=100, recalibrations=2)
    table = score.run(job, CODES[:2], tmp_path, jobs=1)
    assert "statistics from 2 times 100 images" in table.columns["supernet_loss"].note
    network = load_network(read_supernet(trained), digits)
    for plan, value in zip(
        EdgeNetwork.plans(NB201.graphs(CODES[:2])), table.values("supernet_loss"), strict=True
    ):
        losses = []
        for part in digits.train.x[:200].split(100):
            recalibrate(network, plan, part)
            losses.append(float(judge(network, plan, digits.valid).loss))
        assert np.mean(losses) == pytest.approx(value, rel=1e-5)
    with pytest.raises(InputError, match="5 recalibrations of 100 images"):
        score.run(replace(job, recalibrations=5), CODES[:2], tmp_path, jobs=1)


# Training.


def test_decay_by_hand() -> None:
    decay = ComplexityDecay(NB201, lambda codes: 10.0 ** codes.sum(1), 3.0, 0)
    decay.smallest, decay.largest = np.log(1.0), np.log(1e4)
    codes = np.array([[0] * 6, [2, 0, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0]])
    assert decay.exponents(codes) == pytest.approx([3, 1, 1 / 3])
    assert decay.weights(codes, 0, 10) == pytest.approx([1, 1, 1])
    assert decay.weights(codes, 5, 10) == pytest.approx([0.25, 1, 0.5 ** (-2 / 3)])
    with pytest.raises(InputError, match=r"at least 1, not 0\.5"):
        ComplexityDecay(NB201, lambda codes: 1.0 + codes.sum(1), 0.5, 0)


@pytest.mark.parametrize("fields", [{"decay": 3.0}, {"apart": 3}], ids=str)
def test_options_resume_bit_for_bit(fields: dict[str, float], digits: Images, tmp_path: Path) -> None:
    job = replace(JOB, sampling="fair", **fields)
    whole = train(job, digits, tmp_path / "whole")
    train(job, digits, tmp_path / "stopped", stop=lambda step: step == 5)
    assert train(job, digits, tmp_path / "stopped").read_bytes() == whole.read_bytes()


def test_momenta_are_apart(digits: Images) -> None:
    trainer = Trainer(replace(JOB, sampling="fair", apart=3), digits)
    trainer.sample = lambda step: np.array([[3, 3, 3, 2, 3, 3]])
    trainer.step()
    assert [bool(optimiser.state) for optimiser in trainer.optimisers] == [False, False, True, False, False]
    with pytest.raises(InputError, match="places 0 to 5, not 6"):
        replace(JOB, apart=6)


# Split supernets.


def test_a_split_supernet_scores_each_cell_by_its_part(trained: Path, digits: Images, tmp_path: Path) -> None:
    paths = split(trained, 3, tmp_path / "split", epochs=1, lr=0.01, device="cpu")
    assert [path.parent.name for path in paths] == ["0", "1", "2", "3", "4"]
    job = score.score_job(tmp_path / "split", [], "", DIGITS, None, recalibrate=100)
    table = score.run(job, CODES, tmp_path / "scores", jobs=1)
    for code, value in zip(CODES, table.values("supernet_loss"), strict=True):
        network = load_network(read_supernet(paths[code[3]]), digits)
        (plan,) = EdgeNetwork.plans(NB201.graphs(code[None]))
        recalibrate(network, plan, digits.train.x[:100])
        assert float(judge(network, plan, digits.valid).loss) == pytest.approx(value, rel=1e-5)
    with pytest.raises(InputError, match="is a part of a split supernet"):
        split(paths[0], 3, tmp_path / "again", epochs=1, lr=0.01, device="cpu")
    paths[2].unlink()
    with pytest.raises(InputError, match="one part for every choice"):
        parts(tmp_path / "split")
    with pytest.raises(MissingTableError, match="supernet split"):
        parts(tmp_path)


def test_what_cannot_be_split(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="places 0 to 5, not 6"):
        split(trained, 6, tmp_path, epochs=1, lr=0.1, device="cpu")
    assert QUICK.lr_at(5, 10, linear=True) == pytest.approx(0.05)


# Mixes.


def weak_table(path: Path, codes: np.ndarray, **columns: list[float]) -> Path:
    described = {name: Column(name, "", name, "", -1 if name == "loss" else 1, "weak") for name in columns}
    arrow = pa.table({"space": ["nb201"] * len(codes), "arch": NB201.format(codes), **columns})
    return Table(arrow, described).write(path)


def test_a_mix_by_hand(tmp_path: Path) -> None:
    """The first two cells are one network; of the loss less is better; the fourth is in one table alone."""
    codes = np.array([[0, 0, 0, 3, 0, 0], [1, 0, 3, 0, 0, 1], [2, 1, 3, 0, 0, 1], [2, 2, 2, 2, 2, 2]])
    one = weak_table(tmp_path / "one.parquet", codes, loss=[1.0, 3.0, 4.0, 0.0])
    two = weak_table(tmp_path / "two.parquet", codes[:3], nwot=[1.0, 1.0, 5.0])
    table = mix([one, two], ["loss", "nwot", "nwot"])
    assert table.column("arch").to_pylist() == NB201.format(codes[:3])
    assert table.values("mix") == pytest.approx([2 / 3, 2 / 3, 2.5 / 3])
    with pytest.raises(UnknownNameError, match="did you mean nwot"):
        mix([one, two], ["nwat"])
    with pytest.raises(InputError, match="at least one table and one column"):
        mix([one], [])
    with pytest.raises(InputError, match="no architecture is in all"):
        mix([one, weak_table(tmp_path / "other.parquet", codes[:0], nwot=[])], ["loss"])
