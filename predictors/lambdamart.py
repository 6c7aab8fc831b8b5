"""LambdaMART: gradient-boosted trees on path statistics, trained by LambdaRank (LightGBM)."""

from __future__ import annotations

import numpy as np
from lightgbm import Dataset, train

from data.encode import path_statistics
from data.graphs import Graphs
from predictors.base import Predictor


class Lambdamart(Predictor):
    """One ranking query of all training architectures, with integer relevance grades.

    Source: Burges, From RankNet to LambdaRank to LambdaMART, 2010. The number of trees is chosen by
    cross-validation on the training labels: the training architectures are dealt into `folds` queries.
    """

    def __init__(
        self,
        *,
        num_leaves: int = 15,
        learning_rate: float = 0.05,
        min_data_in_leaf: int = 5,
        grades: int = 20,
        max_trees: int = 300,
        folds: int = 5,
    ) -> None:
        """Boost at most `max_trees` trees; labels above their 20 % quantile get grades 0 to `grades`."""
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.min_data_in_leaf = min_data_in_leaf
        self.grades = grades
        self.max_trees = max_trees
        self.folds = folds

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        features = path_statistics(graphs)
        grades = _grades(y, self.grades)
        trees = self._best_size(features, grades, seed)
        self.model_ = train(self._params(seed), Dataset(features, grades, group=[len(y)]), trees)

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return np.asarray(self.model_.predict(path_statistics(graphs)))
