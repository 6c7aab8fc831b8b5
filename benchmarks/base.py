"""The benchmark contract: a table of measured architectures, as graphs, labels and weak labels."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, ABCMeta, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa

from benchmarks import weak_labels
from benchmarks.about import Info
from benchmarks.agreement import Cover, get_cover, percent
from benchmarks.columns import numeric_columns
from benchmarks.matching import ROW_NAMES, hash_networks, name_texts
from benchmarks.prices import Price
from data.cache import find, locate
from data.errors import InputError, MissingTableError
from data.graphs import Graphs
from data.names import check_name
from data.spaces.codes import CodeSpace
from data.table import Column, Table

__all__ = ["PROXIES", "SEEDS", "ZERO_COST", "Benchmark", "Info", "numeric_columns"]

ZERO_COST = "zero-cost proxy on CIFAR-10, NAS-Bench-Suite-Zero"
SEEDS = (777, 888, 999)  # of NAS-Bench-201 and NATS-Bench
PROXIES = (
    "epe_nas", "fisher", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "plain", "snip", "synflow", "zen"
)  # fmt: skip


class _Value(ABCMeta):
    """Makes instances that can be assigned to in their constructor only."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        made = super().__call__(*args, **kwargs)
        made.__dict__["_complete"] = True
        return made


class Benchmark(ABC, metaclass=_Value):
    """A table of one search space, as an immutable value: what changes it returns another benchmark.

    A subclass gives `info`, `columns` and `build_graphs`. Labels and weak labels come out higher is better.

    Attributes:
        info: Description.
        columns: Labels and weak labels, by column name.
        file: Path of the table; "" for a public table, which is found or fetched by its key.
        side_tables: Tables that add weak labels, where they are found.
        join_on: Column by which side tables name their architectures.
        renames: Column in the file -> name here. Costs are called flops and params everywhere.
        prices: What weak labels cost, by name, as far as it is known; see `benchmarks.prices.get_price`.
        table: The table itself.
        notices: Lines to print once the benchmark is loaded: what was dropped, averaged, guessed, replaced.
        stands_in_for: Why this is not the benchmark that was asked for; "" if it is.
    """

    info: Info
    columns: ClassVar[tuple[Column, ...]] = ()
    file: ClassVar[str | Path] = ""
    side_tables: ClassVar[tuple[str, ...]] = ()
    join_on: ClassVar[str] = "arch"
    renames: ClassVar[Mapping[str, str]] = {}
    prices: ClassVar[Mapping[str, Price]] = {}
    notices: tuple[str, ...] = ()
    stands_in_for: str = ""

    def __init__(self, table: Table) -> None:
        """Wrap a table; every column that a label needs must be there."""
        self.table = table
        self._columns: Mapping[str, Column] = {
            c.name: c for c in self.describe(table) if c.name in table.names
        }

    @classmethod
    def load(cls, *, offline: bool = False) -> Self:
        """Load the benchmark's own table, found or fetched, with the tables that add columns to it."""
        path = Path(cls.file) if cls.file else locate(cls.info.key, offline=offline)
        table = cls.arrange(Table.read(path))
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

    @abstractmethod
    def build_graphs(self) -> Graphs:
        """Return the architectures of the table as graphs, without weak labels."""

    def settings(self) -> Mapping[str, Any]:
        """Return what shapes labels or graphs besides the table and its columns, as JSON values."""
        return {}

    # A value.

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to change a complete benchmark."""
        if "_complete" in self.__dict__:
            raise AttributeError(f"a benchmark is immutable: '{name}' cannot be set; use a with_... method")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        """Return one line: class, key and size."""
        return f"{type(self).__name__}({self.info.key!r}, {len(self):,} rows)"

    def evolve(self, **changes: object) -> Self:
        """Return this benchmark with other attributes, e.g. `notices`; graphs are built again if needed."""
        other = type(self).__new__(type(self))
        stale = ("graphs", "content_hash")  # the rows stay, so what else is cached holds
        vars(other).update({name: value for name, value in vars(self).items() if name not in stale} | changes)
        return other

    def with_notice(self, line: str) -> Self:
        """Return this benchmark with a further line to print after loading."""
        return self.evolve(notices=(*self.notices, line))

    def with_columns(self, columns: Iterable[Column], arrow: pa.Table | None = None) -> Self:
        """Return this benchmark with further or other column descriptions, in a table of the same rows.

        A default target that is a label no longer gives way to the only label left, or to none.
        """
        described = {**self._columns, **{column.name: column for column in columns}}
        table = self.table if arrow is None else Table(arrow, self.table.columns)
        other = self.evolve(table=table, _columns=described)
        info = self.info
        if info.dataset not in other.datasets:
            info = replace(info, dataset=next(iter(other.datasets), ""))
        labels = other.labels(info.dataset) if info.dataset else []
        if info.target not in labels:
            info = replace(info, target=labels[0] if len(labels) == 1 else "")
        return other.evolve(info=info)

    def with_direction(self, directions: Mapping[str, Literal[1, -1]]) -> Self:
        """Return this benchmark with labels or weak labels that are better when larger (1) or smaller (-1).

        Args:
            directions: Direction by label ("latency", "DATASET/latency") or column name.

        Raises:
            UnknownNameError: There is no such label or column.
            InputError: A direction is neither 1 nor -1.
        """
        changed: dict[str, Column] = {}
        for name, direction in directions.items():
            if direction not in (1, -1):
                raise InputError(f"the direction of '{name}' must be 1 or -1, not {direction!r}")
            columns = [
                c for c in self._columns.values() if name in (c.name, c.target, f"{c.dataset}/{c.target}")
            ]
            if not columns:
                check_name("label", name, [c.target for c in self._columns.values()])
            changed |= {c.name: replace(c, direction=direction) for c in columns}
        return self.with_columns(changed.values())

    def with_weak(self, table: Table, *, source: str = "", trusted: Mapping[str, str] | None = None) -> Self:
        """Return this benchmark with the numeric columns of a table as further weak labels.

        Rows are matched by the benchmark's own name of an architecture, by `id` or `name`, or, in a table of
        `space` and `arch`, by the network. Weak labels of the same name are replaced.

        Args:
            table: The weak labels.
            source: What notices call the table, e.g. its path.
            trusted: Reasons to use weak labels that order architectures as a true label does, by name.

        Raises:
            TableError: The table names no architecture of this benchmark, or a column is called as one of it
                that is no weak label.
            InputError: A column is a true label by its order or values, and not trusted.
        """
        return weak_labels.add_table(self, table, source or "the weak-label table", trusted or {})

    def with_weak_columns(self, names: Iterable[str], *, trusted: Mapping[str, str] | None = None) -> Self:
        """Return this benchmark with columns of its own table as weak labels; they are labels no longer.

        Raises:
            UnknownNameError: There is no such column.
            InputError: A column holds no numbers, no label is left, or a column is a true label by its order
                or values, or one of the trainings of a label, and not trusted.
        """
        return weak_labels.declare_columns(self, list(names), trusted or {})

    def with_label_column(self, name: str) -> Self:
        """Return this benchmark with a weak label, e.g. a latency, as a label to train on and to evaluate on.

        It is a weak label no longer, and the default label and target.

        Raises:
            UnknownNameError: There is no such weak label.
        """
        check_name("weak label", name, self.weak_names)
        column = replace(self._columns[name], kind="label", target=name)
        other = self.with_columns([column])
        weak = tuple(each for each in self.info.weak if each != name)
        info = replace(self.info, dataset=column.dataset, target=name, label=name, weak=weak)
        return other.evolve(info=info)

    @cached_property
    def content_hash(self) -> str:
        """Twelve hex digits for everything that shapes labels, weak labels and graphs."""
        content = {
            "table": self.table.content_hash,
            "columns": [asdict(self._columns[name]) for name in sorted(self._columns)],
            "settings": dict(self.settings()),
        }
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
        for name in sorted(self._columns):  # a table's hash is of single precision; ranks need all digits
            values = self.table.values(name) + 0.0
            digest.update(np.where(np.isnan(values), np.nan, values).tobytes())
        return digest.hexdigest()[:12]

    # Architectures.

    def __len__(self) -> int:
        """Return the number of rows, one for each measured architecture."""
        return len(self.table)

    @cached_property
    def _bare_graphs(self) -> Graphs:
        return self.build_graphs()

    @cached_property
    def graphs(self) -> Graphs:
        """All architectures, with the weak labels of the table."""
        return self._bare_graphs.with_weak({name: self.weak(name) for name in self.weak_names})

    @cached_property
    def classes(self) -> np.ndarray:
        """(n,) uint64 canonical hash: equal for architectures that are the same network."""
        return self._bare_graphs.canonical_hash()

    @property
    def repeated(self) -> np.ndarray:
        """(n,) equal for rows that are one network trained more than once; what the noise ceiling is from."""
        return self.classes

    @property
    def row_names(self) -> list[str]:
        """Name of each row (n,) for outputs: its id, name or architecture text, else its number from 0."""
        for key in (*ROW_NAMES, self.join_on):
            if key in self.table.names and not pa.types.is_nested(self.table.column(key).type):
                texts = name_texts(self.table.column(key)).to_pylist()
                return [str(row) if text is None else text for row, text in enumerate(texts)]
        return [str(row) for row in range(len(self))]

    @property
    def size_note(self) -> str:
        """How many architectures there are, e.g. "20,001 of 423,624 cells (4.7 %)" for an excerpt."""
        n, total, noun = len(self), self.info.total, self.info.noun
        if n < total:
            return f"{n:,} of {total:,} {noun} ({percent(n, total)})"
        networks = len(np.unique(self.classes))
        return f"{n:,} {noun}, {networks:,} networks" if networks < n else f"{n:,} {noun}"

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
            networks = hash_networks(self.graphs)
            said = np.flatnonzero(hash_networks(space.graphs(codes)) == networks)
            if not len(said):
                raise InputError(
                    f"{self.info.key}: no code of space '{space.name}' builds any of its networks"
                )
            texts = space.format(codes[said[np.sort(np.unique(networks[said], return_index=True)[1])]])
        return Table(pa.table({"space": [space.name] * len(texts), "arch": texts}))

    # Labels.

    @property
    def described(self) -> list[Column]:
        """Descriptions of the labels and weak labels that the table has."""
        return list(self._columns.values())

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

    def split_column(self, name: str) -> np.ndarray:
        """Return a text column (n,) that assigns rows to parts, "" where it assigns none."""
        if name not in self.table.names:
            raise InputError(f"{self.info.key} has no column '{name}', which this protocol splits by")
        return np.array(self.table.column(name).fill_null("").to_pylist())

    # Weak labels.

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
        if not slash or name in self.weak_names:
            return self.weak(name)
        if other == dataset:
            raise InputError(f"'{name}' is a true label of the task's own data set: no weak label")
        return self.target(other, target)

    def weak_cover(self, name: str, dataset: str, target: str) -> Cover:
        """Return where a weak label is known, and its Kendall tau with a label there.

        Args:
            name: A weak label, or "DATASET/TARGET" for a label of another data set.
            dataset: The data set of the label.
            target: The label.
        """
        return get_cover(self.weak_for(name, dataset), self.target(dataset, target))

    def _oriented(self, column: Column) -> np.ndarray:
        values = self.table.values(column.name)
        if column.failed is not None:
            values[values == column.failed] = np.nan
        if column.decimals is not None:
            values = np.round(values, column.decimals)
        return column.direction * column.scale * values
