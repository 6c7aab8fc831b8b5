"""OnceNAS: data-545.csv of OnceNAS-Bench/OnceNAS-Bench -> table of DARTS networks.

A line is a network as the text of a Python tuple, `Genotype(normal=[('sep_conv_5x5', 0), ...], ...)`, and its
results; times are h:mm:ss. Not taken over: test_acc50, which is the validation accuracy again, and the
Raspberry Pi, FPGA and MCU latencies, which are uniform noise that does not depend on the network.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.convert import Progress
from data.convert.csvlines import Line, lines
from data.convert.jsonstream import said, shorten
from data.convert.members import Member, members, share_of
from data.convert.nds import DARTS
from data.errors import TableError
from data.table import Table

_FILE = "data-545.csv"
_COSTS = {"flops_m": "flop", "params_m": "params"}
_ACCURACIES = {
    f"{part}_acc_{epochs}": f"{part}_acc{epochs}" for epochs in (10, 50) for part in ("train", "valid")
}
_LATENCY = {"gpu_latency_ms": "gpu_latency"}
_TIMES = {f"train_time_{epochs}": f"train_time{epochs}" for epochs in (10, 50)}
_NUMBERS = {**_COSTS, **_ACCURACIES, **_LATENCY, **_TIMES}

SCHEMA = pa.schema(
    {
        "id": pa.large_string(),
        "normal": pa.list_(pa.string()),
        "reduce": pa.list_(pa.string()),
        **{column: pa.float32() for column in _NUMBERS},
    }
)

_EDGE = re.compile(r"\('(\w+)', (\d)\)")
_CELL = r"\[((?:\('\w+', \d\)(?:, (?=\()|(?=\])))*)\]"
_END = r"range\(2, 6\)"
_GENOTYPE = re.compile(
    rf"Genotype\(normal={_CELL}, normal_concat={_END}, reduce={_CELL}, reduce_concat={_END}\)"
)
_TIME = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)")


def matches(path: Path) -> bool:
    """Return whether `path` is, or holds, the file."""
    return path.suffix == ".zip" or bool(_files(path))


def read(path: Path, progress: Progress) -> Table:
    """Return the networks in the file's order.

    Raises:
        TableError: The file is not what its format says, or names a network twice; the line is named.
    """
    files = _files(path)
    if len(files) != 1:
        raise TableError(f"{path.name}: holds {len(files)} files {_FILE}")
    rows: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    with files[0].open(share_of(files[0].size, progress)) as stream:
        for line in lines(stream, files[0].name, "weights_index", "architecture", *_NUMBERS.values()):
            for text in (line.fields["weights_index"], line.fields["architecture"]):
                if text in seen:
                    line.fail(f"that of line {seen[text]}: {shorten(text)}")
                seen[text] = line.number
            rows.append(_row(line))
    if not rows:
        raise TableError(f"{files[0].name}: holds no networks")
    return Table(pa.Table.from_pylist(rows, SCHEMA))


def _files(path: Path) -> list[Member]:
    return [member for member in members(path, ".csv") if member.base == _FILE]


def _row(line: Line) -> dict[str, Any]:
    genotype = _GENOTYPE.fullmatch(line.fields["architecture"])
    if genotype is None:
        line.fail(f"not a genotype: {shorten(line.fields['architecture'])}")
    return {
        "id": line.fields["weights_index"],
        "normal": _cell(line, "normal", genotype[1]),
        "reduce": _cell(line, "reduce", genotype[2]),
        **{column: line.number_in(name) for column, name in {**_COSTS, **_LATENCY}.items()},
        **{column: line.number_in(name, 0, 100) for column, name in _ACCURACIES.items()},
        **{column: _seconds(line, name) for column, name in _TIMES.items()},
    }


def _cell(line: Line, kind: str, text: str) -> list[str]:
    edges = [(op, int(source)) for op, source in _EDGE.findall(text)]
    fits = all(op in DARTS.ops and source < i // 2 + 2 for i, (op, source) in enumerate(edges))
    if len(edges) != 2 * DARTS.nodes or not fits:
        line.fail(f"{kind} is not a DARTS cell: {shorten(text)}")
    return [f"{op}:{source}" for op, source in edges]


def _seconds(line: Line, name: str) -> int:
    match = _TIME.fullmatch(line.fields[name])
    if match is None:
        line.fail(f"{name} is not a time such as 0:20:57: {said(line.fields[name])}")
    hours, minutes, seconds = map(int, match.groups())
    return 3600 * hours + 60 * minutes + seconds
