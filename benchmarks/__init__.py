"""Benchmarks: measured architectures of a search space, as graphs, labels and weak labels."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import MissingTableError
from data.names import check_name

if TYPE_CHECKING:
    from benchmarks.base import Benchmark

REGISTRY = {
    "nb201": "benchmarks.nb201:NB201",
}
CUSTOM = "benchmarks.custom:Custom"
TABLE_SUFFIXES = (".parquet", ".csv", ".jsonl")


def get(key: str) -> type[Benchmark]:
    """Return the class of a registered benchmark; UnknownNameError with the closest names otherwise."""
    module, name = REGISTRY[check_name("benchmark", key, REGISTRY)].split(":")
    return getattr(import_module(module), name)


def load(bench: str, *, offline: bool = False) -> Benchmark:
    """Load a benchmark.

    Args:
        bench: A registered key, e.g. "nb201", or the path of a user's table (parquet, CSV or JSON lines).
        offline: Refuse to download a table that is not on this machine.

    Raises:
        UnknownNameError: Neither a key nor the path of a table.
        MissingTableError: The benchmark's table is nowhere, or there is no file at the path.
        TableError: The table contradicts its format; the row and the reason are named.
    """
    if bench not in REGISTRY and (Path(bench).suffix in TABLE_SUFFIXES or Path(bench).is_file()):
        if not Path(bench).is_file():
            raise MissingTableError(f"there is no file '{bench}'")
        module, name = CUSTOM.split(":")
        return getattr(import_module(module), name).read(Path(bench))
    return get(bench).load(offline=offline)
