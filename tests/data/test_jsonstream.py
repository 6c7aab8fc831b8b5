"""JSON streams and archives: records by hand, and files made to break the reader."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.convert import jsonstream
from data.convert.fields import Fields
from data.convert.jsonstream import document, records
from data.convert.members import members, share_of
from data.errors import TableError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 60), 1 << 60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class Dribble:
    """A stream that gives a few bytes at a time."""

    def __init__(self, text: bytes, size: int) -> None:
        self.stream, self.size = io.BytesIO(text), size

    def read(self, size: int, /) -> bytes:
        return self.stream.read(min(size, self.size))


def read(text: str | bytes, depth: int | None = None, size: int = 1 << 20) -> list:
    return list(records(Dribble(text.encode() if isinstance(text, str) else text, size), "a.json", depth))


@given(st.lists(VALUES, max_size=5), st.integers(1, 9), st.booleans())
def test_members_of_a_list_are_those_of_json(values: list, size: int, ascii_only: bool) -> None:
    text = json.dumps(values, ensure_ascii=ascii_only, indent=size % 3 or None)
    assert read(text, 1, size) == [((n,), value) for n, value in enumerate(values)]


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.integers(1, 9))
def test_members_of_an_object_are_those_of_json(values: dict, size: int) -> None:
    assert read(json.dumps(values), 1, size) == [((key,), value) for key, value in values.items()]
    assert document(Dribble(json.dumps(values).encode(), size), "a.json") == values


def test_depth_is_found_from_the_outermost_bracket() -> None:
    assert read('{"top": [1, 2], "mid": [3]}') == [(("top", 0), 1), (("top", 1), 2), (("mid", 0), 3)]
    assert read("[1, {}]") == [((0,), 1), ((1,), {})]
    assert read("[]") == read("{}") == []


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file ends here"),
        ("12", "not a list or an object"),
        ("[1, 2", r"record 1: the file ends here"),
        ('[{"a": 1}, {"b": ', r"record 1: the file ends in the middle of it"),
        ('[{"a": "b', r"record 0: the file ends in the middle of it"),
        ("[1, 2] 3", "something follows after its end"),
        ("[1, 2]]", "something follows after its end"),
        ("[1 2]", r"record 0: not JSON: a comma or the end should follow, not b'2'"),
        ("[1,]", r"record 1: not JSON"),
        ("[,1]", r"record 0: not JSON"),
        ('[{"a": 1}}', r"record 0: not JSON: a comma or the end should follow, not b'}'"),
        ("[{]}]", r"record 0: not JSON"),
        ("[nul]", r"record 0: not JSON"),
        ("[01]", r"record 0: not JSON"),
        ('[{"a": 1, "a": 2}]', r"record 0: not JSON: the key 'a' comes twice"),
        ("[" + "9" * 5000 + "]", r"record 0: not JSON"),
        ("[" + "[" * 20 + "]" * 20 + "]", r"record 0: nested more than 16 levels deep"),
    ],
)
def test_what_is_not_json_is_refused(text: str, message: str, size: int) -> None:
    with pytest.raises(TableError, match=message) as caught:
        read(text, size=size)
    assert str(caught.value).startswith("a.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "record 'a': this key comes a second time"),
        ('{"a" 1}', "record 'a': not JSON: a colon should follow the key"),
        ("{1: 2}", "a key should be a string, not 1"),
        ('{"a": 1, ', "the file ends here"),
    ],
)
def test_wrong_objects_are_refused(text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read(text, 1)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(TableError, match="record 0: not JSON: 'utf-8'"):
        read(b'["\xff\xfe"]')


@pytest.mark.parametrize("opening", ['[{"a": "', '["', "[["])
def test_a_record_without_end_is_refused_in_bounded_memory(
    opening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonstream, "RECORD_LIMIT", 4 << 20)

    class Endless:
        def __init__(self) -> None:
            self.given = False

        def read(self, size: int, /) -> bytes:
            first = b"" if self.given else opening.encode()
            self.given = True
            return first + b"1" * (size - len(first))

    tracemalloc.start()
    try:
        with pytest.raises(TableError, match="record 0: larger than 4 MiB"):
            list(records(Endless(), "a.json"))
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_a_long_list_takes_the_memory_of_one_record() -> None:
    class Long:
        """A list of 20,000 records, 40 MB."""

        def __init__(self) -> None:
            self.left = 20_000
            self.record = json.dumps({"text": "x" * 2000}).encode()

        def read(self, size: int, /) -> bytes:
            n = min(self.left, 400)
            text = (b"[" if self.left == 20_000 else b"") + b",".join([self.record] * n)
            self.left -= n
            if n:
                text += b"," if self.left else b"]"
            return text

    tracemalloc.start()
    try:
        assert sum(1 for _ in records(Long(), "a.json")) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_members_of_folder_archive_and_file_are_the_same(tmp_path: Path) -> None:
    files = {"b/x.json": b"[1]", "a.json": b"[22]", "a.txt": b"no", "__MACOSX/a.json": b"", "._c.json": b""}
    for name, content in files.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    seen = []
    for path in (tmp_path / "folder", zipped(tmp_path / "data.zip", files)):
        found = members(path, ".json")
        assert [(member.name, member.base, member.size) for member in found] == [
            ("a.json", "a.json", 4),
            ("b/x.json", "x.json", 3),
        ]
        taken = share_of(7, seen.append)
        for member in found:
            with member.open(taken) as stream:
                assert [value for _, value in records(stream, member.name)] == [22 if member.size == 4 else 1]
        assert seen[-1] == 1.0
    (member,) = members(tmp_path / "folder" / "a.json", ".json")
    assert (member.name, member.size) == ("a.json", 4)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    (member,) = members(zipped(tmp_path / "data.zip", {"a.json": b"[" + b" " * 50_000_000}), ".json")
    with pytest.raises(TableError, match=r"a\.json: unpacks to 50,000,001 bytes"), member.open():
        pass


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "data.zip", {"a.json": json.dumps(list(range(10_000))).encode()})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TableError, match=r"data\.zip: not a complete zip archive"):
        members(path, ".json")
    path.write_bytes(whole[:200] + bytes(100) + whole[300:])
    (member,) = members(path, ".json")
    with pytest.raises(TableError, match=r"a\.json: incomplete or damaged"), member.open() as stream:
        document(stream, member.name)


def test_values_without_a_reasonable_repr_are_still_refused_in_one_line() -> None:
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    endless: list = ["x"]
    for _ in range(100):
        endless = [endless, endless, endless]
    values = {"huge": 10**10_000, "deep": deep, "long": ["x" * 1000] * 1000, "endless": endless}
    record = Fields(values, "a.pickle")
    for name, message in (
        *(("huge", "a int"), ("deep", r"\[\[\["), ("long", r"\['x+\.\.\.x*"), ("endless", r"\[\[\[")),
    ):
        with pytest.raises(TableError, match=rf"^a\.pickle: {name} is not a finite number but {message}"):
            record.number(name)


@pytest.mark.parametrize("name", ["a\nb.json", "x" * 600 + ".json", "\x1b[2Ja.json"])
def test_names_made_to_spoil_messages_are_refused(name: str, tmp_path: Path) -> None:
    path = zipped(tmp_path / "data.zip", {name: b"[]"})
    with pytest.raises(TableError, match=r"^data\.zip: contains a file with an unreasonable name") as caught:
        members(path, ".json")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200
