"""A user's own table: architectures as graphs, as chains, as pairs of cells, or as texts of a known space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.base import Benchmark, Info, numeric_columns
from benchmarks.custom_graphs import FORMS, form_of
from benchmarks.operations import Rules, fold_notices
from benchmarks.own_features import FEATURES, describe_features
from benchmarks.own_rows import (
    append_rows,
    block_columns,
    merge_trainings,
    row_names,
    with_blocks,
    with_form_names,
)
from benchmarks.table_options import TableOptions
from benchmarks.target_choice import (
    choose_target,
    counts_rows,
    differs_between_repeats,
    is_cost,
    is_setting,
    is_size,
    seems_smaller_is_better,
    split_target,
)
from data.errors import TableError
from data.graphs import Graphs
from data.readers import read
from data.table import Column, Table


class Custom(Benchmark):
    """Any table whose columns say what its architectures are, in one of these forms.

    - `adjacency`, a row-major list of v² entries or v lists of v, and `ops`, a list of v names that begins
      with "input" and ends with "output"; `stage`, a list of v names, if nodes belong to parts of a network.
    - `normal` and `reduce`, lists of "operation:input", two for each block: a pair of cells as in DARTS;
      `width` and `depth`, numbers, if the networks differ in them.
    - `ops` alone, a list of names: a chain of blocks; `stage`, as many names, if they belong to stages.
      Without it each position is a stage of its own, unless the options say that positions do not matter.
    - `block0`, `block1`, ... (or layer, op): a chain with a column for each block.
    - `space` and `arch`: the name of a search space, and its own texts.
    - `arch`, a text of NAS-Bench-201, TransNAS-Bench-101, NATS-Bench (widths), NAS-Bench-Macro or the
      ProxylessNAS space, as `benchmarks.info` shows it.

    With `ops`, `features` may hold a list of numbers for each operation: kernel sizes, widths. A column
    `feature_names` names them, or the description of `features`. Each is divided by its largest absolute
    value in the table, candidates included.

    Where cells hold text, lists are written as in JSON or Python. Every other numeric column is a label of
    the data set "table", except flops, params and macs, which are weak labels, and columns that count rows.
    Several labelled rows of one architecture become one row with their mean.

    Attributes:
        options: How the table was read.
        row_names: (n,) the name of each row: a column such as id or name, else `arch`, else its number.
    """

    def __init__(
        self, table: Table, path: Path, options: TableOptions | None = None, notices: Iterable[str] = ()
    ) -> None:
        """Wrap a table that was read from `path`."""
        self.options = options or TableOptions()
        named = with_form_names(table)
        lines = list(notices)
        if form_of(named) in (None, *FORMS[-2:]) and block_columns(named.names):
            named, more = with_blocks(named, position=self.options.position)
            lines += more
        self._file = named
        self._trainings: dict[str, tuple[str, ...]] = {}
        labels = self._results(self.describe(named), named)
        rows = merge_trainings(named, self._telling(named), labels)
        self._numbers = rows.numbers
        self._trainings = dict(rows.trainings)
        super().__init__(rows.table)
        self._notices = (*lines, *rows.notices, *self._choose(path))

    def _choose(self, path: Path) -> list[str]:
        """Set `info`, with the default data set and target; return notices about the labels."""
        found = [c for c in self._columns.values() if c.kind == "label"]
        if not found:
            raise TableError(f"{path} has no numeric column that could be a label; found {self.table.names}")
        target, lines = self._choose_target([c for c in found if c.dataset == found[0].dataset])
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
        known = np.zeros(len(self), bool)
        used = {*self._columns, *(name for names in self._trainings.values() for name in names)}
        unused = [c.name for c in numeric_columns(self.table, "label") if c.name not in used]
        if unused:
            lines.append(f"neither labels nor weak labels: {', '.join(unused)}")
        for column in self._results(found, self.table):
            known |= np.isfinite(self._oriented(column))
        if not known.all():
            lines.append(f"{(~known).sum():,} of {len(known):,} rows have no label")
        if target:
            has = np.isfinite(self.target(self.info.dataset, target))
            if has.sum() < known.sum():
                lines.append(f"{(~has & known).sum():,} rows have no {target} but another label")
        return lines

    def _choose_target(self, labels: Sequence[Column]) -> tuple[str, list[str]]:
        """Return the default target among labels, "" for none, and notices."""
        return choose_target(labels, split_target(self.options.target)[0])

    @staticmethod
    def _telling(table: Table) -> list[str]:
        """Return the columns by which rows are told apart: of architectures, sizes and training settings."""
        form = form_of(table)
        architecture = (*form.columns, *form.optional) if form else ()
        settings = (
            n for n in table.names if (is_setting(n) or is_size(n)) and not differs_between_repeats(n)
        )
        return list(dict.fromkeys(n for n in (*architecture, *settings) if n in table.names)) if form else []

    def _results(self, columns: Iterable[Column], table: Table) -> list[Column]:
        """Return the labels that say how well networks do; settings only if somebody names them."""
        asked = split_target(self.options.target)[0]
        labels = [column for column in columns if column.kind == "label"]
        named = [
            c for c in labels if c.name in table.columns or c.target == asked or not is_setting(c.target)
        ]
        return named or labels

    @classmethod
    def read(cls, path: Path, options: TableOptions | None = None) -> Custom:
        """Read a table; see `data.readers.read` for the formats.

        Raises:
            TableError: The file cannot be read, or has no architectures or labels.
        """
        options = options or TableOptions()
        found = read(path, sheet=options.sheet)
        return cls(found.table, path, options, found.notices)

    @classmethod
    def read_with_candidates(
        cls, path: Path, candidates: Path, options: TableOptions | None = None
    ) -> Custom:
        """Read a table and add the architectures of a second one, in one search space.

        Raises:
            TableError: A file cannot be read, or the two write their architectures in different forms.
        """
        options = options or TableOptions()
        own, more = read(path, sheet=options.sheet), read(candidates)
        table = append_rows(with_form_names(own.table), with_form_names(more.table), str(candidates))
        notices = [*own.notices, *(f"{candidates.name}: {line}" for line in more.notices)]
        notices.append(f"rows from {len(own.table)} on are those of {candidates}")
        return cls(table, path, options, notices)

    @cached_property  # some need the graphs, which are built when first asked for
    def notices(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Lines to print once the benchmark is loaded: what was missing, averaged, folded or guessed."""
        lines = [*self._notices, *self._direction_notices()]
        graphs = self._bare_graphs
        if graphs.space.name == "custom":
            lines += fold_notices(graphs)
        lines += self._feature_notices()
        twins = len(graphs) - len(np.unique(self.classes))
        if twins:
            lines.append(
                f"{twins:,} of {len(graphs):,} rows are the same network as an earlier row: where one row of "
                "each network is used, it is the first"
            )
        return tuple(" ".join(line.splitlines()) for line in lines)  # names may hold line breaks

    def _direction_notices(self) -> list[str]:
        """Return a line about labels that seem to be better when smaller, but count as better when larger."""
        small = [
            c.target
            for c in self._columns.values()
            if c.kind == "label"
            and c.direction == 1
            and c.name not in self.table.columns
            and seems_smaller_is_better(c.target)
        ]
        if not small:
            return []
        return [f"larger counts as better for {', '.join(small)}, except where '{small[0]}:min' is asked for"]

    def _feature_notices(self) -> list[str]:
        """Return a line about the column `features`: how it was read, or that it was not."""
        if FEATURES not in self._file.names:
            return []
        form = form_of(self._file)
        if form is None or FEATURES not in form.optional:
            return ["column 'features' is not used: it belongs to architectures written as 'ops'"]
        return [describe_features(self._file)]

    @property
    def row_names(self) -> list[str]:
        """(n,) the name of each row: a column that names rows, else `arch`, else its number in the file."""
        return row_names(self.table, self._numbers.tolist())

    def describe(self, table: Table) -> Iterable[Column]:
        """Return the described columns of the file, and a plain description of every other numeric one."""
        form = form_of(table)
        single = {name for names in self._trainings.values() for name in names}
        asked, direction = split_target(self.options.target)
        for column in numeric_columns(table, "label"):
            if column.name in single or (form and column.name in (*form.columns, *form.optional)):
                continue
            described = column.name in table.columns
            if not described and column.target != asked:
                if counts_rows(column.name) or is_size(column.name):
                    continue
                column = replace(column, kind="weak") if is_cost(column.name) else column
            if direction is not None and column.target == asked:
                column = replace(column, direction=direction)
            if column.name in self._trainings:
                column = replace(
                    column,
                    seeds=self._trainings[column.name],
                    note=column.note or "mean of repeated trainings",
                )
            yield column

    def build_graphs(self) -> Graphs:
        """Return the graphs of all rows; TableError names bad rows by their number in the file and reason."""
        form = form_of(self._file)
        if form:
            return form.build(self._file, self._rules()).take(self._numbers)
        forms = [" and ".join(f"'{name}'" for name in form.columns) for form in FORMS]
        known = ", or ".join([*forms[:3], "'block0', 'block1', ...", *forms[3:]])
        raise TableError(f"{self.info.key} needs the columns {known}; it has {', '.join(self.table.names)}")

    def settings(self) -> Mapping[str, Any]:
        """Return what shapes labels or graphs besides the table: which operations count as what."""
        named = self._file.columns.get(FEATURES)
        names = {"feature_names": named.feature_names} if named and named.feature_names else {}
        return {**asdict(self._rules()), **names}

    def _rules(self) -> Rules:
        """Return which operations count as what: as the options say, else the file's descriptions."""
        o = self.options
        described = [self._file.columns[n] for n in ("ops", "arch", "normal") if n in self._file.columns]
        zero = next((c.zero for c in described if c.zero is not None), None)
        identity = next((c.identity for c in described if c.identity is not None), None)
        return Rules(
            o.zero if o.zero is not None else zero,
            o.identity if o.identity is not None else identity,
            o.fold,
            o.position,
        )
