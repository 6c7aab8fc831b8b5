"""evaluate() and Results: predictors of every form, silent, stored, loaded, merged and compared."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data.errors import AcerankError, InputError, UnknownNameError
from data.graphs import Graphs
from eval import Results, evaluate
from predictors import Encoded

FOREST = "random_forest:n_estimators=5"


class OwnRanker:
    """Ranks by the number of training labels and the row; worth nothing, but quick."""

    def __init__(self, depth: int = 3) -> None:
        self.depth = depth

    def fit(self, graphs: Graphs, y: np.ndarray) -> OwnRanker:
        self.labels = len(y)
        return self

    def predict(self, graphs: Graphs) -> np.ndarray:
        return np.arange(len(graphs)) * float(self.labels)


class Faulty(OwnRanker):
    """Forgets to return its scores."""

    def predict(self, graphs: Graphs) -> np.ndarray:
        return None  # type: ignore[return-value]


def evaluate_quickly(predictors: object, **options: object) -> Results:
    return evaluate("nb201_mini", predictors, **{"train_sizes": 20, "repeats": 2} | options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Names, a class, an instance and a pipeline, stored."""
    pipeline = Encoded(make_pipeline(StandardScaler(), Ridge()))
    asked = [FOREST, OwnRanker, OwnRanker(depth=5), pipeline]
    return evaluate_quickly(asked, out=tmp_path_factory.mktemp("run") / "mini")


def test_names_classes_instances_and_pipelines_are_mixed(results: Results) -> None:
    assert len(results.predictors) == 4
    assert results.predictors[0] == FOREST
    assert any("depth=5" in name for name in results.predictors)
    assert len(results.rows) == 4 * 2 * len(results.metrics)


def test_python_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    evaluate_quickly([FOREST, "flops"])
    assert capfd.readouterr() == ("", "")


def test_frames_hold_every_row_and_score(results: Results) -> None:
    assert len(results.to_pandas()) == len(results.rows)
    assert len(results.summary()) == 4 * len(results.metrics)
    scores = results.scores()
    assert len(scores) == 4 * 2 * 980
    assert {"row", "name", "score", "label", "repeat", "predictor"} <= set(scores.columns)
    assert scores["label"].notna().all()


def test_results_are_loaded_as_they_were(results: Results) -> None:
    loaded = Results.load(results.stored_in)
    assert loaded.rows == results.rows
    assert loaded.to_markdown() == results.to_markdown()
    assert len(loaded.scores()) == len(results.scores())


def test_merged_results_hold_both_and_refuse_a_contradiction(results: Results) -> None:
    flops = evaluate_quickly("flops")
    merged = Results.merge(results, flops)
    assert merged.predictors == [*results.predictors, "flops"]
    assert len(merged.scores()) == 5 * 2 * 980
    changed = Results([{**row, "value": row["value"] + 1} for row in flops.rows])
    with pytest.raises(InputError, match="disagree"):
        Results.merge(flops, changed)


def test_a_comparison_is_the_difference_of_means(results: Results) -> None:
    other = results.predictors[1]
    frame = results.compare(FOREST, other)
    assert len(frame) == len(results.metrics)
    np.testing.assert_allclose(frame["difference"], frame[FOREST] - frame[other], atol=1e-12)
    with pytest.raises(UnknownNameError):
        results.compare(FOREST, "gcn")


def test_reports_are_made_from_results_alone(results: Results, tmp_path: Path) -> None:
    page = results.report(tmp_path / "page.html").read_text("utf-8")
    assert FOREST in page
    assert "toprule" in results.to_latex()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes")
def test_two_processes_give_the_rows_of_one(results: Results) -> None:
    def values(of: Results) -> dict[tuple[object, ...], float]:
        names = ("predictor", "repeat", "metric")
        return {tuple(row[name] for name in names): row["value"] for row in of.rows}

    both = evaluate_quickly([FOREST, OwnRanker], jobs=2)
    expected = values(results)
    assert all(expected[key] == value for key, value in values(both).items())


def test_several_benchmarks_are_one_table() -> None:
    results = evaluate(["nb201_mini", "nb201_mini"], "flops", train_sizes=[20, 30], repeats=2)
    assert len(results.tasks) == 2


def test_a_contract_error_names_predictor_and_method() -> None:
    with pytest.raises(InputError, match="predict") as caught:
        evaluate_quickly([Faulty])
    assert "aulty" in str(caught.value)


@pytest.mark.parametrize("options", [{"metrics": "ndgc@10"}, {"protocol": "nosuch"}, {"datasets": "x"}])
def test_unknown_names_are_errors(options: dict[str, object]) -> None:
    with pytest.raises(UnknownNameError):
        evaluate_quickly("flops", **options)


def test_a_folder_of_other_results_or_files_is_refused(results: Results, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose another folder"):
        evaluate_quickly("flops", out=results.stored_in, seed=7)
    (tmp_path / "report.html").write_text("mine", "utf-8")
    with pytest.raises(InputError, match="choose another folder"):
        evaluate_quickly("flops", out=tmp_path)
    assert (tmp_path / "report.html").read_text("utf-8") == "mine"


def test_a_folder_in_which_nothing_was_finished_is_free(tmp_path: Path) -> None:
    with pytest.raises(AcerankError):
        evaluate("nb201_mini", ["gcn:width=-1"], repeats=1, out=tmp_path / "out")
    assert evaluate("nb201_mini", ["flops"], repeats=1, out=tmp_path / "out").predictors == ["flops"]


def test_a_floor_without_its_weak_label_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="latency"):
        evaluate("nb201_mini", ["weak_label:column=latency"], repeats=1, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
