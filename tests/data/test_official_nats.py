"""Releases written in the official formats: the authors' packages read the same numbers from them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from support import official_nats as official

from benchmarks.nb201 import NB201
from data.convert.nats import SEEDS, SIZE, SPLITS, TOPOLOGY
from data.table import Table

DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16": "ImageNet16-120"}
CHANNELS = ["64:64:64:64:64", "8:8:8:8:8", "8:16:24:32:40", "56:48:8:64:16"]
REAL = {f"{split}_acc": of for split, of in SPLITS.items() if split != "cifar100_valid"}
"""Columns of the real table -> the training and the set that they come from."""
N = 6


def nothing(share: float) -> None:
    pass


@pytest.fixture(scope="module")
def real(data_dir: Path) -> dict[str, list[Any]]:
    """The first rows of the real table; their accuracies go into the releases below."""
    return pq.read_table(data_dir / "nb201.parquet").slice(0, N).to_pydict()


@pytest.fixture(scope="module")
def records(real: dict[str, list[Any]]) -> dict[int, Any]:
    rng = np.random.default_rng(5)
    made = {}
    for index, arch in enumerate(real["arch"]):
        last = {REAL[column]: real[column][index] for column in REAL if real[column][index] is not None}
        costs = (real["flops"][index], real["params"][index])
        made[index] = official.record(index, arch, rng, costs=costs, last=last)
    return made


REAL = {f"{split}_acc": of for split, of in SPLITS.items() if split not in ("cifar100_valid",)}


@pytest.fixture(scope="module")
def folder(real: dict[str, list[Any]], records: dict[int, Any], tmp_path_factory: Any) -> Path:
    parent = tmp_path_factory.mktemp("tss")
    return official.write_folder(parent / "NATS-tss-v1_0-3ffb9-simple", real["arch"], records)


@pytest.fixture(scope="module")
def size_folder(tmp_path_factory: Any) -> Path:
    rng = np.random.default_rng(6)
    made = {index: official.size_record(index, arch, rng) for index, arch in enumerate(CHANNELS)}
    parent = tmp_path_factory.mktemp("sss")
    return official.write_folder(parent / "NATS-sss-v1_0-50262-simple", CHANNELS, made)


@pytest.fixture(scope="module", params=[True, False], ids=["zip", "legacy"])
def pth(request: Any, real: dict[str, list[Any]], records: dict[int, Any], tmp_path_factory: Any) -> Path:
    import torch

    path = tmp_path_factory.mktemp("pth") / "NAS-Bench-201-v1_1-096897.pth"
    whole = official.release(real["arch"], records)
    torch.save(whole, path, _use_new_zipfile_serialization=request.param)
    return path


def read(release: Any, path: Path, rows: int) -> Table:
    return replace(release, rows=rows).read(path, nothing)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """The official packages print."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


@quietly()
def assert_official(table: Table, api: Any, full: int, low: tuple[int, ...]) -> None:
    """Every number of `table` is what the official API says of the same architecture."""
    release = TOPOLOGY if full == TOPOLOGY.full else SIZE
    for index, arch in enumerate(table.column("arch").to_pylist()):
        row = {name: table.values(name)[index] for name in table.names if name != "arch"}
        compared = set()
        for epochs in (full, *low):
            end, hp = ("", str(full)) if epochs == full else (f"_{epochs:02d}", f"{epochs:02d}")
            results = api.query_meta_info_by_index(index, hp)
            assert results.arch_str == arch
            for split, (dataset, kind) in SPLITS.items():
                mean = results.get_metrics(dataset, kind)["accuracy"]
                column = f"{split}_acc{end}"
                if column in release.one_seed:
                    first = min(results.get_dataset_seeds(dataset))
                    assert row[column] == results.get_metrics(dataset, kind, is_random=first)["accuracy"]
                    compared.add(column)
                    column += "_mean"
                assert row[column] == pytest.approx(mean, abs=1e-12)
                compared.add(column)
                if epochs != full:
                    continue
                for seed in SEEDS:
                    if (name := f"{split}_acc_{seed}") not in row:
                        continue
                    if seed in results.get_dataset_seeds(dataset):
                        assert row[name] == results.get_metrics(dataset, kind, is_random=seed)["accuracy"]
                    else:
                        assert np.isnan(row[name])
                    compared.add(name)
            for name, dataset in DATASETS.items():
                info = api.get_more_info(index, dataset, hp=hp, is_random=False)
                assert row[f"{name}_test_acc{end}"] == pytest.approx(info["test-accuracy"], abs=1e-12)
                of = "cifar10-valid" if name == "cifar10" else dataset
                info = api.get_more_info(index, of, hp=hp, is_random=False)
                column = f"{name}_valid_acc{end}"
                column += "_mean" if column in release.one_seed else ""
                assert row[column] == pytest.approx(info["valid-accuracy"], abs=1e-12)
        costs = api.get_cost_info(index, "cifar10", str(full))
        flops = "official_flops" if full == 200 else "flops"
        assert row[flops] == pytest.approx(costs["flops"], rel=1e-12)
        assert row["params"] == pytest.approx(costs["params"], rel=1e-12)
        assert set(row) == compared | {flops, "params"}


def test_topology_folder_as_nats_bench_reads_it(folder: Path) -> None:
    nats_bench = pytest.importorskip("nats_bench")
    api = nats_bench.create(str(folder), "tss", fast_mode=True, verbose=False)
    assert_official(read(TOPOLOGY, folder, N), api, 200, (12,))


def test_size_folder_as_nats_bench_reads_it(size_folder: Path) -> None:
    nats_bench = pytest.importorskip("nats_bench")
    api = nats_bench.create(str(size_folder), "sss", fast_mode=True, verbose=False)
    table = read(SIZE, size_folder, len(CHANNELS))
    assert table.column("arch").to_pylist() == CHANNELS
    assert_official(table, api, 90, (1, 12))


def test_one_file_as_nas_bench_201_reads_it(pth: Path) -> None:
    nas_201_api = pytest.importorskip("nas_201_api")
    import torch

    content = torch.load(pth, map_location="cpu", weights_only=False)
    with quietly():
        api = nas_201_api.NASBench201API(content, verbose=False)
    assert_official(read(TOPOLOGY, pth, N), api, 200, (12,))


def test_folder_and_file_give_one_table(folder: Path, pth: Path, real: dict[str, list[Any]]) -> None:
    table = read(TOPOLOGY, folder, N)
    assert table.content_hash == read(TOPOLOGY, pth, N).content_hash
    assert table.column("arch").to_pylist() == real["arch"]
    for column in (*REAL, "official_flops", "params"):
        expected = np.array(real["flops" if column == "official_flops" else column], float)
        there = ~np.isnan(expected)
        np.testing.assert_allclose(table.values(column)[there], expected[there], rtol=1e-14)


def test_one_file_in_bz2(
    folder: Path, real: dict[str, list[Any]], records: dict[int, Any], tmp_path: Path
) -> None:
    path = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
    whole = official.release(real["arch"], records)
    official.write_bz2(path, {**whole, "arch2infos": records, "evaluated_indexes": set(records)})
    assert read(TOPOLOGY, path, N).content_hash == read(TOPOLOGY, folder, N).content_hash


def test_costs_of_seeds_that_differ_are_those_of_888(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    made = official.size_record(0, CHANNELS[0], rng)
    trials = made["90"]["all_results"]
    trials["cifar10", 777]["flop"], trials["cifar10", 888]["flop"] = 10.0, 20.0
    path = official.write_folder(tmp_path / "sss", CHANNELS[:1], {0: made})
    table = read(SIZE, path, 1)
    assert table.values("flops").tolist() == [20.0]
    nats_bench = pytest.importorskip("nats_bench")
    api = nats_bench.create(str(path), "sss", fast_mode=True, verbose=False)
    with quietly():
        assert api.get_cost_info(0, "cifar10", "90")["flops"] == 20.0


def test_the_mean_over_seeds_is_a_label_of_its_own(folder: Path) -> None:
    bench = NB201(NB201.arrange(read(TOPOLOGY, folder, N)))
    for dataset in ("cifar10", "cifar100", "imagenet16"):
        assert {"valid_acc", "valid_acc_mean", "test_acc"} <= set(bench.labels(dataset))
        seeds = bench.seeds(dataset, "valid_acc_mean")
        assert seeds is not None
        mean = bench.target(dataset, "valid_acc_mean")
        np.testing.assert_allclose(np.nanmean(seeds, axis=1), mean, rtol=1e-12)
        known = np.isfinite(seeds[:, 0])
        np.testing.assert_array_equal(bench.target(dataset, "valid_acc")[known], seeds[known, 0])
