"""Benchmarks: measured architectures of a search space, as graphs, labels and weak labels."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import AcerankError, InputError, MissingTableError
from data.places import is_place
from data.registry import Registry
from data.table_files import table_suffix

if TYPE_CHECKING:
    from benchmarks.arrays import from_graphs
    from benchmarks.base import Benchmark
    from benchmarks.table_options import TableOptions

__all__ = ["REGISTRY", "Benchmark", "from_graphs", "get", "load"]

_TABLE = {
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
_LAZY = {"Benchmark": "benchmarks.base", "from_graphs": "benchmarks.arrays"}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import what few need when it is asked for: listing benchmarks stays cheap."""
    if name not in _LAZY:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_LAZY[name]), name)


def _is_benchmark(member: object) -> bool:
    from benchmarks.base import Benchmark

    if isinstance(member, type):
        return issubclass(member, Benchmark) and not getattr(member, "__abstractmethods__", None)
    return isinstance(member, Benchmark)


REGISTRY: Registry[type[Benchmark]] = Registry(
    "benchmark", table=_TABLE, group="acerank.benchmarks", is_member=_is_benchmark
)


def get(key: str) -> type[Benchmark]:
    """Return the class of a registered benchmark; UnknownNameError with the closest names otherwise."""
    return REGISTRY[key]


def load(
    bench: str | Path | Benchmark,
    *,
    offline: bool = False,
    options: TableOptions | None = None,
    trusted: Mapping[str, str] | None = None,
) -> Benchmark:
    """Load a benchmark.

    Args:
        bench: A registered key, e.g. "nb201"; the path of a user's table; the place of a benchmark in code,
            "./my_bench.py:Name" or "my_package.benchmarks:Name" (a class, or a benchmark itself); or a
            benchmark, which is returned as it is.
        offline: Refuse to download a table that is not on this machine.
        options: How to read a user's table; None for the default rules.
        trusted: Reasons to use weak labels of a user's table that order architectures as a true label does,
            by column name.

    A benchmark whose table is nowhere, and for which there is no network, is stood in for by an embedded
    one, if it has one: `stands_in_for` then says so. Print the `notices` of what is returned.

    Raises:
        UnknownNameError: Neither a key nor the path of a table.
        MissingTableError: The benchmark's table is nowhere, or there is no file at the path.
        TableError: The table contradicts its format; the row and the reason are named.
        InputError: There is no such place in code, or options are given that only a user's table has.
    """
    if isinstance(bench, str | Path) and is_table(bench):
        return _load_table(Path(bench), options, trusted or {})
    if options is not None or trusted:
        raise InputError(f"{bench}: only a table of your own is read with options or trusted columns")
    if not isinstance(bench, str | Path):
        return _check(bench, bench)
    found = _check(REGISTRY[str(bench)], bench)
    return found if not isinstance(found, type) else _load_registered(found, str(bench), offline=offline)


def is_table(bench: str | Path) -> bool:
    """Return whether this is the path of a user's table, not a benchmark's key or a place in code."""
    bench = str(bench)
    if bench in REGISTRY or (is_place(bench) and not Path(bench).is_file()):
        return False
    path = Path(bench)
    return bool(table_suffix(path)) or (path.is_file() and path.suffix != ".py")


def _load_table(path: Path, options: TableOptions | None, trusted: Mapping[str, str]) -> Benchmark:
    from benchmarks.custom import Custom
    from benchmarks.leaks import check_leaks

    bench = Custom.read(path, options)
    lines = check_leaks(bench, bench.weak_names, trusted)
    return bench.evolve(notices=(*bench.notices, *lines)) if lines else bench


def _load_registered(kind: type[Benchmark], key: str, *, offline: bool) -> Benchmark:
    try:
        return kind.load(offline=offline)
    except MissingTableError as error:
        if key not in STAND_INS:
            raise
        found = get(STAND_INS[key]).load()
        return found.evolve(stands_in_for=f"the table of {key} is not here ({error})")


def _check(found: Any, asked: object) -> Any:  # noqa: ANN401
    """Return what was found if it is a benchmark, or the class of one."""
    if _is_benchmark(found):
        return found
    missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
    if missing:
        raise AcerankError(f"{asked} lacks {missing}, which a benchmark must define")
    raise InputError(f"{asked} is {type(found).__name__}, not a benchmark; see benchmarks.base.Benchmark")
