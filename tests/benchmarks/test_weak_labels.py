"""Weak labels from other tables and from own columns: matched, counted, guarded against leaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kendalltau
from support.small_benchmarks import small

import benchmarks
from benchmarks.agreement import get_cover, goodman_kruskal_gamma, percent
from benchmarks.base import Benchmark
from benchmarks.info import app
from benchmarks.leaks import find_leak, match_labels
from benchmarks.weak_labels import read_table
from data.cli import run_cli
from data.errors import InputError, MissingTableError, TableError, UnknownNameError
from data.table import Column, Table

ACC = np.random.default_rng(0).uniform(60, 94, 300)


def arrays(n: int = 300, **more: np.ndarray) -> Benchmark:
    """Return a benchmark of n cells with the label `acc` and an honest weak label."""
    bench = small("nb201", n)
    noise = np.random.default_rng(1).normal(0, 5, n)
    return benchmarks.from_graphs(
        bench.graphs,
        {"acc": ACC[:n], **more},
        weak={"proxy": ACC[:n] + noise},
        names=[f"m{i}" for i in range(n)],
    )


def table(n: int = 300, **columns: np.ndarray) -> Table:
    return Table(pa.table({"name": [f"m{i}" for i in range(n)], **columns}))


# Agreement.


def test_gamma_by_hand() -> None:
    a, b = np.array([1.0, 2, 3, 4]), np.array([1.0, 1, 3, 2])
    # Untied pairs: 5; of these (3, 4) is discordant.
    assert goodman_kruskal_gamma(a, b) == pytest.approx((4 - 1) / 5)
    assert goodman_kruskal_gamma(ACC, np.round(ACC)) == pytest.approx(1)
    assert goodman_kruskal_gamma(ACC, np.ones_like(ACC)) is None


def test_gamma_counts_the_pairs_untied_in_both() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        a, b = rng.integers(0, 5, 30).astype(float), rng.integers(0, 4, 30).astype(float)
        sign = (np.sign(a[:, None] - a) * np.sign(b[:, None] - b))[np.triu_indices(30, 1)]
        assert goodman_kruskal_gamma(a, b) == pytest.approx(sign.sum() / np.abs(sign).sum())


def test_cover_is_of_the_rows_with_the_label() -> None:
    label, weak = ACC.copy(), np.random.default_rng(3).random(300)
    label[:100], weak[150:] = np.nan, np.nan
    cover = get_cover(weak, label)
    assert (cover.known, cover.total, cover.share) == (50, 200, 0.25)
    assert cover.kendall_tau == pytest.approx(kendalltau(weak[100:150], label[100:150])[0])
    assert get_cover(weak[:109], label[:109]).kendall_tau is None


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (20_001, 423_624, "4.7 %"),
        (1, 15_625, "< 0.1 %"),
        (15_624, 15_625, "99.9 %"),
        (5, 5, "100 %"),
        (0, 5, "0 %"),
    ],
)
def test_percent(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


# The leak guard.

LEAKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "a fraction": lambda y: y / 100,
    "the error": lambda y: 100 - y,
    "the error as a fraction": lambda y: 1 - y / 100,
    "rounded": np.round,
    "rounded to one decimal": lambda y: np.round(y, 1),
    "rounded to tens": lambda y: np.round(y, -1),
    "error rounded": lambda y: -np.round(y),
    "a rank": lambda y: np.argsort(np.argsort(y)).astype(float),
    "its logarithm": np.log,
    "clipped": lambda y: np.clip(y, 65, None),
    "half of it known": lambda y: np.where(np.arange(len(y)) % 2, y / 100, np.nan),
    "single precision": lambda y: y.astype(np.float32).astype(float),
}


@pytest.mark.parametrize("kind", LEAKS)
@pytest.mark.parametrize("n", [20, 300])
def test_a_weak_label_of_a_true_labels_order_is_refused(kind: str, n: int) -> None:
    bench, cheat = arrays(n), LEAKS[kind](ACC[:n])
    if np.isfinite(cheat).sum() < 20:
        pytest.skip("too few rows")
    with pytest.raises(InputError, match=r"'cheat' .*'acc'"):
        bench.with_weak(table(n, cheat=cheat))
    with pytest.raises(InputError, match=r"'cheat' .*'acc'"):
        arrays(n, cheat=cheat).with_weak_columns(["cheat"])
    trusted = bench.with_weak(table(n, cheat=cheat), trusted={"cheat": "measured apart"})
    assert "measured apart" in trusted.notices[-1]
    np.testing.assert_array_equal(trusted.weak("cheat"), cheat)


def test_the_guard_looks_at_every_label_of_every_data_set(nb201: Benchmark) -> None:
    arch = nb201.table.column("arch")
    for dataset, label in (("imagenet16", "valid_acc"), ("cifar100", "test_acc")):
        cheat = -nb201.target(dataset, label) / 3
        with pytest.raises(InputError, match=f"{dataset}/{label}"):
            nb201.with_weak(Table(pa.table({"arch": arch, "cheat": cheat})))


def test_a_single_training_of_a_label_is_a_true_label() -> None:
    bench = small("nb201_mini", 100)
    seeds = bench.seeds("mini", "test_acc")
    assert seeds is not None
    name = bench.label_column("mini", "test_acc").seeds[0]
    with pytest.raises(InputError, match=f"'{name}' is a training"):
        bench.with_weak_columns([name])
    cheat = Table(pa.table({"arch": bench.table.column("arch"), "cheat": seeds[:, 1] / 100}))
    with pytest.raises(InputError, match="'cheat'"):
        bench.with_weak(cheat)


def test_honest_weak_labels_pass(nb201: Benchmark) -> None:
    assert [name for name in nb201.weak_names if find_leak(nb201, name)] == []
    y = np.sort(ACC)
    almost = y.copy()
    almost[:40] = almost[:40][::-1]  # tau .965
    assert match_labels(almost, y) == ""
    assert match_labels((y > 80).astype(float), y) == ""  # two levels separate by chance
    assert match_labels(y[:19] / 100, y[:19]) == ""  # too few rows for an order to say anything
    assert match_labels(y[:19], y[:19])
    assert match_labels(np.full(300, np.nan), y) == ""
    assert match_labels(np.ones(300), y) == ""


def test_costs_of_ones_own_table_are_guarded_too(tmp_path: Path) -> None:
    bench = small("nb201", 60)
    columns = {"arch": bench.table.column("arch"), "acc": ACC[:60], "flops": ACC[:60] / 100}
    path = Table(pa.table(columns)).write(tmp_path / "mine.parquet")
    with pytest.raises(InputError, match=r"'flops' .*'acc'"):
        benchmarks.load(path)
    bench = benchmarks.load(path, trusted={"flops": "one width decides"})
    assert "one width decides" in bench.notices[-1]


@pytest.mark.parametrize(
    ("trusted", "error"), [({"cheat": " "}, InputError), ({"cheet": "why"}, UnknownNameError)]
)
def test_trust_needs_a_reason_and_a_name(trusted: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        arrays().with_weak(table(cheat=ACC), trusted=trusted)


# Own columns.


def test_own_columns_are_weak_labels_and_labels_no_longer() -> None:
    second = np.random.default_rng(4).random(300)
    bench = arrays(second=second)
    assert bench.info.target == ""
    weak = bench.with_weak_columns(["second"])
    assert bench.labels("table") == ["acc", "second"]
    assert weak.labels("table") == ["acc"]
    assert weak.info.target == "acc"
    assert set(weak.weak_names) == {"proxy", "second"}
    np.testing.assert_array_equal(weak.graphs.weak["second"], second)
    assert weak.content_hash != bench.content_hash
    with pytest.raises(UnknownNameError):
        weak.target("table", "second")


@pytest.mark.parametrize(
    ("names", "error"), [(["acc"], InputError), (["name"], InputError), (["prox"], UnknownNameError)]
)
def test_columns_that_cannot_be_weak_labels(names: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        arrays().with_weak_columns(names)


# Other tables.


def test_cover_and_unmatched_rows_are_counted_aloud(nb201: Benchmark) -> None:
    rows = np.random.default_rng(5).permutation(len(nb201))[:500]
    arch = [nb201.table.column("arch")[int(row)].as_py() for row in rows]
    mine = np.random.default_rng(6).random(502)
    weak = nb201.with_weak(Table(pa.table({"arch": [*arch, "|x|", None], "mine": mine})), source="mini.csv")
    assert len(weak.notices) == len(nb201.notices) + 1
    for text in ("mini.csv", "500 of 15,625", "3.2 %", "2 of the 502", "|x|"):
        assert text in weak.notices[-1]
    cover = weak.weak_cover("mine", "cifar10", "test_acc")
    assert (cover.known, cover.total) == (500, 15_625)
    y = nb201.target("cifar10", "test_acc")[rows]
    assert cover.kendall_tau == pytest.approx(kendalltau(mine[:500], y)[0])
    assert "mine" not in nb201.weak_names


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64()])
def test_codes_that_were_read_as_numbers_keep_their_zeros(kind: pa.DataType) -> None:
    bench = small("macro")
    codes = bench.table.column("arch").cast(pa.string()).to_pylist()
    assert any(code.startswith("0") for code in codes)
    unique = list(dict.fromkeys(codes))
    values = np.random.default_rng(7).random(len(unique))
    weak = bench.with_weak(
        Table(pa.table({"arch": pa.array([int(c) for c in unique]).cast(kind), "mine": values}))
    )
    expected = dict(zip(unique, values, strict=True))
    np.testing.assert_array_equal(weak.weak("mine"), [expected[code] for code in codes])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"name": ["m1", "m2", "m1"], "mine": [1.0, 2, 3]}, "m1"),
        ({"name": ["a", "b", "c"], "mine": [1.0, 2, 3]}, "mine"),
        ({"name": ["m1", "m2", "m3"], "mine": ["x", "y", "z"]}, "name, mine"),
        ({"name": ["m1", "m2", "m3"], "acc": [1.0, 2, 3]}, "acc"),
        ({"model": ["m1", "m2", "m3"], "mine": [1.0, 2, 3]}, "needs the column"),
    ],
)
def test_tables_that_are_no_weak_labels_of_it(columns: dict[str, list], message: str) -> None:
    with pytest.raises(TableError, match=message):
        arrays().with_weak(Table(pa.table(columns)))


def test_a_replaced_weak_label_is_named() -> None:
    values = np.random.default_rng(8).random(300)
    weak = arrays().with_weak(table(proxy=values))
    assert "replaces proxy" in weak.notices[-1]
    np.testing.assert_array_equal(weak.weak("proxy"), values)


def test_ids_do_not_become_weak_labels() -> None:
    weak = arrays().with_weak(table(mine=ACC[::-1].copy(), id=np.arange(300)))
    assert set(weak.weak_names) == {"proxy", "mine"}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_info_shows_cover_and_agreement_of_a_weak_table(
    suffix: str, tmp_path: Path, nb201: Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    arch = nb201.table.column("arch").to_pylist()[:400]
    mine = np.random.default_rng(9).random(400)
    path = tmp_path / f"mini{suffix}"
    if suffix == ".parquet":
        Table(pa.table({"arch": arch, "mine": mine})).write(path)
    elif suffix == ".csv":
        path.write_text(
            "arch,mine\n" + "".join(f"{a},{v!r}\n" for a, v in zip(arch, mine.tolist(), strict=True))
        )
    else:
        path.write_text(
            "".join(json.dumps({"arch": a, "mine": v}) + "\n" for a, v in zip(arch, mine, strict=True))
        )
    with pytest.raises(SystemExit, match="0"):
        run_cli(app, ["nb201", "--weak", str(path), "--format", "json"])
    printed = capsys.readouterr()
    weak = {w["name"]: w for w in json.loads(printed.out)["datasets"][0]["weak_labels"]}
    y = nb201.target("cifar10", "test_acc")[:400]
    assert (weak["mine"]["known"], weak["mine"]["total"]) == (400, 15_625)
    assert weak["mine"]["kendall_tau"] == pytest.approx(kendalltau(mine, y)[0])
    assert "400 of 15,625" in printed.err
    with pytest.raises(MissingTableError):
        read_table(tmp_path / "nowhere.csv")


def test_a_described_direction_of_a_weak_column_counts() -> None:
    values = np.random.default_rng(10).random(300)
    described = Column("ms", "table", "ms", "ms", direction=-1, kind="weak")
    weak = arrays().with_weak(Table(table(ms=values).arrow, {"ms": described}))
    np.testing.assert_array_equal(weak.weak("ms"), -values)
