"""Architectures as texts: out of a benchmark's table, and what is measured of them back into it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.small_benchmarks import small

from benchmarks import REGISTRY, load
from benchmarks.info import app
from data.cli import run_cli
from data.errors import InputError, TableError, UnknownNameError
from data.spaces import get
from data.table import Table
from predictors.supernet.families import FAMILIES

NO_TEXTS = ("nds_resnet", "nds_vanilla", "nds_resnext_a", "nds_resnext_b")
UNSAID = ("nds_enas", "nds_nasnet", "nds_amoeba")  # made rows join other blocks than the space says
# made rows with inputs or outputs as they come
PARTLY = ("ofa", "nds_darts", "nds_pnas", "nb301", "oncenas_darts")
WITH_CODES = ("nb101", "nb201", "transnas_micro", "darts", "nds_darts", "nds_enas", "mnasnet", "ofa")


@pytest.mark.parametrize("key", [key for key in REGISTRY if key not in (*NO_TEXTS, *UNSAID)])
def test_what_is_measured_of_texts_is_a_weak_label_of_the_benchmark(key: str, real_tables: Path) -> None:
    bench = small(key)
    texts = bench.architectures()
    codes = get(texts.column("space")[0].as_py()).parse(texts.column("arch").to_pylist())
    assert len(np.unique(codes, axis=0)) == len(codes)
    measured = texts.arrow.append_column("mine", pa.array(np.arange(len(texts), dtype=float)))
    bench = bench.with_weak(Table(measured))
    mine = bench.weak("mine")
    assert set(mine[np.isfinite(mine)]) == set(range(len(texts)))
    if key not in PARTLY:
        assert np.isfinite(mine).all()
    # One architecture, one measurement.
    rows = np.flatnonzero(np.isfinite(mine))
    for row in rows:
        same = rows[bench.classes[rows] == bench.classes[row]]
        assert bench.join_on in bench.table.names or (mine[same] == mine[row]).all()


@pytest.mark.parametrize("key", [*NO_TEXTS, *UNSAID])
def test_benchmarks_without_texts_say_so(key: str, real_tables: Path) -> None:
    with pytest.raises(InputError, match=r"graphs cannot be written as codes|no code of space .* builds any"):
        small(key).architectures()


@pytest.mark.parametrize("name", WITH_CODES)
def test_a_code_of_a_graph_builds_it_again(name: str) -> None:
    space = get(name)
    graphs = space.graphs(space.sample(200, np.random.default_rng(0)))
    again = space.graphs(space.code(graphs))
    for part in ("ops", "adjacency", "n_nodes", "stage", "features"):
        np.testing.assert_array_equal(getattr(again, part), getattr(graphs, part))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_table_names_its_space(name: str, tmp_path: Path) -> None:
    space = get(name)
    codes = space.sample(5, np.random.default_rng(0))
    table = {"space": [name] * 5, "arch": space.format(codes), "acc": np.arange(5.0)}
    path = Table(pa.table(table)).write(tmp_path / "mine.parquet")
    bench = load(str(path))
    np.testing.assert_array_equal(bench.graphs.canonical_hash(), space.graphs(codes).canonical_hash())
    assert bench.target("table", "acc").tolist() == list(range(5))


@pytest.mark.parametrize(
    ("columns", "kind", "reason"),
    [
        ({"space": ["darts", "macro"], "arch": ["0", "1"]}, TableError, "names 2 spaces"),
        ({"space": ["dorts"] * 2, "arch": ["0", "1"]}, UnknownNameError, "did you mean darts"),
        ({"space": ["darts"] * 2, "arch": ["0", "1"]}, TableError, "column 'arch': space 'darts'"),
        (
            {"space": ["nb101"] * 2, "arch": [f"{'0' * 21}/00000"] * 2},
            TableError,
            "row 0: no architecture of",
        ),
        (
            {"space": ["macro"] * 2, "arch": ["00000000"] * 2},
            TableError,
            "of space 'macro', nb101 of 'nb101'",
        ),
        ({"arch": ["0", "1"]}, TableError, "needs the column 'hash', or 'space' and 'arch'"),
    ],
)
def test_weak_labels_of_no_architecture_here(
    columns: dict[str, list[str]], kind: type[Exception], reason: str, real_tables: Path
) -> None:
    table = Table(pa.table({**columns, "mine": [1.0, 2.0]}))
    with pytest.raises(kind, match=reason):
        small("nb101").with_weak(table)


def test_info_writes_them(tmp_path: Path, real_tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "archs.parquet"
    with pytest.raises(SystemExit):
        run_cli(app, ["oncenas_darts", "--archs", str(out)])
    assert capsys.readouterr() == (f"{out}\n", "526 different architectures of 545 rows\n")
    assert len(Table.read(out)) == 526
