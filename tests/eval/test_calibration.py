"""Coverage of predicted intervals: by hand, of a normal sample, and in the rows of a run."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import load
from data.graphs import Graphs
from eval import evaluate
from eval.calibration import FIELDS, get_coverage, get_half_width
from predictors import Predictor
from predictors.label_scale import LabelScale


class Wide(Predictor):
    """The mean label for every architecture, with a deviation that holds all standardised labels."""

    has_std = True

    def __init__(self, *, width: float = 100.0) -> None:
        self.width = width

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        pass

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return np.zeros(len(graphs))

    def _predict_std(self, graphs: Graphs) -> tuple[np.ndarray, np.ndarray]:
        return self._predict(graphs), np.full(len(graphs), self.width)


def test_coverage_by_hand() -> None:
    labels = np.array([0.0, 1.0, -1.5, 3.0, np.nan])
    found = get_coverage(labels, np.zeros(5), np.array([1.0, 1.0, 1.0, 1.0, 9.0]))
    assert found == {"coverage_50": 0.25, "coverage_80": 0.5, "coverage_95": 0.75, "mean_std": 1.0}
    assert get_coverage(labels[4:], np.zeros(1), np.ones(1)) == dict.fromkeys(FIELDS)


def test_a_true_normal_is_calibrated() -> None:
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=20_000), rng.uniform(0.1, 3, size=20_000)
    found = get_coverage(rng.normal(mean, std), mean, std)
    for level in (50, 80, 95):
        assert found[f"coverage_{level}"] == pytest.approx(level / 100, abs=0.01)
    assert get_half_width(95) == pytest.approx(1.96, abs=0.001)


def test_rows_hold_the_coverage_of_the_training_label_of_unseen_networks() -> None:
    bench = load("nb201_mini", offline=True)
    found = evaluate(bench, [Wide(), Wide(width=1.0), "params"], train_sizes=40, repeats=2, progress=False)
    rows = {(row["predictor"], row["repeat"]): row for row in found.rows}
    for repeat in (0, 1):
        assert rows["wide", repeat]["coverage_50"] == 1
        assert rows["params", repeat]["coverage_80"] is None
    scores = found.scores()
    narrow = rows["wide:width=1.0", 0]
    tested = scores.loc[(scores["predictor"] == "wide:width=1.0") & (scores["repeat"] == 0), "row"].to_numpy()
    labels = bench.target(narrow["dataset"], narrow["label"])
    trained = np.setdiff1d(np.arange(len(labels)), tested)
    if len(trained) == 40:  # the rows that were not tested are those that were trained on
        units = LabelScale.fit(labels[trained])(labels[tested])
        unseen = ~np.isin(bench.classes[tested], bench.classes[trained])
        assert narrow["coverage_80"] == pytest.approx((np.abs(units[unseen]) <= get_half_width(80)).mean())
    summary = found.summary()
    assert summary.loc[summary["predictor"] == "params", "coverage_80"].isna().all()
