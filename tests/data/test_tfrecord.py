"""TFRecord framing: what is written is read; every bit is guarded; no file makes it run wild."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.convert import tfrecord
from data.convert.tfrecord import looks_like_records, masked_crc, read_records, write_records
from data.errors import TableError

quick = settings(derandomize=True, deadline=None, max_examples=60)

RECORDS = [b"", b"a", b"some bytes", bytes(range(200, 256))]


def slow_crc(data: bytes) -> int:
    """CRC-32C bit by bit, then masked, as the format describes it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32


def frame(data: bytes, length: int | None = None) -> bytes:
    head = struct.pack("<Q", len(data) if length is None else length)
    return head + struct.pack("<I", slow_crc(head)) + data + struct.pack("<I", slow_crc(data))


def read(path: Path, **options) -> list[bytes]:
    return [record.data for record in read_records(path, **options)]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_records(tmp_path / "good.tfrecord", RECORDS)


def test_known_checksum() -> None:
    crc = 0xE3069283  # of the digits 1 to 9, in every description of CRC-32C
    assert masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


@quick
@given(st.binary(max_size=200))
def test_checksum_is_the_documented_one(data: bytes) -> None:
    assert masked_crc(data) == slow_crc(data)


def test_bytes_of_a_file(good: Path) -> None:
    assert good.read_bytes() == b"".join(map(frame, RECORDS))


@quick
@given(records=st.lists(st.binary(max_size=90), max_size=20), chunk=st.integers(1, 64))
def test_what_is_written_is_read(
    records: list[bytes], chunk: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write_records(tmp_path_factory.mktemp("framing") / "x.tfrecord", records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfrecord, "_CHUNK", chunk)
        found = list(read_records(path))
    assert [record.data for record in found] == records
    assert [record.number for record in found] == list(range(len(records)))
    assert [record.offset for record in found] == [
        sum(16 + len(data) for data in records[:i]) for i in range(len(records))
    ]


def test_every_truncation_is_named(good: Path) -> None:
    whole = good.read_bytes()
    ends = [sum(16 + len(data) for data in RECORDS[:i]) for i in range(len(RECORDS) + 1)]
    for size in range(len(whole)):
        good.write_bytes(whole[:size])
        number = max(i for i, end in enumerate(ends) if end <= size)
        if size == ends[number]:
            assert read(good) == RECORDS[:number]
            continue
        with pytest.raises(TableError) as caught:
            read(good)
        left = size - ends[number]
        place = f"good.tfrecord, record {number} (byte {ends[number]})"
        assert str(caught.value) == f"{place}: the file ends in it, after {left:,} bytes"


def test_every_flipped_bit_is_found(good: Path) -> None:
    whole = good.read_bytes()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        good.write_bytes(flipped)
        found = []
        with pytest.raises(TableError, match=r"record \d \(byte \d+\): (not a|the (length|data) has)"):
            found += read_records(good)
        assert [record.data for record in found] == RECORDS[: len(found)]


@pytest.mark.parametrize("length", [1 << 20 | 1, 1 << 40, 2**63, 2**64 - 1])
def test_a_huge_length_allocates_nothing(length: int, tmp_path: Path) -> None:
    path = tmp_path / "huge.tfrecord"
    path.write_bytes(frame(b"first") + frame(b"x" * 100, length))
    tracemalloc.start()
    with pytest.raises(TableError, match=rf"record 1 \(byte 21\): {length:,} bytes long; at most 1,048,576"):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_bomb_of_zeros_stops_at_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "zeros.tfrecord"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TableError, match=r"zeros.tfrecord, record 0 \(byte 0\): not a TFRecord file"):
        read(path)
    assert not looks_like_records(path)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = write_records(tmp_path / "long.tfrecord", (b"x" * 1000 for _ in range(20_000)))
    tracemalloc.start()
    assert sum(1 for _ in read_records(path)) == 20_000
    assert tracemalloc.get_traced_memory()[1] < 6 << 20
    tracemalloc.stop()


def test_a_limit_of_ones_own(good: Path) -> None:
    assert read(good, max_record=56) == RECORDS
    with pytest.raises(TableError, match=r"record 3 .*56 bytes long; at most 55 are read"):
        read(good, max_record=55)


def test_progress_rises_to_one(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfrecord, "_CHUNK", 20)
    shares = []
    list(read_records(good, shares.append))
    assert shares == sorted(shares)
    assert len(shares) > 5
    assert shares[-1] == 1


def test_what_looks_like_records(good: Path, tmp_path: Path) -> None:
    assert looks_like_records(good)
    for content in (b"", b"PK\x03\x04", b"{}" * 50, good.read_bytes()[1:]):
        (tmp_path / "other").write_bytes(content)
        assert not looks_like_records(tmp_path / "other")
    assert not looks_like_records(tmp_path)
    assert not looks_like_records(tmp_path / "nothing")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_records(tmp_path / "x.tfrecord", [b"fine", None])  # pyright: ignore[reportArgumentType]
    assert list(tmp_path.iterdir()) == []


def test_another_implementation_reads_the_same(good: Path) -> None:
    reader = pytest.importorskip("tfrecord.reader", reason="needs the extra: pip install 'acerank[official]'")
    assert [bytes(data) for data in reader.tfrecord_iterator(str(good))] == RECORDS
