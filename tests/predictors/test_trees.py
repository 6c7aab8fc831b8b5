"""The trees of `ace`: those of scikit-learn's forest to the bit, and what they predict out of bag."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from predictors.ensemble.trees import HeldOutTrees
from predictors.forest_spread import sum_out_of_bag


def test_trees_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    inputs, asked, y = (
        rng.integers(0, 4, (40, 9)).astype(float),
        rng.normal(size=(25, 9)),
        rng.normal(size=40),
    )
    mine = HeldOutTrees(12, seed=3).fit(inputs, y)
    forest = ExtraTreesRegressor(12, max_features=0.5, bootstrap=True, random_state=3).fit(inputs, y)
    assert np.array_equal(mine.predict(asked), forest.predict(asked))
    count, total, _ = sum_out_of_bag(forest, inputs)
    assert np.array_equal(mine.held_out, np.where(count > 0, total / np.maximum(count, 1), y.mean()))


def test_one_row_is_predicted_by_its_label() -> None:
    found = HeldOutTrees(3, seed=0).fit(np.zeros((1, 2)), np.array([2.5]))
    assert found.held_out.tolist() == [2.5]
    assert found.predict(np.ones((2, 2))).tolist() == [2.5, 2.5]
