"""The contract battery of strategies: checks that one keeps the rules of a search."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from eval.evaluator import Predicted
from eval.search.asked import parse_strategies
from eval.search.loop import Repeat, SearchPool, run_steps
from eval.search.strategies.base import Strategy
from eval.search.trials import Schedule
from predictors.contract import Finding
from predictors.errors import describe_failure

BUDGET, SEED = 12, 5
SHARES = (0.05, 0.25)  # of shorter trainings, for strategies that query them


@dataclass(frozen=True)
class _Case:
    """A strategy and what it is checked with."""

    strategy: Strategy
    pool: SearchPool

    def run(self, budget: int = BUDGET) -> list[list[int]]:
        """Search with random scores; return the queried positions in the pool and lengths of training."""
        repeat = self.search(budget)
        return [repeat.queried.tolist(), repeat.levels.tolist()]

    def search(self, budget: int = BUDGET) -> Repeat:
        """Search with random scores."""
        rng = np.random.default_rng(SEED)
        scores, std = rng.random((2, 1, len(self.pool.rows)))
        (repeat,) = run_steps(
            self.pool,
            self.strategy,
            Schedule(rounds=3, final_top=0, twins=False),
            budget,
            [SEED],
            lambda queried, labels, final: Predicted(
                scores, std if self.strategy.uses_std else None, 0.0, 0.0
            ),
        )
        return repeat


class _BrokenError(Exception):
    """A rule is broken; the message says how."""


def check_strategy(strategy: object, graphs: Graphs, labels: np.ndarray) -> list[Finding]:
    """Check whether a strategy keeps the contract.

    Args:
        strategy: A name, a place, a class or an instance.
        graphs: At least 30 distinct networks.
        labels: (n,) their labels, higher is better.

    Returns:
        A finding for each rule, in a fixed order. A strategy that raises breaks the rule being checked.

    Raises:
        InputError: Too few networks, or not one strategy.
    """
    networks = np.unique(graphs.canonical_hash(), return_inverse=True)[1]
    if networks.max(initial=-1) + 1 < 30 or labels.shape != (len(graphs),):
        raise InputError(
            f"the contract needs at least 30 networks with a label each, not {networks.max(initial=-1) + 1}"
        )
    (asked,) = parse_strategies(strategy)
    pool = SearchPool(np.arange(len(graphs)), graphs, networks, labels)
    if asked.strategy.uses_costs:
        pool = _with_costs(pool, 1)
    if asked.strategy.uses_fidelities:
        noise = np.random.default_rng(SEED).normal(0, np.ptp(labels) / 4, (len(SHARES), len(labels)))
        pool = replace(pool, low=tuple(labels + noise), low_shares=SHARES)
    case = _Case(asked.strategy, pool)
    return [_run(rule, test, case) for rule, test in RULES.items()]


def _run(rule: str, test: Callable[[_Case], None], case: _Case) -> Finding:
    try:
        test(case)
    except _BrokenError as broken:
        return Finding(rule, "fail", str(broken))
    except Exception as error:
        ours = isinstance(error, InputError)
        return Finding(rule, "fail", str(error) if ours else describe_failure(error))
    return Finding(rule, "pass")


def _check_parameters(case: _Case) -> None:
    made, twin = case.strategy, case.strategy.clone()
    if made.params() != twin.params():
        raise _BrokenError(f"a copy has the parameters {twin.params()}, not {made.params()}")


def _with_costs(pool: SearchPool, n: int, *, measured: bool = False) -> SearchPool:
    """Return a pool with n random costs, equal for architectures that are one network."""
    costs = np.random.default_rng(SEED).random((pool.networks.max() + 1, n))
    return replace(pool, costs=costs[pool.networks], measured=measured)


def _check_choices(case: _Case) -> None:
    case.run()  # the loop itself rejects any other choice
    rows = np.arange(len(case.pool.rows))
    _Case(case.strategy, replace(case.pool, networks=rows)).run()


def _check_costs(case: _Case) -> None:
    if case.strategy.uses_fidelities:
        return  # searches for accuracy alone
    for n, measured in ((1, True), (2, False)):
        _Case(case.strategy, _with_costs(case.pool, n, measured=measured)).run()


def _check_spending(case: _Case) -> None:
    repeat = case.search()
    spent = np.array(case.pool.shares)[repeat.levels].sum()
    if spent > BUDGET + 1e-6:
        raise _BrokenError(f"it spent {spent:.2f} full trainings of a budget of {BUDGET}")
    trained = np.stack([repeat.levels, case.pool.networks[repeat.queried]])
    if len(np.unique(trained, axis=1).T) < len(repeat.queried):
        raise _BrokenError("it trained a network twice for the same length")


def _check_last(case: _Case) -> None:
    few = np.arange(min(60, len(case.pool.rows)))
    pool = replace(
        case.pool,
        rows=few,
        graphs=case.pool.graphs.take(few),
        networks=case.pool.networks[few],
        labels=case.pool.labels[few],
        costs=None if case.pool.costs is None else case.pool.costs[few],
        low=tuple(labels[few] for labels in case.pool.low),
    )
    _Case(case.strategy, pool).run(budget=pool.n_networks)


def _check_seed(case: _Case) -> None:
    if case.run() != case.run():
        raise _BrokenError("the same labels, scores and seed gave other queries: draw from `rng` only")


def _check_global_state(case: _Case) -> None:
    before = _get_global_state()
    case.run()
    if _get_global_state() != before:
        raise _BrokenError("it draws from the global random state: draw from `rng` only")


def _get_global_state() -> str:
    return repr((np.random.get_state(), random.getstate()))  # noqa: NPY002


RULES: dict[str, Callable[[_Case], None]] = {
    "the constructor stores its parameters under their own names": _check_parameters,
    "it chooses as many candidates as asked for, from distinct networks": _check_choices,
    "it can choose where costs are traded against accuracy, known or measured": _check_costs,
    "it keeps to the budget and trains no network twice for one length": _check_spending,
    "it can choose the last candidates": _check_last,
    "the same seed gives the same choices": _check_seed,
    "it leaves the global random state alone": _check_global_state,
}
