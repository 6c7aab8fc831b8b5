"""Labels in the unit that predictors learn: standardised, or normal scores of ranks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks import load
from predictors import get
from predictors.label_scale import LabelScale

Y = np.array([90.0, 91.0, 91.0, 95.0])


def test_standardised_labels_have_mean_0_and_deviation_1() -> None:
    scale = LabelScale.fit(Y)
    assert scale(Y).mean() == pytest.approx(0, abs=1e-8)
    assert scale(Y).std() == pytest.approx(1, abs=1e-8)
    np.testing.assert_allclose(scale(np.array([Y.mean(), Y.mean() + 2 * Y.std()])), [0, 2], atol=1e-8)


def test_normal_scores_are_quantiles_of_ranks_and_ties_share_theirs() -> None:
    scale = LabelScale.fit(Y, normal=True)
    np.testing.assert_allclose(scale(Y), norm.ppf([0.5 / 4, 0.5, 0.5, 3.5 / 4]), atol=1e-12)


def test_other_labels_are_interpolated_and_clipped() -> None:
    scale = LabelScale.fit(Y, normal=True)
    top = norm.ppf(3.5 / 4)
    np.testing.assert_allclose(scale(np.array([93.0, 99.0, 10.0])), [top / 2, top, -top], atol=1e-8)


@pytest.mark.parametrize("normal", [False, True])
def test_the_unit_of_the_labels_leaves_no_trace(normal: bool) -> None:
    y = np.random.default_rng(0).random(30)
    other = np.linspace(-1, 2, 50)
    scale, percent = LabelScale.fit(y, normal=normal), LabelScale.fit(100 * y - 7, normal=normal)
    np.testing.assert_array_equal(percent(100 * y - 7), scale(y))
    np.testing.assert_allclose(percent(100 * other - 7), scale(other), atol=1e-7)


@pytest.mark.parametrize("normal", [False, True])
@pytest.mark.parametrize("y", [[0.1 + 0.2], [0.3, 0.1 + 0.2, 0.3]])
def test_equal_labels_are_0_and_say_nothing_of_others(normal: bool, y: list[float]) -> None:
    scale = LabelScale.fit(np.array(y), normal=normal)
    np.testing.assert_array_equal(scale(np.array(y)), np.zeros(len(y)))
    assert np.isnan(scale(np.array([0.4, -1.0]))).all()


@pytest.mark.parametrize("name", ["gaussian_process", "random_forest"])
def test_a_fitted_predictor_gives_labels_in_its_unit(name: str) -> None:
    bench = load("nb201_mini", offline=True)
    y = bench.target(bench.info.dataset, bench.info.target)[:40]
    kind = get(name)
    fitted = kind(**kind.quick).fit(bench.graphs.take(np.arange(40)), y)
    np.testing.assert_array_equal(fitted.label_units(y), LabelScale.fit(y, normal=kind.normal_labels)(y))
