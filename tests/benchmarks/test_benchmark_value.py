"""A benchmark as a value: immutable, the same in every process, from wherever it is defined."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pyarrow as pa
import pytest
from support.small_benchmarks import small

import benchmarks
from benchmarks import REGISTRY, load
from benchmarks.base import Benchmark
from data.errors import AcerankError, InputError, UnknownNameError
from data.graphs import Graphs
from data.sources import sources
from data.spaces.codes import CodeSpace
from data.spaces.edges import NB201 as SPACE
from data.spaces.nb201_costs import get_costs
from data.table import Column, Table

ROOT = Path(benchmarks.__file__).parents[1]
LABELS = {"acc": [1.0, 3, 2, np.nan], "latency": [5.0, 4, 6, 7]}


def graphs(n: int = 4) -> Graphs:
    return SPACE.graphs(SPACE.enumerate()[7 : 7 + n])


def run(code: str, *arguments: str) -> str:
    """Return what Python code prints in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


# Immutable.


def test_a_benchmark_cannot_be_changed() -> None:
    bench = small("nb201", 20)
    for name in ("table", "info", "notices", "stands_in_for", "graphs"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(bench, name, None)


def test_what_changes_a_benchmark_returns_another() -> None:
    bench = small("nb201", 20)
    hash_, weak, classes = bench.content_hash, list(bench.graphs.weak), bench.classes
    mine = Table(pa.table({"arch": bench.table.column("arch"), "mine": np.arange(20.0) % 7}))
    others = [
        bench.with_weak(mine),
        bench.with_direction({"flops": -1}),
        bench.with_weak_columns(["cifar100_test_acc"]),
    ]
    assert len({hash_, *(other.content_hash for other in others)}) == 4
    assert bench.with_notice("a line").notices == (*bench.notices, "a line")
    assert bench.with_notice("a line").content_hash == hash_
    assert (list(bench.graphs.weak), bench.content_hash) == (weak, hash_)
    assert bench.with_weak(mine).classes is classes  # costly, and the rows are the same
    assert list(others[0].graphs.weak) == [*weak, "mine"]


def test_abstract_means_abstract() -> None:
    class Half(Benchmark):
        pass

    with pytest.raises(TypeError, match="build_graphs"):
        Half(Table(pa.table({"acc": [1.0]})))  # pyright: ignore[reportAbstractUsage]
    with pytest.raises(TypeError, match="graphs"):
        CodeSpace("x", ("input", "output"), 2)  # pyright: ignore[reportAbstractUsage]


def test_reprs_are_one_line() -> None:
    assert repr(small("nb201", 20)) == "NB201('nb201', 20 rows)"


# The same in every process.


@pytest.mark.parametrize("key", REGISTRY)
def test_every_benchmark_arrives_by_pickle(key: str, real_tables: Path) -> None:
    bench = small(key)
    again = pickle.loads(pickle.dumps(bench))
    assert type(again) is type(bench)
    assert again.content_hash == bench.content_hash
    assert again.info == bench.info
    np.testing.assert_array_equal(again.classes, bench.classes)
    for name in bench.weak_names:
        np.testing.assert_array_equal(again.weak(name), bench.weak(name))
    with pytest.raises(AttributeError, match="immutable"):
        again.table = bench.table


def test_identical_files_have_one_hash_in_every_process(tmp_path: Path) -> None:
    arch = small("nb201", 20).table.column("arch")
    path = Table(pa.table({"arch": arch, "acc": np.arange(20.0)})).write(tmp_path / "mine.parquet")
    code = "import sys; from benchmarks import load; print(load(sys.argv[1]).content_hash)"
    found = {run(code, str(path)).strip(), run(code, str(path)).strip(), load(path).content_hash}
    assert len(found) == 1
    Table(pa.table({"arch": arch, "acc": np.arange(20.0) * 2})).write(path)
    assert load(path).content_hash not in found


def test_the_hash_is_of_all_digits_of_a_label() -> None:
    hashes = {
        benchmarks.from_graphs(graphs(), {"acc": [90.0, 91.0, 92.0, last]}).content_hash
        for last in (93.0, 93.0 + 1e-9, np.nan)
    }
    assert len(hashes) == 3


# Places.

OWN = '''
"""A benchmark of one's own."""
import cloudpickle
import numpy as np
import pyarrow as pa
from benchmarks import Benchmark, from_graphs
from benchmarks.about import Info
from data.spaces.edges import NB201
from data.table import Column, Table

class Mine(Benchmark):
    """Four cells."""
    info = Info("mine", "Mine", "me", "mine", dataset="d", target="acc", label="acc")
    columns = (Column("acc", "d", "acc", note="made up"),)
    file = __file__.replace(".py", ".parquet")

    def build_graphs(self):
        return NB201.graphs(NB201.enumerate()[:len(self)])

class Half(Benchmark):
    """Lacks its graphs."""

ready = from_graphs(NB201.graphs(NB201.enumerate()[:3]), {"acc": [1, 2, 3]})
number = 3
'''


@pytest.fixture
def place(tmp_path: Path) -> Path:
    Table(pa.table({"acc": [1.0, 2, 3, 4]})).write(tmp_path / "my_bench.parquet")
    path = tmp_path / "my_bench.py"
    path.write_text(OWN)
    return path


def test_a_benchmark_in_a_file_outside_the_tree(place: Path) -> None:
    bench = load(f"{place}:Mine")
    assert bench.target("d", "acc").tolist() == [1, 2, 3, 4]
    assert len(bench.graphs) == 4
    assert len(load(f"{place}:ready")) == 3
    assert load(bench) is bench


def test_a_cost_becomes_a_label(nb201: Benchmark) -> None:
    bench = nb201.with_label_column("pixel2_latency").with_direction({"pixel2_latency": -1})
    assert bench.info.target == bench.info.label == "pixel2_latency"
    assert "pixel2_latency" in bench.labels("cifar10")
    assert "pixel2_latency" not in bench.weak_names
    np.testing.assert_array_equal(bench.target("cifar10", "pixel2_latency"), -nb201.weak("pixel2_latency"))
    assert bench.info.weak == nb201.info.weak
    assert nb201.info.target == "test_acc"
    with pytest.raises(UnknownNameError, match="did you mean pixel2_latency"):
        nb201.with_label_column("pixel2_latenzy")


def test_it_arrives_in_another_process(place: Path, tmp_path: Path) -> None:
    (tmp_path / "bench.pickle").write_bytes(cloudpickle.dumps(load(f"{place}:Mine")))
    code = "import sys, pickle; print(pickle.load(open(sys.argv[1], 'rb')).target('d', 'acc').tolist())"
    assert run(code, str(tmp_path / "bench.pickle")).strip() == "[1.0, 2.0, 3.0, 4.0]"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("Half", AcerankError, "build_graphs"),
        ("number", InputError, "int"),
        ("Mien", UnknownNameError, "Mine"),
    ],
)
def test_places_that_are_no_benchmarks(name: str, error: type[Exception], message: str, place: Path) -> None:
    with pytest.raises(error, match=message):
        load(f"{place}:{name}")


def test_an_entry_point_adds_a_benchmark(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[acerank.benchmarks]\nmine = my_bench:Mine\n")
    code = (
        "import sys; sys.path.append(sys.argv[1]); from benchmarks import REGISTRY, load; "
        "print(list(REGISTRY)[-1], len(load('mine')))"
    )
    assert run(code, str(tmp_path)).strip() == "mine 4"


def test_listing_benchmarks_imports_none() -> None:
    code = (
        "import sys; from benchmarks import REGISTRY; assert 'nb201' in REGISTRY; list(REGISTRY); "
        "print(sorted({'numpy', 'pyarrow', 'benchmarks.base'} & set(sys.modules)))"
    )
    assert run(code).strip() == "[]"


# From arrays.


def test_from_arrays() -> None:
    bench = benchmarks.from_graphs(
        graphs(), LABELS, weak={"w": [1, 2, 3, 4]}, target="acc", directions={"latency": -1}, title="Four"
    )
    assert bench.labels("table") == ["acc", "latency"]
    assert (bench.info.target, bench.info.title, bench.weak_names) == ("acc", "Four", ["w"])
    np.testing.assert_array_equal(bench.target("table", "acc"), [1, 3, 2, np.nan])
    np.testing.assert_array_equal(bench.target("table", "latency"), [-5, -4, -6, -7])
    np.testing.assert_array_equal(bench.graphs.weak["w"], [1, 2, 3, 4])
    assert bench.row_names == ["0", "1", "2", "3"]
    other = benchmarks.from_graphs(SPACE.graphs(SPACE.enumerate()[8:12]), LABELS, target="acc")
    assert other.content_hash != benchmarks.from_graphs(graphs(), LABELS, target="acc").content_hash


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"labels": {}}, InputError),
        ({"labels": {"acc": [1.0, 2]}}, InputError),
        ({"labels": {"acc": ["a"] * 4}}, InputError),
        ({"labels": {"acc": [1, 2, 3, np.inf]}}, InputError),
        ({"labels": {"acc": [1, 2, 3, 4]}, "weak": {"acc": [1, 2, 3, 4]}}, InputError),
        ({"labels": {"acc": [1, 2, 3, 4]}, "weak": {"w": [1, 2, 3, 4]}}, InputError),
        ({"labels": {"acc": [1, 2, 3, 4]}, "names": ["a"]}, InputError),
        ({"labels": {"acc": [1, 2, 3, 4]}, "target": "ac"}, UnknownNameError),
        ({"labels": {"acc": [1, 2, 3, 4]}, "directions": {"ac": -1}}, UnknownNameError),
        ({"labels": {"acc": [1, 2, 3, 4]}, "directions": {"acc": 0}}, InputError),
    ],
)
def test_arrays_that_are_no_benchmark(arguments: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        benchmarks.from_graphs(graphs(), **arguments)


# Labels, names and sizes.


def test_the_direction_of_a_label_turns_label_and_seeds() -> None:
    bench = small("nb201_mini", 50)
    turned = bench.with_direction({"test_acc": -1})
    np.testing.assert_array_equal(turned.target("mini", "test_acc"), -bench.target("mini", "test_acc"))
    seeds, plain = turned.seeds("mini", "test_acc"), bench.seeds("mini", "test_acc")
    assert seeds is not None
    assert plain is not None
    np.testing.assert_array_equal(seeds, -plain)
    assert turned.label_column("mini", "test_acc").direction == -1
    with pytest.raises(UnknownNameError, match="test_acc"):
        bench.with_direction({"tset_acc": -1})


def test_the_direction_of_one_data_set(nb201: Benchmark) -> None:
    turned = nb201.with_direction({"cifar100/test_acc": -1})
    assert turned.target("cifar100", "test_acc").max() < 0 < turned.target("cifar10", "test_acc").min()


def test_row_names() -> None:
    class Named(Benchmark):
        columns = (Column("acc", "d", "acc"),)

        def build_graphs(self) -> Graphs:
            return graphs(len(self))

    acc = [1.0, 2.0]
    for columns, names in (
        ({"acc": acc}, ["0", "1"]),
        ({"acc": acc, "arch": ["x", None]}, ["x", "1"]),
        ({"acc": acc, "arch": ["x", "y"], "id": [7, 8]}, ["7", "8"]),
        ({"acc": acc, "name": ["a", "b"], "id": [7.0, None]}, ["7", "1"]),
    ):
        assert Named(Table(pa.table(columns))).row_names == names


def test_sizes_are_told_apart(nb201: Benchmark) -> None:
    assert load("nb101", offline=True).size_note == "20,001 of 423,624 cells (4.7 %)"
    assert nb201.size_note == "15,625 cells, 4,930 networks"
    assert small("macro").size_note == "60 of 6,561 architectures (0.9 %)"
    assert benchmarks.from_graphs(graphs(), LABELS).size_note.startswith("4 architectures")


@pytest.mark.parametrize("key", [key for key in REGISTRY if key in sources()])
def test_licence_and_citation_have_one_home(key: str) -> None:
    info = benchmarks.get(key).info
    assert (info.licence, info.citation) == (sources()[key].licence, sources()[key].citation)


# NAS-Bench-201's two counts of FLOPs.


def test_both_counts_of_flops_have_a_name(nb201: Benchmark) -> None:
    arch = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    row = nb201.table.column("arch").to_pylist().index(arch)
    assert nb201.weak("flops")[row] == pytest.approx(116.692672, abs=1e-6)
    assert nb201.weak("official_flops")[row] == pytest.approx(113.95137, abs=1e-6)
    target = ("cifar10", "test_acc")
    assert nb201.weak_cover("flops", *target).kendall_tau == pytest.approx(0.541, abs=5e-4)
    assert nb201.weak_cover("official_flops", *target).kendall_tau == pytest.approx(0.578, abs=5e-4)


def test_an_official_table_gives_the_same_flops() -> None:
    codes = SPACE.enumerate()[::100]
    costs, arch = get_costs(codes), SPACE.format(codes)
    kind = benchmarks.get("nb201")
    made = kind.arrange(Table(pa.table({"arch": arch, "flops": costs.flops})))
    official = kind.arrange(Table(pa.table({"arch": arch, "official_flops": costs.official_flops})))
    stale = kind.arrange(Table(pa.table({"arch": arch, "flops": costs.official_flops})))
    assert made.content_hash == official.content_hash == stale.content_hash
