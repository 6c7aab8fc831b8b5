"""Files of users: formats, encodings, separators, spellings of numbers, and what is no table."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.column import Column
from data.errors import AcerankError, MissingTableError, TableError, UnknownNameError
from data.readers import read
from data.readers.nested import parse_list
from data.table import METADATA_KEY, Table

NAMES, ACC = ["a", "b", "c"], [93.1, 92.5, 90.0]
CSV = "name,acc\na,93.1\nb,92.5\nc,90\n"


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", CSV),
        ("T.CSV", CSV),
        ("t.csv", CSV.replace("\n", "\r\n")),
        ("t.csv", CSV.replace(",", ", ")),
        ("t.csv", CSV.replace("\n", ",\n")),
        ("t.csv", "\n" + CSV + "\n\n"),
        ("t.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("t.csv", CSV.encode("utf-16")),
        ("t.csv", CSV.replace(",", ";").replace(".", ",")),
        ("t.csv", CSV.replace(",", ";")),
        ("t.csv", CSV.replace(",", "\t")),
        ("t.tsv", CSV.replace(",", "\t")),
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("t.csv", gzip.compress(CSV.encode(), mtime=0)),
        ("t.tsv.gz", gzip.compress(CSV.replace(",", "\t").encode(), mtime=0)),
        (
            "t.jsonl",
            "".join(json.dumps({"name": n, "acc": a}) + "\n" for n, a in zip(NAMES, ACC, strict=True)),
        ),
        (
            "t.ndjson",
            "".join(json.dumps({"name": n, "acc": a}) + "\n" for n, a in zip(NAMES, ACC, strict=True)),
        ),
        ("t.json", json.dumps([{"name": n, "acc": a} for n, a in zip(NAMES, ACC, strict=True)])),
        ("t.json", json.dumps({"name": NAMES, "acc": ACC})),
        ("t.json", json.dumps({"name": dict(enumerate(NAMES)), "acc": dict(enumerate(ACC))})),
        (
            "t.json",
            json.dumps({"data": [{"name": n, "acc": str(a)} for n, a in zip(NAMES, ACC, strict=True)]}),
        ),
    ],
)
def test_one_table_in_many_formats(name: str, content: str | bytes, tmp_path: Path) -> None:
    table = read(put(tmp_path / name, content)).table
    assert table.names == ["name", "acc"]
    assert table.column("name").to_pylist() == NAMES
    np.testing.assert_array_equal(table.values("acc"), ACC)


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table"])
def test_json_as_pandas_writes_it(orient, tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"arch": ["x", "y", "z"], "acc": [1.5, np.nan, 2.5]})
    frame.to_json(tmp_path / "t.json", orient=orient)
    table = read(tmp_path / "t.json").table
    assert table.column("arch").to_pylist() == ["x", "y", "z"]
    np.testing.assert_array_equal(table.values("acc"), [1.5, np.nan, 2.5])


def test_excel(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "trained"
    for row in (["name", "acc", "epochs"], ["a", 93.1, 200], ["b", 92.5, 200], [], ["c", "-", None]):
        sheet.append(row)
    book.create_sheet("other").append(["x"])
    book.save(tmp_path / "t.xlsx")
    found = read(tmp_path / "t.xlsx")
    np.testing.assert_array_equal(found.table.values("acc"), [93.1, 92.5, np.nan])
    np.testing.assert_array_equal(found.table.values("epochs"), [200, 200, np.nan])
    assert any("trained" in line and "other" in line for line in found.notices)
    assert read(tmp_path / "t.xlsx", sheet="trained").table.names == ["name", "acc", "epochs"]
    with pytest.raises(UnknownNameError, match="traind"):
        read(tmp_path / "t.xlsx", sheet="traind")
    with pytest.raises(TableError, match="no rows"):
        read(tmp_path / "t.xlsx", sheet="other")
    with pytest.raises(TableError, match="not a whole Excel file"):
        read(put(tmp_path / "broken.xlsx", (tmp_path / "t.xlsx").read_bytes()[:700]))


def test_excel_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(AcerankError, match=r"pip install 'acerank\[excel\]'"):
        read(put(tmp_path / "t.xlsx", b"PK\x03\x04"))


def test_latin_1_is_read_and_said(tmp_path: Path) -> None:
    found = read(put(tmp_path / "t.csv", "name,acc\nMüller,93.1\n".encode("latin-1")))
    assert found.table.column("name").to_pylist() == ["Müller"]
    assert any("Latin-1" in line for line in found.notices)


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("t.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        ("t.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        ("t.xlsx", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        ("t.csv", b"\n<!DOCTYPE html><html>virus scan warning</html>", "HTML page"),
        ("t.parquet", b"<html><body>Sign in</body></html>", "HTML page"),
        ("t.jsonl", b"<!doctype html>", "HTML page"),
        ("t.csv", b"PAR1" + b"x" * 20, "suffix .parquet"),
        ("t.csv", b"PK\x03\x04" + b"x" * 20, "suffix .xlsx"),
        ("t.csv", b"\x80\x04\x95", "a pickle"),
        ("t.csv", b"a,b\n1,\x002\n", "zero byte in line 2"),
        ("t.csv", gzip.compress(CSV.encode(), mtime=0)[:-9], "cannot be read"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b" \n\n", "is empty"),
        ("t.csv", b"name,acc\n", "has no rows"),
        ("t.csv", b"name,acc\na,1\nb,1,2\n", "row 1 .*3 values"),
        ("t.csv", b"name,acc\na,1\nb\n", "row 1 .*1 values"),
        ("t.csv", b'name,acc\n"a,1\nb,2\n', "line"),
        ("t.csv", b"acc,acc\n1,2\n", "more than one column named acc"),
        ("t.json", b"[1, 2]", "row 0"),
        ("t.json", b'{"acc": [1, 2], "name": ["a"]}', "list of objects"),
        ("t.jsonl", b'{"acc": 1}\n{"acc": 1, "acc": 2}\n', "line 2.*acc"),
        ("t.jsonl", b'{"acc": 1}\n' + b"[" * 100_000, "line 2.*nested too deep"),
        ("t.jsonl", b'{"acc": ' + b"9" * 4301 + b"}\n", "line 1"),
        ("t.jsonl", b'{"acc": ' + b"9" * 400 + b"}\n", "line 1: column 'acc'.*digits"),
        ("t.jsonl", b'{"acc": "\\ud800"}\n', "column 'acc': row 0"),
        ("t.jsonl", b'{"acc": 1}\n{"acc": 1e200}\n', r"column 'acc': row 1 .*1e\+200"),
        ("t.csv", b"acc\n1\n1e200\n", r"column 'acc': row 1 .*1e\+200"),
        ("t.xls", b"x", r"\.csv"),
    ],
)
def test_what_is_no_table_is_named(name: str, content: bytes, cause: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=cause):
        read(put(tmp_path / name, content))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingTableError, match=r"t\.csv"):
        read(tmp_path / "t.csv")


# Numbers.


def column(tmp_path: Path, *cells: str, separator: str = ",") -> tuple[list, tuple[str, ...]]:
    text = "".join(f'{i}{separator}"{cell}"\n' for i, cell in enumerate(cells))
    found = read(put(tmp_path / "t.csv", f"id{separator}acc\n{text}"))
    return found.table.column("acc").to_pylist(), found.notices


@pytest.mark.parametrize("mark", ["", "-", "NA", "nan", "NaN", "None", "null", "?", "n/a", "#N/A", " "])
def test_missing_marks_are_missing_and_counted(mark: str, tmp_path: Path) -> None:
    values, notices = column(tmp_path, "93.1", mark, "92", mark)
    assert values == [93.1, None, 92.0, None]
    (line,) = notices
    assert "'acc': 2 of 4 values are missing" in line


@pytest.mark.parametrize("bad", ["%", "93,1", "9O.1", "93.1 ± 0.2", "failed", "93.1%", "1.2.3"])
def test_a_bad_number_is_named_by_row_and_text(bad: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=rf"column 'acc' .*row 2 .*'{bad}'"):
        column(tmp_path, "93.1", "92", bad, "91")


@pytest.mark.parametrize(
    ("cells", "separator", "expected", "said"),
    [
        (("93.1%", "92 %", "-"), ",", [93.1, 92, None], "percent"),
        (("93,1", "92", "91,25"), ",", [93.1, 92, 91.25], "decimal commas"),
        (("0,931", "0,92"), ",", [0.931, 0.92], "decimal commas"),
        (("1,234", "0,5"), ";", [1.234, 0.5], "decimal commas"),
        (("1,234,567", "12"), ",", [1234567, 12], "group digits"),
        (("−1.5", "2"), ",", [-1.5, 2], ""),
        (("+1.5", "1e-3", ".5", "5."), ",", [1.5, 0.001, 0.5, 5], ""),
    ],
)
def test_other_ways_to_write_numbers(cells, separator, expected, said, tmp_path: Path) -> None:
    values, notices = column(tmp_path, *cells, separator=separator)
    assert values == expected
    assert said in " ".join(notices)


@pytest.mark.parametrize("cells", [("1,234", "5,678"), ("93.1", "93,1"), ("93.1%", "0.92")])
def test_ambiguous_numbers_are_refused(cells: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"column 'acc' .*row \d"):
        column(tmp_path, *cells)


def test_infinite_values_are_missing_and_counted(tmp_path: Path) -> None:
    values, notices = column(tmp_path, "93.1", "inf", "-inf")
    assert values == [93.1, None, None]
    assert any("2 infinite" in line for line in notices)


def test_names_may_be_numbers_and_texts(tmp_path: Path) -> None:
    table = read(put(tmp_path / "t.csv", "id,acc\n1,2\n2,3\nbest,4\n")).table
    assert table.column("id").to_pylist() == ["1", "2", "best"]


def test_texts_of_a_parquet_file_that_are_numbers(tmp_path: Path) -> None:
    from decimal import Decimal

    columns = {"acc": ["93.1", "-", None], "ms": [Decimal("1.50"), Decimal("2.25"), None]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read(tmp_path / "t.parquet").table
    np.testing.assert_array_equal(table.values("acc"), [93.1, np.nan, np.nan])
    np.testing.assert_array_equal(table.values("ms"), [1.5, 2.25, np.nan])


# Lists.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("['a', 'b']", ["a", "b"]),
        ("('a', 'b')", ["a", "b"]),
        ("['a' 'b']", ["a", "b"]),
        ("[a, b]", ["a", "b"]),
        ("[none, None]", ["none", None]),
        ("[[0 1]\n [0 0]]", [[0, 1], [0, 0]]),
        ("[0. 1.]", [0, 1]),
        ("['it\\'s', \"don't\"]", ["it's", "don't"]),
        ("[]", []),
        ("a b", "a b"),
    ],
)
def test_lists_as_text(text: str, expected: object) -> None:
    assert parse_list(text) == expected


@pytest.mark.parametrize(
    "text",
    ["[", "[1]]", "[1)", "[1", "['a]", "[" * 5 + "]" * 5, "[" * 99_999, "[" + "9" * 5000 + "]", "[1] 2"],
)
def test_broken_lists(text: str) -> None:
    with pytest.raises(ValueError, match=r"bracket|quote|deep|digits"):
        parse_list(text)


# Descriptions of columns.


@pytest.mark.parametrize(
    ("stored", "cause"),
    [
        ("null", "list of column descriptions"),
        ("[1]", "list of column descriptions"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('[{"dataset": "d"}]', "no 'name'"),
        ('[{"name": "acc", "datset": "d"}]', "did you mean dataset"),
        ('[{"name": "acc", "direction": "up"}]', "'direction' must be"),
        ('[{"name": "acc", "seeds": "s1"}]', "'seeds' must be"),
        ('[{"name": "acc", "scale": null}]', "'scale' must be"),
        ('[{"name": "acc"}, {"name": "acc"}]', "more than once"),
    ],
)
def test_descriptions_that_contradict_their_form(stored: str, cause: str, tmp_path: Path) -> None:
    arrow = pa.table({"acc": [1.0]}).replace_schema_metadata({METADATA_KEY: stored.encode()})
    pq.write_table(arrow, tmp_path / "t.parquet")
    with pytest.raises(TableError, match=f"t.parquet.*{cause}"):
        Table.read(tmp_path / "t.parquet")


def test_descriptions_next_to_a_file(tmp_path: Path) -> None:
    put(
        tmp_path / "t.columns.json",
        '{"ms": {"direction": "min", "unit": "ms"}, "ops": {"identity": ["skip"]}}',
    )
    for name in ("t.csv", "t.csv.gz"):
        put(tmp_path / name, "ops,ms\n[a],1\n")
        columns = read(tmp_path / name).table.columns
        assert columns["ms"] == Column("ms", "table", "ms", "ms", direction=-1)
        assert columns["ops"].identity == ("skip",)
    put(tmp_path / "t.columns.json", "[")
    with pytest.raises(TableError, match=r"t\.columns\.json"):
        read(tmp_path / "t.csv")


def test_only_lists_that_are_given_are_written(tmp_path: Path) -> None:
    columns = {"ops": Column("ops", "", "", zero=()), "acc": Column("acc", "d", "t")}
    table = Table(pa.table({"ops": ["[a]"], "acc": [1.0]}), columns)
    assert Table.read(table.write(tmp_path / "t.parquet")).columns == columns
    stored = json.loads(pq.read_schema(tmp_path / "t.parquet").metadata[METADATA_KEY])
    assert [set(one) & {"zero", "identity"} for one in stored] == [{"zero"}, set()]
