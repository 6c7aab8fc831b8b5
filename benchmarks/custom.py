"""A user's own table: architectures as graphs, as chains, as pairs of cells, or as texts of a known space."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.json as pajson

from benchmarks.base import Benchmark, Info, numeric_columns
from benchmarks.custom_graphs import FORMS, form_of
from data.errors import TableError
from data.graphs import Graphs
from data.table import Column, Table

COSTS = ("flops", "params", "macs")


class Custom(Benchmark):
    """Any table whose columns say what its architectures are, in one of these forms.

    - `adjacency`, a row-major list of v² entries or v lists of v, and `ops`, a list of v names that begins
      with "input" and ends with "output"; `stage`, a list of v names, if nodes belong to parts of a network.
    - `ops` alone, a list of names: a chain of blocks; `stage`, as many names, if they belong to stages.
    - `normal` and `reduce`, lists of "operation:input", two for each block: a pair of cells as in DARTS;
      `width` and `depth`, numbers, if the networks differ in them.
    - `arch`, a text of NAS-Bench-201, TransNAS-Bench-101, NATS-Bench (widths), NAS-Bench-Macro or the
      ProxylessNAS space, as `benchmarks.info` shows it.

    In a CSV file lists are written as JSON. Every other numeric column is a label of the data set "table",
    except flops, params and macs, which are weak labels.
    """

    def __init__(self, table: Table, path: Path) -> None:
        """Wrap a table that was read from `path`."""
        super().__init__(table)
        found = [c for c in self._columns.values() if c.kind == "label"]
        if not found:
            raise TableError(f"{path} has no numeric column that could be a label; found {table.names}")
        labels = [c.target for c in found if c.dataset == found[0].dataset]
        target = "test_acc" if "test_acc" in labels else labels[0] if len(labels) == 1 else ""
        self.info = Info(
            key=str(path),
            title=path.name,
            citation="your own",
            licence="your own",
            dataset=found[0].dataset,
            target=target,
            label="valid_acc",
            weak=tuple(c.name for c in self._columns.values() if c.kind == "weak"),
        )

    @classmethod
    def read(cls, path: Path) -> Custom:
        """Read a parquet, CSV or JSON-lines file.

        Raises:
            TableError: The file cannot be read, or has no architectures or labels.
        """
        table = Table.read(path) if path.suffix == ".parquet" else Table(_read_text(path))
        if len(table) == 0:
            raise TableError(f"{path} has no rows")
        twice = sorted({name for name in table.names if table.names.count(name) > 1})
        if twice:
            raise TableError(f"{path} has more than one column named {', '.join(twice)}")
        return cls(table, path)

    def describe(self, table: Table) -> Iterable[Column]:
        """Return the described columns of the file, and a plain description of every other numeric one."""
        form = form_of(table)
        for column in numeric_columns(table, "label"):
            if form and column.name in form.optional:
                continue
            described = column.name in table.columns
            yield column if described or column.name not in COSTS else replace(column, kind="weak")

    def build_graphs(self) -> Graphs:
        """Return the graphs of all rows; TableError names bad rows by number and reason."""
        form = form_of(self.table)
        if form:
            return form.build(self.table)
        known = ", or ".join(" and ".join(f"'{name}'" for name in form.columns) for form in FORMS)
        raise TableError(f"{self.info.key} needs the columns {known}; it has {', '.join(self.table.names)}")


def _read_text(path: Path) -> pa.Table:
    try:
        if path.suffix == ".jsonl":
            return pajson.read_json(path)
        if path.suffix == ".csv":
            # A code such as 01220120 is a text: its zeros count.
            texts = pacsv.ConvertOptions(column_types={"arch": pa.string()})
            return pacsv.read_csv(path, convert_options=texts)
    except (pa.ArrowInvalid, OSError) as error:
        raise TableError(f"{path} cannot be read: {error}") from error
    raise TableError(f"{path}: a table is a .parquet, .csv or .jsonl file")
