"""Supernets at work: training, exact resume, scoring, truth, the command line and what it refuses."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from benchmarks.base import Benchmark
from data import spaces
from data.errors import InputError, MissingTableError, TableError, UnknownNameError
from data.space import NB201
from data.table import Table
from predictors.supernet import images, score, truth
from predictors.supernet.__main__ import app
from predictors.supernet.alone import build
from predictors.supernet.architectures import architectures, sample_distinct
from predictors.supernet.edges import EdgeNetwork, EdgeSettings
from predictors.supernet.evaluate import judge, recalibrate
from predictors.supernet.images import Images, ImageSettings
from predictors.supernet.job import TrainJob
from predictors.supernet.mini import figures
from predictors.supernet.parts import Parts
from predictors.supernet.recipe import Recipe, augment, batches, shifted
from predictors.supernet.sampling import SAMPLINGS
from predictors.supernet.session import run_training
from predictors.supernet.train import Trainer, train
from predictors.supernet.weights import load_network, read_supernet

DIGITS = ImageSettings("digits", train=400, valid=200)
SIZE = EdgeSettings((8,), depth=1)
QUICK = Recipe(epochs=2, batch=50, lr=0.1, crop=0, flip=False)
JOB = TrainJob("nb201", SIZE, DIGITS, QUICK)
CODES = sample_distinct(NB201, 6, 0)
STEP = Trainer.step


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Several threads only wait for each other at such small sizes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def digits() -> Images:
    return images.load(DIGITS)


@pytest.fixture(scope="module")
def trained(digits: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a trained supernet."""
    return train(JOB, digits, tmp_path_factory.mktemp("supernet"))


# Training.


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
from test_supernet_jobs import JOB, STEP, Trainer, run_training
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
    command = [sys.executable, "-c", STOPPED, str(Path(__file__).parent), str(int(number)), str(folder)]
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
    with pytest.raises(InputError, match=r"\(recipe.lr 0.1 there, 0.2 now\)"):
        train(replace(JOB, recipe=replace(QUICK, lr=0.2)), digits, tmp_path)


def test_a_broken_checkpoint_is_named(digits: Images, tmp_path: Path) -> None:
    train(JOB, digits, tmp_path, stop=lambda step: True)
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"checkpoint.pt is not a whole checkpoint .*; delete it"):
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


# Scores.


def score_job(trained: Path, **fields: Any) -> score.ScoreJob:
    return score.score_job(trained, ["synflow"], "", DIGITS, None, recalibrate=100, proxy_batch=8, **fields)


def test_scores_are_weak_labels_of_the_benchmark(trained: Path, nb201: Benchmark, tmp_path: Path) -> None:
    table = score.run(score_job(trained), CODES, tmp_path, jobs=1)
    names = ["supernet_acc", "supernet_loss", "supernet_flops", "supernet_params", "synflow"]
    assert table.names == ["space", "arch", *names]
    assert read_supernet(trained).hash in table.columns["supernet_acc"].note
    assert {column.kind for column in table.columns.values()} == {"weak"}
    path = Table(table.arrow.drop(["synflow"]), table.columns).write(tmp_path / "weak.parquet")
    bench = type(nb201)(nb201.table)
    bench.add_weak(Table.read(path))
    assert np.isfinite(bench.weak("supernet_acc")).sum() == len(CODES)
    assert (bench.weak("supernet_loss")[np.isfinite(bench.weak("supernet_loss"))] < 0).all()


def test_scores_are_those_of_the_network(trained: Path, digits: Images, tmp_path: Path) -> None:
    table = score.run(score_job(trained), CODES, tmp_path, jobs=1)
    network = load_network(read_supernet(trained), digits)
    for plan, found in zip(EdgeNetwork.plans(NB201.graphs(CODES)), table.values("supernet_acc"), strict=True):
        recalibrate(network, plan, digits.train.x[:100])
        assert float(judge(network, plan, digits.valid).accuracy) == pytest.approx(found)


def test_scores_that_are_there_are_not_computed_again(trained: Path, tmp_path: Path) -> None:
    first = score.run(score_job(trained), CODES, tmp_path, jobs=1)
    part = next((tmp_path / "parts").iterdir())
    before = part.stat().st_mtime_ns
    again = score.run(score_job(trained), CODES, tmp_path, jobs=1)
    assert part.stat().st_mtime_ns == before
    assert again.content_hash == first.content_hash


def test_cells_that_are_one_computation_are_judged_once(trained: Path, tmp_path: Path) -> None:
    """In the first and the last nothing comes out of node 1, so what goes into it is no matter."""
    codes = np.array([[3, 1, 0, 3, 0, 3], [2, 1, 1, 3, 0, 3], [2, 1, 0, 3, 0, 3]])
    job = replace(score_job(trained), proxies=())
    values = score.run(job, codes, tmp_path, jobs=1).values("supernet_loss")
    (part,) = (tmp_path / "parts").iterdir()
    assert len(json.loads(part.read_text())["loss"]) == 2
    assert values[0] == values[2] != values[1]
    for code, value in zip(codes, values, strict=True):
        assert score.run(job, code[None], tmp_path / str(code), jobs=1).values("supernet_loss") == value


def test_running_statistics_and_test_images(trained: Path, tmp_path: Path) -> None:
    job = replace(score_job(trained, test=True), recalibrate=0, proxies=())
    table = score.run(job, CODES, tmp_path, jobs=1)
    assert "judged on test images, running statistics" in table.columns["supernet_acc"].note


def test_recalibration_is_the_mean_over_batches(digits: Images) -> None:
    (plan,) = EdgeNetwork.plans(NB201.graphs(CODES[:1]))
    network = build(EdgeNetwork, NB201, SIZE, digits, [0])
    recalibrate(network, plan, digits.train.x[:100], batch=50)
    x = network.stem.conv(digits.train.x[:100])
    torch.testing.assert_close(network.stem.norm.running_mean, x.mean((0, 2, 3)))


def test_nothing_to_score() -> None:
    with pytest.raises(InputError, match="give --supernet FILE, or --proxies"):
        score.score_job(None, [], "nb201", DIGITS, SIZE)
    with pytest.raises(UnknownNameError, match="did you mean synflow"):
        score.score_job(None, ["sinflow"], "nb201", DIGITS, SIZE)


def test_a_missing_and_a_broken_supernet(tmp_path: Path) -> None:
    with pytest.raises(MissingTableError, match=r"supernet train --out FOLDER"):
        read_supernet(tmp_path / "no.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not weights")
    with pytest.raises(InputError, match="not a supernet that this project trained"):
        read_supernet(tmp_path / "bad.safetensors")


# True labels.


TRUTH = truth.TruthJob("nb201", SIZE, DIGITS, QUICK, together=2)


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    one = truth.run(TRUTH, CODES[:3], 2, tmp_path / "one", jobs=1)
    two = truth.run(TRUTH, CODES[:3], 2, tmp_path / "two", jobs=2)
    assert one.content_hash == two.content_hash
    assert one.names[:6] == [
        "space",
        "arch",
        "digits_test_acc",
        "digits_test_acc_0",
        "digits_test_acc_1",
        "digits_valid_acc",
    ]


def test_more_seeds_and_architectures_keep_what_is_there(tmp_path: Path) -> None:
    few = truth.run(TRUTH, CODES[:2], 2, tmp_path, jobs=1)
    more = truth.run(TRUTH, CODES[:3], 4, tmp_path, jobs=1)
    assert np.array_equal(more.values("digits_test_acc_1")[:2], few.values("digits_test_acc_1"))
    mean = np.mean([more.values(f"digits_test_acc_{seed}") for seed in range(4)], axis=0)
    np.testing.assert_allclose(more.values("digits_test_acc"), mean, rtol=1e-6)
    assert sorted(path.stem[-3:] for path in (tmp_path / "parts").glob("*")) == ["0-1"] * 3 + ["2-3"] * 3


def test_seeds_that_are_there_keep_their_blocks(tmp_path: Path) -> None:
    assert truth.grouping(tmp_path, 2) == 2
    job = replace(TRUTH, together=truth.grouping(tmp_path, 2))
    truth.run(job, CODES[:1], 2, tmp_path, jobs=1)
    assert truth.grouping(tmp_path, 3) == 2


def test_sampled_networks_are_different_and_extendable() -> None:
    codes = sample_distinct(NB201, 50, 1)
    assert len(np.unique(NB201.graphs(codes).canonical_hash())) == 50
    assert np.array_equal(codes[:20], sample_distinct(NB201, 20, 1))
    with pytest.raises(InputError, match="4,930 different networks"):
        sample_distinct(NB201, 5000, 0)
    big = spaces.get("darts")
    assert sample_distinct(big, 5, 0).shape == (5, len(big.choices))


def test_architectures_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "archs.parquet"
    Table(pa.table({"arch": NB201.format(CODES)})).write(path)
    assert np.array_equal(architectures("nb201", path, 0, 0), CODES)
    assert np.array_equal(architectures("nb201", path, 2, 0), CODES[:2])
    Table(pa.table({"name": ["a"]})).write(path)
    with pytest.raises(InputError, match=r"no column 'arch': .*benchmarks.info BENCH --archs FILE"):
        architectures("nb201", path, 0, 0)
    for texts, space, reason in [
        (NB201.format(CODES[[0, 0]]), "nb201", "twice"),
        (NB201.format(CODES), "darts", "'darts', not 'nb201'"),
    ]:
        Table(pa.table({"space": [space] * len(texts), "arch": texts})).write(path)
        with pytest.raises(InputError, match=reason):
            architectures("nb201", path, 0, 0)
    with pytest.raises(InputError, match="give --n or --archs"):
        architectures("darts", None, 0, 0)


def test_figures_by_hand() -> None:
    """Six seeds that agree: every halving does too; a column the other way round has tau −1."""
    label = np.arange(5.0)
    names = ["cifar10_test_acc", *(f"cifar10_test_acc_{s}" for s in range(6)), "cifar10_valid_acc"]
    values = dict.fromkeys([*names, "supernet_acc", "flops", "params"], label)
    values |= dict.fromkeys(score.PROXIES, -label)
    found = figures(Table(pa.table(values)))
    for name in ("split_half_tau", "single_seed_tau", "tau_flops"):
        assert found[name] == pytest.approx(1)
    assert found["tau_synflow"] == pytest.approx(-1)


# Images.


def test_digits_are_split_and_normalised(digits: Images) -> None:
    assert (len(digits.train), len(digits.valid), digits.channels, digits.classes) == (400, 200, 1, 10)
    assert digits.train.x.mean().abs() < 1e-5
    more = images.load(replace(DIGITS, train=500))
    assert torch.equal(more.valid.y, digits.valid.y)
    with pytest.raises(InputError, match="not enough for 200 held out and 5000"):
        images.load(replace(DIGITS, train=5000))


def test_resizing_takes_means_over_areas() -> None:
    small = images.load(replace(DIGITS, size=4))
    assert small.test.x.shape[-2:] == (4, 4)


def test_unknown_images() -> None:
    with pytest.raises(UnknownNameError, match="did you mean cifar10"):
        images.load(ImageSettings("cifar-10"))


def batch(n: int, labels: bytes, values: int) -> dict[bytes, Any]:
    return {b"data": np.full((n, values), 7, np.uint8), labels: list(range(n))}


def test_official_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACERANK_DATA", str(tmp_path))
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        (folder / name).write_bytes(pickle.dumps(batch(4, b"labels", 3072), protocol=2))
    loaded = images.load(ImageSettings("cifar10"))
    assert (len(loaded.train), len(loaded.test), loaded.train.x.shape[1:]) == (20, 4, (3, 32, 32))
    with pytest.raises(MissingTableError, match=r"neither cifar-100-python/ nor cifar-100-python.tar.gz"):
        images.load(ImageSettings("cifar100"))
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(b"broken")
    with pytest.raises(TableError, match="not a whole archive"):
        images.load(ImageSettings("cifar100"))
    (folder / "test_batch").write_bytes(pickle.dumps(print, protocol=2))
    with pytest.raises(TableError, match="test_batch"):
        images.load(ImageSettings("cifar10"))


def test_imagenet16_counts_its_classes_from_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACERANK_DATA", str(tmp_path))
    folder = tmp_path / "ImageNet16"
    folder.mkdir()
    for name in [*(f"train_data_batch_{i}" for i in range(1, 11)), "val_data"]:
        content = {"data": np.zeros((3, 768), np.uint8), "labels": [1, 120, 121]}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    loaded = images.load(ImageSettings("imagenet16"))
    assert sorted(set(loaded.train.y.tolist())) == [0, 119]
    assert (len(loaded.train), len(loaded.test)) == (20, 2)


def test_a_folder_of_images(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(7):
            image.new("RGB", (12, 9), (10 * i, 0, 0)).save(tmp_path / name / f"{i}.png")
    loaded = images.load(ImageSettings(str(tmp_path), size=8))
    assert (len(loaded.train), len(loaded.test), loaded.classes) == (10, 4, 2)
    with pytest.raises(InputError, match="give --size"):
        images.load(ImageSettings(str(tmp_path)))
    (tmp_path / "dog" / "6.png").write_bytes(b"broken")
    with pytest.raises(TableError, match=r"6.png is not a whole image"):
        images.load(ImageSettings(str(tmp_path), size=8))


# The command line.


def run(*args: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    from data.cli import run_cli

    with pytest.raises(SystemExit) as ended:
        run_cli(app, list(args), prog="python -m predictors.supernet")
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


SMALL = (
    "--images",
    "digits",
    "--train-images",
    "200",
    "--set",
    "widths=4",
    "--set",
    "depth=1",
    "--epochs",
    "1",
)


def test_train_then_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "net"
    code, said, _ = run("train", *SMALL, "--batch", "50", "--out", str(out), capsys=capsys)
    assert (code, said) == (0, f"{out / 'supernet.safetensors'}\n")
    args = ("score", "--supernet", said.strip(), "--n", "3", "--out", str(tmp_path / "scores"))
    code, said, _ = run(*args, capsys=capsys)
    assert code == 0
    assert len(Table.read(Path(said.strip()))) == 3


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["train", "--space", "nb2001"], "did you mean nb201"),
        (["train", "--set", "width=3"], "did you mean widths"),
        (["train", "--set", "depth=0"], "depth must be at least 1, not 0"),
        (["train", "--set", "widths=16,0"], "widths must be at least 1, not (16, 0)"),
        (
            ["train", "--space", "macro", "--images", "digits", "--set", "widths=8"],
            "has 3 stages: give as many",
        ),
        (["train", "--set", "depth=few"], "depth=few: not a value"),
        (["train", "--sampling", "uniformly"], "did you mean uniform"),
        (["train", *SMALL, "--batch", "500"], "200 training images are fewer than a batch of 500"),
        (["score"], "give --supernet FILE, or --proxies"),
        (["score", "--supernet", "none.safetensors"], "there is no file 'none.safetensors'"),
        (["truth", *SMALL, "--n", "9999"], "4,930 different networks, not 9,999"),
        pytest.param(
            ["truth", "--device", "cuda"],
            "no GPU that torch can use",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU"),
        ),
    ],
)
def test_refusals_are_one_line(
    args: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, _, said = run(*args, *(["--out", str(tmp_path)]), capsys=capsys)
    assert code == 2
    assert message in said
    assert said.count("\n") == 1


def test_a_folder_of_another_job_is_refused(tmp_path: Path) -> None:
    Parts(tmp_path, {"a": 1, "b": 2})
    with pytest.raises(InputError, match=r"a 1 there, 3 now\); give those, or another --out"):
        Parts(tmp_path, {"a": 3, "b": 2})


def test_help_imports_no_torch() -> None:
    import subprocess

    code = (
        "import sys; from predictors.supernet.__main__ import app; import typer.main; "
        "typer.main.get_command(app); print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
