"""Benchmarks: measured architectures of a search space, as graphs, labels and weak labels."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError, MissingTableError
from data.names import check_name
from data.table_files import table_suffix

if TYPE_CHECKING:
    from benchmarks.base import Benchmark
    from benchmarks.table_options import TableOptions

REGISTRY = {
    "nb101": "benchmarks.nb101:NB101",
    "nb201": "benchmarks.nb201:NB201",
    "nb201_mini": "benchmarks.nb201_mini:NB201Mini",
    "nats_size": "benchmarks.nats_size:NatsSize",
    "nb301": "benchmarks.darts:NB301",
    "oncenas_darts": "benchmarks.darts:OncenasDarts",
    "nds_darts": "benchmarks.nds:NdsDarts",
    "nds_enas": "benchmarks.nds:NdsEnas",
    "nds_pnas": "benchmarks.nds:NdsPnas",
    "nds_nasnet": "benchmarks.nds:NdsNasnet",
    "nds_amoeba": "benchmarks.nds:NdsAmoeba",
    "nds_resnet": "benchmarks.nds:NdsResnet",
    "nds_vanilla": "benchmarks.nds:NdsVanilla",
    "nds_resnext_a": "benchmarks.nds:NdsResnextA",
    "nds_resnext_b": "benchmarks.nds:NdsResnextB",
    "proxyless": "benchmarks.mobile:Proxyless",
    "accel_mnasnet": "benchmarks.mobile:AccelMnasnet",
    "ofa": "benchmarks.mobile:Ofa",
    "macro": "benchmarks.macro:Macro",
    "channel_macro": "benchmarks.macro:ChannelMacro",
    "transnas_micro": "benchmarks.transnas:TransnasMicro",
    "transnas_macro": "benchmarks.transnas:TransnasMacro",
}
STAND_INS = {"nb201": "nb201_mini"}  # what is loaded where a table is nowhere and cannot be fetched
CUSTOM = "benchmarks.custom:Custom"
TABLE_SUFFIXES = (".parquet", ".csv", ".jsonl")


def get(key: str) -> type[Benchmark]:
    """Return the class of a registered benchmark; UnknownNameError with the closest names otherwise."""
    module, name = REGISTRY[check_name("benchmark", key, REGISTRY)].split(":")
    return getattr(import_module(module), name)


def load(bench: str, *, offline: bool = False, options: TableOptions | None = None) -> Benchmark:
    """Load a benchmark.

    Args:
        bench: A registered key, e.g. "nb201", or the path of a user's table (parquet, CSV, JSON, Excel).
        offline: Refuse to download a table that is not on this machine.
        options: How a user's table is to be read; registered benchmarks have no such choices.

    A benchmark whose table is nowhere, and for which there is no network, is stood in for by an embedded
    one, if it has one: `stands_in_for` then says so.

    Raises:
        UnknownNameError: Neither a key nor the path of a table.
        MissingTableError: The benchmark's table is nowhere, or there is no file at the path.
        TableError: The table contradicts its format; the row and the reason are named.
        InputError: Options for a registered benchmark.
    """
    if bench not in REGISTRY and (table_suffix(Path(bench)) or Path(bench).is_file()):
        module, name = CUSTOM.split(":")
        return getattr(import_module(module), name).read(Path(bench), options)
    if options is not None:
        get(bench)  # an unknown name is the first thing to know
        raise InputError(f"table options are for tables of your own; '{bench}' is a registered benchmark")
    try:
        return get(bench).load(offline=offline)
    except MissingTableError as error:
        if bench not in STAND_INS:
            raise
        found = get(STAND_INS[bench]).load()
        found.stands_in_for = f"the table of {bench} is not here ({error})"
        return found
