"""Search under a budget of labels, guided by a predictor. `from eval import search`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

    from benchmarks.base import Benchmark
    from benchmarks.table_options import TableOptions
    from eval.grid.session import Command
    from eval.search.results import SearchResults
    from eval.search.strategies.base import Strategy, View

__all__ = ["SearchResults", "Strategy", "View", "search"]

_LAZY = {
    "SearchResults": "eval.search.results",
    "Strategy": "eval.search.strategies.base",
    "View": "eval.search.strategies.base",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a public class when it is first used."""
    if name not in _LAZY:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_LAZY[name]), name)


def search(
    bench: str | Path | Benchmark | Sequence[str | Path | Benchmark],
    predictors: str | Iterable[object] | None = None,
    *,
    strategies: str | Strategy | type[Strategy] | Iterable[object] = "half_random",
    budget: int = 100,
    rounds: int = 5,
    final_top: int | None = None,
    twins: bool = False,
    regrets: Sequence[float] | None = None,
    cost: str | None = None,
    objectives: str | Sequence[str] = (),
    constraints: str | Sequence[str] = (),
    costs: str = "known",
    fidelities: Mapping[str, float] | None = None,
    repeats: int = 20,
    datasets: str | Sequence[str] | None = None,
    target: str | None = None,
    label: str | None = None,
    weak: str | Sequence[str] | None = None,
    trusted_weak: Mapping[str, str] | None = None,
    encoder: str | Path | None = None,
    settings: Sequence[str] = (),
    seed: int = 0,
    jobs: int = 1,
    cluster: str | Client | None = None,
    out: str | Path | None = None,
    against: Sequence[str | Path] = (),
    progress: bool = True,
    offline: bool = False,
    table: TableOptions | None = None,
    command: Command | None = None,
) -> SearchResults:
    """Look for the best network of a table under a budget of labels, guided by a predictor.

    The first batch is drawn at random. Then, round by round, the predictor learns from all labels seen so far
    and scores the table, and the strategy chooses the next batch. The search sees `label` only; of all
    networks whose label it saw, the one with the best label is picked and evaluated on `target`.

    Args:
        bench: A benchmark's key, the path of a table, a Benchmark, or several of these.
        predictors: As `eval.evaluate` takes them; by default acenas, gcn, random_forest and random_order.
        strategies: How the next batch is chosen: names ("half_random", "half_random:explore=0.3",
            "./my_strategy.py"), classes and instances derived from `Strategy`.
        budget: Queries: labels that the search may see. A label of a shorter training is a part of one.
        rounds: Batches of the budget. If the budget does not divide evenly, the first ones are larger by one.
        final_top: Predicted best networks whose labels are seen after the last round, beyond the budget; by
            default 10, or none with objectives.
        twins: Whether another string of a queried network may be queried.
        regrets: Regrets to count the queries to, in the target's unit; by default 1, 0.5 and 0.2 where the
            target is in percent.
        cost: Column with the training time of each network; by default the table's only train_time column,
            or the one with the epochs of the label.
        objectives: Columns to trade accuracy against, "latency:min" or "throughput:max" each. What is looked
            for is then the Pareto front; see `eval.search.fronts`.
        constraints: "params<1.0" each; only networks that fulfil all of them are picked.
        costs: "known" if the columns of objectives and constraints are known for every network beforehand,
            "measured" if only for those that were queried.
        fidelities: Labels of shorter trainings for the strategies that query them (successive_halving,
            hyperband), with the share of a full training that each costs; by default the columns called as
            the label is, with their epochs.
        repeats: Repeats, each with its own first batch.
        datasets: Data sets of the benchmark; by default its first choice.
        target: Target that the picked network is evaluated on; "latency:min" where lower is better.
        label: Label that a query shows; "val_loss:min" where lower is better.
        weak: Weak labels to pretrain on in place of the predictors' defaults.
        trusted_weak: Reason for each weak label that ranks like a true label and is meant to.
        encoder: Saved encoder to use in place of pretraining.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        seed: Seed of repeat 0; repeat r uses seed + r.
        jobs: Processes; 0 for one a core. Any number gives the same rows.
        cluster: Dask cluster that trials are run on in place of them; see `eval.evaluate`.
        out: Folder that keeps finished trials and rows, so that an interrupted search resumes.
        against: Folders of earlier searches for the same Pareto front that reports compare these with.
        progress: Show progress on stderr, if that is a terminal.
        offline: Never use the network.
        table: How to read a table of one's own.
        command: The command line that asks; None from Python.

    Raises:
        UnknownNameError: An unknown name; the closest ones are given.
        InputError: Options contradict each other or the benchmark, or one would have no effect.
        TableError, MissingTableError: A table cannot be read, or is nowhere.
    """
    from eval.search.results import SearchResults
    from eval.search.session import build_search_plan, run_search_plan

    earlier = [SearchResults.load(folder) for folder in against]

    plan = build_search_plan(
        bench,
        predictors,
        strategies,
        budget=budget,
        rounds=rounds,
        final_top=final_top,
        twins=twins,
        regrets=regrets,
        cost=cost,
        objectives=objectives,
        constraints=constraints,
        costs=costs,
        fidelities=fidelities,
        repeats=repeats,
        datasets=datasets,
        target=target,
        label=label,
        weak=weak,
        trusted_weak=trusted_weak,
        encoder=encoder,
        settings=settings,
        seed=seed,
        offline=offline,
        table=table,
    )
    return run_search_plan(
        plan,
        out=out,
        jobs=jobs,
        cluster=cluster,
        progress=progress,
        command=command,
        against=earlier,
    )
