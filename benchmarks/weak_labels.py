"""Further weak labels for a benchmark: from another table, or from columns of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from benchmarks.agreement import percent
from benchmarks.columns import is_numeric, numeric_columns
from benchmarks.leaks import check_leaks
from benchmarks.matching import ROW_NAMES, Match, get_key, match_rows
from benchmarks.target_choice import counts_rows
from data.errors import InputError, TableError
from data.names import check_name
from data.table import Table

if TYPE_CHECKING:
    from benchmarks.base import Benchmark

B = TypeVar("B", bound="Benchmark")


def read_table(path: Path) -> Table:
    """Read a table of weak labels in any format of `data.readers`; see `load_table` for its notices.

    Raises:
        MissingTableError: There is no such file.
        TableError: The file cannot be read as a table.
    """
    from data.readers import read  # heavy, and few benchmarks are given a table

    return read(path).table


def load_table(bench: B, path: Path, trusted: Mapping[str, str] | None = None) -> tuple[B, list[str]]:
    """Return a benchmark with the weak labels of a file, with the reader's notices, and their names."""
    from data.readers import read

    found = read(path)
    changed = bench.with_weak(found.table, source=str(path), trusted=trusted or {})
    notices = (*changed.notices, *(f"{path}: {line}" for line in found.notices))
    return changed.evolve(notices=notices), get_weak_columns(bench, found.table)


def get_weak_columns(bench: Benchmark, table: Table) -> list[str]:
    """Return the columns of a table that are weak labels: all numbers but those that name rows."""
    key = get_key(bench, table)
    return [
        c.name
        for c in numeric_columns(table, "weak")
        if c.name not in (key, *ROW_NAMES) and (c.name in table.columns or not counts_rows(c.name))
    ]


def add_table(bench: B, table: Table, source: str, trusted: Mapping[str, str]) -> B:
    """Return a benchmark with the numeric columns of a table as weak labels; see `Benchmark.with_weak`."""
    match = match_rows(bench, table)
    names = get_weak_columns(bench, table)
    added = [c for c in numeric_columns(table, "weak") if c.name in names]
    if not added:
        raise TableError(
            f"{source} has no column of numbers that could be a weak label: {_listed(table.names)}"
        )
    clash = [c.name for c in added if c.name in bench.table.names and c.name not in bench.weak_names]
    if clash:
        raise TableError(
            f"{', '.join(clash)}: columns of {bench.info.key} that are no weak labels; rename yours"
        )
    replaced = [c.name for c in added if c.name in bench.weak_names]
    aligned = table.arrow.select([c.name for c in added]).take(match.rows)
    arrow = bench.table.arrow.drop_columns([c.name for c in added if c.name in bench.table.names])
    for column in added:
        arrow = arrow.append_column(column.name, aligned.column(column.name))
    result = bench.with_columns(added, arrow)
    unknown = [c.name for c in added if not np.isfinite(result.weak(c.name)).any()]
    if unknown:
        raise TableError(
            f"{source} has no value for any architecture of {bench.info.key} in: {_listed(unknown)}"
        )
    lines = [_describe_match(bench, table, match, source)]
    lines += [f"{source} replaces {', '.join(replaced)} of {bench.info.key}"] if replaced else []
    lines += check_leaks(result, [c.name for c in added], trusted)
    return result.evolve(notices=(*result.notices, *lines))


def declare_columns(bench: B, names: Sequence[str], trusted: Mapping[str, str]) -> B:
    """Return a benchmark with own columns as weak labels; see `Benchmark.with_weak_columns`."""
    described = {c.name: c for c in (*numeric_columns(bench.table, "weak"), *bench.described)}
    for name in names:
        check_name("column", name, bench.table.names)
        kind = bench.table.column(name).type
        if not is_numeric(kind):
            raise InputError(f"column '{name}' holds {kind}: a weak label must be numbers")
    result = bench.with_columns([replace(described[name], kind="weak") for name in names])
    if not result.datasets:
        raise InputError(f"{bench.info.key}: no label is left when {', '.join(names)} are weak labels")
    lines = check_leaks(result, names, trusted)
    return result.evolve(notices=(*result.notices, *lines))


def _describe_match(bench: Benchmark, table: Table, match: Match, source: str) -> str:
    known = len(match.rows) - match.rows.null_count
    line = (
        f"{source}: weak labels of {known:,} of {len(bench):,} rows of {bench.info.key} "
        f"({percent(known, len(bench))})"
    )
    if match.unused:
        line += (
            f"; unmatched: {match.unused:,} of the {len(table):,} rows of {source}, "
            f"first '{match.example[:100]}'"
        )
    return line


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
