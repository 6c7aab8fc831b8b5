"""Supernets at work: scoring, truth, the command line and what it refuses."""

from __future__ import annotations

import json
import os
import pickle
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
from safetensors.torch import save_file
from support.small_supernet import CODES, DIGITS, JOB, QUICK, SIZE

from benchmarks.base import Benchmark
from data import spaces
from data.errors import AcerankError, InputError, MissingTableError, UnknownNameError
from data.spaces.edges import NB201
from data.spaces.nb101 import N_CELLS
from data.table import Table
from predictors.supernet import images, remote, score, truth
from predictors.supernet.__main__ import app
from predictors.supernet.alone import build
from predictors.supernet.architectures import architectures, sample_distinct
from predictors.supernet.edges import EdgeNetwork
from predictors.supernet.evaluate import judge, recalibrate
from predictors.supernet.images import Images
from predictors.supernet.mini import figures
from predictors.supernet.parts import Parts, run_parts
from predictors.supernet.train import train
from predictors.supernet.weights import KEY, load_network, read_supernet

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def trained(digits: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a trained supernet."""
    return train(JOB, digits, tmp_path_factory.mktemp("supernet"))


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
    bench = nb201.with_weak(Table.read(path))
    assert np.isfinite(bench.weak("supernet_acc")).sum() == len(CODES)
    assert (bench.weak("supernet_loss")[np.isfinite(bench.weak("supernet_loss"))] < 0).all()


def test_scores_are_those_of_the_network(trained: Path, digits: Images, tmp_path: Path) -> None:
    table = score.run(score_job(trained), CODES, tmp_path, jobs=1)
    network = load_network(read_supernet(trained), digits)
    for plan, found in zip(EdgeNetwork.plans(NB201.graphs(CODES)), table.values("supernet_acc"), strict=True):
        recalibrate(network, plan, digits.train.x[:100])
        assert float(judge(network, plan, digits.valid).accuracy) == pytest.approx(found)


def test_scores_are_the_same_on_a_cluster(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_here(
        address: str, job: remote.Job, images: Images, items: dict[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        sent = pickle.loads(pickle.dumps({"job": job, "images": images}))
        for name, item in items.items():
            yield name, remote.call(pickle.dumps(("job", "images", item)), sent)

    monkeypatch.setattr(score, "run_remote", run_here)
    found = score.run(score_job(trained), CODES, tmp_path / "remote", jobs=1, cluster="tcp://host:8786")
    assert found.content_hash == score.run(score_job(trained), CODES, tmp_path / "here", jobs=1).content_hash


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


def test_twins_have_the_mean_of_their_judgements(trained: Path, tmp_path: Path) -> None:
    """The first two are a convolution each, at another place."""
    codes = np.array([[0, 0, 0, 3, 0, 0], [1, 0, 3, 0, 0, 1], [2, 1, 3, 0, 0, 1]])
    job = replace(score_job(trained), proxies=())
    own, mean = (
        score.run(job, codes, tmp_path, jobs=1, average_twins=twins).values("supernet_loss")
        for twins in (False, True)
    )
    assert own[0] != own[1]
    assert mean == pytest.approx([own[:2].mean()] * 2 + [own[2]])


def test_more_images_than_there_are_mean_all(trained: Path, tmp_path: Path) -> None:
    job = replace(score_job(trained), recalibrate=9999, proxies=())
    assert (
        "statistics from 400 images"
        in score.run(job, CODES[:1], tmp_path, jobs=1).columns["supernet_acc"].note
    )


def test_running_statistics_and_test_images(trained: Path, tmp_path: Path) -> None:
    job = replace(score_job(trained, test=True), recalibrate=0, proxies=())
    table = score.run(job, CODES, tmp_path, jobs=1)
    assert "evaluated on test images, running statistics" in table.columns["supernet_acc"].note


def test_recalibration_is_the_mean_over_batches(digits: Images) -> None:
    (plan,) = EdgeNetwork.plans(NB201.graphs(CODES[:1]))
    network = build(EdgeNetwork, NB201, SIZE, digits, [0])
    recalibrate(network, plan, digits.train.x[:100], batch=50)
    x = network.stem.conv(digits.train.x[:100])
    torch.testing.assert_close(network.stem.norm.running_mean, x.mean((0, 2, 3)))


@pytest.mark.parametrize("content", ['{"loss": [1', "{}", "[]", b"\xff"])
def test_a_part_that_is_not_whole_is_done_again(content: str | bytes, trained: Path, tmp_path: Path) -> None:
    first = score.run(score_job(trained), CODES, tmp_path, jobs=1)
    part = next((tmp_path / "parts").iterdir())
    part.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert score.run(score_job(trained), CODES, tmp_path, jobs=1).content_hash == first.content_hash
    (tmp_path / "settings.json").write_text("[1]")
    with pytest.raises(InputError, match=r"settings.json was not written by this project"):
        score.run(score_job(trained), CODES, tmp_path, jobs=1)


def test_a_process_that_dies_is_told(trained: Path, tmp_path: Path) -> None:
    settings = {"job": "none"}
    items = {"a": 1, "b": 2}
    with pytest.raises(AcerankError, match="a process ended before its part was done"):
        run_parts(_die, items, Parts(tmp_path, settings), setup=_die, setup_args=(1,), jobs=2, title="dying")


def _die(item: int) -> dict[str, Any]:
    os._exit(item)


def test_nothing_to_score() -> None:
    with pytest.raises(InputError, match="name a supernet file or proxies"):
        score.score_job(None, [], "nb201", DIGITS, SIZE)
    with pytest.raises(UnknownNameError, match="did you mean synflow"):
        score.score_job(None, ["sinflow"], "nb201", DIGITS, SIZE)


def test_a_missing_and_a_broken_supernet(tmp_path: Path) -> None:
    with pytest.raises(MissingTableError, match=r"supernet train --out FOLDER"):
        read_supernet(tmp_path / "no.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not weights")
    with pytest.raises(InputError, match="not a supernet that this project trained"):
        read_supernet(tmp_path / "bad.safetensors")
    for job in ({}, {**JOB.as_json(), "space": "nowhere"}, {**JOB.as_json(), "more": 1}):
        save_file({}, tmp_path / "bad.safetensors", {KEY: json.dumps(job)})
        with pytest.raises(InputError, match="not a supernet that this project trained"):
            read_supernet(tmp_path / "bad.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "bad.safetensors", {KEY: json.dumps(JOB.as_json())})
    with pytest.raises(InputError, match="its weights do not fit"):
        load_network(read_supernet(tmp_path / "bad.safetensors"), images.load(DIGITS))


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


def test_a_training_that_diverges_is_no_label(tmp_path: Path) -> None:
    job = replace(TRUTH, recipe=replace(QUICK, lr=1e30))
    with pytest.raises(AcerankError, match=r"\|: the loss of seeds \[0, 1\] is not a number"):
        truth.run(job, CODES[:1], 2, tmp_path, jobs=1)


def test_seeds_that_are_there_keep_their_blocks(tmp_path: Path) -> None:
    assert truth.grouping(tmp_path, 2) == 2
    job = replace(TRUTH, together=truth.grouping(tmp_path, 2))
    truth.run(job, CODES[:1], 2, tmp_path, jobs=1)
    assert truth.grouping(tmp_path, 3) == 2


def test_sampled_networks_are_different_and_extendable() -> None:
    codes = sample_distinct(NB201, 50, 1)
    assert len(np.unique(NB201.graphs(codes).canonical_hash())) == 50
    assert np.array_equal(codes[:20], sample_distinct(NB201, 20, 1))
    with pytest.raises(InputError, match="4,930 distinct networks"):
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
    with pytest.raises(InputError, match="set the number n"):
        architectures("darts", None, 0, 0)
    assert len(architectures("nb101", None, 0, 0)) == N_CELLS


def test_figures_by_hand() -> None:
    """Six seeds that agree: every halving does too; a column the other way round has tau −1."""
    label = np.arange(5.0)
    names = ["cifar10_test_acc", *(f"cifar10_test_acc_{s}" for s in range(6)), "cifar10_valid_acc"]
    values = dict.fromkeys([*names, "supernet_acc", "flops", "params"], label)
    values |= dict.fromkeys([*score.PROXIES, "supernet_loss"], -label)
    found = figures(Table(pa.table(values)))
    for name in ("split_half_tau", "single_seed_tau", "tau_flops", "tau_supernet_loss"):
        assert found[name] == pytest.approx(1)
    assert found["tau_synflow"] == pytest.approx(-1)


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
        (["train", "--set", "depth=few"], "depth=few: not a valid value"),
        (["train", "--sampling", "uniformly"], "did you mean uniform"),
        (["train", *SMALL, "--lr", "-1"], "lr must be a number of at least 0, not -1"),
        (["train", *SMALL, "--recipe", "flop=true"], "did you mean flip"),
        (["train", *SMALL, "--recipe", "flip=maybe"], "flip=maybe: not a valid value"),
        (["train", *SMALL, "--device", "gpu"], "give cpu, cuda or cuda:1"),
        (["train", "--images", "nowhere/images"], "there is no folder 'nowhere/images'"),
        (["truth", "--space", "macro", *SMALL[:4], "--set", "stem=-1"], "stem must be at least 0"),
        (["score", "--proxies", "nwot", "--archs", "gone.parquet"], "there is no file 'gone.parquet'"),
        (["score", "--space", "darts", "--proxies", "nwot"], "set the number n"),
        (["train", *SMALL, "--batch", "500"], "200 training images are fewer than a batch of 500"),
        (["score"], "name a supernet file or proxies"),
        (["score", "--supernet", "none.safetensors"], "there is no file 'none.safetensors'"),
        (["truth", *SMALL, "--n", "9999"], "4,930 distinct networks, not 9,999"),
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
    with pytest.raises(InputError, match=r"a 1 then, 3 now\); use those, or another folder"):
        Parts(tmp_path, {"a": 3, "b": 2})


def test_help_imports_no_torch() -> None:

    code = (
        "import sys; from predictors.supernet.__main__ import app; import typer.main; "
        "typer.main.get_command(app); print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
