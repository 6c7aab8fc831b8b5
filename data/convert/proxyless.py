"""ProxylessNAS space: the tables of TuNAS and AceNAS (CSV) -> one table, one row per architecture.

TuNAS (google-research/tunas, README and mobile_search_space_v3.py) publishes random_architectures.csv and
searched_architectures.csv for three spaces; only its `proxylessnas_search` is this one. AceNAS
(ultmaster/AceNAS, gcn/proxyless and searchspace/proxylessnas) adds its own search, the architectures for its
supernet, and what the supernet gives them. All name an architecture by `indices`, numbers joined by ":":

- 73 numbers (TuNAS): one for each choice of the search space in the order of its traversal. A searched block
  has three, kernel size (3, 5, 7), expansion (3, 6) and whether it is skipped; the choices of filters offer
  one option each and are 0. The first depthwise layer has a kernel size of its own.
- 22 numbers (AceNAS): the first layer, always 0, then an operation for each of the 21 blocks.

Accuracies are fractions there, FLOPs and parameters in units (AceNAS's common/profiler.py), latencies ms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from data.convert import Progress
from data.convert.csvlines import Line, lines
from data.convert.jsonstream import Readable, said
from data.convert.members import Member, members, share_of
from data.errors import TableError
from data.table import Table

OPS = ("k3e3", "k3e6", "k5e3", "k5e6", "k7e3", "k7e6", "skip")
SKIP = OPS.index("skip")
STAGES = (4, 4, 4, 4, 4, 1)
"""Blocks of each stage; the first one of a stage changes the shape and cannot be skipped."""

N_BLOCKS = sum(STAGES)
FIRSTS = frozenset(sum(STAGES[:stage]) for stage in range(len(STAGES)))

SPACE, OTHER_SPACES = "proxylessnas_search", ("proxylessnas_enlarged_search", "mobilenet_v3_like_search")

# File -> subset of an architecture that no earlier file has. One of _POOL is named by its column `src`.
_POOL = "proxyless-84ms-train.csv"
FILES: Mapping[str, str] = {
    "random_architectures.csv": "random",
    "searched_architectures.csv": "searched",
    "tunas-proxylessnas-search.csv": "acenas_search",
    _POOL: "acenas_pool",
    "proxyless-ws-results.csv": "acenas_ws",
}


@dataclass(frozen=True)
class _Value:
    """An official column: the factor to our unit and the largest value there."""

    column: str
    factor: float = 1
    high: float = math.inf


_VALUES: Mapping[str, _Value] = {
    "90epoch_validation_accuracy": _Value("valid_acc_90", 100, 1),
    "360epoch_test_accuracy": _Value("test_acc_360", 100, 1),
    "ws_accuracy": _Value("ws_acc", 100, 1),
    "simulated_pixel1_time_ms": _Value("pixel1_latency"),
    "flops": _Value("flops", 1e-6),
    "params": _Value("params", 1e-6),
}

SCHEMA = pa.schema(
    {
        "subset": pa.large_string(),
        "arch": pa.large_string(),
        "stem_kernel": pa.int64(),
        **{value.column: pa.float64() for value in _VALUES.values()},
    }
)


def matches(path: Path) -> bool:
    """Return whether `path` is one of the tables or a folder or archive that may hold them."""
    return path.suffix == ".zip" or bool(_files(path))


def read(path: Path, progress: Progress) -> Table:
    """Return all architectures of the tables found, joined by `indices`.

    `arch` is the operation of each of the 21 blocks, as its place in OPS, joined by ":".

    Raises:
        TableError: A table is not what its format says, or contradicts another; file and line are named.
    """
    files = _files(path)
    if not files:
        raise TableError(f"{path.name}: holds none of {', '.join(FILES)}")
    taken = share_of(sum(member.size for member in files), progress)
    merged: dict[str, _Merged] = {}
    for member in files:
        seen: set[str] = set()
        with member.open(taken) as stream:
            for line in _of_space(member, stream):
                indices = line.fields["indices"]
                if indices in seen:
                    line.fail(f"an architecture that an earlier line has: {said(indices)}")
                seen.add(indices)
                if indices not in merged:
                    merged[indices] = _Merged(line, FILES[member.base])
                merged[indices].add(line, _values(line))
        if not seen:
            raise TableError(f"{member.name}: holds no architecture of {SPACE}")
    return Table(pa.Table.from_pylist([one.row for one in merged.values()], SCHEMA))


def decode(indices: str) -> tuple[tuple[int, ...], int]:
    """Return the places in OPS of the 21 blocks' operations, and the first layer's kernel size.

    Raises:
        ValueError: `indices` is not an architecture of the space; the message says why.
    """
    numbers = [int(text) if text.isdecimal() and len(text) < 4 else -1 for text in indices.split(":")]
    if len(numbers) == N_BLOCKS + 1:
        stem, ops = numbers[0], tuple(numbers[1:])
        if stem != 0:
            raise ValueError("the first layer has no choice but 0")
    elif len(numbers) == 3 * N_BLOCKS + 10:
        stem, ops = _traversed(numbers)
    else:
        raise ValueError(f"{len(numbers)} numbers; expected {N_BLOCKS + 1} or {3 * N_BLOCKS + 10}")
    for block, op in enumerate(ops):
        if not 0 <= op < len(OPS) or (op == SKIP and block in FIRSTS):
            raise ValueError(f"block {block} has no choice {op}")
    return ops, 3 + 2 * stem


def _traversed(numbers: list[int]) -> tuple[int, tuple[int, ...]]:
    """Return the first layer's choice and the blocks' operations of 73 choices in TuNAS's order."""
    # Filters of the stem; first layer, its filters; blocks and filters of each stage; filters of the head.
    stem, at, ops, filters = numbers[1], 3, [], [numbers[0], numbers[2], numbers[-1]]
    for blocks in STAGES:
        for _ in range(blocks):
            kernel, expansion, skipped = numbers[at : at + 3]
            if kernel not in (0, 1, 2) or expansion not in (0, 1) or skipped not in (0, 1):
                raise ValueError(f"numbers {at} to {at + 2} are not kernel, expansion and skip")
            ops.append(SKIP if skipped else 2 * kernel + expansion)
            at += 3
        filters.append(numbers[at])
        at += 1
    if any(filters) or stem not in (0, 1, 2):
        raise ValueError("a number of filters or the first layer's kernel size that the space does not offer")
    return stem, tuple(ops)


class _Merged:
    """An architecture, with what the files say of it."""

    def __init__(self, line: Line, subset: str) -> None:
        try:
            ops, kernel = decode(line.fields["indices"])
        except ValueError as error:
            line.fail(f"not an architecture of {SPACE}: {error}: {said(line.fields['indices'])}")
        source = line.fields.get("src")
        self.row: dict[str, object] = {
            "subset": f"acenas_{source}" if source else subset,
            "arch": ":".join(map(str, ops)),
            "stem_kernel": kernel,
        }
        self.lines: dict[str, Line] = {}

    def add(self, line: Line, values: Mapping[str, float]) -> None:
        """Take over what `line` says; TableError if it contradicts another file."""
        for column, value in values.items():
            earlier = self.row.get(column)
            if isinstance(earlier, float) and not math.isclose(earlier, value, rel_tol=1e-6):
                first = self.lines[column]
                line.fail(f"{column} {value:g}, but {earlier:g} in {first.file}, line {first.number}")
            self.row.setdefault(column, value)
            self.lines.setdefault(column, line)


def _files(path: Path) -> list[Member]:
    found: dict[str, Member] = {}
    for member in members(path, ".csv"):
        if member.base in FILES:
            if member.base in found:
                raise TableError(f"{path.name}: contains both {found[member.base].name} and {member.name}")
            found[member.base] = member
    return [found[name] for name in FILES if name in found]


def _of_space(member: Member, stream: Readable) -> Iterator[Line]:
    """Yield the lines about architectures of the space."""
    three_spaces = FILES[member.base] in ("random", "searched")
    for line in lines(stream, member.name, "indices", *(["ssd"] if three_spaces else [])):
        space = line.fields.get("ssd", SPACE)
        if space == SPACE:
            yield line
        elif space not in OTHER_SPACES:
            line.fail(f"no known search space: {said(space)}")


def _values(line: Line) -> dict[str, float]:
    """Return our column -> value for each value that is given, in our unit."""
    given = {name: value for name, value in _VALUES.items() if line.fields.get(name)}
    return {value.column: line.number_in(name, 0, value.high) * value.factor for name, value in given.items()}
