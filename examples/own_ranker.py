"""A ranker of one's own, compared with ten others on the embedded table; prints LaTeX for a paper.

    python examples/own_ranker.py

Every repeat trains on 50 networks and is evaluated on all others: no training network, and no other string of
one, is ever scored. All predictors get the same splits, so the comparison is paired.
"""

from __future__ import annotations

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data.encode import path_statistics
from data.graphs import Graphs
from eval import evaluate
from eval.evaluate import PREDICTORS


class SmoothRanker:
    """A Gaussian process with one length scale: any class with fit and predict is a predictor."""

    def __init__(self, length: float = 8.0) -> None:
        """Store the length scale, in standard deviations of a feature."""
        self.length = length

    def fit(self, graphs: Graphs, y: np.ndarray) -> SmoothRanker:
        """Learn from graphs and their labels (n,), higher is better."""
        process = GaussianProcessRegressor(RBF(self.length) + WhiteKernel(0.1), optimizer=None)
        self.model_ = make_pipeline(StandardScaler(), process).fit(self._encode(graphs), y)
        return self

    def predict(self, graphs: Graphs) -> np.ndarray:
        """Return scores (n,); only their order counts."""
        return self.model_.predict(self._encode(graphs))

    @staticmethod
    def _encode(graphs: Graphs) -> np.ndarray:
        # In canonical form, strings that are one network get one score.
        return path_statistics(graphs.effective())


def main() -> None:
    """Evaluate, compare, print."""
    results = evaluate("nb201_mini", [SmoothRanker, *PREDICTORS], train_sizes=50, repeats=10)
    print(results.to_latex(metrics=["ndcg@10", "kendall_tau"]))
    columns = ["metric", "difference", "difference_low", "difference_high", "p_adjusted"]
    print(results.compare("smooth_ranker", "random_forest")[columns].round(3).to_string(index=False))


if __name__ == "__main__":
    main()
