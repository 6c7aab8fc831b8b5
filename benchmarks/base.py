"""The benchmark contract: a table of measured architectures, as graphs, labels and weak labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.lists import graphs_of_texts
from data.cache import find, locate
from data.errors import InputError, MissingTableError, TableError
from data.graphs import Graphs
from data.names import check_name
from data.spaces.codes import CodeSpace
from data.table import Column, Table

ZERO_COST = "zero-cost proxy on CIFAR-10, NAS-Bench-Suite-Zero"
SEEDS = (777, 888, 999)  # of NAS-Bench-201 and NATS-Bench
PROXIES = (
    "epe_nas", "fisher", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "plain", "snip", "synflow", "zen"
)  # fmt: skip
PLAIN_DATASET = "table"  # data set of columns that nobody described


@dataclass(frozen=True)
class Info:
    """What a reader wants to know of a benchmark before trusting a number from it.

    Attributes:
        key: Name on the command line.
        title: Full name.
        citation: Whom to cite.
        licence: Licence of the table.
        dataset: Default data set.
        target: Default target to be judged on, within a data set.
        label: Default label to train on; where a data set lacks it, the target is used.
        weak: Default weak labels, by column name.
        supernet: The weak label that is a supernet's accuracy, if there is one.
        notes: What to keep in mind when reading results.
    """

    key: str
    title: str
    citation: str
    licence: str
    dataset: str
    target: str
    label: str
    weak: tuple[str, ...] = ()
    supernet: str = ""
    notes: str = ""


class Benchmark:
    """A table of one search space.

    A subclass gives `info`, `columns` and `build_graphs`. Labels and weak labels come out higher is better.

    Attributes:
        info: Description.
        columns: Labels and weak labels, by column name.
        side_tables: Tables that add weak labels, where they are found.
        join_on: Column by which side tables name their architectures.
        renames: Column in the file -> name here. Costs are called flops and params everywhere.
        table: The table itself.
        stands_in_for: Why this is not the benchmark that was asked for; "" if it is.
    """

    info: Info
    columns: ClassVar[tuple[Column, ...]] = ()
    side_tables: ClassVar[tuple[str, ...]] = ()
    join_on: ClassVar[str] = "arch"
    renames: ClassVar[Mapping[str, str]] = {}
    stands_in_for: str = ""

    def __init__(self, table: Table) -> None:
        """Wrap a table; every column that a label needs must be there."""
        self.table = table
        self._columns = {c.name: c for c in self.describe(table) if c.name in table.names}

    @classmethod
    def load(cls, *, offline: bool = False) -> Self:
        """Load the benchmark's own table, found or fetched, with the tables that add columns to it."""
        table = cls.arrange(Table.read(locate(cls.info.key, offline=offline)))
        for name in cls.side_tables:
            path = find(name)
            if path is not None:
                table = table.join(Table.read(path), on=cls.join_on)
        return cls(table)

    @classmethod
    def arrange(cls, table: Table) -> Table:
        """Return the table as this benchmark wants it; by default with its columns renamed by `renames`."""
        names = [cls.renames.get(name, name) for name in table.names]
        return Table(table.arrow.rename_columns(names), table.columns)

    def describe(self, table: Table) -> Iterable[Column]:
        """Return the columns of this benchmark; by default those the class declares."""
        del table
        return self.columns

    def build_graphs(self) -> Graphs:
        """Return the architectures of the table as graphs, without weak labels."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of architectures."""
        return len(self.table)

    @cached_property
    def graphs(self) -> Graphs:
        """All architectures, with the weak labels of the table."""
        return self.build_graphs().with_weak({name: self.weak(name) for name in self.weak_names})

    @cached_property
    def classes(self) -> np.ndarray:
        """(n,) uint64 canonical hash: equal for architectures that are the same network."""
        return self.graphs.canonical_hash()

    @property
    def repeated(self) -> np.ndarray:
        """(n,) equal for rows that are one network trained more than once; what the noise ceiling is from."""
        return self.classes

    @property
    def datasets(self) -> list[str]:
        """Data sets with at least one label."""
        return list(dict.fromkeys(c.dataset for c in self._columns.values() if c.kind == "label"))

    def labels(self, dataset: str) -> list[str]:
        """Return the names of the labels of a data set."""
        check_name("data set", dataset, self.datasets)
        return [c.target for c in self._columns.values() if c.kind == "label" and c.dataset == dataset]

    def label_column(self, dataset: str, name: str) -> Column:
        """Return the description of a label: unit, direction, epochs and seeds."""
        check_name(f"label of {dataset}", name, self.labels(dataset))
        return next(
            c
            for c in self._columns.values()
            if c.kind == "label" and (c.dataset, c.target) == (dataset, name)
        )

    def target(self, dataset: str, name: str) -> np.ndarray:
        """Return a label as (n,) float64 in the table's unit, higher is better, NaN where missing.

        Raises:
            UnknownNameError: The benchmark has no such data set or label; the closest names are given.
        """
        return self._oriented(self.label_column(dataset, name))

    def seeds(self, dataset: str, name: str) -> np.ndarray | None:
        """Return the trainings (n, seeds) that a label is the mean of, in its unit; None if not known."""
        column = self.label_column(dataset, name)
        found = [self.table.values(s) for s in column.seeds if s in self.table.names]
        return column.direction * column.scale * np.stack(found, axis=1) if len(found) > 1 else None

    @property
    def weak_names(self) -> list[str]:
        """Names of the weak labels, the benchmark's default ones first."""
        names = [c.name for c in self._columns.values() if c.kind == "weak"]
        return sorted(names, key=lambda name: name not in self.info.weak)

    def weak(self, name: str) -> np.ndarray:
        """Return a weak label as (n,) float64, higher is better where a direction is known, NaN if missing.

        Raises:
            MissingTableError: The benchmark has this weak label, but in a table that was not found.
            UnknownNameError: There is no such weak label.
        """
        if name not in self.weak_names and any(
            c.name == name and c.kind == "weak" for c in self.describe(self.table)
        ):
            raise MissingTableError(
                f"weak label '{name}' of {self.info.key} is in a table that was not found; "
                "`python -m data.fetch --list` shows the tables and where each was looked for"
            )
        check_name("weak label", name, self.weak_names)
        return self._oriented(self._columns[name])

    def weak_for(self, name: str, dataset: str) -> np.ndarray:
        """Return what may be pretrained on for a task of a data set, (n,) float64, NaN where missing.

        Args:
            name: A weak label, or "DATASET/TARGET" for a label of another data set.
            dataset: The data set that the task is about; its own labels are refused.

        Raises:
            InputError: `name` is a label of `dataset` itself: that would leak true labels.
        """
        other, slash, target = name.partition("/")
        if not slash:
            return self.weak(name)
        if other == dataset:
            raise InputError(f"'{name}' is a true label of the task's own data set: no weak label")
        return self.target(other, target)

    def add_weak(self, table: Table) -> list[str]:
        """Take the numeric columns of a table as further weak labels, and return their names.

        Rows are matched by the benchmark's own name of an architecture, or, in a table of `space` and `arch`,
        by the network. Weak labels of the same name are replaced.

        Raises:
            TableError: The table names no architecture of this benchmark, or a column is called as one of it
                that is no weak label.
            InputError: A column is a true label by its values.
        """
        added = numeric_columns(table, "weak")
        clash = [c.name for c in added if c.name in self.table.names and c.name not in self.weak_names]
        if clash:
            raise TableError(
                f"{', '.join(clash)}: columns of {self.info.key} that are no weak labels; rename yours"
            )
        aligned = table.arrow.select([c.name for c in added]).take(self._places(table))
        for column in added:
            self._refuse_label(column.name, Table(aligned).values(column.name))
        arrow = self.table.arrow.drop_columns(
            [name for name in aligned.column_names if name in self.table.names]
        )
        for name in aligned.column_names:
            arrow = arrow.append_column(name, aligned.column(name))
        self.table = Table(arrow, self.table.columns)
        self._columns |= {column.name: column for column in added}
        self.__dict__.pop("graphs", None)  # they carry the weak labels
        unknown = [c.name for c in added if not np.isfinite(self.weak(c.name)).any()]
        if not added or unknown:
            raise TableError(f"the weak-label table has no value for any architecture here: {unknown}")
        return [c.name for c in added]

    def _places(self, table: Table) -> pa.Array:
        """Return (n,) which row of another table each architecture is, null for none."""
        if self.join_on in table.names and self.join_on in self.table.names:
            return self.table.places(table, self.join_on)
        if not {"space", "arch"} <= set(table.names):
            raise TableError(
                f"a weak-label table needs the column '{self.join_on}', or 'space' and 'arch' as "
                f"`python -m predictors.supernet score` writes them; it has {table.names}"
            )
        theirs = graphs_of_texts(table)
        if theirs.space != self.graphs.space:
            raise TableError(
                f"the weak-label table is of space '{theirs.space.name}', {self.info.key} of "
                f"'{self.graphs.space.name}'"
            )
        first = dict(zip(_cells(theirs)[::-1].tolist(), range(len(theirs))[::-1], strict=True))
        return pa.array([first.get(network) for network in _cells(self.graphs).tolist()], pa.int64())

    def architectures(self) -> Table:
        """Return a table of `space` and `arch`: the text of each different architecture, as rows have them.

        Sizes of the whole network (width, depth, resolution) are no part of it, nor are architectures that no
        text of the space says.

        Raises:
            InputError: The benchmark's graphs are of no space with texts, or none of them has one.
        """
        space = self.graphs.space
        if not isinstance(space, CodeSpace):
            raise InputError(f"{self.info.key}: its graphs are of no space whose architectures have texts")
        if "arch" in self.table.names:
            texts = self.table.column("arch").cast(pa.string()).unique().to_pylist()
        else:
            codes = space.code(self.graphs)
            networks = _cells(self.graphs)
            said = np.flatnonzero(_cells(space.graphs(codes)) == networks)
            if not len(said):
                raise InputError(
                    f"{self.info.key}: no code of space '{space.name}' builds any of its networks"
                )
            texts = space.format(codes[said[np.sort(np.unique(networks[said], return_index=True)[1])]])
        return Table(pa.table({"space": [space.name] * len(texts), "arch": texts}))

    def _refuse_label(self, name: str, values: np.ndarray) -> None:
        """Refuse a weak label that is one of the true labels under another name."""
        for column in self._columns.values():
            if column.kind == "label":
                label = self.table.values(column.name)
                known = np.isfinite(values) & np.isfinite(label)
                if known.any() and np.allclose(values[known], label[known], rtol=1e-9):
                    raise InputError(
                        f"'{name}' is the true label '{column.name}' by its values: no weak label"
                    )

    def split_column(self, name: str) -> np.ndarray:
        """Return a text column (n,) that assigns rows to parts, "" where it assigns none."""
        if name not in self.table.names:
            raise InputError(f"{self.info.key} has no column '{name}', which this protocol splits by")
        return np.array(self.table.column(name).fill_null("").to_pylist())

    def _oriented(self, column: Column) -> np.ndarray:
        values = self.table.values(column.name)
        if column.failed is not None:
            values[values == column.failed] = np.nan
        if column.decimals is not None:
            values = np.round(values, column.decimals)
        return column.direction * column.scale * values


def _cells(graphs: Graphs) -> np.ndarray:
    """Return the canonical hash (n,) of architectures without the sizes of the whole network."""
    features = graphs.features.copy()
    features[:, 0] = 0
    return replace(graphs, features=features).canonical_hash()


def numeric_columns(table: Table, kind: Literal["label", "weak"]) -> list[Column]:
    """Return a description of every numeric column: the file's own, else a plain one of this kind."""
    columns = []
    for field in table.arrow.schema:
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
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
