"""Users' tables with faults, from a seed: the bytes of a file, and the suffix of its name."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.spaces import get

Rows = list[dict[str, Any]]
Rng = np.random.Generator
OPS = ("conv_3x3", "pool", "skip_connect", "none", "Identity", "sep")


def fuzzed_table(seed: int) -> tuple[str, bytes]:
    """Return (suffix, bytes) of a table of one to twelve rows with up to three faults."""
    rng = np.random.default_rng(seed)
    rows = FORMS[rng.integers(len(FORMS))](rng, int(rng.integers(1, 13)))
    for row in rows:
        row["acc"] = float(np.round(rng.normal(90, 3), 2))
        row["lr"] = 0.1
    for _ in range(rng.integers(3)):
        pick(rng, VALUE_FAULTS)(rng, rows)
    suffix = pick(rng, tuple(WRITERS))
    content = WRITERS[suffix](rng, rows)
    if rng.random() < 0.3:
        content = pick(rng, BYTE_FAULTS)(rng, content)
    return suffix, content


def pick(rng: Rng, options: Any) -> Any:
    return options[rng.integers(len(options))]


# Forms.


def _graphs(rng: Rng, n: int) -> Rows:
    rows = []
    for _ in range(n):
        v = int(rng.integers(2, 7))
        matrix = np.triu(rng.integers(2, size=(v, v)), 1)
        nested = rng.random() < 0.5
        names = ["input", *(pick(rng, OPS) for _ in range(v - 2)), "output"]
        rows.append({"adjacency": matrix.tolist() if nested else matrix.ravel().tolist(), "ops": names})
    return _with_features(rng, rows)


def _chains(rng: Rng, n: int) -> Rows:
    rows: Rows = [{"ops": [pick(rng, OPS) for _ in range(rng.integers(1, 9))]} for _ in range(n)]
    if rng.random() < 0.3:
        for row in rows:
            row["stage"] = [f"s{rng.integers(3)}" for _ in row["ops"]]
    return _with_features(rng, rows)


def _with_features(rng: Rng, rows: Rows) -> Rows:
    """Give the nodes of some tables numbers, in lists or bare, sometimes with names."""
    if rng.random() < 0.4:
        count = int(rng.integers(1, 4))
        for row in rows:
            numbers = rng.choice([1, 3, 5, 64, -2], size=(len(row["ops"]), count))
            row["features"] = (numbers[:, 0] if count == 1 else numbers).tolist()
            if count == 3:
                row["feature_names"] = ["kernel", "width", "heads"]
    return rows


def _pairs(rng: Rng, n: int) -> Rows:
    def cell() -> list[str]:
        return [f"{pick(rng, OPS)}:{rng.integers(2 + edge // 2)}" for edge in range(4)]

    return [{"normal": cell(), "reduce": cell(), "width": 16} for _ in range(n)]


def _blocks(rng: Rng, n: int) -> Rows:
    return [{f"block{i}": pick(rng, OPS) for i in range(5)} for _ in range(n)]


def _texts(rng: Rng, n: int) -> Rows:
    space = get(pick(rng, ("nb201", "macro", "nats_size", "transnas_micro")))
    return [{"arch": text} for text in space.format(space.sample(n, rng))]


def _named(rng: Rng, n: int) -> Rows:
    space = get(pick(rng, ("darts", "nb201", "ofa")))
    return [{"space": space.name, "arch": text} for text in space.format(space.sample(n, rng))]


FORMS = (_graphs, _chains, _pairs, _blocks, _texts, _named)

# Faults of values.

ODD: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: "",
    lambda: "-",
    lambda: "NA",
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: -float("inf"),
    lambda: 1e200,
    lambda: -1e308,
    lambda: 10**30,
    lambda: 10**400,
    lambda: -(2**63) - 1,
    lambda: 2**64,
    lambda: "9" * 4301,
    lambda: "93,1",
    lambda: "93.1%",
    lambda: "1e9999",
    lambda: "[" * 3000,
    lambda: "[" * 3000 + "]" * 3000,
    lambda: "[[[[[[1]]]]]]",
    lambda: "['a', 'b'",
    lambda: "{'a': 1}",
    lambda: '"',
    lambda: "a,b;c\td\ne",
    lambda: "\ud800",
    lambda: "\x00",
    lambda: "\u0663",
    lambda: "ß" * 50,
    list,
    lambda: [[]],
    lambda: [None],
    lambda: [1, "a", None],
    lambda: [[0, 1], [0]],
    lambda: {"a": {"b": [1]}},
    lambda: True,
    lambda: 0,
    lambda: -1,
    lambda: 3.5,
    lambda: "x" * 140_000,
    lambda: "=1+1",
)
ODD_NAMES = (
    "arch",
    "ops",
    "acc",
    "",
    " ",
    "Ops",
    "acc#1",
    "id",
    "ß",
    "stage",
    "space",
    "\ud800",
    "x\ny",
    "a,b",
    "block0",
    "block7",
    "width",
    "depth",
    "unnamed_0",
    "features",
    "feature_names",
)


def _odd_value(rng: Rng, rows: Rows) -> None:
    row = pick(rng, rows)
    if row:
        row[pick(rng, tuple(row))] = pick(rng, ODD)()


def _odd_column(rng: Rng, rows: Rows) -> None:
    value, name = pick(rng, ODD), pick(rng, (*rows[0], *ODD_NAMES)) if rows[0] else "acc"
    for row in rows:
        row[name] = value()


def _lost_column(rng: Rng, rows: Rows) -> None:
    name = pick(rng, tuple(rows[0])) if rows[0] else ""
    for row in rows:
        row.pop(name, None)


def _lost_rows(rng: Rng, rows: Rows) -> None:
    del rows[int(rng.integers(len(rows))) :]
    if not rows:
        rows.append({})


def _null_row(rng: Rng, rows: Rows) -> None:
    rows.insert(int(rng.integers(len(rows) + 1)), dict.fromkeys(rows[0]))


def _twice(rng: Rng, rows: Rows) -> None:
    rows += [dict(pick(rng, rows)) for _ in range(3)]


def _text_column(rng: Rng, rows: Rows) -> None:
    name = pick(rng, tuple(rows[0])) if rows[0] else "acc"
    for row in rows:
        row[name] = str(row.get(name))


def _inner(rng: Rng, rows: Rows) -> None:
    """Spoil one item of a list."""
    row = pick(rng, rows)
    lists = [value for value in row.values() if isinstance(value, list) and value]
    if lists:
        chosen = pick(rng, lists)
        chosen[rng.integers(len(chosen))] = pick(rng, ODD)()


VALUE_FAULTS = (
    _odd_value,
    _odd_value,
    _odd_value,
    _odd_column,
    _lost_column,
    _lost_rows,
    _null_row,
    _twice,
    _text_column,
    _inner,
)

# Files.


def _csv(separator: str, *, python: bool = False) -> Callable[[Rng, Rows], bytes]:
    def write(rng: Rng, rows: Rows) -> bytes:
        names = list(dict.fromkeys(name for row in rows for name in row))
        if rng.random() < 0.03 and names:
            names.append(names[0])
        file = io.StringIO()
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(names)
        for row in rows:
            cells = [row.get(name) for name in names]
            dump = str if python else json.dumps
            writer.writerow([dump(c) if isinstance(c, (list, dict)) else _cell(c) for c in cells])
        return file.getvalue().encode("utf-8", "surrogatepass")

    return write


def _cell(value: object) -> object:
    return str(value) if not isinstance(value, int) or abs(value) < 10**300 else "1" + "0" * 400


def _jsonl(rng: Rng, rows: Rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=rng.random() < 0.5) + "\n" for row in rows).encode(
        "utf-8", "surrogatepass"
    )


def _json(rng: Rng, rows: Rows) -> bytes:
    if rng.random() < 0.5:
        return json.dumps(rows).encode()
    names = list(dict.fromkeys(name for row in rows for name in row))
    return json.dumps({name: [row.get(name) for row in rows] for name in names}).encode()


METADATA = (
    b"null",
    b"",
    b"{",
    b"[]",
    b"[1]",
    b'[{"name": null}]',
    b'[{"name": "acc"}]',
    b'[{"dataset": "x"}]',
    b"[[]]",
    b'[{"name": "acc", "dataset": "d", "target": "t", "more": 1}]',
    b'{"acc": {"direction": "min"}}',
    b'"acc"',
    b'[{"name": "acc", "direction": 0}]',
    b'[{"name": "acc", "seeds": "lr"}]',
    b'[{"name": "acc", "scale": null}]',
    b'[{"name": "acc", "decimals": 1.5}]',
    b'[{"name": "acc", "kind": []}]',
    b"[" * 3000,
    b"\xff",
    b'[{"name": "ops", "zero": ["none"], "identity": ["gone"]}]',
    b'[{"name": "acc", "failed": 1e999}]',
    b'{"acc": null}',
    b'[{"name": "acc", "decimals": 99999999999}]',
    b'[{"name": "acc", "scale": 1e29}]',
    b'[{"name": "features", "feature_names": ["kernel"]}]',
    b'[{"name": "features", "feature_names": "kernel"}]',
)
TYPES = (
    pa.null(),
    pa.struct([("a", pa.int64())]),
    pa.list_(pa.struct([("a", pa.int64())])),
    pa.binary(),
    pa.date32(),
    pa.timestamp("ns"),
    pa.decimal128(10, 2),
    pa.float16(),
    pa.uint64(),
    pa.bool_(),
    pa.large_string(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.list_(pa.int64(), 2),
    pa.duration("s"),
    pa.large_list(pa.string()),
    pa.map_(pa.string(), pa.int64()),
)


def _parquet(rng: Rng, rows: Rows) -> bytes:
    arrays, names = [], list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            array = pa.array(values)
        except (pa.ArrowException, OverflowError, UnicodeError):
            array = pa.array([str(v).encode("utf-8", "replace").decode() for v in values])
        if rng.random() < 0.05:
            kind = pick(rng, TYPES)
            try:
                array = array.cast(kind)
            except pa.ArrowException:
                array = pa.nulls(len(values), kind)
        arrays.append(array)
    names = [name.encode("utf-8", "replace").decode() for name in names]
    if rng.random() < 0.03 and names:
        arrays, names = [*arrays, arrays[0]], [*names, names[0]]
    table = pa.Table.from_arrays(arrays, names=names)
    if rng.random() < 0.3:
        table = table.replace_schema_metadata({b"acerank": pick(rng, METADATA)})
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


WRITERS: dict[str, Callable[[Rng, Rows], bytes]] = {
    ".csv": _csv(","),
    ".CSV": _csv(";", python=True),
    ".tsv": _csv("\t"),
    ".csv.gz": lambda rng, rows: gzip.compress(_csv(",")(rng, rows), 1, mtime=0),
    ".jsonl": _jsonl,
    ".json": _json,
    ".parquet": _parquet,
    ".PARQUET": _parquet,
}

# Faults of bytes.


def _flipped(rng: Rng, content: bytes) -> bytes:
    spoiled = bytearray(content)
    for _ in range(min(3, len(spoiled))):
        spoiled[rng.integers(len(spoiled))] = rng.integers(256)
    return bytes(spoiled)


BYTE_FAULTS: tuple[Callable[[Rng, bytes], bytes], ...] = (
    _flipped,
    _flipped,
    lambda rng, content: content[: rng.integers(len(content) + 1)],
    lambda rng, content: b"",
    lambda rng, content: b"\xef\xbb\xbf" + content,
    lambda rng, content: gzip.compress(content, 1, mtime=0),
    lambda rng, content: gzip.compress(content, 1, mtime=0)[:-9],
    lambda rng, content: content.replace(b"e", "é".encode("latin-1")),
    lambda rng, content: content.decode("latin-1").encode("utf-16"),
    lambda rng, content: content + b"\n\n\r\n ",
    lambda rng, content: content.replace(b"\n", b"\r"),
    lambda rng, content: content * 2,
    lambda rng, content: b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n",
    lambda rng, content: b"<!DOCTYPE html><html><body>Virus scan warning</body></html>",
    lambda rng, content: rng.bytes(200),
)
