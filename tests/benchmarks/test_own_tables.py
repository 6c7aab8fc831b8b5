"""Users' tables: what counts as what, and that whatever is guessed, merged or left out is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import load
from benchmarks.custom import Custom
from benchmarks.operations import fold_spelling
from benchmarks.table_options import TableOptions
from data.errors import AcerankError, InputError, TableError, UnknownNameError
from data.spaces import get
from data.spaces.edges import NB201

NASLIB = {
    "none": "Zero",
    "skip_connect": "Identity",
    "nor_conv_1x1": "ReLUConvBN1x1",
    "nor_conv_3x3": "ReLUConvBN3x3",
    "avg_pool_3x3": "AvgPool1x1",
}


def put(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def put_rows(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def networks(bench: Custom) -> int:
    return len(np.unique(bench.classes))


def said(bench: Custom, *words: str) -> bool:
    """Whether one notice has all the words."""
    return any(all(word in line for word in words) for line in bench.notices)


def graph(*ops: str, acc: float = 1.0, **more: object) -> dict:
    """Return a row: the operations one after another."""
    v = len(ops) + 2
    return {
        "adjacency": np.eye(v, k=1, dtype=int).tolist(),
        "ops": ["input", *ops, "output"],
        "acc": acc,
        **more,
    }


# Which operations count as zero and identity.


@pytest.mark.parametrize(
    "names", [{}, NASLIB, {op: op.title() for op in NASLIB}, {op: op.upper() for op in NASLIB}]
)
def test_nb201_has_5425_networks_however_its_operations_are_spelled(names: dict, tmp_path: Path) -> None:
    spelled = [names.get(op, op) for op in NB201.edge_ops]
    codes = NB201.enumerate()
    rows = len(codes)
    table = {
        "adjacency": pa.array([NB201.adjacency.ravel().tolist()]).take(pa.array([0] * rows)),
        "ops": [["input", *(spelled[c] for c in code), "output"] for code in codes.tolist()],
        "acc": np.arange(rows) / rows,
    }
    pq.write_table(pa.table(table), tmp_path / "cells.parquet")
    bench = load(tmp_path / "cells.parquet")
    assert len(bench) == 15_625
    assert networks(bench) == 5_425
    assert said(
        bench, f"zero operations: {spelled[0]}", f"identity operations: {spelled[1]}", "5,425 networks"
    )


@pytest.mark.parametrize("names", [NASLIB, {op: op.upper() for op in NASLIB}])
def test_nb201_strings_with_other_spellings(names: dict, tmp_path: Path) -> None:
    texts = NB201.format(NB201.sample(50, np.random.default_rng(0)))
    changed = list(texts)
    for op, name in names.items():
        changed = [text.replace(f"{op}~", f"{name}~") for text in changed]
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, arch in zip(paths, (texts, changed), strict=True):
        pq.write_table(pa.table({"arch": arch, "acc": np.arange(50.0)}), path)
    np.testing.assert_array_equal(load(paths[0]).classes, load(paths[1]).classes)


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Zero", "zero"),
        ("SkipConnect", "skipconnect"),
        ("skip-connect", "skipconnect"),
        ("Skip_Connect", "skipconnect"),
        ("nn.Identity()", "identity"),
        ("Zero(stride=1)", "zero"),
        ("IDENTITY", "identity"),
    ],
)
def test_spellings(name: str, folded: str) -> None:
    assert fold_spelling(name) == folded


def test_zeros_and_identities_may_be_given(tmp_path: Path) -> None:
    path = put_rows(
        tmp_path / "t.jsonl", [graph("a"), graph("a", "drop"), graph("a", "pass"), graph("a", "Skip")]
    )
    assert networks(load(path)) == 3
    given = load(path, options=TableOptions(zero=("drop",), identity=("pass", "skip")))
    assert given.graphs.space.zero == ("drop",)
    assert set(given.graphs.space.identity) == {"Skip", "pass"}
    assert networks(given) == 2
    assert networks(load(path, options=TableOptions(identity=()))) == 4
    assert networks(load(path, options=TableOptions(fold=False))) == 4
    hashes = {
        load(path, options=o).content_hash
        for o in (None, TableOptions(fold=False), TableOptions(zero=("drop",)))
    }
    assert len(hashes) == 3
    with pytest.raises(InputError, match=r"identity operation 'pas' is not in the table.*pass"):
        _ = load(path, options=TableOptions(identity=("pas",))).graphs
    with pytest.raises(InputError, match="drop is given as zero and as identity"):
        _ = load(path, options=TableOptions(identity=("drop",), zero=("drop",))).graphs


def test_zeros_and_identities_in_a_description_of_the_file(tmp_path: Path) -> None:
    path = put_rows(tmp_path / "t.jsonl", [graph("a"), graph("a", "pass"), graph("a", "skip")])
    put(tmp_path / "t.columns.json", '{"ops": {"identity": ["pass"]}}')
    bench = load(path)
    assert bench.graphs.space.identity == ("pass",)
    assert said(bench, "skip: kept")
    assert load(path, options=TableOptions(identity=("skip",))).graphs.space.identity == ("skip",)


def test_pairs_of_cells_with_naslib_names(tmp_path: Path) -> None:
    rows = [
        {"normal": ["Zero:0", "a:1"], "reduce": ["a:0", "a:1"], "acc": 1},
        {"normal": ["Zero:1", "a:1"], "reduce": ["a:0", "a:1"], "acc": 2},
    ]
    bench = load(put_rows(tmp_path / "t.jsonl", rows))
    assert bench.graphs.space.zero == ("Zero",)
    assert networks(bench) == 1


def test_options_are_for_tables_of_ones_own() -> None:
    with pytest.raises(InputError, match="nb201_mini"):
        load("nb201_mini", options=TableOptions())


# Texts of spaces.


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_codes_that_are_numbers(suffix: str, tmp_path: Path) -> None:
    codes = [11202010, 1220120, 2]  # 01220120 and 00000002 as a spreadsheet leaves them
    path = tmp_path / f"t{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table({"arch": codes, "acc": [1.0, 2.0, 3.0]}), path)
    elif suffix == ".csv":
        put(path, "arch,acc\n" + "".join(f"{code},{i}\n" for i, code in enumerate(codes)))
    else:
        put_rows(path, [{"arch": float(code), "acc": i} for i, code in enumerate(codes)])
    space = get("macro")
    expected = space.graphs(space.parse(["11202010", "01220120", "00000002"])).canonical_hash()
    np.testing.assert_array_equal(load(path).classes, expected)


@pytest.mark.parametrize(
    ("text", "row"), [("8:16:24:32:40\n8:16:24:32:41", 1), ("11202010\n11202013\n11", 1)]
)
def test_bad_texts_are_named_by_row(text: str, row: int, tmp_path: Path) -> None:
    lines = "".join(f"{line},1\n" for line in text.split("\n"))
    with pytest.raises(TableError, match=f"^row {row}: arch "):
        _ = load(put(tmp_path / "t.csv", "arch,acc\n" + lines)).graphs


@pytest.mark.parametrize(
    "kind", [pa.struct([("a", pa.int64())]), pa.binary(), pa.date32(), pa.map_(pa.string(), pa.int8())]
)
@pytest.mark.parametrize("name", ["arch", "ops", "normal", "block0"])
def test_columns_of_architectures_of_odd_types(name: str, kind: pa.DataType, tmp_path: Path) -> None:
    other = {"normal": "reduce", "block0": "block1"}.get(name)
    columns = {name: pa.nulls(2, kind), "acc": pa.array([1.0, 2.0])}
    if other:
        columns[other] = pa.nulls(2, kind)
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(TableError, match=f"column '{name}' holds"):
        _ = load(tmp_path / "t.parquet").graphs


# Labels.


def test_the_default_target_and_what_else_there_is(tmp_path: Path) -> None:
    bench = load(put(tmp_path / "t.csv", ",ops,acc,lr,seed\n0,[a],93,0.1,7\n1,[b],92,0.2,8\n"))
    assert bench.info.target == "acc"
    assert bench.labels("table") == ["acc", "lr", "seed"]
    assert said(bench, "default target: acc", "lr, seed")


@pytest.mark.parametrize(
    ("columns", "target", "words"),
    [
        ("acc,f1", "", ["acc, f1 could be it"]),
        ("lr", "", ["lr"]),
        ("test_acc,valid_acc", "test_acc", ["valid_acc"]),
        ("id,acc", "acc", []),
    ],
)
def test_no_target_is_guessed_among_several(
    columns: str, target: str, words: list[str], tmp_path: Path
) -> None:
    values = ",".join("1" for _ in columns.split(","))
    bench = load(put(tmp_path / "t.csv", f"ops,{columns}\n[a],{values}\n[b],{values}\n"))
    assert bench.info.target == target
    assert all(said(bench, word) for word in words)
    assert "id" not in bench.labels("table")


@pytest.mark.parametrize("name", ["", "id", "Unnamed: 0", "index"])
def test_what_counts_rows_is_no_label(name: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no numeric column that could be a label"):
        load(put(tmp_path / "t.csv", f"{name},ops\n0,[a]\n1,[b]\n"))


def test_a_label_of_which_smaller_is_better(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", "ops,latency\n[a],3\n[b],1\n")
    np.testing.assert_array_equal(load(path).target("table", "latency"), [3, 1])
    assert said(load(path), "larger counts as better for latency", "latency:min")
    bench = load(path, options=TableOptions(target="latency:min"))
    np.testing.assert_array_equal(bench.target("table", "latency"), [-3, -1])
    assert not said(bench, "larger is better")
    assert bench.content_hash != load(path).content_hash
    put(tmp_path / "t.columns.json", '{"latency": {"direction": "min"}}')
    np.testing.assert_array_equal(load(path).target("table", "latency"), [-3, -1])
    assert not said(load(path), "larger is better")
    np.testing.assert_array_equal(
        load(path, options=TableOptions(target="latency:max")).target("table", "latency"), [3, 1]
    )


@pytest.mark.parametrize("target", ["latncy", "latency:up"])
def test_targets_that_do_not_exist(target: str, tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", "ops,latency\n[a],3\n[b],1\n")
    with pytest.raises((UnknownNameError, InputError), match="latency"):
        load(path, options=TableOptions(target=target))


def test_rows_without_a_label_stay_and_are_counted(tmp_path: Path) -> None:
    text = "name,ops,acc,lr\n" + "".join(f"net{i},[a b{i}],{i if i % 20 else '-'},1\n" for i in range(1, 61))
    bench = load(put(tmp_path / "t.csv", text))
    assert len(bench) == 60
    assert np.isnan(bench.target("table", "acc")).sum() == 3
    assert said(bench, "3 of 60 rows have no label")
    assert said(bench, "'acc': 3 of 60 values are missing", "'-'")


def test_repeated_trainings_are_means_and_show_their_noise(tmp_path: Path) -> None:
    rows = [("a", 90), ("b", 80), ("a", 92), ("c", 70), ("a", 94), ("b", 82), ("c", ""), ("d", ""), ("b", 84)]
    text = "id,ops,acc,seed\n" + "".join(f"n{i},\"['{op}']\",{acc},{i}\n" for i, (op, acc) in enumerate(rows))
    bench = load(put(tmp_path / "t.csv", text))
    assert bench.row_names == ["n0", "n1", "n3", "n6", "n7"]
    np.testing.assert_array_equal(bench.target("table", "acc"), [92, 82, 70, np.nan, np.nan])
    np.testing.assert_array_equal(bench.table.values("seed"), [0, 1, 3, 6, 7])
    seeds = bench.seeds("table", "acc")
    np.testing.assert_array_equal(seeds, [[90, 92, 94], [80, 82, 84], *[[np.nan] * 3] * 3])
    assert bench.labels("table") == ["acc", "seed"]
    assert said(bench, "6 rows of 2 different architectures", "3 rows each")
    np.testing.assert_array_equal(bench.graphs.n_nodes, [3] * 5)
    assert len(np.unique(bench.classes)) == 4


def test_trainings_with_other_settings_are_no_repeats(tmp_path: Path) -> None:
    text = "ops,width,epochs,seed,acc\n[a],16,9,1,90\n[a],32,9,1,91\n[a],16,9,2,92\n[a],16,99,1,93\n"
    bench = load(put(tmp_path / "t.csv", text))
    np.testing.assert_array_equal(bench.target("table", "acc"), [91, 91, 93])
    assert bench.labels("table") == ["epochs", "seed", "acc"]
    assert said(bench, "neither labels nor weak labels: width")


@pytest.mark.parametrize(
    "name", ["FLOPs", "Params (M)", "n_params", "MACs", "GFLOPs", "num_parameters", "params_m"]
)
def test_costs_by_other_names_are_weak_labels(name: str, tmp_path: Path) -> None:
    bench = load(put(tmp_path / "t.csv", f"ops,acc,{name}\n[a],1,7\n[b],2,8\n"))
    assert bench.labels("table") == ["acc"]
    assert bench.weak_names == [name]


def test_the_same_lists_written_differently_are_one_architecture(tmp_path: Path) -> None:
    text = "ops\tacc\n['a', 'b']\t1\n[\"a\",\"b\"]\t3\n"
    bench = load(put(tmp_path / "t.csv", text))
    np.testing.assert_array_equal(bench.target("table", "acc"), [2])


def test_networks_written_differently_are_counted(tmp_path: Path) -> None:
    rows = [graph("a"), graph("a", "skip", acc=2.0), graph("b")]
    bench = load(put_rows(tmp_path / "t.jsonl", rows))
    assert len(bench) == 3
    assert said(bench, "1 of 3 rows", "same network")


def test_errors_name_rows_of_the_file_though_rows_are_merged(tmp_path: Path) -> None:
    rows = [graph("a"), graph("a"), graph("b"), {**graph("c"), "ops": ["input", "c"]}]
    with pytest.raises(TableError, match="row 3: "):
        _ = load(put_rows(tmp_path / "t.jsonl", rows)).graphs


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("id", ["7", "x", "2"]),
        ("Name", ["7", "x", "2"]),
        ("model", ["7", "x", "2"]),
        ("note", ["0", "1", "2"]),
    ],
)
def test_rows_keep_their_names(header: str, expected: list[str], tmp_path: Path) -> None:
    bench = load(put(tmp_path / "t.csv", f"{header},ops,acc\n7,[a],1\nx,[b],2\n,[c],3\n"))
    assert bench.row_names == expected


# Candidates from a second file.


def test_candidates_of_another_format(tmp_path: Path) -> None:
    rows = [graph("a", acc=1.0, id=1), graph("b", acc=2.0, id=2)]
    own = put_rows(tmp_path / "own.jsonl", rows)
    new = put(
        tmp_path / "new.csv", "id;Adjacency;Ops\nx1;[[0,1,0],[0,0,1],[0,0,0]];['input', 'c', 'output']\n"
    )
    bench = Custom.read_with_candidates(Path(own), Path(new))
    assert bench.row_names == ["1", "2", "x1"]
    np.testing.assert_array_equal(bench.target("table", "acc"), [1, 2, np.nan])
    assert set(bench.graphs.space.ops) == {"a", "b", "c", "input", "output"}


@pytest.mark.parametrize("text", ["arch,acc\nx,1\n", "ops,acc\n[a],1\n", "adjacency,ops,acc\n[],[],high\n"])
def test_candidates_of_another_form_are_refused(text: str, tmp_path: Path) -> None:
    own = put_rows(tmp_path / "own.jsonl", [graph("a"), graph("b")])
    with pytest.raises(AcerankError, match=r"new\.csv"):
        Custom.read_with_candidates(Path(own), Path(put(tmp_path / "new.csv", text)))
