"""Side tables of NAS-Bench-201: originals in their real formats become the tables, value for value."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.nb201_side_files import pandas_frame, write_latency, write_pickle, write_supernets

from data.convert import convert, convert_path
from data.convert.nb201_side import EPOCH12_FILE, LATENCY_FILES
from data.convert.pickle_frame import read_frame
from data.errors import TableError
from data.sources import source
from data.table import Table

PINNED = {"nb201_epoch12": 1, "nb201_supernets": 2, "nb201_latency": 24}


@pytest.fixture(scope="module")
def original(data_dir: Path) -> Path:
    return data_dir / "sources" / "nb201_epoch12" / EPOCH12_FILE


def assert_same(table: Table, published: Path) -> None:
    expected = Table.read(published)
    places = np.asarray(expected.places(table, "arch"))
    assert len(table) == len(expected) == 15_625
    assert table.take(places).arrow.equals(expected.arrow)


def test_the_real_data_frame_gives_the_published_table(original: Path, data_dir: Path) -> None:
    table = convert_path("nb201_epoch12", original)
    assert table.arrow.equals(Table.read(data_dir / "nb201_epoch12.parquet").arrow)
    official = Table.read(data_dir / "nb201.parquet", ["arch"])
    assert table.column("arch").equals(official.column("arch"))


def test_supernets_come_back(data_dir: Path, tmp_path: Path) -> None:
    published = data_dir / "nb201_supernets.parquet"
    folder = write_supernets(tmp_path, Table.read(published))
    assert_same(convert_path("nb201_supernets", folder), published)
    files = {file.name: folder / file.name for file in source("nb201_supernets").files}
    assert_same(convert("nb201_supernets", files), published)


def test_latencies_come_back_in_the_order_of_the_index(data_dir: Path, tmp_path: Path) -> None:
    published = data_dir / "nb201_latency.parquet"
    table = Table.read(published)
    folder = write_latency(tmp_path, table.take(np.random.default_rng(0).permutation(len(table))))
    assert_same(convert_path("nb201_latency", folder), published)
    assert {file.name for file in source("nb201_latency").files} == set(LATENCY_FILES)


@pytest.mark.parametrize("name", PINNED)
def test_every_original_is_pinned(name: str) -> None:
    originals = source(name).originals()
    assert len(originals) == PINNED[name]
    for file in originals:
        assert len(file.sha256) == 64
        assert file.size > 1000
        assert file.url.startswith("https://raw.githubusercontent.com/")
        assert file.url.endswith(f"/{file.name}")
    assert source(name).joins == "nb201"


NUMBERS = np.arange(4.0)
FRAME: dict[str, Any] = {"n": np.arange(4), "text": list("abcd"), "a": NUMBERS, "b": NUMBERS / 3}


def test_a_data_frame_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "frame.pd"
    path.write_bytes(pandas_frame(FRAME))
    found = read_frame(path)
    assert list(found) == list(FRAME)
    assert found["text"] == FRAME["text"]
    for name in ("n", "a", "b"):
        np.testing.assert_array_equal(found[name], FRAME[name])


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        assert old in raw
        return raw.replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap(b"cpandas.core.frame\nDataFrame", b"cos\nsystem"), r"refuses os\.system"),
        (swap(b"cbuiltins\nslice", b"cbuiltins\neval"), r"refuses builtins\.eval"),
        (swap(b"0.14.1", b"0.99.9"), "not in the form of pandas 0.14.1"),
        (swap(b"_data", b"_dato"), "a data frame without its blocks"),
        (swap(b"mgr_locs", b"mgr_loco"), "a block of a data frame of unknown layout"),
        (swap(b"X\x01\x00\x00\x00a", b"X\x01\x00\x00\x00n"), "no names of their own"),
        (lambda raw: raw[: len(raw) // 2], "cut short"),
        (lambda raw: raw + b"more", "further bytes"),
        (lambda raw: pickle.dumps({"a": 1}), "a dict where a data frame belongs"),
    ],
)
def test_wrong_data_frames_are_refused(
    change: Callable[[bytes], bytes], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "frame.pd"
    path.write_bytes(change(pandas_frame(FRAME)))
    with pytest.raises(TableError, match=message):
        read_frame(path)


def edit(name: str, change: Callable[[dict], object]) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        change(content)
        (folder / name).write_text(json.dumps(content))

    return apply


FIRST = "[(('none', 0),), (('none', 0), ('none', 1)), (('none', 0), ('none', 1), ('none', 2))]"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edit("one-shot-supernet", lambda c: c.update({FIRST: 101.0})), r"0\.\.100 but 101"),
        (edit("one-shot-supernet", lambda c: c.update({FIRST: None})), r"0\.\.100 but None"),
        (edit("few-shot-supernet", lambda c: c.pop(FIRST)), "15,624 cells; expected 15,625"),
        (
            edit("few-shot-supernet", lambda c: (c.pop(FIRST), c.update({FIRST + " ": 1.0}))),
            "not a NAS-Bench-201 cell",
        ),
        (lambda folder: (folder / "few-shot-supernet").write_text("[]"), "not an object"),
        (lambda folder: (folder / "few-shot-supernet").unlink(), "no official format of nb201_supernets"),
    ],
)
def test_wrong_supernets_are_refused(
    change: Callable[[Path], object], message: str, data_dir: Path, tmp_path: Path
) -> None:
    folder = write_supernets(tmp_path, Table.read(data_dir / "nb201_supernets.parquet"))
    change(folder)
    with pytest.raises(TableError, match=message):
        convert_path("nb201_supernets", folder)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("pixel2.pt", [1.0] * 15_624, "pixel2.pt: not a list of 15,625 numbers"),
        ("pixel2.pt", [1.0] * 15_624 + ["x"], "pixel2.pt: a list with something other than numbers"),
        ("pixel2.pt", [1.0] * 15_624 + [0.0], "pixel2.pt, row 15624: latency is not in"),
        ("pixel2.pt", [float("nan")] * 15_625, "pixel2.pt, row 0: latency is not in"),
        ("str_arch2idx.pt", {"|none~0|": 0}, "not the numbers 0 to 15,624"),
        ("str_arch2idx.pt", [1], "not a dict of architecture strings"),
    ],
)
def test_wrong_latencies_are_refused(
    name: str, value: object, message: str, data_dir: Path, tmp_path: Path
) -> None:
    folder = write_latency(tmp_path, Table.read(data_dir / "nb201_latency.parquet"))
    write_pickle(folder / name, value)
    with pytest.raises(TableError, match=message):
        convert_path("nb201_latency", folder)
