"""Releases of NAS-Bench-201, NATS-Bench and TransNAS-Bench-101 that contradict themselves are refused."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from support import official_nats as official

from data.convert import FORMATS, convert_path
from data.convert.nats import SIZE, TOPOLOGY
from data.convert.transnas import EARLY, MACRO, METRICS, MICRO
from data.errors import TableError
from data.table import Table

N = 12
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def release(data_dir: Path) -> dict[str, Any]:
    archs = pq.read_table(data_dir / "nb201.parquet", columns=["arch"])["arch"].to_pylist()[:N]
    rng = np.random.default_rng(1)
    return official.release(archs, {i: official.record(i, arch, rng) for i, arch in enumerate(archs)})


def file_of(content: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "NAS-Bench-201-v1_0-e61699.pickle.pbz2"
    official.write_bz2(path, content)
    return path


def read_file(content: dict[str, Any], tmp_path: Path) -> Table:
    return replace(TOPOLOGY, rows=N).read(file_of(content, tmp_path), lambda share: None)


def trial(content: dict[str, Any]) -> dict[str, Any]:
    return content["arch2infos"][3]["full"]["all_results"]["cifar10", 777]


def full(content: dict[str, Any]) -> dict[str, Any]:
    return content["arch2infos"][3]["full"]


def accuracy(value: object) -> Change:
    return lambda content: trial(content)["eval_acc1es"].__setitem__("ori-test@199", value)


PLACE = "architecture 3, 200 epochs, cifar10, seed 777: "
WRONG: list[tuple[Change, str]] = [
    (accuracy(float("nan")), PLACE + "ori-test@199 is nan, not a number in 0..100"),
    (accuracy(float("inf")), PLACE + "ori-test@199 is inf"),
    (accuracy(100.5), PLACE + "ori-test@199 is 100.5"),
    (accuracy(-1), PLACE + "ori-test@199 is -1"),
    (accuracy(True), PLACE + "ori-test@199 is True"),
    (accuracy("93"), PLACE + "ori-test@199 is '93'"),
    (accuracy([93.0]), PLACE + "ori-test@199 is a list"),
    (accuracy(np.arange(3)), PLACE + "ori-test@199 is a ndarray"),
    (lambda c: trial(c)["eval_acc1es"].pop("ori-test@199"), PLACE + "ori-test@199 is None"),
    (lambda c: trial(c).update(eval_acc1es=None), PLACE + "None where a dict belongs"),
    (lambda c: trial(c).update(seed="888"), PLACE + "claims to be 'cifar10', seed '888'"),
    (lambda c: trial(c).update(seed=np.arange(2)), PLACE + "claims to be 'cifar10', seed a ndarray"),
    (lambda c: trial(c).update(name="cifar100"), PLACE + "claims to be 'cifar100', seed '777'"),
    (lambda c: trial(c).update(epochs=12), PLACE + "a training of 12 epochs"),
    (lambda c: trial(c).update(epochs=np.arange(2)), PLACE + "a training of a ndarray epochs"),
    (lambda c: trial(c).update(flop=float("nan")), PLACE + "flop is nan"),
    (lambda c: full(c)["dataset_seed"].update(cifar10=[777, 777]), "seeds listed are [777, 777]"),
    (lambda c: full(c)["dataset_seed"].update(cifar10=[999]), "seeds listed are [999]"),
    (lambda c: full(c)["dataset_seed"].update(cifar10=[1]), "not among the official ones"),
    (lambda c: full(c)["dataset_seed"].update(cifar10=[((((),),),)]), "not among the official ones"),
    (lambda c: full(c)["dataset_seed"].pop("cifar100"), "cifar100: the seeds listed are []"),
    (lambda c: full(c)["all_results"].clear(), "those with results []"),
    (lambda c: full(c).update(arch_index=4), "claims to be architecture 4"),
    (lambda c: full(c).update(arch_index=np.arange(2)), "claims to be architecture a ndarray"),
    (lambda c: full(c).update(arch_str=c["meta_archs"][4]), "but another budget of it is"),
    (lambda c: c["arch2infos"][3].pop("full"), "architecture 3: no training of 200 epochs"),
    (lambda c: c["arch2infos"][3].update({"90": full(c)}), "'90' is not a budget of this release"),
    (
        lambda c: c["arch2infos"][3].update({"200": full(c)}),
        "'200' is not a budget of this release, or occurs",
    ),
    (lambda c: c["arch2infos"].update({3: [1]}), "architecture 3: a list where a dict belongs"),
    (lambda c: c["arch2infos"].pop(3), "none~1|skip_connect~2|) has no record"),
    (
        lambda c: c["arch2infos"].update({N: deepcopy(c["arch2infos"][3])}),
        f"{N} is not the number of an architecture",
    ),
    (
        lambda c: c["arch2infos"].update({"3": deepcopy(c["arch2infos"][3])}),
        "'3' is not the number of an architecture",
    ),
    (
        lambda c: c["arch2infos"].update({3.0: c["arch2infos"].pop(3)}),
        "3.0 is not the number of an architecture",
    ),
    (lambda c: c.update(arch2infos=None), "architecture 0 (|avg_pool_3x3~0|"),
    (lambda c: c.pop("meta_archs"), "no architectures; the release has 12"),
    (lambda c: c["meta_archs"].pop(), "11 architectures; the release has 12"),
    (lambda c: c["meta_archs"].__setitem__(2, c["meta_archs"][1]), "architectures 1 and 2 are both"),
    (lambda c: c["meta_archs"].__setitem__(2, "8:8:8:8:8"), "architecture 2 is '8:8:8:8:8', not of this"),
    (lambda c: c["meta_archs"].__setitem__(2, None), "architecture 2 is None, not of this space"),
    (lambda c: c["meta_archs"].reverse(), "but its record is of"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_contradictions_are_refused(number: int, release: dict[str, Any], tmp_path: Path) -> None:
    change, message = WRONG[number]
    content = deepcopy(release)
    change(content)
    with pytest.raises(TableError, match=re.escape(message)) as caught:
        read_file(content, tmp_path)
    assert str(caught.value).startswith("NAS-Bench-201-v1_0-e61699.pickle.pbz2")
    assert "\n" not in str(caught.value)


def test_budgets_and_seeds_that_a_release_lacks(release: dict[str, Any], tmp_path: Path) -> None:
    """The first release has one data set for 12 epochs; few architectures were trained more than once."""
    content = deepcopy(release)
    for budgets in content["arch2infos"].values():
        for name, keep in (
            ("less", lambda key: key[0] == "cifar10-valid"),
            ("full", lambda key: key[1] == 777),
        ):
            info = budgets[name]
            info["all_results"] = {key: info["all_results"][key] for key in info["all_results"] if keep(key)}
            info["dataset_seed"] = {dataset: [] for dataset in info["dataset_seed"]}
            for dataset, seed in info["all_results"]:
                info["dataset_seed"][dataset].append(seed)
    names = read_file(content, tmp_path).names
    assert "cifar10_valid_acc_12" in names
    assert not [name for name in names if name.endswith(("_test_acc_12", "_777"))]


def test_folders(release: dict[str, Any], tmp_path: Path) -> None:
    records = {
        index: {"12": budgets["less"], "200": budgets["full"]}
        for index, budgets in release["arch2infos"].items()
    }
    folder = official.write_folder(tmp_path / "tss", release["meta_archs"], records)
    small = replace(TOPOLOGY, rows=N)
    shares: list[float] = []
    table = small.read(folder, shares.append)
    assert shares[-1] == 1
    assert shares == sorted(shares)

    first = folder / "000000.pickle.pbz2"
    first.rename(folder / "0.pickle.pbz2")
    assert small.read(folder, shares.append).content_hash == table.content_hash
    shutil.copyfile(folder / "0.pickle.pbz2", first)
    with pytest.raises(TableError, match="are one architecture"):
        small.read(folder, shares.append)
    (folder / "0.pickle.pbz2").unlink()
    shutil.copyfile(folder / "000001.pickle.pbz2", first)
    with pytest.raises(
        TableError, match=r"000000\.pickle\.pbz2, architecture 0, 12 epochs: claims to be archite"
    ):
        small.read(folder, shares.append)
    first.unlink()
    with pytest.raises(TableError, match=r"000000\.pickle\.pbz2 is missing \(11 of 12\)"):
        small.read(folder, shares.append)
    first.write_bytes((folder / "000001.pickle.pbz2").read_bytes()[:-10])
    with pytest.raises(TableError, match=r"000000\.pickle\.pbz2: cut short"):
        small.read(folder, shares.append)
    shutil.copyfile(folder / "000001.pickle.pbz2", first)
    shutil.copyfile(first, folder / "000012.pickle.pbz2")
    with pytest.raises(TableError, match=r"000012\.pickle\.pbz2 is beyond the 12"):
        small.read(folder, shares.append)
    with pytest.raises(TableError, match="12 architectures; the release has 15,625"):
        convert_path("nb201", folder)
    with pytest.raises(TableError, match=r"architecture 0 is .*, not of this space"):
        replace(SIZE, rows=N).read(folder, shares.append)


def test_what_is_in_no_official_format(tmp_path: Path) -> None:
    assert {"nb201", "nats_size", "transnas_micro", "transnas_macro"} <= set(FORMATS)
    (tmp_path / "notes.txt").write_text("some notes")
    for key in ("nb201", "nats_size", "transnas_micro"):
        for path in (tmp_path, tmp_path / "notes.txt"):
            with pytest.raises(TableError, match="is in no official format"):
                convert_path(key, path)
    (tmp_path / "empty.pth").write_bytes(b"")
    with pytest.raises(TableError, match=r"empty\.pth is empty"):
        convert_path("transnas_macro", tmp_path / "empty.pth")


def transnas(micro: int, macro: int) -> dict[str, Any]:
    """What transnas-bench_v10141024.pth holds, for the first architectures of each space."""
    rng = np.random.default_rng(2)
    low, high = {"neg_loss": -1, "ssim": 0}, {"neg_loss": 0, "ssim": 1}

    def results() -> dict[str, Any]:
        tasks = {}
        for task, metric in METRICS.items():
            epochs = 10 if task == "jigsaw" else 25
            curves = {
                f"{split}_{name}": rng.uniform(low.get(name, 0), high.get(name, 100), epochs).tolist()
                for split in ("train", "valid", "test")
                for name in (metric, "loss")
            }
            info = {"encoder_params": 1_234_567, "encoder_FLOPs": 98_765_432.0, "inference_time": 0.01}
            tasks[task] = {
                "total_epochs": epochs,
                "metrics": {**curves, "time_elapsed": [1.5] * epochs},
                "model_info": {**info, "model_params": 2_000_000, "model_FLOPs": 1e9},
            }
        return tasks

    kept = {"macro": sorted(MACRO.archs)[:macro], "micro": sorted(MICRO.archs)[:micro]}
    return {
        "metrics_dict": {task: [f"valid_{metric}"] for task, metric in METRICS.items()},
        "info_names": ["inference_time", "encoder_params", "encoder_FLOPs"],
        "task_list": list(METRICS),
        "data": {name: {arch: results() for arch in archs} for name, archs in kept.items()},
    }


def read_transnas(content: dict[str, Any], tmp_path: Path, *, zipped: bool = True) -> dict[str, Table]:
    import torch

    path = tmp_path / "transnas-bench_v10141024.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    tables = {}
    for space in (MICRO, MACRO):
        small = replace(space, archs=frozenset(sorted(space.archs)[:5]))
        assert small.matches(path)
        tables[space.name] = small.read(path, lambda share: None)
    return tables


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_transnas(zipped: bool, tmp_path: Path) -> None:
    content = transnas(5, 5)
    for name, table in read_transnas(content, tmp_path, zipped=zipped).items():
        archs = content["data"][name]
        assert table.column("arch").to_pylist() == list(archs)
        assert table.values("params").tolist() == [1.234567] * 5
        assert table.values("flops").tolist() == [98.765432] * 5
        assert len(table.names) == 3 + 3 * 7
        for task, metric in METRICS.items():
            curves = [archs[arch][task]["metrics"] for arch in archs]
            for split in ("test", "valid"):
                expected = [curve[f"{split}_{metric}"][-1] for curve in curves]
                assert table.values(f"{task}_{split}_{metric}").tolist() == expected
            expected = [curve[f"valid_{metric}"][EARLY - 1] for curve in curves]
            assert table.values(f"{task}_valid_{metric}_ep{EARLY}").tolist() == expected


def test_transnas_spaces_have_their_published_sizes() -> None:
    assert len(MICRO.archs) == 4096
    assert len(MACRO.archs) == 3256
    assert "64-41414-1_02_333" in MICRO.archs
    assert {"64-1234-basic", "64-2311-basic", "64-4111-basic"} <= MACRO.archs


ARCH = min(MACRO.archs)
WRONG_TRANSNAS: list[tuple[Change, str]] = [
    (lambda c: c["data"]["macro"].pop(ARCH), f"4 architectures of the macro space, not 5; {ARCH} is missing"),
    (lambda c: c["data"].pop("macro"), "0 architectures of the macro space, not 5"),
    (lambda c: c.pop("data"), "transnas-bench_v10141024.pth, data: None where a dict belongs"),
    (lambda c: c["data"]["macro"].update({"64-1-basic": {}}), "'64-1-basic' is not in the macro space"),
    (lambda c: c["data"]["macro"].update({ARCH: None}), f"{ARCH}: None where a dict belongs"),
    (lambda c: c["data"]["macro"][ARCH].pop("jigsaw"), f"{ARCH}, jigsaw: None where a dict belongs"),
    (lambda c: c["data"]["macro"][ARCH]["jigsaw"].update(total_epochs=9), "is 10 values for a training of 9"),
    (lambda c: c["data"]["macro"][ARCH]["jigsaw"]["metrics"].pop("test_top1"), "test_top1 is None for a"),
    (
        lambda c: c["data"]["macro"][ARCH]["normal"]["metrics"]["test_ssim"].__setitem__(-1, float("nan")),
        f"{ARCH}, normal: test_ssim[24] is nan, not a number in -1..1",
    ),
    (
        lambda c: c["data"]["macro"][ARCH]["class_scene"]["model_info"].update(encoder_params=""),
        f"{ARCH}, class_scene: encoder_params is '', not a number",
    ),
]


@pytest.mark.parametrize("number", range(len(WRONG_TRANSNAS)))
def test_transnas_contradictions_are_refused(number: int, tmp_path: Path) -> None:
    change, message = WRONG_TRANSNAS[number]
    content = transnas(5, 5)
    change(content)
    with pytest.raises(TableError, match=re.escape(message)):
        read_transnas(content, tmp_path)
