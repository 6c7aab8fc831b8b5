"""ProxylessNAS: TuNAS's and AceNAS's encodings by hand and at random, tables joined, tables that lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.official_formats import random_blocks, tunas_indices, tunas_row, write_csv

from data.convert import convert_path
from data.convert.proxyless import OPS, SCHEMA, SKIP, decode
from data.errors import TableError

# The first architecture that AceNAS's repository evaluates, and its blocks, read off by the places that it
# gives the blocks among the numbers.
ACENAS_M1 = (
    "0:0:0:0:1:0:0:0:0:0:1:1:1:1:1:0:1:0:0:0:0:0:1:1:1:1:0:0:0:0:1:0:0:0:1:1:0:0:2:0:1:0:2:1:0:0:1:0:0:1:0:2:"
    "0:0:0:2:1:0:2:1:0:2:0:0:2:0:0:0:2:1:0:0:0"
)
M1_BLOCKS = (
    "k3e6 k3e3 skip skip k5e3 k3e3 skip k5e3 k3e6 skip k5e3 skip k7e6 k3e6 k3e6 k7e3 k7e6 k7e6 k7e3 k7e3 k7e6"
)


def test_tunas_encoding_by_hand() -> None:
    ops, kernel = decode(ACENAS_M1)
    assert " ".join(OPS[op] for op in ops) == M1_BLOCKS
    assert kernel == 3


def test_encodings_at_random() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        ops, stem = random_blocks(rng), int(rng.integers(3))
        assert decode(tunas_indices(ops, stem, unused=int(rng.integers(2)))) == (tuple(ops), 3 + 2 * stem)
        assert decode(":".join(map(str, [0, *ops]))) == (tuple(ops), 3)


BLOCKS = [0, 1, 2, 6] * 5 + [5]


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ("", "1 numbers; expected 22 or 73"),
        (":".join(["0"] * 72), "72 numbers"),
        (":".join(["0"] * 21), "21 numbers"),
        (":".join(map(str, [1, *BLOCKS])), "the first layer has no choice but 0"),
        (":".join(map(str, [0, 7, *BLOCKS[1:]])), "block 0 has no choice 7"),
        (":".join(map(str, [0, SKIP, *BLOCKS[1:]])), "block 0 has no choice 6"),
        (":".join(map(str, [0, "-1", *BLOCKS[1:]])), "block 0 has no choice -1"),
        (":".join(map(str, [0, "¹", *BLOCKS[1:]])), "block 0 has no choice -1"),
        (tunas_indices([SKIP, *BLOCKS[1:]]), "block 0 has no choice 6"),
        ("1" + tunas_indices(BLOCKS)[1:], "a number of filters"),
        (tunas_indices(BLOCKS, 3), "the first layer's kernel size that the space does not offer"),
        (tunas_indices(BLOCKS).replace("0:0:0:0:0:0:0", "0:0:0:3:0:0:0", 1), "numbers 3 to 5 are not"),
    ],
)
def test_wrong_encodings_are_refused(indices: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(indices)


def row(ops: list[int], **values: object) -> dict[str, object]:
    empty = {
        "simulated_pixel1_time_ms": 84.5,
        "90epoch_validation_accuracy": 0.75,
        "360epoch_test_accuracy": "",
    }
    return {"ssd": "proxylessnas_search", "indices": tunas_indices(ops), **empty, **values}


def test_tables_by_hand(tmp_path: Path) -> None:
    first, second = BLOCKS, [5, *BLOCKS[1:]]
    other = {**row(first), "ssd": "mobilenet_v3_like_search", "indices": "0:0:1"}
    write_csv(tmp_path / "tunas" / "random_architectures.csv", [other, row(first)])
    write_csv(
        tmp_path / "tunas" / "searched_architectures.csv", [row(second, **{"360epoch_test_accuracy": 0.7541})]
    )
    pool = [
        {"indices": tunas_indices(second), "src": "evolved", "simulated_pixel1_time_ms": 84.5},
        {"indices": ":".join(map(str, [0, *first])), "src": "random", "simulated_pixel1_time_ms": 80.25},
    ]
    write_csv(tmp_path / "proxyless" / "proxyless-84ms-train.csv", pool)
    supernet = [
        {"indices": pool[1]["indices"], "ws_accuracy": 0.5, "flops": 350_250_000, "params": 4_500_000}
    ]
    write_csv(tmp_path / "proxyless" / "proxyless-ws-results.csv", supernet)
    write_csv(tmp_path / "proxyless" / "unrelated.csv", [{"a": 1}])
    table = convert_path("proxyless", tmp_path)
    assert table.arrow.schema.equals(SCHEMA)
    names = [
        "subset",
        "arch",
        "stem_kernel",
        "valid_acc_90",
        "test_acc_360",
        "ws_acc",
        "pixel1_latency",
        "flops",
        "params",
    ]
    assert table.names == names
    arch = ":".join(map(str, first))
    assert [list(line.values()) for line in table.arrow.to_pylist()] == [
        ["random", arch, 3, 75.0, None, None, 84.5, None, None],
        ["searched", "5" + arch[1:], 3, 75.0, pytest.approx(75.41), None, 84.5, None, None],
        ["acenas_random", arch, 3, None, None, 50.0, 80.25, pytest.approx(350.25), 4.5],
    ]
    alone = convert_path("proxyless", tmp_path / "proxyless" / "proxyless-ws-results.csv")
    assert alone.column("subset").to_pylist() == ["acenas_ws"]


def test_acenas_copy_of_the_search_adds_no_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [tunas_row(rng, random_blocks(rng)) for _ in range(20)]
    write_csv(tmp_path / "random_architectures.csv", rows)
    original = convert_path("proxyless", tmp_path)
    write_csv(tmp_path / "tunas-proxylessnas-search.csv", rows[5:])
    assert convert_path("proxyless", tmp_path).content_hash == original.content_hash
    write_csv(tmp_path / "tunas-proxylessnas-search.csv", [{**rows[5], "90epoch_validation_accuracy": 0.7}])
    message = r"-search\.csv, line 2: valid_acc_90 70, but .* in random_architectures\.csv, line 7"
    with pytest.raises(TableError, match=message):
        convert_path("proxyless", tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"90epoch_validation_accuracy": 75.0},
            r"90epoch_validation_accuracy is not a number in 0\.\.1: '75\.0'",
        ),
        ({"90epoch_validation_accuracy": -0.1}, "90epoch_validation_accuracy is not a number"),
        ({"90epoch_validation_accuracy": "nan"}, "90epoch_validation_accuracy is not a number"),
        ({"360epoch_test_accuracy": "high"}, "360epoch_test_accuracy is not a number in"),
        ({"simulated_pixel1_time_ms": "inf"}, "simulated_pixel1_time_ms is not a number of at least 0"),
        ({"ssd": "other"}, "no known search space: 'other'"),
        ({"indices": "0:0"}, "not an architecture of proxylessnas_search: 2 numbers"),
        ({"indices": tunas_indices(BLOCKS)}, "an architecture that an earlier line has"),
    ],
)
def test_wrong_lines_are_refused(values: dict[str, object], message: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "random_architectures.csv", [row(BLOCKS), row([3, *BLOCKS[1:]], **values)])
    with pytest.raises(TableError, match=r"^random_architectures\.csv, line 3: " + message):
        convert_path("proxyless", path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: "),
        ("ssd,arch\n", "no column indices"),
        ("ssd,indices,indices\n", "a column is named twice"),
        ("ssd,indices\n", "holds no architecture of proxylessnas_search"),
        ("ssd,indices\nproxylessnas_search\n", "line 2: 1 fields; the header has 2"),
        ('ssd,indices\nproxylessnas_search,"0:0', "line 2: not CSV: unexpected end of data"),
        ("ssd,indices\nproxylessnas_search,\xff\n", "after line 0: not UTF-8"),
        ("ssd,indices\n" + "9" * 200_000, "not CSV: field larger"),
    ],
)
def test_wrong_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "random_architectures.csv"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(TableError, match=message) as caught:
        convert_path("proxyless", path)
    assert "random_architectures.csv" in str(caught.value)
