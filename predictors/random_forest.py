"""Random forest on path statistics of the graph (Breiman 2001)."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from data.encode import path_statistics
from data.graphs import Graphs
from predictors.base import Predictor


class RandomForest(Predictor):
    """Mean of regression trees grown on bootstrap samples."""

    def __init__(
        self, *, n_estimators: int = 300, min_samples_leaf: int = 1, max_features: float = 1.0
    ) -> None:
        """Grow `n_estimators` trees; a split looks at the share `max_features` of the features."""
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
