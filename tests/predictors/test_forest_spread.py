"""The spread of a forest's trees, scaled by out-of-bag errors."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from predictors.forest_spread import ForestSpread, predict_mean


def noisy(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return x, x[:, 0] + 0.5 * rng.normal(size=n)


def test_the_mean_is_that_of_the_forest_to_the_last_digit() -> None:
    x, y = noisy(60, 0)
    forest = RandomForestRegressor(20, random_state=0).fit(x, y)
    mean, std = ForestSpread.measure(forest, x, y).predict(forest, x)
    np.testing.assert_array_equal(mean, forest.predict(x))
    np.testing.assert_array_equal(predict_mean(forest, x), forest.predict(x))
    trees = np.stack([tree.predict(x) for tree in forest.estimators_])
    np.testing.assert_allclose(std / trees.std(0), (std / trees.std(0))[0])


def test_squared_errors_are_on_average_the_variances() -> None:
    (x, y), (new, truth) = noisy(300, 1), noisy(3000, 2)
    forest = RandomForestRegressor(100, random_state=0).fit(x, y)
    mean, std = ForestSpread.measure(forest, x, y).predict(forest, new)
    assert ((truth - mean) ** 2).mean() == pytest.approx((std**2).mean(), rel=0.15)
    assert (np.abs(truth - mean) <= 1.2816 * std).mean() == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("y", [[0.3], [-1.0, 1.0], [0.0, 0.0, 0.0]])
def test_few_or_equal_labels(y: list[float]) -> None:
    x, labels = np.arange(len(y), dtype=float)[:, None], np.array(y)
    forest = RandomForestRegressor(10, random_state=0).fit(x, labels)
    _, std = ForestSpread.measure(forest, x, labels).predict(forest, x)
    assert np.isfinite(std).all()
    assert (std >= labels.std()).all()


def test_one_tree_has_the_same_deviation_everywhere() -> None:
    x, y = noisy(60, 0)
    forest = RandomForestRegressor(1, random_state=0).fit(x, y)
    _, std = ForestSpread.measure(forest, x, y).predict(forest, x)
    assert len(set(std.tolist())) == 1
    assert std[0] > 0
