"""Columns of a table as labels: descriptions of numeric columns, and labels of a part of the rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from data.table import Column, Table

PLAIN_DATASET = "table"  # data set of columns without a description


def is_numeric(kind: pa.DataType) -> bool:
    """Return whether a column of this Arrow type holds numbers (truth values are not)."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def numeric_columns(table: Table, kind: Literal["label", "weak"]) -> list[Column]:
    """Return a description of every numeric column: the file's own, else a plain one of this kind."""
    columns = []
    for field in table.arrow.schema:
        if is_numeric(field.type):
            plain = Column(field.name, PLAIN_DATASET, field.name, unit="", kind=kind)
            described = table.columns.get(field.name, plain)
            columns.append(replace(described, kind=kind) if kind == "weak" else described)
    return columns


def spread(table: Table, by: str, names: Iterable[str]) -> Table:
    """Return a table with a column "PART/NAME" for each part that `by` names: its rows' values, else null.

    So that rows of different parts (supernets, data sets) are never in one ranking.
    """
    parts = table.column(by).cast(pa.string())
    columns = {}
    for part in sorted(set(parts.to_pylist()) - {None}):
        here = pc.equal(parts, part)  # pyright: ignore[reportAttributeAccessIssue]
        for name in names:
            values = table.column(name)
            columns[f"{part}/{name}"] = pc.if_else(here, values, pa.scalar(None, values.type))  # pyright: ignore[reportAttributeAccessIssue]
    arrow = table.arrow
    for name, values in columns.items():
        arrow = arrow.append_column(name, values)
    return Table(arrow, table.columns)
