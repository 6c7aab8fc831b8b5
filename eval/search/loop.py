"""One search: query, train, query again, under a budget of labels.

Repeats of one search train together, a round at a time. No value of the target is known here: what is
queried follows from the labels of what was queried before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.fidelities import Fidelity
from data.errors import InputError
from data.graphs import Graphs
from eval.evaluator import Predicted, fit_and_score
from eval.grid.pretraining import pretrain
from eval.search.goals import NO_GOALS, Goals
from eval.search.strategies.base import PredictedCosts, Rung, Strategy, View
from eval.search.strategies.multi_fidelity import MultiFidelity
from eval.search.trials import Schedule, SearchTrial
from eval.task import Task
from predictors.errors import describe_failure
from predictors.label_scale import LabelScale


@dataclass(frozen=True)
class SearchPool:
    """The m architectures that may be queried; a search knows them by their position here.

    Attributes:
        rows: (m,) their rows in the table.
        graphs: The architectures.
        networks: (m,) integers, equal for those that count as one network.
        labels: (m,) the label of each, shown once it is queried.
        costs: (m, d) what each costs by each objective, higher is better; None without objectives.
        measured: Whether a cost is shown once its network is queried, in place of beforehand.
        low: (m,) the labels of shorter trainings, the shortest first, NaN where unknown.
        low_shares: What one of each costs, in full trainings.
    """

    rows: np.ndarray
    graphs: Graphs
    networks: np.ndarray
    labels: np.ndarray
    costs: np.ndarray | None = None
    measured: bool = False
    low: tuple[np.ndarray, ...] = ()
    low_shares: tuple[float, ...] = ()

    @property
    def shares(self) -> tuple[float, ...]:
        """What a training of each length costs, in full trainings; the last one is 1."""
        return (*self.low_shares, 1.0)

    @cached_property
    def by_level(self) -> np.ndarray:
        """(levels, m) the label of each, by the length of the training; the last row is `labels`."""
        return np.stack([*self.low, self.labels])

    @property
    def n_networks(self) -> int:
        """Number of distinct networks."""
        return len(np.unique(self.networks))


def build_pool(
    task: Task, *, twins: bool, goals: Goals = NO_GOALS, fidelities: Sequence[Fidelity] = ()
) -> SearchPool:
    """Return the architectures that have the label and the target, and that may be an answer.

    Where costs are measured, what they rule out is only known afterwards, so it may be queried.

    Args:
        task: The task.
        twins: Whether each string counts as a network of its own.
        goals: Costs and constraints.
        fidelities: Labels of shorter trainings that may be queried too; only architectures that have all of
            them may be.
    """
    labels = task.training_labels
    able = np.isfinite(labels) & np.isfinite(task.truth)
    if goals:
        able &= np.isfinite(goals.costs).all(1) if goals.measured else goals.feasible
    for each in fidelities:
        able &= np.isfinite(each.values)
    rows = np.flatnonzero(able)
    names = rows if twins else task.bench.classes[rows]
    return SearchPool(
        rows,
        task.graphs.take(rows),
        np.unique(names, return_inverse=True)[1],
        labels[rows],
        goals.costs[rows] if goals.objectives else None,
        goals.measured,
        tuple(each.values[rows] for each in fidelities),
        tuple(each.share for each in fidelities),
    )


@dataclass(frozen=True)
class Trace:
    """What one repeat of a search queried, in order.

    Attributes:
        rows: (q,) rows in the table.
        rounds: (q,) round of each, from 0; the final top is a round of its own.
        seconds: (q,) seconds of training and scoring until then, this repeat's share.
        levels: (q,) length of the training that was queried: 0 for the trial's shortest; the last one, or 0
            where there are no shorter ones, are full trainings.
    """

    rows: np.ndarray
    rounds: np.ndarray
    seconds: np.ndarray
    levels: np.ndarray


@dataclass(frozen=True)
class Searched:
    """The result of a search trial.

    Attributes:
        traces: One for each repeat.
        weak_hash: Hash of the weak labels that were pretrained on; "" for none.
        pretrain_seconds: Seconds that pretraining took when it was done, for all repeats together.
    """

    traces: list[Trace]
    weak_hash: str
    pretrain_seconds: float


def batch_sizes(budget: int, rounds: int) -> list[int]:
    """Return the queries of each round: equal, or one more in the first rounds if the budget does not divide.

    Raises:
        InputError: Fewer queries than rounds, or no round.
    """
    if not 1 <= rounds <= budget:
        raise InputError(f"a budget of {budget} queries cannot be spent in {rounds} rounds")
    return [budget // rounds + (i < budget % rounds) for i in range(rounds)]


def check_size(task: Task, schedule: Schedule, pool: SearchPool, goals: Goals = NO_GOALS) -> None:
    """Reject a search that looks at more networks than there are."""
    networks, wanted = pool.n_networks, task.train_size + schedule.final_top
    if wanted > networks:
        raise InputError(
            f"{task.train_size} queries and a final top {schedule.final_top} look at {wanted} networks; "
            f"{task.bench.info.key} has {networks} with the labels of {task.dataset}"
            + (f" for {goals}" if goals else "")
            + ("" if schedule.twins else f" (and {len(pool.rows)} architectures, if twins may be queried)")
        )


@dataclass(frozen=True)
class _Step:
    """A batch: by the strategy, if `choose` is None."""

    round: int
    size: int
    scored: bool
    choose: Callable[[View, int, np.random.Generator], np.ndarray] | None = None
    rung: Rung | None = None


def _plan_steps(budget: int, schedule: Schedule, strategy: Strategy, pool: SearchPool) -> list[_Step]:
    """Return what is done in turn: the first batch, those of the strategy, and the final top."""
    if isinstance(strategy, MultiFidelity):
        rungs = _plan_rungs(budget, strategy, pool)
        steps = [_Step(i, rung.size, strategy.uses_scores, rung=rung) for i, rung in enumerate(rungs)]
    else:
        sizes = batch_sizes(budget, schedule.rounds)
        steps = [_Step(0, sizes[0], scored=False, choose=View.random)]
        for number, size in enumerate(sizes[1:], 1):
            parts = [size] if strategy.uses_scores else [1] * size
            steps += [_Step(number, part, strategy.uses_scores) for part in parts]
    if schedule.final_top:
        steps.append(_Step(steps[-1].round + 1, schedule.final_top, scored=True, choose=View.best))
    return steps


def _plan_rungs(budget: int, strategy: MultiFidelity, pool: SearchPool) -> list[Rung]:
    """Return what a strategy trains in turn, checked.

    Raises:
        InputError: The plan is beyond the budget or trains no network in full.
    """
    shares = pool.shares
    rungs = strategy.plan(shares, budget, pool.n_networks)
    if any(not 0 <= rung.level < len(shares) or rung.size < 1 for rung in rungs):
        raise InputError(
            f"strategy '{strategy.get_name()}': expected rungs of at least one training and levels from 0 to "
            f"{len(shares) - 1}, not {rungs}"
        )
    spent = sum(rung.size * shares[rung.level] for rung in rungs)
    if spent > budget + 1e-6 or all(rung.level < len(shares) - 1 for rung in rungs):
        raise InputError(
            f"strategy '{strategy.get_name()}': a budget of {budget} full trainings is too small for its "
            f"plan, which spends {spent:.2f} and must train at least one network in full"
        )
    return rungs


class Repeat:
    """The state of one repeat of a search.

    Attributes:
        queried: (q,) positions in the pool, oldest first.
        rounds: Round of each.
        levels: (q,) length of the training of each.
        seconds: Seconds of training and scoring until then.
    """

    def __init__(self, pool: SearchPool, strategy: Strategy, seed: int) -> None:
        self.pool, self.strategy, self.seed = pool, strategy, seed
        self.rng = np.random.default_rng(seed)
        self.open = np.ones((len(pool.shares), len(pool.rows)), bool)
        self.queried, self.levels = np.empty(0, int), np.empty(0, int)
        self.rounds: list[int] = []
        self.seconds: list[float] = []

    @property
    def trained(self) -> np.ndarray:
        """Positions in the pool of the networks that were trained in full."""
        return self.queried[self.levels == len(self.open) - 1]

    def take(
        self,
        step: _Step,
        budget: int,
        scores: np.ndarray | None,
        std: np.ndarray | None,
        seconds: float,
        predicted: PredictedCosts | None = None,
        scale: LabelScale | None = None,
    ) -> None:
        """Query the next batch; `scores`, `std` and predicted costs are of (m,), if there are any."""
        pool = self.pool
        level = step.rung.level if step.rung else len(self.open) - 1
        at = np.flatnonzero(self.open[level])
        view = View(
            pool.graphs,
            at,
            pool.networks[at],
            None if scores is None else scores[at],
            self.queried,
            pool.by_level[self.levels, self.queried],
            None if std is None else std[at],
            None if scores is None else scores[self.queried],
            budget,
            self._get_costs(),
            None if predicted is None else predicted.take(at),
            scale,
            self.levels if step.rung else None,
            step.rung,
        )
        choose = step.choose or self._choose
        chosen = choose(view, step.size, self.rng)
        networks = pool.networks[chosen]
        self.open[level] &= ~np.isin(pool.networks, networks)
        self.queried = np.concatenate([self.queried, chosen])
        self.levels = np.concatenate([self.levels, np.full(step.size, level)])
        self.rounds += [step.round] * step.size
        before = self.seconds[-1] if self.seconds else 0.0
        self.seconds += [before + seconds] * step.size

    def _get_costs(self) -> np.ndarray | None:
        """Return the costs (m, d) that are known by now, NaN where they are not."""
        costs = self.pool.costs
        if costs is None or not self.pool.measured:
            return costs
        known = np.full(costs.shape, np.nan)
        known[self.queried] = costs[self.queried]
        return known

    def predict_costs(self, found: Sequence[Predicted], repeat: int, *, normal: bool) -> PredictedCosts:
        """Return what predictors that learned each objective say of the pool, in the costs' units."""
        assert self.pool.costs is not None
        means, deviations = [], []
        for each, labels in zip(found, self.pool.costs[self.queried].T, strict=True):
            scale, mean = LabelScale.fit(labels, normal=normal), each.scores[repeat]
            std = np.zeros_like(mean) if each.std is None else each.std[repeat]
            means.append(scale.to_labels(mean))
            deviations.append((scale.to_labels(mean + std) - scale.to_labels(mean - std)) / 2)
        return PredictedCosts(np.stack(means, axis=1), np.stack(deviations, axis=1))

    def _choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return what the strategy chooses, checked.

        Raises:
            InputError: The strategy fails, or breaks the rules; names it.
        """
        name = self.strategy.get_name()
        try:
            chosen = np.asarray(self.strategy.choose(view, size, rng))
        except InputError as error:
            raise InputError(f"strategy '{name}': {error}") from error
        except Exception as error:
            raise InputError(f"strategy '{name}': choose failed: {describe_failure(error)}") from error
        if (
            chosen.shape != (size,)
            or chosen.dtype.kind not in "iu"
            or not np.isin(chosen, view.candidates).all()
            or len(set(self.pool.networks[chosen])) < size
        ):
            raise InputError(
                f"strategy '{name}': expected {size} candidates from distinct networks, not {chosen.tolist()}"
            )
        return chosen


def search(searched: SearchTrial) -> Searched:
    """Search with each repeat of a trial.

    Results do not depend on how many trials run at the same time: every library computes on one thread.

    Raises:
        InputError: The table has too few networks, or the predictor or the strategy refuses.
    """
    trial, schedule = searched.trial, searched.schedule
    task, strategy = trial.task, searched.asked.strategy
    pool = build_pool(task, twins=schedule.twins, goals=searched.goals, fidelities=searched.fidelities)
    check_size(task, schedule, pool, searched.goals)
    steps = _plan_steps(task.train_size, schedule, strategy, pool)
    predictor, weak_hash, pretrain_seconds = trial.entry.predictor.clone(), "", 0.0
    if strategy.uses_std:
        predictor.check_has_std()
    if any(step.scored for step in steps):
        with threadpool_limits(1):
            weak_hash, pretrain_seconds = pretrain(predictor, trial)
    seeds, everything = [task.seed + repeat for repeat in trial.repeats], np.arange(len(pool.rows))

    def score(trains: list[np.ndarray], labels: np.ndarray, final: bool) -> Predicted:
        return fit_and_score(
            predictor,
            pool.graphs,
            labels,
            trains,
            seeds,
            everything,
            return_std=strategy.uses_std and not final,
        )

    repeats = run_steps(
        pool, strategy, schedule, task.train_size, seeds, score, normal=predictor.normal_labels
    )
    traces = [Trace(pool.rows[r.queried], np.array(r.rounds), np.array(r.seconds), r.levels) for r in repeats]
    return Searched(traces, weak_hash, pretrain_seconds)


def run_steps(
    pool: SearchPool,
    strategy: Strategy,
    schedule: Schedule,
    budget: int,
    seeds: Sequence[int],
    score: Callable[[list[np.ndarray], np.ndarray, bool], Predicted],
    *,
    normal: bool = False,
) -> list[Repeat]:
    """Run repeats of a search together, a step at a time.

    Args:
        pool: What may be queried.
        strategy: The strategy; each repeat uses a copy.
        schedule: How the labels are spent.
        budget: Queries before the final top.
        seeds: Seed of each repeat.
        score: From what each repeat has trained in full, the labels (m,) to learn from, and whether only the
            final top is left, to what the predictor says of the pool.
        normal: Whether scores are normal scores of a label's rank.

    Raises:
        InputError: The strategy or the predictor refuses, or the strategy breaks the rules.
    """
    repeats = [Repeat(pool, strategy.clone(), seed) for seed in seeds]
    for step in _plan_steps(budget, schedule, strategy, pool):
        trained, final = [repeat.trained for repeat in repeats], step.choose is not None
        found, seconds, costs = None, 0.0, []
        if step.scored:
            found = score(trained, pool.labels, final)
            if strategy.uses_costs and pool.measured and pool.costs is not None and not final:
                costs = [score(trained, column, final) for column in pool.costs.T]
            seconds = sum(each.fit_seconds + each.predict_seconds for each in (found, *costs))
        for i, repeat in enumerate(repeats):
            scores = None if found is None else found.scores[i]
            std = None if found is None or found.std is None else found.std[i]
            scale = None if found is None else LabelScale.fit(pool.labels[repeat.trained], normal=normal)
            predicted = repeat.predict_costs(costs, i, normal=normal) if costs else None
            repeat.take(step, budget, scores, std, seconds / len(repeats), predicted, scale)
    return repeats
