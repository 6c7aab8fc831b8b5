"""Weak labels as users name them -> a benchmark that has them, and their names."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.base import Benchmark
from benchmarks.weak_labels import load_table
from data.errors import InputError
from data.names import check_name
from data.table_files import table_suffix

_log = logging.getLogger("acerank")
_WORDS = ("none", "default", "supernet")


def take_weak(
    bench: Benchmark, items: Sequence[str] | None, trusted: Mapping[str, str]
) -> tuple[Benchmark, list[str] | None]:
    """Return the benchmark with the weak labels that are asked for, and their names.

    Args:
        bench: The benchmark.
        items: Names of weak labels, "DATASET/TARGET", names of other numeric columns of the same table (which
            are then no labels any more), and paths of tables, all of whose numeric columns are taken; None
            for the predictors' defaults.
        trusted: Reason for each weak label that ranks like a true label and is meant to.

    Raises:
        UnknownNameError: A name that is neither.
        InputError: A table that does not exist, a true label, or a reason for a weak label that is not used.
    """
    if items is None:
        if unused := [name for name in trusted if name not in bench.weak_names]:
            raise InputError(f"a reason for {', '.join(unused)}, but no such weak labels were named")
        return bench, None
    names: list[str] = []
    for item in items:
        if table_suffix(Path(item)) and item not in bench.weak_names:
            if not Path(item).is_file():
                raise InputError(f"there is no file '{item}' of weak labels")
            before, known = set(bench.weak_names), bench
            bench, added = load_table(bench, Path(item), trusted)
            if again := [name for name in added if name in before and _changed(known, bench, name)]:
                _log.info("%s replaces %s of %s", item, ", ".join(again), bench.info.key)
            names += added
        else:
            names.append(item)
    columns = [name for name in names if _is_label(bench, name)]
    if columns:
        bench = bench.with_weak_columns(columns, trusted=trusted)
    for name in names:
        if name not in _WORDS and "/" not in name and "+" not in name:
            check_name("weak label", name, bench.weak_names)
    if unused := [name for name in trusted if name not in names]:
        raise InputError(
            f"a reason for {', '.join(unused)}, which are not among the weak labels that are used"
        )
    return bench, list(dict.fromkeys(part for name in names for part in name.split("+")))


def _changed(before: Benchmark, after: Benchmark, name: str) -> bool:
    return before.weak(name).tobytes() != after.weak(name).tobytes()


def _is_label(bench: Benchmark, name: str) -> bool:
    """Return whether a name is a label of the table and no weak label of it."""
    return name not in bench.weak_names and any(name in bench.labels(dataset) for dataset in bench.datasets)
