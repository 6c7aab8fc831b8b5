"""Training supernets: exact resume, whose weights a step changes, sampling, batches."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.small_supernet import JOB, QUICK

from data import spaces
from data.errors import InputError
from data.spaces.edges import NB201
from predictors.supernet.edges import EdgeNetwork
from predictors.supernet.evaluate import judge, recalibrate
from predictors.supernet.images import Images
from predictors.supernet.recipe import Recipe, augment, batches, shifted
from predictors.supernet.sampling import SAMPLINGS
from predictors.supernet.session import run_training
from predictors.supernet.train import Trainer, train

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_trained_path_beats_an_untrained_one(digits: Images) -> None:
    job = replace(JOB, recipe=replace(QUICK, epochs=6))
    (plan,) = EdgeNetwork.plans(NB201.graphs(np.array([[3, 1, 3, 1, 1, 3]])))
    trainer = Trainer(job, digits)
    trainer.sample = lambda step: np.array([[3, 1, 3, 1, 1, 3]])
    accuracies = []
    for _ in range(2):
        recalibrate(trainer.network, plan, digits.train.x)
        accuracies.append(float(judge(trainer.network, plan, digits.valid).accuracy))
        while trainer.done < trainer.steps:
            trainer.step()
    assert accuracies[1] > accuracies[0] + 20


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_run_that_was_stopped_goes_on_bit_for_bit(sampling: str, digits: Images, tmp_path: Path) -> None:
    job = replace(JOB, sampling=sampling, paths=2)
    whole = train(job, digits, tmp_path / "whole")
    stopped = train(job, digits, tmp_path / "stopped", stop=lambda step: step == 5)
    assert not stopped.is_file()
    assert train(job, digits, tmp_path / "stopped").read_bytes() == whole.read_bytes()


STOPPED = """
import signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.small_supernet import JOB
from predictors.supernet.session import run_training
from predictors.supernet.train import Trainer
STEP = Trainer.step
def step(self):
    if self.done == 2:
        signal.raise_signal(int(sys.argv[2]))
    return STEP(self)
Trainer.step = step
run_training(JOB, Path(sys.argv[3]), device="cpu")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_is_done(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    command = [sys.executable, "-c", STOPPED, str(Path(__file__).parents[2]), str(int(number)), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "KeyboardInterrupt" in done.stderr
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["step"] == 3
    stopped, once = (run_training(JOB, path, device="cpu") for path in (folder, tmp_path / "once"))
    assert stopped.read_bytes() == once.read_bytes()


def test_a_step_changes_only_the_weights_of_its_path(digits: Images) -> None:
    """Neither weight decay nor momentum moves the others."""
    trainer = Trainer(JOB, digits)
    convs = np.array([[3, 3, 3, 3, 3, 3]]), np.array([[2, 1, 1, 1, 1, 2]])
    for codes in convs:
        before = {name: p.detach().clone() for name, p in trainer.network.named_parameters()}
        trainer.sample = lambda step, codes=codes: codes
        trainer.step()
        changed = {n for n, p in trainer.network.named_parameters() if not torch.equal(before[n], p)}
        kernels = {name.split("nor_conv_")[1][0] for name in changed if "nor_conv_" in name}
        assert kernels == {"3" if codes[0, 0] == 3 else "1"}


def test_other_settings_on_resume_are_refused(digits: Images, tmp_path: Path) -> None:
    train(JOB, digits, tmp_path, stop=lambda step: True)
    with pytest.raises(InputError, match=r"\(recipe.lr 0.1 then, 0.2 now\)"):
        train(replace(JOB, recipe=replace(QUICK, lr=0.2)), digits, tmp_path)


def test_a_broken_checkpoint_is_named(digits: Images, tmp_path: Path) -> None:
    train(JOB, digits, tmp_path, stop=lambda step: True)
    checkpoint = tmp_path / "checkpoint.pt"
    whole = checkpoint.read_bytes()
    for content in (whole[:1000], b"", pickle.dumps(print, 2)):
        checkpoint.write_bytes(content)
        with pytest.raises(InputError, match=r"checkpoint.pt is not a complete checkpoint .*; delete it"):
            train(JOB, digits, tmp_path)
    torch.save([1], checkpoint)
    with pytest.raises(InputError, match=r"checkpoint.pt is not a complete checkpoint .*; delete it"):
        train(JOB, digits, tmp_path)


def test_compiled_operations_compute_the_same(digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which modules are compiled; what the compiler does is torch's affair."""
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(type(self).__name__))
    from predictors.supernet.train import compile_operations

    compile_operations(Trainer(JOB, digits))
    assert set(compiled) == {"ReluConvBn"}


# Sampling.


def flops(codes: np.ndarray) -> np.ndarray:
    return (codes == 3).sum(1)


def test_every_option_has_its_turn_in_a_fair_step() -> None:
    codes = SAMPLINGS["fair"](NB201, 2, 0, flops)(7)
    assert codes.shape == (10, 6)
    for first in (0, 5):
        assert (np.sort(codes[first : first + 5], axis=0) == np.arange(5)[:, None]).all()


def test_fairness_needs_a_space_of_free_choices() -> None:
    with pytest.raises(InputError, match="not every combination of options"):
        SAMPLINGS["fair"](spaces.get("nb101"), 1, 0, flops)


def test_a_sandwich_has_both_ends() -> None:
    codes = SAMPLINGS["sandwich"](NB201, 1, 0, flops)(0)
    assert flops(codes)[0] == max(flops(codes))
    assert flops(codes)[1] == 0
    assert len(codes) == 3


@pytest.mark.parametrize("name", SAMPLINGS)
def test_a_sample_is_a_function_of_the_step(name: str) -> None:
    first, second = (SAMPLINGS[name](NB201, 2, 3, flops) for _ in range(2))
    assert np.array_equal(first(9), second(9))
    assert not np.array_equal(first(9), first(10))


# Batches.


def test_shifting_by_hand() -> None:
    x = torch.arange(4.0).view(1, 1, 1, 2, 2)
    cut = shifted(x, torch.tensor([[[0, 1]]]), 1)
    assert cut.flatten().tolist() == [0, 0, 0, 1]
    assert torch.equal(shifted(x, torch.tensor([[[1, 1]]]), 1), x)


def test_members_have_batches_and_augmentation_of_their_own() -> None:
    def once(seeds: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        (rows,) = batches(8, Recipe(batch=8), generators)
        x = torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0))[rows]
        return rows, augment(x, Recipe(), generators)

    rows, x = once([1, 2])
    alone_rows, alone_x = once([2])
    assert torch.equal(rows[:, 1:], alone_rows)
    assert torch.equal(x[:, 1:], alone_x)
    assert not torch.equal(rows[:, 0], rows[:, 1])
