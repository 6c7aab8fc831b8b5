"""RankerSampler: the engine of campaigns as a sampler for anybody's Optuna study."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection

from data.errors import InputError
from data.spaces.codes import CodeSpace
from eval.campaign.architectures import Architectures, SpaceArchitectures, TableArchitectures
from eval.campaign.claims import claim_running
from eval.campaign.engine import Engine
from eval.campaign.ledger import Ledger
from eval.campaign.objectives import Objective
from eval.campaign.ranking import Ranking
from eval.campaign.weak import NO_WEAK, own_weak, read_weak

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    from benchmarks.base import Benchmark

_LOCK = threading.Lock()


class RankerSampler(BaseSampler):
    """Samples architectures by a ranker that learns from the study's finished trials.

    A trial takes its architecture with `suggest(trial)`; other parameters are sampled at random. A network
    (by canonical hash) that any trial of the study has, running, enqueued, finished or failed, is not
    sampled again, whichever sampler, process or machine it came from. Any number of objectives will do.

    Results of one network under several trials are averaged. Until five networks have results, networks are
    chosen by weak labels, if there are any, and at random.
    """

    def __init__(
        self,
        space: str | CodeSpace | Benchmark,
        predictor: object = "ace",
        *,
        weak: str | Path | None = None,
        seed: int = 0,
        acquisition: str = "mixed",
        refit: float = 0.05,
        encoder: str | Path | None = None,
    ) -> None:
        """Store what to choose from and by what.

        Args:
            space: A code space or its name; or a benchmark, whose rows are the candidates.
            predictor: The ranker: a name with hyper-parameters, a class or an instance.
            weak: A table of weak labels with the column `arch`; None for those of a benchmark.
            seed: Seed of everything random.
            acquisition: "mixed", "greedy", "ts" or "ucb"; see Engine.
            refit: Share of new results up to which the last fit is used again; 0 to fit whenever a result is
                new.
            encoder: File for the pretrained encoder: loaded if it is there, written otherwise.

        Raises:
            InputError: An argument means nothing.
        """
        from eval.campaign.setup import parse_predictor

        self.architectures = get_architectures(space)
        labels = NO_WEAK
        if weak is not None:
            labels = read_weak(self.architectures, Path(weak))
        elif isinstance(self.architectures, TableArchitectures):
            labels = own_weak(self.architectures)
        ranker = parse_predictor(predictor)
        self._arguments: dict[str, Any] = {
            "build": lambda: ranker,
            "ranker": [ranker.name, ranker.params()],
            "weak": labels,
            "seed": seed,
            "acquisition": acquisition,
            "refit": refit,
            "encoder": None if encoder is None else Path(encoder),
        }
        self._engine: Engine | None = None
        self._ranking: Ranking | None = None
        self._others = RandomSampler(seed=seed)
        self._stream = 0
        _ = Engine(self.architectures, (Objective("value"),), **self._arguments).predictor  # checks all

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The architecture's parameters, for `study.ask(sampler.distributions)`."""
        return dict(self.architectures.distributions)

    def suggest(self, trial: Trial) -> str:
        """Return the text of the architecture that a trial is to train."""
        return self.architectures.format(self.suggest_code(trial)[None])[0]

    def suggest_code(self, trial: Trial) -> np.ndarray:
        """Return the code (places,) of the architecture that a trial is to train."""
        return np.array([_suggest(trial, name, d) for name, d in self.distributions.items()])

    def enqueue(self, study: Study, arch: str) -> None:
        """Let a study train an architecture next.

        Raises:
            InputError: The text is no architecture of the space.
        """
        study.enqueue_trial(self.architectures.to_params(self.architectures.parse(arch)))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the architecture's parameters; see Optuna's BaseSampler."""
        del study, trial
        return self.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the parameters of an architecture that no other trial has; see Optuna's BaseSampler.

        Raises:
            InputError: No network is left.
        """
        del search_space
        with _LOCK:  # the threads of `optimize(n_jobs=...)` share one ranker
            return self._sample(study, trial)

    def _sample(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        engine = self._get_engine(study)
        while True:
            trials = [each for each in study.get_trials(deepcopy=False) if each.number != trial.number]
            ledger = Ledger.read(trials, self.architectures, engine.objectives)
            if not engine.is_fresh(self._ranking, ledger, 1):
                self._ranking = engine.rank(ledger, 1)
            rng = engine.random(2, self._stream, len(ledger.networks), trial.number)
            codes = engine.choose(self._ranking, ledger, 1, rng)
            if not len(codes):
                raise InputError("no network is left that no trial of the study has")
            fixed = trial.system_attrs.get("fixed_params", {}).keys() & self.distributions.keys()
            params = self.architectures.to_params(codes[0])
            if fixed:  # an enqueued trial that leaves some places open: its other parameters are as asked
                params |= {name: trial.system_attrs["fixed_params"][name] for name in fixed}
            code = np.array([params[name] for name in self.distributions])
            if claim_running(study, trial, self.architectures, code) or fixed:
                return params

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401
        """Return a random value of a parameter that is not the architecture's; see Optuna's BaseSampler."""
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Draw from another stream in each worker of `study.optimize(n_jobs=...)`."""
        self._others.reseed_rng()
        self._stream = int(np.random.default_rng().integers(1 << 31))

    def _get_engine(self, study: Study) -> Engine:
        """Return an engine for the study's objectives."""
        names = study.metric_names or [f"value_{i}" for i in range(len(study.directions))]
        objectives = tuple(
            Objective(name, "max" if direction == StudyDirection.MAXIMIZE else "min")
            for name, direction in zip(names, study.directions, strict=True)
        )
        if self._engine is None or self._engine.objectives != objectives:
            self._engine, self._ranking = Engine(self.architectures, objectives, **self._arguments), None
        return self._engine


def get_architectures(space: str | CodeSpace | Benchmark) -> Architectures:
    """Return what may be trained.

    Raises:
        InputError: Neither a code space nor a benchmark.
    """
    if isinstance(space, str):
        from data.spaces import get

        space = get(space)
    if isinstance(space, CodeSpace):
        return SpaceArchitectures(space)
    from benchmarks.base import Benchmark

    if isinstance(space, Benchmark):
        return TableArchitectures(space)
    raise InputError(f"architectures come from a code space or a benchmark, not from {space!r}")


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Any:  # noqa: ANN401
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    assert isinstance(distribution, optuna.distributions.IntDistribution)
    return trial.suggest_int(name, distribution.low, distribution.high)
