"""Tables: parquet out and in, the content hash, joins, and files that are whole or not there."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError, TableError, UnknownNameError
from data.files import atomic_path
from data.table import Column, Table

quick = settings(derandomize=True, deadline=None, max_examples=60)

COLUMNS = {
    "acc": Column("acc", "cifar10", "test_acc", note="200 epochs", decimals=2),
    "latency": Column("latency", "cifar10", "latency", "ms", direction=-1, kind="weak", failed=-1),
}
ARROW = pa.table(
    {
        "arch": ["a", "b", "c", None],
        "acc": pa.array([91.5, None, 93.25, float("nan")], pa.float64()),
        "latency": pa.array([3, 4, None, -1], pa.int32()),
        "ops": pa.array([[1, 2], [], None, [3]], pa.list_(pa.int8())),
    }
)
TABLE = Table(ARROW, COLUMNS)


def test_round_trip(tmp_path: Path) -> None:
    path = TABLE.write(tmp_path / "new folder" / "table.parquet")
    read = Table.read(path)
    assert repr(read.arrow.to_pydict()) == repr(ARROW.to_pydict())  # NaN equals itself here
    assert read.columns == COLUMNS
    assert read.content_hash == TABLE.content_hash
    assert [p.name for p in path.parent.iterdir()] == ["table.parquet"]
    assert pq.read_table(path).to_pandas()["latency"].tolist()[0] == 3


def test_a_file_of_others_has_no_descriptions(tmp_path: Path) -> None:
    pq.write_table(ARROW, tmp_path / "plain.parquet")
    read = Table.read(tmp_path / "plain.parquet")
    assert read.columns == {}
    assert repr(read.arrow.to_pydict()) == repr(ARROW.to_pydict())  # NaN equals itself here


def test_some_columns(tmp_path: Path) -> None:
    read = Table.read(TABLE.write(tmp_path / "table.parquet"), ["acc", "arch"])
    assert sorted(read.names) == ["acc", "arch"]
    assert len(read) == 4


def test_missing_values_are_nan() -> None:
    np.testing.assert_array_equal(TABLE.values("acc"), [91.5, np.nan, 93.25, np.nan])
    np.testing.assert_array_equal(TABLE.values("latency"), [3, 4, np.nan, -1])
    assert TABLE.values("latency").dtype == np.float64


def test_values_are_the_callers_own() -> None:
    TABLE.values("acc")[:] = 0
    assert TABLE.values("acc")[0] == 91.5


@pytest.mark.parametrize("name", ["arch", "ops"])
def test_text_is_no_number(name: str) -> None:
    with pytest.raises(InputError, match=f"column '{name}' holds .*, not numbers"):
        TABLE.values(name)


def test_unknown_column() -> None:
    with pytest.raises(UnknownNameError, match="unknown column 'latncy'; did you mean latency"):
        TABLE.values("latncy")


numbers = st.lists(st.none() | st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=30)
NUMERIC = [pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()]


@quick
@given(numbers, st.sampled_from(NUMERIC), st.integers(0, 3), st.integers(1, 7))
def test_values_of_any_type_and_any_chunks(values: list, kind: pa.DataType, start: int, size: int) -> None:
    sliced = pa.array([0] * start + values, kind)[start:]
    chunked = pa.chunked_array([sliced[i : i + size] for i in range(0, len(values), size)])
    expected = [np.nan if value is None else float(value) for value in values]
    np.testing.assert_array_equal(Table(pa.table({"x": chunked})).values("x"), expected)


@pytest.mark.parametrize("kind", NUMERIC)
def test_values_of_an_empty_table(kind: pa.DataType) -> None:
    for column in (pa.array([], kind), pa.chunked_array([], kind)):
        assert Table(pa.table({"x": column})).values("x").shape == (0,)


def test_values_of_no_known_value() -> None:
    assert np.isnan(Table(pa.table({"x": pa.nulls(9, pa.int64())})).values("x")).all()


def test_values_of_large_integers() -> None:
    ids = [2**53 + 1, 2**62, -(2**62), None]
    table = Table(pa.table({"id": pa.array(ids, pa.int64())}))
    np.testing.assert_array_equal(table.values("id"), [2.0**53, 2.0**62, -(2.0**62), np.nan])
    assert len(table.content_hash) == 12


# The content hash.


@quick
@given(numbers, st.permutations(["x", "y", "z"]), st.integers(1, 9), st.sampled_from(NUMERIC))
def test_content_hash_is_of_the_content_alone(values: list, order: list, size: int, kind) -> None:
    text = [str(value) for value in values]
    columns = {"x": pa.array(values, pa.int64()), "y": pa.array(text), "z": pa.array([[v] for v in values])}
    table = Table(pa.table(columns))
    chunks = [columns["x"].cast(kind)[i : i + size] for i in range(0, len(values), size)]
    other = {
        "x": pa.chunked_array(chunks),
        "y": pa.array(text).dictionary_encode().cast(pa.large_string()),
        "z": columns["z"].cast(pa.list_(pa.int16())),
    }
    again = Table(pa.table({name: other[name] for name in order}), COLUMNS)
    assert again.content_hash == table.content_hash


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
@pytest.mark.parametrize("row_group_size", [1, 3, 1000])
def test_content_hash_does_not_depend_on_the_file(tmp_path: Path, compression, row_group_size) -> None:
    pq.write_table(
        ARROW, tmp_path / "t.parquet", compression=compression, row_group_size=row_group_size, version="1.0"
    )
    assert Table.read(tmp_path / "t.parquet").content_hash == TABLE.content_hash


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("acc", [91.5, None, 93.26, None]),
        ("acc", [91.5, 0.0, 93.25, None]),
        ("acc", [None, 91.5, 93.25, None]),
        ("latency", [3, 4, None, -2]),
        ("latency", [3, 4, 0, -1]),
        ("arch", ["a", "b", "d", None]),
        ("arch", ["a", "b", "c", ""]),
        ("ops", [[1, 2], [], [], [3]]),
        ("ops", [[1], [2], None, [3]]),
    ],
)
def test_content_hash_changes_with_a_value(column: str, values: list) -> None:
    at = ARROW.column_names.index(column)
    changed = ARROW.set_column(at, column, pa.array(values, ARROW.schema.field(column).type))
    assert Table(changed).content_hash != TABLE.content_hash


def test_content_hash_changes_with_names_and_rows() -> None:
    names = ["arch", "acc", "latency"]
    found = {
        Table(ARROW.select(names)).content_hash,
        Table(ARROW.select(names).rename_columns(["arch", "acc", "delay"])).content_hash,
        Table(ARROW.select(names).rename_columns(["arch", "latency", "acc"])).content_hash,
        Table(ARROW.select(names)[:3]).content_hash,
        TABLE.take(np.array([1, 0, 2, 3])).content_hash,
        TABLE.content_hash,
    }
    assert len(found) == 6


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([True, False, None], [True, True, None]),
        ([datetime(2020, 1, 1)], [datetime(2020, 1, 2)]),
        ([Decimal("1.1")], [Decimal("1.2")]),
        ([b"a"], [b"b"]),
    ],
)
def test_content_hash_of_any_type(first: list, second: list) -> None:
    hashes = [Table(pa.table({"x": values})).content_hash for values in (first, list(first), second)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_content_hash_tells_where_a_column_ends() -> None:
    first = Table(pa.table({"a": ["x", "y"], "b": ["z", "w"]}))
    second = Table(pa.table({"a": ["x", 'y","z'], "b": ["z", "w"]}))
    assert first.content_hash != second.content_hash


# Joins.


def test_join_matches_by_key() -> None:
    side = Table(
        pa.table({"flops": [3.0, 1.0, 9.0], "arch": ["c", "a", "z"], "acc": [0.0, 0.0, 0.0]}),
        {"flops": Column("flops", "cifar10", "flops", "M"), "acc": Column("acc", "other", "other")},
    )
    joined = TABLE.join(side, on="arch")
    assert joined.names == [*ARROW.column_names, "flops"]
    np.testing.assert_array_equal(joined.values("flops"), [1, np.nan, 3, np.nan])
    np.testing.assert_array_equal(joined.values("acc"), TABLE.values("acc"))
    assert joined.columns == {**COLUMNS, "flops": side.columns["flops"]}
    assert len(joined) == 4


def test_join_refuses_a_row_that_is_named_twice() -> None:
    side = Table(pa.table({"arch": ["a", "b", "a"], "flops": [1, 2, 3]}))
    with pytest.raises(TableError, match="named twice in column 'arch'"):
        TABLE.join(side, on="arch")


def test_join_by_an_unknown_column() -> None:
    with pytest.raises(UnknownNameError, match="arch"):
        TABLE.join(Table(pa.table({"archs": ["a"]})), on="arch")


# Damaged and half-written files.


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file(tmp_path: Path, share: float) -> None:
    path = TABLE.write(tmp_path / "table.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(TableError, match=r"table\.parquet is not a whole parquet file"):
        Table.read(path)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "table.parquet").write_text("arch,acc\na,1\n" * 100)
    with pytest.raises(TableError, match="is not a whole parquet file"):
        Table.read(tmp_path / "table.parquet")


def test_an_error_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="cut"), atomic_path(path) as part:
        part.write_text("half of the new")
        assert path.read_text() == "old"
        raise RuntimeError("cut")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_in_the_middle_leaves_no_new_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "a" / "file.txt") as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs modes")
def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with atomic_path(tmp_path / "atomic") as part:
        part.write_text("new")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "atomic").read_text() == "new"


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np, pyarrow as pa
from data.table import Table

table = Table(pa.table({"x": np.random.default_rng(0).random(200_000)}))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    table.write(Path(sys.argv[1]))
except OSError as error:
    print("refused:", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = TABLE.write(tmp_path / "table.parquet")
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.stdout.startswith("refused: "), done
    assert Table.read(path).content_hash == TABLE.content_hash
    assert list(tmp_path.iterdir()) == [path]
