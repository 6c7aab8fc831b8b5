"""Tables of users -> Table: parquet, CSV and its relatives, JSON, Excel; errors name row and column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from data.content import GZIP, read_text, refuse_other_kinds
from data.descriptions import parse_descriptions
from data.errors import MissingTableError, TableError
from data.readers.columns import finite, from_values, tidy
from data.readers.delimited import parse_delimited
from data.readers.excel import read_sheet
from data.readers.records import Record, parse_json, parse_lines
from data.table import Column, Table
from data.table_files import SUFFIXES, table_suffix

DESCRIPTIONS = ".columns.json"  # of TABLE.csv in TABLE.columns.json


@dataclass(frozen=True)
class Read:
    """A table and what whoever reads it must be told.

    Attributes:
        table: The table.
        notices: Lines: what was missing, guessed or changed.
    """

    table: Table
    notices: tuple[str, ...] = ()


def read(path: Path, *, sheet: str = "") -> Read:
    """Read a table: .parquet, .csv, .tsv, .json, .jsonl (also with .gz) or .xlsx.

    Columns of texts that are numbers become numbers; marks for missing values are missing and counted.
    Columns that hold architectures stay as they are. `TABLE.columns.json` next to a file describes columns.

    Args:
        path: The file.
        sheet: The sheet of an Excel file; "" for the first.

    Raises:
        MissingTableError: There is no such file.
        TableError: It cannot be read, or contradicts itself; the row and the column are named.
        InputError: Excel files need a package that is not installed.
    """
    if not path.is_file():
        raise MissingTableError(f"there is no file '{path}'")
    suffix = table_suffix(path)
    if not suffix:
        raise TableError(
            f"{path}: a table is a file that ends in {', '.join(SUFFIXES)}; found '{path.suffix}'"
        )
    notices: list[str] = []
    described: dict[str, Column] = {}
    if suffix == ".parquet":
        arrow, described, notices = _read_parquet(path)
    elif suffix == ".xlsx":
        arrow, notices = _read_excel(path, sheet)
    else:
        text, notices = read_text(path)
        arrow, more = _from_text(text, suffix.removesuffix(".gz"), path)
        notices += more
    if not len(arrow):
        raise TableError(f"{path} has no rows")
    arrow, more = finite(arrow)
    side = described_beside(path)
    return Read(Table(arrow, {**described, **side}), (*notices, *more))


def described_beside(path: Path) -> dict[str, Column]:
    """Return the descriptions of columns in `TABLE.columns.json` next to a table, if it is there.

    It is an object of descriptions by column name: `{"latency": {"direction": "min", "unit": "ms"}}`.

    Raises:
        TableError: It contradicts this form.
    """
    beside = path.with_name(path.name[: -len(table_suffix(path)) or None] + DESCRIPTIONS)
    if not beside.is_file():
        return {}
    text, _ = read_text(beside)
    return parse_descriptions(text, str(beside))


def _read_parquet(path: Path) -> tuple[pa.Table, dict[str, Column], list[str]]:
    with path.open("rb") as file:
        if file.read(2) == GZIP:
            raise TableError(f"{path} is compressed with gzip: unpack it first")
    table = Table.read(path)
    try:
        table.arrow.validate(full=True)
        arrow, notices = tidy(table.arrow, str(path))
    except pa.ArrowException as error:
        raise TableError(f"{path} holds values that contradict their type: {error}") from error
    return arrow, dict(table.columns), notices


def _read_excel(path: Path, sheet: str) -> tuple[pa.Table, list[str]]:
    refuse_other_kinds(path)
    names, rows, notices = read_sheet(path, sheet)
    arrow, more = from_values(
        names, list(zip(*rows, strict=True)) if rows else [[] for _ in names], str(path)
    )
    return arrow, [*notices, *more]


def _from_text(text: str, suffix: str, path: Path) -> tuple[pa.Table, list[str]]:
    source = str(path)
    if suffix in (".csv", ".tsv"):
        names, rows, separator = parse_delimited(text, source)
        columns = [[row[i] for row in rows] for i in range(len(names))]
        return from_values(names, columns, source, decimal_comma=separator == ";")
    records = (parse_json if suffix == ".json" else parse_lines)(text, source)
    return _from_records(records, source)


def _from_records(records: list[Record], source: str) -> tuple[pa.Table, list[str]]:
    if not records:
        raise TableError(f"{source} has no rows")
    names = list(dict.fromkeys(name for record in records for name in record))
    return from_values(names, [[record.get(name) for record in records] for name in names], source)
