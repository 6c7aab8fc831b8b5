"""The column `features` of users' tables: formats, scales, names, twins, refusals, candidates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import load
from data.encode import path_statistics
from data.errors import TableError
from eval.rank import rank

CHAINS = {
    "ops": [["conv", "pool"], ["conv", "pool"], ["conv"], ["pool", "conv", "conv"]],
    "features": [[[3, 64], [5, 32]], [[7, 64], [5, 32]], [[3, -128]], [[3, 8], [3, 8], [5, 8]]],
    "acc": [90.0, 91.0, 89.0, 93.0],
}
GRAPH = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
GRAPHS = {
    "adjacency": [GRAPH] * 3,
    "ops": [["input", "conv", "pool", "output"]] * 3,
    "features": [[[], [3], [1], []], [[2], [5], [1], [0]], [None, [3], [4], None]],
    "acc": [90.0, 91.0, 89.0],
}


def write(columns: dict, path: Path, description: dict | None = None) -> Path:
    frame = pd.DataFrame(columns)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        lists = [name for name in columns if name != "acc"]
        frame.assign(**{n: frame[n].map(json.dumps) for n in lists}).to_csv(path, index=False)
    if description:
        path.with_suffix(".columns.json").write_text(json.dumps(description))
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("columns", [CHAINS, GRAPHS], ids=["chains", "graphs"])
def test_every_format_reads_the_same(tmp_path: Path, suffix: str, columns: dict) -> None:
    graphs = load(write(columns, tmp_path / f"own{suffix}")).graphs
    if columns is CHAINS:
        assert graphs.space.features == ("feature_0", "feature_1")
        np.testing.assert_allclose(graphs.features[0, :4], [[0, 0], [3 / 7, 0.5], [5 / 7, 0.25], [0, 0]])
        np.testing.assert_allclose(graphs.features[2, 1], [3 / 7, -1])
    else:
        np.testing.assert_allclose(graphs.features[1, :, 0], [0.4, 1, 0.2, 0])
    assert len(np.unique(graphs.canonical_hash())) == len(graphs)  # equal operations, other numbers
    statistics = path_statistics(graphs.effective())
    assert (statistics[0] != statistics[1]).any()


def test_numbers_without_lists_are_one_feature_and_follow_their_nodes(tmp_path: Path) -> None:
    order = [0, 2, 1, 3]
    matrix = np.zeros((4, 4), int)
    matrix[0, 2] = matrix[2, 1] = matrix[1, 3] = 1  # input -> pool -> conv -> output, not in order
    columns = {
        "adjacency": [matrix.tolist(), matrix[np.ix_(order, order)].tolist()],
        "ops": [["input", "conv", "pool", "output"], ["input", "pool", "conv", "output"]],
        "features": [[0, 4, 2, 0], [0, 2, 4, 0]],
        "acc": [90.0, 91.0],
    }
    graphs = load(write(columns, tmp_path / "own.jsonl")).graphs
    assert graphs.features[:, :, 0].tolist() == [[0, 0.5, 1, 0]] * 2
    assert len(np.unique(graphs.canonical_hash())) == 1


def test_names_come_from_the_description_or_a_column_and_are_announced(tmp_path: Path) -> None:
    described = load(write(CHAINS, tmp_path / "a.csv", {"features": {"feature_names": ["kernel", "width"]}}))
    assert described.graphs.space.features == ("kernel", "width")
    assert any("kernel / 7, width / 128" in line for line in described.notices)
    column = load(write({**CHAINS, "feature_names": [["k", "w"]] * 4}, tmp_path / "b.jsonl"))
    assert column.graphs.space.features == ("k", "w")
    assert column.labels("table") == ["acc"]
    assert described.content_hash != load(write(CHAINS, tmp_path / "c.csv")).content_hash


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([[3, 64]], "row 1: 'features' must be a list of numbers for each of 2 nodes, not 1 entries"),
        ([[3, 64]] * 3, "row 1: .* not 3 entries"),
        ([[3, 64], [5]], "row 1: 'features' has nodes of 1 and 2 numbers"),
        ([[3], [5]], "row 1: 'features' has 1 numbers a node"),
        ([[3, "a"], [5, 1]], "row 1: 'features' of node 0 has 'a'"),
        ([[3, None], [5, 1]], "row 1: 'features' of node 0 has 'None'"),
        ([[3, True], [5, 1]], "row 1: 'features' of node 0 has 'True'"),
        ([[3, 1e31], [5, 1]], "row 1: 'features' of node 0 has '1e"),
        ([[], []], "row 1: 'features' has nodes of 0 numbers"),
        (None, "row 1: 'features' must be"),
        (7, "row 1: 'features' must be"),
    ],
)
def test_bad_features_are_refused_by_row(tmp_path: Path, features: object, message: str) -> None:
    rows = [dict(zip(CHAINS, row, strict=True)) for row in zip(*CHAINS.values(), strict=True)]
    rows[1]["features"] = features
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    with pytest.raises(TableError, match=message) as caught:
        load(path).graphs  # noqa: B018
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("names", [["k"], ["k", "k"], ["a", "b", "c"]])
def test_names_must_fit(tmp_path: Path, names: list[str]) -> None:
    path = write(CHAINS, tmp_path / "own.csv", {"features": {"feature_names": names}})
    with pytest.raises(TableError, match="2 different names"):
        load(path).graphs  # noqa: B018


def test_features_of_other_forms_are_announced_as_unused(tmp_path: Path) -> None:
    columns = {"arch": ["01012012", "01012011"], "features": [[1], [2]], "acc": [90.0, 91.0]}
    bench = load(write(columns, tmp_path / "own.parquet"))
    assert any("'features' is not used" in line for line in bench.notices)


def test_candidates_are_scaled_with_the_labelled_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kernels = rng.choice([1.0, 3, 5, 7], size=(40, 3))
    ops = [["conv"] * 3] * 30

    def table(part: np.ndarray) -> dict:
        return {"ops": ops[: len(part)], "features": part.tolist()}

    trained = write({**table(kernels[:30]), "acc": kernels[:30].sum(1)}, tmp_path / "a.jsonl")
    fresh = np.unique(kernels[30:], axis=0)
    new = write({**table(fresh), "id": [f"{row.sum():g}" for row in fresh]}, tmp_path / "b.jsonl")
    ranked = rank(trained, "random_forest", candidates=new, target="acc", repeats=2, progress=False)
    sums = ranked["name"].astype(float)
    assert np.corrcoef(sums, -ranked["rank"])[0, 1] > 0.8
