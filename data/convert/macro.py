"""NAS-Bench-Macro and Channel-Bench-Macro: their JSON files -> tables, one row per code.

Formats: README and train/collect_benchmark.py of xiusu/NAS-Bench-Macro (nas-bench-macro_cifar10.json: code ->
test_acc, mean_acc, std, params, flops) and README and model.py of xiusu/Channel-Bench-Macro
(Results_MobileNet.json, which the README also spells "Resuls", and Results_ResNet.json: code -> acc, mean,
std, params, flops). A digit d of a channel code, 1 to 4, gives its layer d quarters of the full width.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.convert import Progress
from data.convert.fields import Fields
from data.convert.jsonstream import records, spell
from data.convert.members import Member, members, share_of
from data.errors import TableError
from data.table import Table

TOLERANCE = 0.01  # percent; results may have been rounded before or after their mean was taken

STAGES = (2, 3, 3)
"""Layers of each stage of NAS-Bench-Macro."""

MACRO_FILE = "nas-bench-macro_cifar10.json"
MACRO_SCHEMA = pa.schema(
    {
        "arch": pa.large_string(),
        "network": pa.large_string(),
        **{f"test_acc_{run}": pa.float32() for run in range(3)},
        "test_acc_mean": pa.float32(),
        "test_acc_std": pa.float32(),
        "params": pa.int64(),
        "flops": pa.int64(),
    }
)

CHANNEL_SCHEMA = pa.schema(
    [("subset", pa.large_string()), *((f.name, f.type) for f in MACRO_SCHEMA if f.name != "network")]
)
_CHANNEL_FILE = re.compile(r"Resul(?:t)?s_(MobileNet|ResNet)\.json")


def matches(path: Path) -> bool:
    """Return whether `path` is, or holds, the file of NAS-Bench-Macro."""
    return path.suffix == ".zip" or bool(_macro_files(path))


def read(path: Path, progress: Progress) -> Table:
    """Return NAS-Bench-Macro, sorted by code; `network` names the network that a code stands for.

    Raises:
        TableError: The file is not what its format says, or codes of one network differ; the code is named.
    """
    files = _macro_files(path)
    if len(files) != 1:
        raise TableError(f"{path.name}: contains {len(files)} files {MACRO_FILE}")
    taken = share_of(files[0].size, progress)
    rows = _sorted(files[0], _rows(files[0], "012", 8, "test_acc", "mean_acc", taken))
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        row["network"] = network(row["arch"])
        twin = first.setdefault(row["network"], row)
        if any(row[name] != twin[name] for name in row if name != "arch"):
            place = spell(files[0].name, (row["arch"],))
            raise TableError(f"{place}: not the results of {twin['arch']}, which is the same network")
    return Table(pa.Table.from_pylist(rows, MACRO_SCHEMA))


def network(arch: str) -> str:
    """Return the code with the identities of each stage, its first layer apart, moved to the stage's end."""
    found, at = "", 0
    for layers in STAGES:
        rest = arch[at + 1 : at + layers]
        found += arch[at] + rest.replace("0", "") + "0" * rest.count("0")
        at += layers
    return found


def channel_matches(path: Path) -> bool:
    """Return whether `path` is, or holds, a file of Channel-Bench-Macro."""
    return path.suffix == ".zip" or bool(_channel_files(path))


def channel_read(path: Path, progress: Progress) -> Table:
    """Return Channel-Bench-Macro: subsets "mobilenet" and "resnet", sorted by code.

    Raises:
        TableError: A file is not what its format says; the file and the code are named.
    """
    files = _channel_files(path)
    if not files:
        raise TableError(f"{path.name}: contains no Results_MobileNet.json or Results_ResNet.json")
    taken = share_of(sum(member.size for member in files.values()), progress)
    rows = []
    for subset, member in files.items():
        found = _sorted(member, _rows(member, "1234", 7, "acc", "mean", taken))
        rows += [{"subset": subset, **row} for row in found]
    return Table(pa.Table.from_pylist(rows, CHANNEL_SCHEMA))


def _macro_files(path: Path) -> list[Member]:
    return [member for member in members(path, ".json") if member.base == MACRO_FILE]


def _channel_files(path: Path) -> Mapping[str, Member]:
    found: dict[str, Member] = {}
    for member in members(path, ".json"):
        match = _CHANNEL_FILE.fullmatch(member.base)
        if match:
            earlier = found.setdefault(match[1].lower(), member)
            if earlier is not member:
                raise TableError(f"{path.name}: contains both {earlier.name} and {member.name}")
    return dict(sorted(found.items()))


def _rows(
    member: Member, digits: str, length: int, runs: str, mean: str, taken: Callable[[int], object]
) -> Iterator[dict[str, Any]]:
    """Yield a row of each code of `length` letters of `digits`; `runs` and `mean` are official fields."""
    with member.open(taken) as stream:
        for place, value in records(stream, member.name, 1):
            record = Fields(value, spell(member.name, place))
            arch = place[0]
            if not isinstance(arch, str) or len(arch) != length or set(arch) - set(digits):
                record.fail("", f"not a code of {length} digits of {digits}")
            tests = record.numbers(runs, 0, 100, 3)
            average = sum(tests) / len(tests)
            deviation = math.sqrt(sum((test - average) ** 2 for test in tests) / len(tests))
            if abs(record.percent(mean) - average) > TOLERANCE:
                record.fail(mean, f"{record.number(mean)!r}, but {runs} gives {average!r}")
            # Of the sample or of the population: the second README does not say.
            if min(abs(record.percent("std") - deviation * f) for f in (1, math.sqrt(1.5))) > TOLERANCE:
                record.fail("std", f"{record.number('std')!r}, but {runs} gives {deviation!r}")
            yield {
                "arch": arch,
                **{f"test_acc_{run}": test for run, test in enumerate(tests)},
                "test_acc_mean": record.number(mean),
                "test_acc_std": record.number("std"),
                "params": record.integer("params", 0),
                "flops": record.integer("flops", 0),
            }


def _sorted(member: Member, rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows by code; TableError unless they cover the entire space."""
    found = sorted(rows, key=lambda row: row["arch"])
    digits, length = ("012", 8) if member.base == MACRO_FILE else ("1234", 7)
    if len(found) != len(digits) ** length:
        known = {row["arch"] for row in found}
        codes = ("".join(code) for code in itertools.product(digits, repeat=length))
        missing = next(code for code in codes if code not in known)
        raise TableError(
            f"{member.name}: {len(found):,} codes; expected {len(digits) ** length:,}; {missing} is missing"
        )
    return found
