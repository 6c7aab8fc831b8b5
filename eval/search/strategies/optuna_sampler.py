"""Optuna's own samplers over the codes of the search space: outside yardsticks, which use no predictor."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from data.errors import InputError
from data.names import check_name
from data.spaces.codes import CodeSpace
from eval.search.strategies.base import Strategy, View

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler


class OptunaSampler(Strategy):
    """TPE, NSGA-II or random draws, as Optuna has them by default; the predictor only picks the final top.

    A proposal that was queried before is told its known label, one that the table does not hold is told as
    failed; neither is a query. Where costs are traded against accuracy, they are further values of the study,
    told with the label.

    Source: Akiba et al., Optuna, KDD 2019; Bergstra et al. 2011 (TPE); Deb et al. 2002 (NSGA-II).
    """

    uses_scores: ClassVar[bool] = False

    def __init__(self, *, sampler: str = "tpe", population: int = 50, tries: int = 20) -> None:
        """Set the sampler.

        Args:
            sampler: tpe, nsga2 or random.
            population: Networks of a generation of nsga2; the default is Optuna's.
            tries: Proposals in a row that are no candidate, after which one is drawn at random. Each makes
                Optuna's study longer, which costs most of the time of nsga2 once it has converged.

        Raises:
            UnknownNameError: No such sampler.
            InputError: A population of fewer than 2, or no try.
        """
        check_name("sampler (of strategy 'optuna_sampler')", sampler, SAMPLERS)
        if population < 2:
            raise InputError(f"optuna_sampler: the population must be at least 2, not {population}")
        if tries < 1:
            raise InputError(f"optuna_sampler: tries must be at least 1, not {tries}")
        self.sampler = sampler
        self.population = population
        self.tries = tries

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return what the sampler proposes."""
        if not hasattr(self, "study_"):
            self._start(view, rng)
        chosen: list[int] = []
        self._tell(view)
        for _ in range(size):
            row = self._ask(view, rng)
            chosen.append(row)
            view = view.without(np.array([row]))
        return np.array(chosen, int)

    def _start(self, view: View, rng: np.random.Generator) -> None:
        """Begin a study over the decisions of the space."""
        import optuna
        from optuna.distributions import CategoricalDistribution
        from optuna.study import StudyDirection

        space = view.graphs.space
        if not isinstance(space, CodeSpace):
            raise InputError("optuna_sampler needs a search space whose networks are written as codes")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study_: Study = optuna.create_study(
            directions=[StudyDirection.MAXIMIZE] * (1 if view.costs is None else 1 + view.costs.shape[1]),
            sampler=SAMPLERS[self.sampler](int(rng.integers(2**31)), self.population),
        )
        self.space_, self.codes_ = space, space.code(view.graphs)
        self.row_of_ = {tuple(code): row for row, code in enumerate(self.codes_.tolist())}
        hashes = view.graphs.canonical_hash()
        self.network_ = hashes
        order = np.argsort(hashes, kind="stable")
        names, starts = np.unique(hashes[order], return_index=True)
        rows = np.split(order, starts[1:])
        self.rows_: dict[int, np.ndarray] = dict(zip(names.tolist(), rows, strict=True))
        self.choices_: dict[str, BaseDistribution] = {
            f"place{i}": CategoricalDistribution(list(range(options)))
            for i, options in enumerate(space.choices)
        }
        self.pending_: list[Any] = []
        self.known_: dict[int, list[float]] = {}
        self.known_networks_: dict[int, list[float]] = {}

    def _tell(self, view: View) -> None:
        """Tell the study all labels that it does not know."""
        from optuna.trial import create_trial

        told = len(self.known_)
        fresh = view.queried[told:]
        values = view.labels[told:, None]
        if view.costs is not None:
            values = np.concatenate([values, view.costs[fresh]], axis=1)
        self.known_ |= dict(zip(fresh.tolist(), values.tolist(), strict=True))
        self.known_networks_ |= dict(zip(self.network_[fresh].tolist(), values.tolist(), strict=True))
        for trial, row in self.pending_:
            self.study_.tell(trial, self.known_[row])
        pending = {row for _, row in self.pending_}
        self.pending_ = []
        for row in fresh.tolist():
            if row not in pending:
                params = {f"place{i}": int(option) for i, option in enumerate(self.codes_[row])}
                self.study_.add_trial(
                    create_trial(params=params, distributions=self.choices_, values=self.known_[row])
                )

    def _ask(self, view: View, rng: np.random.Generator) -> int:
        """Return a candidate: the sampler's, or a random one where it proposes none."""
        from optuna.trial import TrialState

        able = np.zeros(len(self.network_), bool)
        able[view.candidates] = True
        for _ in range(self.tries):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial = self.study_.ask(self.choices_)
            code = [trial.params[name] for name in self.choices_]
            name, own = self._find_network(code), self.row_of_.get(tuple(code), -1)
            rows = self.rows_.get(name, np.empty(0, int))
            if len(rows := rows[able[rows]]):
                row = own if own in rows else int(rows[0])
                self.pending_.append((trial, row))
                return row
            if name in self.known_networks_:
                self.study_.tell(trial, self.known_networks_[name])
            else:
                self.study_.tell(trial, state=TrialState.FAIL)
        return int(view.random(1, rng)[0])

    def _find_network(self, code: list[int]) -> int:
        """Return the canonical hash of what a code stands for, -1 if it is not valid."""
        if (row := self.row_of_.get(tuple(code))) is not None:
            return int(self.network_[row])
        codes = np.array([code])
        return int(self.space_.graphs(codes).canonical_hash()[0]) if self.space_.valid(codes).all() else -1


def _make_tpe(seed: int, population: int) -> BaseSampler:
    del population
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed)


def _make_nsga2(seed: int, population: int) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=seed, population_size=population)


def _make_random(seed: int, population: int) -> BaseSampler:
    del population
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[int, int], BaseSampler]] = {
    "tpe": _make_tpe, "nsga2": _make_nsga2, "random": _make_random,
}  # fmt: skip
