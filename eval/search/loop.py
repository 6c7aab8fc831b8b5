"""One search: query, train, query again, under a budget of labels.

Repeats of one search train together, a round at a time. No value of the target is known here: what is
queried follows from the labels of what was queried before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.base import Benchmark
from data.errors import InputError
from data.graphs import Graphs
from eval.evaluator import fit_and_score, make
from eval.grid.weak import prepare
from eval.provenance import code_hash
from eval.search.strategies import make as make_strategy
from eval.search.strategies.base import Strategy, View
from eval.task import Cell, Task, digest


@dataclass(frozen=True)
class Plan:
    """How a search goes; its budget is the training size of its task.

    Attributes:
        strategy: Name of the strategy.
        rounds: Batches that the budget is spent in.
        explore: Share of a batch that a strategy which explores draws at random.
        final_top: Predicted best networks whose labels are looked at in the end, beyond the budget.
        twins: Whether another string of a queried network may be queried.
        cost: Column of the table with training times; "" to count trainings.
    """

    strategy: str
    rounds: int
    explore: float
    final_top: int
    twins: bool
    cost: str


@dataclass(frozen=True)
class Unit:
    """One unit of work: a predictor's block of repeats on one task, stored as a whole."""

    cell: Cell
    plan: Plan

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the queries."""
        code = code_hash(["eval.search.units", f"eval.search.strategies.{self.plan.strategy}"])
        return {**self.cell.identity, "plan": vars(self.plan), "search_code": code}

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits, the hash of `identity`."""
        return digest(self.identity)


@dataclass(frozen=True)
class Pool:
    """The m architectures that may be queried; a search knows them by their place here.

    Attributes:
        rows: (m,) their rows in the table.
        graphs: The architectures.
        networks: (m,) integers, equal for those that count as one network.
        labels: (m,) the label of each, shown once it is queried.
    """

    rows: np.ndarray
    graphs: Graphs
    networks: np.ndarray
    labels: np.ndarray

    @staticmethod
    def of(task: Task, bench: Benchmark, *, twins: bool) -> Pool:
        """Return the architectures that have the label and the target.

        Args:
            task: The task.
            bench: Its benchmark.
            twins: Whether each string counts as a network of its own.
        """
        labels = bench.target(task.dataset, task.label)
        rows = np.flatnonzero(np.isfinite(labels) & np.isfinite(bench.target(task.dataset, task.target)))
        names = rows if twins else bench.classes[rows]
        return Pool(rows, bench.graphs.take(rows), np.unique(names, return_inverse=True)[1], labels[rows])


@dataclass(frozen=True)
class Trace:
    """What one repeat of a search queried, in order.

    Attributes:
        rows: (q,) rows in the table.
        rounds: (q,) round of each, from 0; the final top is a round of its own.
        seconds: (q,) seconds of training and scoring until then, this repeat's share.
    """

    rows: np.ndarray
    rounds: np.ndarray
    seconds: np.ndarray


def batch_sizes(budget: int, rounds: int) -> list[int]:
    """Return the queries of each round: equal, the first rounds one more where that does not come out even.

    Raises:
        InputError: Fewer queries than rounds, or no round.
    """
    if not 1 <= rounds <= budget:
        raise InputError(f"a budget of {budget} queries cannot be spent in {rounds} rounds")
    return [budget // rounds + (i < budget % rounds) for i in range(rounds)]


def check_size(unit: Unit, pool: Pool) -> None:
    """Refuse a search that looks at more networks than there are."""
    networks, wanted = len(np.unique(pool.networks)), unit.cell.task.train_size + unit.plan.final_top
    if wanted > networks:
        raise InputError(
            f"{unit.cell.task.train_size} queries and a final top {unit.plan.final_top} look at {wanted} "
            f"networks; {unit.cell.task.bench} has {networks} with the labels of {unit.cell.task.dataset}"
            + ("" if unit.plan.twins else f" (and {len(pool.rows)} architectures, with --twins)")
        )


@dataclass(frozen=True)
class _Step:
    round: int
    size: int
    scored: bool
    choose: Callable[[View, int, np.random.Generator], np.ndarray]


def _steps(unit: Unit, strategy: Strategy) -> list[_Step]:
    """Return what is done in turn: the first batch, those of the strategy, and the final top."""
    sizes = batch_sizes(unit.cell.task.train_size, unit.plan.rounds)
    steps = [_Step(0, sizes[0], scored=False, choose=View.random)]
    for number, size in enumerate(sizes[1:], 1):
        parts = [size] if strategy.uses_scores else [1] * size
        steps += [_Step(number, part, strategy.uses_scores, strategy.choose) for part in parts]
    if unit.plan.final_top:
        steps.append(_Step(len(sizes), unit.plan.final_top, scored=True, choose=View.best))
    return steps


class _Repeat:
    """One repeat of a search as far as it has come."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self.pool, self.seed = pool, seed
        self.rng = np.random.default_rng(seed)
        self.open = np.ones(len(pool.rows), bool)
        self.queried = np.empty(0, int)
        self.rounds: list[int] = []
        self.seconds: list[float] = []

    def take(self, step: _Step, scores: np.ndarray | None, seconds: float) -> None:
        """Query the next batch; `scores` are (m,), if there are any."""
        pool, at = self.pool, np.flatnonzero(self.open)
        labels = pool.labels[self.queried]
        seen = None if scores is None else scores[at]
        view = View(pool.graphs, at, pool.networks[at], seen, self.queried, labels)
        chosen = np.asarray(step.choose(view, step.size, self.rng))
        networks = pool.networks[chosen]
        if chosen.shape != (step.size,) or not self.open[chosen].all() or len(set(networks)) < step.size:
            raise InputError(
                f"round {step.round}: {step.size} candidates, each another network, were to be chosen; the "
                f"strategy chose {chosen.tolist()}"
            )
        self.open &= ~np.isin(pool.networks, networks)
        self.queried = np.concatenate([self.queried, chosen])
        self.rounds += [step.round] * step.size
        before = self.seconds[-1] if self.seconds else 0.0
        self.seconds += [before + seconds] * step.size


def search(unit: Unit, bench: Benchmark) -> tuple[list[Trace], str]:
    """Search with each repeat of a unit; return what they queried and a hash of the weak labels.

    Raises:
        InputError: The table has too few networks, or the predictor or the strategy refuses.
    """
    task, plan = unit.cell.task, unit.plan
    pool = Pool.of(task, bench, twins=plan.twins)
    check_size(unit, pool)
    strategy = make_strategy(plan.strategy, explore=plan.explore)
    steps = _steps(unit, strategy)
    predictor, weak_hash = make(unit.cell.spec), ""
    if any(step.scored for step in steps):
        with threadpool_limits(1):
            weak_hash = prepare(predictor, unit.cell, bench)
    repeats = [_Repeat(pool, task.seed + repeat) for repeat in unit.cell.repeats]
    for step in steps:
        scores, seconds = [None] * len(repeats), 0.0
        if step.scored:
            trains, seeds = [r.queried for r in repeats], [r.seed for r in repeats]
            everything = np.arange(len(pool.rows))
            scores, fit_seconds, predict_seconds = fit_and_score(
                predictor, pool.graphs, pool.labels, trains, seeds, everything
            )
            seconds = (fit_seconds + predict_seconds) / len(repeats)
        for repeat, of_repeat in zip(repeats, scores, strict=True):
            repeat.take(step, of_repeat, seconds)
    traces = [
        Trace(pool.rows[repeat.queried], np.array(repeat.rounds), np.array(repeat.seconds))
        for repeat in repeats
    ]
    return traces, weak_hash
