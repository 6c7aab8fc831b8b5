"""Pickles are read without trust: what is not data is refused by name, and nothing of it happens."""

from __future__ import annotations

import bz2
import copyreg
import os
import pickle
import random
import resource
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.convert.pickle_machine import Limits
from data.convert.pickle_shed import Shed
from data.convert.pickles import read_images, read_pickle
from data.errors import TableError

PLAIN = {
    1: 2.5,
    "a": [1, 2, {3: None}, [], ()],
    ("x", 777): (1, 2, 3, 4),
    "set": {1, 2, 3},
    "ints": [0, 255, 256, -5, 65_536, 2**31, 2**70, -(2**70)],
    "flags": (True, False),
    "bytes": b"xyz",
    "empty": b"",
    "text": "é" * 40,
    "long": "q" * 700_000,
    "list": list(range(3000)),
}


def write(tmp_path: Path, raw: bytes, name: str = "release.pth") -> Path:
    path = tmp_path / name
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_built_in_values(protocol: int, tmp_path: Path) -> None:
    raw = pickle.dumps(PLAIN, protocol)
    assert read_pickle(write(tmp_path, raw)) == PLAIN
    assert read_pickle(write(tmp_path, bz2.compress(raw))) == PLAIN


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("old", [True, False], ids=["numpy 1", "numpy 2"])
def test_numpy_values(protocol: int, old: bool, tmp_path: Path) -> None:
    arrays = [
        np.arange(12).reshape(3, 4),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([1, 2], ">i2"),
        np.array([], np.float32),
        np.array([True, False]),
        np.array(7.5),
    ]
    raw = pickle.dumps([*arrays, np.float64(3.25), np.int16(-4), np.bool_(True)], protocol)
    if old:
        raw = raw.replace(b"\x16numpy._core", b"\x15numpy.core").replace(b"cnumpy._core", b"cnumpy.core")
    *found, real, whole, flag = read_pickle(write(tmp_path, raw))
    assert (real, whole, flag) == (3.25, -4, True)
    assert (type(real), type(whole), type(flag)) == (float, int, bool)
    for array, expected in zip(found, arrays, strict=True):
        assert array.dtype == expected.dtype.newbyteorder("=")
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_files_of_torch(new: bool, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "release.pth"
    shared = "shared"
    value = {"a": OrderedDict(b=1, c=[shared, shared]), "n": np.float64(0.5)}
    torch.save(value, path, _use_new_zipfile_serialization=new)
    assert read_pickle(path) == value
    torch.save({"weights": torch.zeros(3)}, path, _use_new_zipfile_serialization=new)
    with pytest.raises(TableError, match=r"refuses torch\._utils\._rebuild_tensor_v2"):
        read_pickle(path)


def test_batches_of_images(tmp_path: Path) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 12)
    new = pickle.dumps({"data": pixels, "labels": [3, 1]}, 2)
    assert_batch(read_images(write(tmp_path, new)), pixels)
    # cPickle of Python 2: texts are bytes, the memo begins at 1
    old = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
        b"U\x01b\x87Rq\x05(K\x01K\x02K\x0c\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ"
        b"\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<I", 24) + pixels.tobytes() + b"tb"
        b"U\x06labelsq\x08]q\x09(K\x03K\x01eu."
    )
    assert_batch(read_images(write(tmp_path, old)), pixels)
    assert set(pickle.loads(old, encoding="bytes")) == {b"data", b"labels"}
    with pytest.raises(TableError, match="a list where a dict belongs"):
        read_images(write(tmp_path, pickle.dumps([1])))


def assert_batch(batch: dict[str, Any], pixels: np.ndarray) -> None:
    assert set(batch) == {"data", "labels"}
    assert batch["labels"] == [3, 1]
    assert batch["data"].dtype == np.uint8
    np.testing.assert_array_equal(batch["data"], pixels)


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


class Slots:
    """Pickles by NEWOBJ and, with keywords, NEWOBJ_EX."""

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, int]]:
        return (), {"a": 1}


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def attacks(mark: Path) -> list[tuple[bytes, str]]:
    """Pickles that would leave the file `mark`, or do worse, and what is refused."""
    touch = f"touch {mark}"
    code = f"open({str(mark)!r}, 'w')"
    head = b"\x80\x02"
    named = [
        (Calls(os.system, touch), "posix.system"),
        (Calls(subprocess.Popen, ["touch", str(mark)]), r"(subprocess|commands)\.Popen"),
        (Calls(open, str(mark), "w"), r"(io|_io).open"),
        (Calls(eval, code), r"(builtins|__builtin__).eval"),
        (Calls(exec, code), r"(builtins|__builtin__).exec"),
        (
            Calls(getattr, os, "system") if False else Calls(getattr, 1, "real"),
            r"(builtins|__builtin__).getattr",
        ),
        (Calls(__import__, "antigravity"), r"(builtins|__builtin__).__import__"),
        (Calls(copyreg._reconstructor, Fraction, object, None), r"(copyreg|copy_reg)._reconstructor"),
        (Path("a"), "pathlib"),
        (Fraction(1, 2), "fractions.Fraction"),
        (defaultdict(list), "collections.defaultdict"),
        (np.array([Fraction(1, 2)]), "the numpy type 'O8'"),
        (np.array([("a", 1)], "U1,i4"), "the numpy type 'V8'"),
        (np.random.default_rng(0), r"numpy\.random"),
        (Slots(), r"Slots|functools\.partial"),
    ]
    raw = [(pickle.dumps(value, protocol), what) for value, what in named for protocol in (2, 4)]
    touched = text(touch)
    return [
        *raw,
        (name("os", "system") + b"(S'" + touch.encode() + b"'\ntR.", "os.system"),
        (b"(" + touched + b"ios\nsystem\n.", r"os.system \(by INST\)"),
        (b"(" + name("os", "system") + touched + b"o.", "os.system"),
        (head + b"(" + name("collections", "OrderedDict") + b"o.", "the step OBJ"),
        (head + text("os") + text("system") + b"\x93" + touched + b"\x85R.", "os.system"),
        (head + text("builtins") + text("dict.update") + b"\x93.", "builtins.dict.update"),
        (head + name("collections", "OrderedDict.__class__") + b".", "OrderedDict.__class__"),
        (head + name("collections", "OrderedDict") + b")\x81.", "the step NEWOBJ"),
        (head + name("collections", "OrderedDict") + b")}\x92.", "the step NEWOBJ_EX"),
        (head + name("collections", "OrderedDict") + b")R}b.", "a state for a dict"),
        (head + name("numpy", "dtype") + text("f8") + b"\x85R)Rb.", "a call of a Dtype"),
        (head + name("numpy", "ndarray") + b")R.", "a call of numpy.ndarray"),
        (head + text("x") + b")R.", "a call of 'x'"),
        (head + b"X\x01\x00\x00\x00aQ.", "the step BINPERSID"),
        (head + b"Pstorage\n.", "the step PERSID"),
        (head + b"\x82\x01.", "the step EXT1"),
        (head + b"\x83\x01\x00.", "the step EXT2"),
        (head + b"\x84\x01\x00\x00\x00.", "the step EXT4"),
        (head + b"\x97.", "the step NEXT_BUFFER"),
        (head + name("_codecs", "encode") + text("x") + text("hex") + b"\x86R.", "_codecs.encode with 'hex'"),
        (b"\x80\x00.", "protocol 0"),
        (b"\x80\x06.", "protocol 6"),
        (b"\xff.", "no step of a pickle"),
        (head + b"c" + b"a" * 300 + b"\n.", "a name of more than 200 letters"),
    ]  # fmt: skip


ATTACKS = len(attacks(Path("mark")))


@pytest.mark.parametrize("number", range(ATTACKS))
@pytest.mark.parametrize("wrap", [bytes, bz2.compress], ids=["plain", "bz2"])
def test_what_is_not_data_is_refused_by_name(
    number: int, wrap: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    raw, what = attacks(mark)[number]
    with pytest.raises(TableError, match="refuses .*" + what) as caught:
        read_pickle(write(tmp_path, wrap(raw), "bad.pickle"))
    assert str(caught.value).startswith("bad.pickle, after byte ")
    assert not mark.exists()
    assert "antigravity" not in sys.modules


def nested(depth: int, opening: bytes, closing: bytes) -> bytes:
    return b"\x80\x02" + opening * depth + closing * depth + b"."


SMALL = Limits(size=1 << 20, held=1 << 20, objects=10_000)
HUGE = struct.pack("<Q", 1 << 62)
BOMBS = [
    (nested(100_000, b"(", b"t"), "nesting of more than 200 levels"),
    (b"\x80\x02" + b"]" * 300_000, "more than 10,000 objects"),
    (b"\x80\x04" + b"N" + b"\x94" * 600_000, "more than 10,000 objects"),
    (b"\x80\x04\x8d" + HUGE + b"x.", "a value of more than 1,048,576 bytes"),
    (b"\x80\x04\x8e" + HUGE + b"x.", "a value of more than 1,048,576 bytes"),
    (b"\x80\x02X\xff\xff\xff\xffx.", "a value of more than 1,048,576 bytes"),
    (b"\x80\x02\x8b\xff\xff\x00\x00" + b"\x01" * 65_535 + b".", "an integer of 65,535 bytes"),
    (b"\x80\x02Nr\xff\xff\xff\xffj\xfe\xff\xff\xff.", "object 4294967294, which is not there"),
    (b"\x80\x02}" + b")" + b"\x85" * 60 + b"Ns.", "a tuple as a key"),
    (b"\x80\x02}](Ns.", "well-formed"),
    (b"\x80\x02}(K\x01NK\x01Nu.", "a key that is given twice"),
    (b"\x80\x02}K\x01NsK\x01Ns.", "a key that is given twice"),
    (b"\x80\x02N0.", "the step POP"),
    (b"\x80\x02.", "well-formed"),
    (b"\x80\x02NN.", "well-formed"),
    (b"\x80\x02(N.", "well-formed"),
    (b"\x80\x02X\x02\x00\x00\x00\xff\xff.", "well-formed"),
    (b"\x80\x02NK\x01a.", "well-formed"),
    (pickle.dumps(np.arange(4)).replace(b"\x85\x94h", b"\x86\x94h"), "refuses|well-formed"),
    (b"B" * 2_000_000, "more than"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "what"), BOMBS, ids=range(len(BOMBS)))
def test_bombs_and_nonsense(raw: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=what):
        read_pickle(write(tmp_path, raw, "bad.pickle"), limits=SMALL)


def test_laughs_cost_nothing(tmp_path: Path) -> None:
    """A hundred lists of ten times the one before stand for 10^100 values; nothing here counts them."""
    found = read_pickle(write(tmp_path, laughs()), limits=SMALL)
    assert len(found) == 10


def laughs() -> bytes:
    level: list[Any] = ["ha"]
    for _ in range(100):
        level = [level] * 10
    return pickle.dumps(level, 4)


def test_a_deep_pile_of_lists_is_no_recursion(tmp_path: Path) -> None:
    path = write(tmp_path, nested(100_000, b"]", b"")[:-1] + b"a" * 99_999 + b".")
    assert len(read_pickle(path)) == 1


def test_compressed_bombs(tmp_path: Path) -> None:
    limits = Limits(size=1 << 22, held=1 << 22)
    zeros = b"\x80\x04\x8e" + struct.pack("<Q", 1 << 34) + bytes(1 << 24)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TableError, match="a value of more than"):
        read_pickle(write(tmp_path, bz2.compress(zeros)), limits=limits)
    lists = bz2.compress(b"\x80\x04" + b"]0" * (1 << 22))
    with pytest.raises(TableError):
        read_pickle(write(tmp_path, lists), limits=limits)
    many = bz2.compress(b"\x80\x04" + pickle.dumps([1.5] * 1_000_000)[2:])
    with pytest.raises(TableError, match=r"longer than|more than"):
        read_pickle(write(tmp_path, many), limits=limits)
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", zeros)
    with pytest.raises(TableError, match="a value of more than"):
        read_pickle(path, limits=limits)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # kB; `zeros` is part of it


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("wrap", [bytes, bz2.compress], ids=["plain", "bz2"])
def test_cut_at_every_byte(protocol: int, wrap: Callable[[bytes], bytes], tmp_path: Path) -> None:
    value = {
        "a": [1.5, 2, "text"],
        "n": np.float64(2),
        "array": np.arange(3),
        "set": {1},
        "o": OrderedDict(a=1),
    }
    raw = wrap(pickle.dumps(value, protocol))
    for end in range(len(raw)):
        with pytest.raises(TableError, match=r"release\.pth"):
            read_pickle(write(tmp_path, raw[:end]))
    with pytest.raises(TableError, match="further bytes"):
        read_pickle(write(tmp_path, raw + (b"x" if wrap is bytes else wrap(b"x"))))


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_torch_files_cut_at_every_byte(new: bool, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "release.pth"
    torch.save({"a": [1, 2.5]}, path, _use_new_zipfile_serialization=new)
    raw = path.read_bytes()
    for end in range(len(raw)):
        with pytest.raises(TableError, match=r"release\.pth"):
            read_pickle(write(tmp_path, raw[:end]))


def test_other_torch_versions_and_archives(tmp_path: Path) -> None:
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    with pytest.raises(TableError, match="torch file format 1002; 1001 is read"):
        read_pickle(write(tmp_path, magic + pickle.dumps(1002, 2)))
    small = pickle.dumps(1001, 2) + pickle.dumps({}, 2) + pickle.dumps([1], 2)
    with pytest.raises(TableError, match="holds tensors"):
        read_pickle(write(tmp_path, magic + small + pickle.dumps(["0"], 2)))
    path = tmp_path / "other.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/other.pkl", b"")
    with pytest.raises(TableError, match=r"0 members named data\.pkl"):
        read_pickle(path)


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_is_an_error_or_a_value(seed: int, tmp_path: Path) -> None:
    """Whatever the bytes: a value, or a TableError in one line."""
    chance = random.Random(seed)
    value = {
        "arch2infos": {i: {"a": [1.5, "q"], "n": np.float64(i)} for i in range(4)},
        "array": np.arange(3),
    }
    shed = Shed(frozenset({"arch2infos"}), lambda *_: None)
    for _ in range(300):
        raw = bytearray(pickle.dumps(value, chance.choice((2, 4))))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(raw))
            match chance.randrange(3):
                case 0:
                    raw[at] = chance.randrange(256)
                case 1:
                    del raw[at : at + chance.randint(1, 5)]
                case _:
                    raw[at:at] = raw[chance.randrange(len(raw)) :][:20]
        try:
            read_pickle(write(tmp_path, bytes(raw)), limits=SMALL, shed=chance.choice((None, shed)))
        except TableError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1000, 1001, 2003])
@pytest.mark.parametrize("protocol", [2, 4])
def test_shedding_reduces_each_record_once(count: int, protocol: int, tmp_path: Path) -> None:
    names = [f"name {i % 7}" for i in range(count)]
    shared = "".join(["a ", "text"])
    records = {
        i: {"name": names[i], "own": f"x{i}", "values": {f"k@{j}": float(j) for j in range(3)}, "of": shared}
        for i in range(count)
    }
    value = {"before": names, "records": records, "after": [shared, names]}
    seen = []

    def reduce(of: str, key: int, record: dict[str, Any]) -> int:
        assert (of, record) == ("records", records[key])
        seen.append(key)
        return -key

    raw = pickle.dumps({**value, "after": [shared, *names[:1]]}, protocol)
    found = read_pickle(write(tmp_path, raw), shed=Shed(frozenset({"records"}), reduce))
    assert seen == list(range(count))
    assert found == {"before": names, "records": {i: -i for i in seen}, "after": [shared, *names[:1]]}


def test_records_may_share_plain_values(tmp_path: Path) -> None:
    shared = {
        "real": np.float64(0.1),
        "whole": np.int64(1),
        "flag": np.bool_(True),
        "text": "a text",
        "pair": ("a", 1),
    }
    records = {i: {**shared, "own": [i]} for i in range(30)}
    path = write(tmp_path, pickle.dumps({"records": records}, 2))
    found = read_pickle(path, shed=Shed(frozenset({"records"}), lambda of, key, record: record))
    assert found["records"] == records
    assert {type(record["flag"]) for record in found["records"].values()} == {bool}
    assert {type(record["whole"]) for record in found["records"].values()} == {int}


def test_a_record_may_not_refer_into_one_that_is_over(tmp_path: Path) -> None:
    inner = [1.5]
    records = {i: {"inner": inner, "i": [i]} for i in range(20)}
    path = write(tmp_path, pickle.dumps({"records": records}, 2))
    assert read_pickle(path)["records"] == records
    with pytest.raises(TableError, match="of a record that is over"):
        read_pickle(path, shed=Shed(frozenset({"records"}), lambda *_: None))


def test_shedding_holds_one_record_at_a_time(tmp_path: Path) -> None:
    records = {i: {"curve": [float(i)] * 5_000} for i in range(100)}
    path = write(tmp_path, pickle.dumps({"records": records}, 2))
    limits = Limits(size=1 << 30, held=1 << 20)
    with pytest.raises(TableError, match="a value of more than 1,048,576 bytes"):
        read_pickle(path, limits=limits)
    assert (
        len(read_pickle(path, limits=limits, shed=Shed(frozenset({"records"}), lambda *_: 0))["records"])
        == 100
    )
