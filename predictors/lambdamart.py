"""LambdaMART: gradient-boosted trees on path statistics, trained by LambdaRank (LightGBM)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from lightgbm import Dataset, record_evaluation, train

from data.encode import path_statistics
from data.errors import InputError
from data.graphs import Graphs
from predictors.base import Predictor

QUERY_LIMIT = 10_000  # LightGBM's limit on the rows of one ranking query
MAX_LEAVES = 131_072  # and on the leaves of a tree


class Lambdamart(Predictor):
    """One ranking query of all training architectures, with integer relevance grades.

    Source: Burges, From RankNet to LambdaRank to LambdaMART, 2010. The number of trees is chosen by
    cross-validation on the training labels: the one with the best mean NDCG of the held-out folds.
    """

    max_train_size: ClassVar[int | None] = QUERY_LIMIT
    quick: ClassVar[Mapping[str, Any]] = {"max_trees": 60}

    def __init__(
        self,
        *,
        num_leaves: int = 5,
        learning_rate: float = 0.05,
        min_data_in_leaf: int = 5,
        grades: int = 20,
        max_trees: int = 300,
        folds: int = 5,
    ) -> None:
        """Store the hyper-parameters.

        Hyper-parameters:
            num_leaves: Leaves of a tree, 2 to 131,072.
            learning_rate: Shrinkage of each tree.
            min_data_in_leaf: Fewest training architectures in a leaf.
            grades: Highest relevance grade; labels from their 20 % quantile up get grades 0 to `grades`.
            max_trees: Largest number of trees.
            folds: Folds of the cross-validation that chooses the number of trees.
        """
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.min_data_in_leaf = min_data_in_leaf
        self.grades = grades
        self.max_trees = max_trees
        self.folds = folds

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self._check_hyperparameters()
        features, grades = path_statistics(graphs), _grades(y, self.grades)
        self.trees_ = self._choose_trees(features, grades, seed)
        self.model_ = train(self._params(seed), Dataset(features, grades, group=[len(y)]), self.trees_)

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return np.asarray(self.model_.predict(path_statistics(graphs)))

    def _check_hyperparameters(self) -> None:
        """Check what LightGBM would only refuse in the middle of the work."""
        lowest = {
            "num_leaves": 2, "min_data_in_leaf": 0, "grades": 1, "max_trees": 1, "folds": 2,
        }  # fmt: skip
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise InputError(
                    f"predictor '{self.name}': {name} must be at least {least}, not {getattr(self, name)}"
                )
        if self.num_leaves > MAX_LEAVES:
            raise InputError(
                f"predictor '{self.name}': num_leaves must be at most {MAX_LEAVES:,}, not {self.num_leaves:,}"
            )
        if not self.learning_rate > 0:
            raise InputError(
                f"predictor '{self.name}': learning_rate must be positive, not {self.learning_rate}"
            )

    def _choose_trees(self, features: np.ndarray, grades: np.ndarray, seed: int) -> int:
        fold = np.random.default_rng(seed).permutation(len(grades)) % self.folds
        if len(grades) < 4 * self.folds:
            return max(1, self.max_trees // 3)  # too few for folds that rank
        curves = []
        for held_out in range(self.folds):
            inside = fold != held_out
            learn = Dataset(features[inside], grades[inside], group=[int(inside.sum())])
            judge = Dataset(features[~inside], grades[~inside], group=[int((~inside).sum())], reference=learn)
            found: dict[str, dict[str, list[float]]] = {}
            record = [record_evaluation(found)]
            train(self._params(seed), learn, self.max_trees, valid_sets=[judge], callbacks=record)
            curves.append(next(iter(found["valid_0"].values())))
        return int(np.argmax(np.mean(curves, axis=0))) + 1

    def _params(self, seed: int) -> dict[str, Any]:
        return {
            "objective": "lambdarank",
            "num_leaves": self.num_leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_data_in_leaf,
            "label_gain": list(range(self.grades + 1)),
            "lambdarank_truncation_level": QUERY_LIMIT,
            "eval_at": [10],
            "deterministic": True,
            "num_threads": 1,
            "seed": seed,
            "verbose": -1,
        }


def _grades(y: np.ndarray, grades: int) -> np.ndarray:
    """Return integer relevance (n,) in 0 … grades: AceNAS's relevance, rounded down."""
    low, high = np.quantile(y, 0.2), y.max()
    if high <= low:
        return (y >= high).astype(int)
    return np.floor(grades * np.clip((y - low) / (high - low), 0, 1)).astype(int)
