"""Bayesian optimisation over the table: expected improvement, upper confidence bound or Thompson sampling."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from data.errors import InputError
from data.names import check_name
from eval.choose.acquisition import expected_improvement, thompson, upper_confidence_bound
from eval.search.strategies.base import Strategy, View

ACQUISITIONS = ("ei", "ucb", "ts")


class Bo(Strategy):
    """The candidates that an acquisition function likes best, by any predictor that says how sure it is.

    The default was chosen on CIFAR-100 of NAS-Bench-201 (docs/search.md). Expected improvement is over the
    best predicted mean of what was queried, since labels are noisy. Thompson sampling draws labels again for
    each query of a batch.

    Source: Jones et al., Efficient Global Optimization, 1998; White et al., BANANAS, AAAI 2021 (independent
    Thompson sampling on architectures).
    """

    uses_std: ClassVar[bool] = True

    def __init__(self, *, acquisition: str = "ucb", beta: float = 1.0, candidates: int = 0) -> None:
        """Set the acquisition function.

        Args:
            acquisition: ei, ucb or ts.
            beta: Standard deviations that ucb adds to the mean.
            candidates: Random candidates that are considered each round; 0 for all.

        Raises:
            UnknownNameError: No such acquisition function.
            InputError: Fewer than 0 candidates or deviations.
        """
        check_name("acquisition (of strategy 'bo')", acquisition, ACQUISITIONS)
        if beta < 0 or candidates < 0:
            raise InputError("bo: beta and candidates must be at least 0")
        self.acquisition = acquisition
        self.beta = beta
        self.candidates = candidates

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the best candidates by the acquisition function."""
        if view.scores is None or view.std is None or view.queried_scores is None:
            raise InputError("bo needs scores and standard deviations")
        considered = np.ones(len(view.candidates), bool)
        if self.candidates:
            few = view.random(max(size, self.candidates), rng)
            considered = np.isin(view.candidates, few)
        if self.acquisition == "ts":
            return self._sample(view, considered, size, rng)
        if self.acquisition == "ei":
            utilities = expected_improvement(view.scores, view.std, float(view.queried_scores.max()))
        else:
            utilities = upper_confidence_bound(view.scores, view.std, self.beta)
        return view.best_by(np.where(considered, utilities, -np.inf), size, rng)

    def _sample(self, view: View, considered: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        chosen: list[int] = []
        for _ in range(size):
            assert view.scores is not None
            assert view.std is not None
            drawn = np.where(considered, thompson(view.scores, view.std, rng), -np.inf)
            best = view.best_by(drawn, 1, rng)
            chosen.append(int(best[0]))
            gone = view.networks[np.isin(view.candidates, best)]
            considered = considered[~np.isin(view.networks, gone)]
            view = view.without(best)
        return np.array(chosen, int)
