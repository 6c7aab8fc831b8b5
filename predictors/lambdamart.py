"""LambdaMART and its pairwise relatives: gradient-boosted trees on path statistics (LightGBM)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from lightgbm import Booster, Dataset

from data.encode import path_statistics
from data.errors import InputError
from data.graphs import Graphs
from data.names import check_name
from predictors.base import Predictor
from predictors.boosting import RankNet, choose_trees

QUERY_LIMIT = 10_000  # LightGBM's limit on the rows of one ranking query
MAX_LEAVES = 131_072  # and on the leaves of a tree
QUERY_OBJECTIVES = {"lambdarank": "lambdarank", "xendcg": "rank_xendcg"}  # LightGBM's own
OBJECTIVES = ("ranknet", *QUERY_OBJECTIVES)


class Lambdamart(Predictor):
    """Boosted trees that learn the order of all training architectures.

    By default they minimise RankNet's loss, the logistic loss of all pairs. `objective=lambdarank` is
    LambdaMART as in the textbook: pairs weighted by their effect on NDCG, labels cut into integer grades. Its
    whole order is worse (docs/benchmarks.md: tau .674 against .735 with 100 labels on NAS-Bench-201), the
    top 10 about the same. `xendcg` is the listwise cross-entropy of Bruch et al., WWW 2021. The number of
    trees is chosen by cross-validation on the training labels: the one with the least pairwise loss of the
    held-out folds, or for the other two objectives the best NDCG@10.

    More labels than `list_size` are split into random lists, drawn again for each tree; `lambdarank` and
    `xendcg` take at most 10,000, LightGBM's limit.

    Source: Burges, From RankNet to LambdaRank to LambdaMART, 2010.
    """

    quick: ClassVar[Mapping[str, Any]] = {"max_trees": 40, "folds": 3}

    def __init__(
        self,
        *,
        objective: str = "ranknet",
        num_leaves: int = 5,
        learning_rate: float = 0.1,
        min_data_in_leaf: int = 5,
        feature_fraction: float = 0.5,
        bagging_fraction: float = 0.6,
        list_size: int = 1000,
        grades: int = 20,
        max_trees: int = 300,
        folds: int = 5,
    ) -> None:
        """Store the hyper-parameters.

        Hyper-parameters:
            objective: Loss: ranknet, lambdarank or xendcg.
            num_leaves: Leaves of a tree, 2 to 131,072.
            learning_rate: Shrinkage of each tree.
            min_data_in_leaf: Fewest training architectures in a leaf; at most a fifth of them.
            feature_fraction: Share of the columns that each tree sees.
            bagging_fraction: Share of the training architectures that each tree sees.
            list_size: Most architectures of a list, for ranknet.
            grades: Highest relevance grade, for lambdarank and xendcg; labels from their 20 % quantile up get
                grades 0 to `grades`.
            max_trees: Largest number of trees.
            folds: Folds of the cross-validation that chooses the number of trees.
        """
        self.objective = objective
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.min_data_in_leaf = min_data_in_leaf
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.list_size = list_size
        self.grades = grades
        self.max_trees = max_trees
        self.folds = folds

    def check_train_size(self, train_size: int) -> None:
        """Check that this predictor can learn from `train_size` labels.

        Raises:
            InputError: More than LightGBM's limit on a ranking query, for an objective that has one.
        """
        super().check_train_size(train_size)
        if self.objective in QUERY_OBJECTIVES and train_size > QUERY_LIMIT:
            raise InputError(
                f"predictor '{self.name}' with objective={self.objective} can learn from at most "
                f"{QUERY_LIMIT:,} training labels, not {train_size:,}; use fewer labels or objective=ranknet"
            )

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self._check_hyperparameters()
        features, n, params = path_statistics(graphs), len(y), self._params(len(y), seed)
        ranked = self.objective in QUERY_OBJECTIVES
        labels = _grades(y, self.grades) if ranked else y
        ranknet = RankNet(self.list_size, seed)
        objective, evaluate = (None, None) if ranked else (ranknet.gradients, ranknet.evaluate)

        def build(rows: np.ndarray) -> Dataset:
            return Dataset(features[rows], labels[rows], group=[len(rows)] if ranked else None, params=params)

        self.model_, self.trees_ = None, 0
        if not _vary(features):
            return
        self.trees_ = max(1, self.max_trees // 3)  # if there are too few labels for folds that rank
        order = np.random.default_rng(seed).permutation(n) % self.folds
        parts = [(np.flatnonzero(order != k), np.flatnonzero(order == k)) for k in range(self.folds)]
        if n >= 4 * self.folds and all(_vary(features[inside]) for inside, _ in parts):
            self.trees_ = choose_trees(params, build, parts, self.max_trees, objective, evaluate)
        self.model_ = Booster(params, build(np.arange(n)))
        for _ in range(self.trees_):
            self.model_.update(fobj=objective)
        self.model_.free_dataset()

    def _predict(self, graphs: Graphs) -> np.ndarray:
        if self.model_ is None:
            return np.zeros(len(graphs))
        return np.asarray(self.model_.predict(path_statistics(graphs), raw_score=True, num_threads=1))

    def _check_hyperparameters(self) -> None:
        """Check what LightGBM would only refuse in the middle of the work."""
        check_name(f"objective of predictor {self.name}", self.objective, OBJECTIVES)
        lowest = {
            "num_leaves": 2, "min_data_in_leaf": 0, "list_size": 2, "grades": 1, "max_trees": 1, "folds": 2,
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
        for name in ("feature_fraction", "bagging_fraction"):
            if not 0 < (share := getattr(self, name)) <= 1:
                raise InputError(
                    f"predictor '{self.name}': {name} must be above 0 and at most 1, not {share}"
                )

    def _params(self, n: int, seed: int) -> dict[str, Any]:
        params = {
            "objective": QUERY_OBJECTIVES.get(self.objective, "none"),
            "num_leaves": self.num_leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": min(self.min_data_in_leaf, max(1, n // 5)),
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": max(self.bagging_fraction, min(1.0, 2 / n)),
            "bagging_freq": 1,
            "min_data_in_bin": 1,
            "feature_pre_filter": False,  # LightGBM cannot grow trees once it has dropped all columns
            "deterministic": True,
            "num_threads": 1,
            "seed": seed,
            "verbose": -1,
        }
        if self.objective in QUERY_OBJECTIVES:
            params |= {
                "label_gain": list(range(self.grades + 1)),
                "lambdarank_truncation_level": QUERY_LIMIT,
                "metric": "ndcg",
                "eval_at": [10],
            }
        return params


def _vary(features: np.ndarray) -> bool:
    """Return whether a column differs between architectures."""
    return bool((features != features[:1]).any())


def _grades(y: np.ndarray, grades: int) -> np.ndarray:
    """Return integer relevance (n,) in 0 … grades: AceNAS's relevance, rounded down."""
    low, high = np.quantile(y, 0.2), y.max()
    if high <= low:
        return (y >= high).astype(int)
    return np.floor(grades * np.clip((y - low) / (high - low), 0, 1)).astype(int)
