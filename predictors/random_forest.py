"""Random forest on path statistics of the graph (Breiman 2001)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from data.encode import path_statistics
from data.graphs import Graphs
from predictors.base import Predictor


class RandomForest(Predictor):
    """Mean of regression trees grown on bootstrap samples."""

    quick: ClassVar[Mapping[str, Any]] = {"n_estimators": 30}

    def __init__(
        self, *, n_estimators: int = 300, min_samples_leaf: int = 1, max_features: float = 1.0
    ) -> None:
        """Store the hyper-parameters.

        Hyper-parameters:
            n_estimators: Number of trees.
            min_samples_leaf: Fewest training architectures in a leaf.
            max_features: Share of the features that a split considers.
        """
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.model_ = RandomForestRegressor(
            self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            random_state=seed,
        ).fit(path_statistics(graphs), y)

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return self.model_.predict(path_statistics(graphs))
