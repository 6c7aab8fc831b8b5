"""From what a user asks of a search to its results: resolve, check, run."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import cpu_count

from benchmarks.base import Benchmark
from benchmarks.fidelities import Fidelity, get_fidelities, list_benchmarks
from data.errors import InputError
from data.names import check_name
from eval.grid.entries import Asked, build_entries, parse
from eval.grid.folder import Signature
from eval.grid.plan import Loaded, as_list, cite, file_hash, keep_possible, load_benchmarks
from eval.grid.session import (
    Command,
    choose_folder,
    describe_run,
    get_benches,
    open_cluster,
    open_folder,
    show_progress,
)
from eval.grid.store import Store
from eval.grid.tasks import build_tasks
from eval.provenance import code_hash
from eval.results import write_settings
from eval.search.asked import AskedStrategy, parse_strategies
from eval.search.describe import (
    describe_fidelities,
    describe_goals,
    describe_task,
    describe_unsourced,
)
from eval.search.front_rows import FRONTS
from eval.search.front_summary import check_against
from eval.search.fronts import Fronts
from eval.search.goals import NOTHING, Wanted
from eval.search.loop import batch_sizes, build_pool, check_size
from eval.search.results import SearchResults
from eval.search.run import run_trials
from eval.search.trials import Schedule, SearchTrial, build_search_trials
from eval.task import Task

if TYPE_CHECKING:
    from distributed import Client

    from benchmarks.table_options import TableOptions

PREDICTORS = ("acenas", "gcn", "random_forest", "random_order")
SURE = ("ace",)  # default where costs are traded against accuracy: strategies must know how sure it is
FINAL_TOP = 10  # default; 0 with objectives, where the predicted best by accuracy are not what is looked for
_REGRETS = {"%": (1.0, 0.5, 0.2)}  # default regrets to count the queries to, by the unit of the target
_TIME = "train_time"  # columns of training times, in seconds, begin with this
_log = logging.getLogger("acerank")


@dataclass(frozen=True)
class SearchPlan:
    """Searches, resolved: nothing is looked up by name from here on.

    Attributes:
        trials: Every trial.
        notes: What a reader has to know, a sentence each.
        repeats: Repeats of each search.
        regrets: Regrets to count the queries to.
    """

    trials: list[SearchTrial]
    notes: list[str]
    repeats: int
    regrets: list[float]

    @property
    def benches(self) -> list[Benchmark]:
        """The benchmarks, in order."""
        return get_benches(each.trial.task for each in self.trials)

    @cached_property
    def fronts(self) -> list[dict[str, Any]]:
        """The true Pareto front of each task whose accuracy is traded against costs."""
        goals = {each.trial.task: each.goals for each in self.trials if each.goals.objectives}
        return [Fronts(task, of_task).describe(task) for task, of_task in goals.items()]

    @property
    def signature(self) -> Signature:
        """The parts of the search and their repeats, to tell searches apart."""
        return {name_part(each): self.repeats for each in self.trials}


def name_part(trial: SearchTrial) -> str:
    """Return what a part of a search is called: a predictor and a strategy on a task of one table."""
    task, schedule = trial.trial.task, trial.schedule
    twins = ", twins" if schedule.twins else ""
    goals = f", {trial.goals}" if trial.goals else ""
    return (
        f"{trial.trial.entry.name} by {trial.asked.title} on {task.bench.info.key} {task.dataset}{goals}, "
        f"{task.label} -> {task.target}, {task.train_size} queries in {schedule.rounds} rounds, "
        f"final top {schedule.final_top}{twins}, seed {task.seed}, table {task.bench.content_hash}"
    )


def build_search_plan(
    bench: str | Path | Benchmark | Sequence[str | Path | Benchmark],
    predictors: str | Iterable[object] | None,
    strategies: object,
    *,
    budget: int,
    rounds: int,
    final_top: int | None,
    twins: bool,
    regrets: Sequence[float] | None,
    cost: str | None,
    repeats: int,
    objectives: str | Sequence[str] = (),
    constraints: str | Sequence[str] = (),
    costs: str = "known",
    datasets: str | Sequence[str] | None,
    target: str | None,
    label: str | None,
    weak: str | Sequence[str] | None,
    trusted_weak: Mapping[str, str] | None,
    encoder: str | Path | None,
    settings: Sequence[str],
    seed: int,
    offline: bool,
    table: TableOptions | None,
    fidelities: Mapping[str, float] | None = None,
) -> SearchPlan:
    """Resolve what `eval.search.search` is asked for, and log what a reader has to know.

    Arguments and errors are those of `search`.
    """
    wanted = Wanted.parse(objectives, constraints, costs)
    if final_top is None:
        final_top = 0 if wanted.objectives else FINAL_TOP
    by, schedule = parse_strategies(strategies), Schedule(rounds, final_top, twins)
    check_numbers(schedule, budget, repeats, regrets)
    check_strategies(by, schedule, wanted)
    asked = _choose_predictors(predictors, settings, by, schedule, wanted)
    encoder_hash = file_hash(encoder) if encoder else ""
    loaded = load_benchmarks(bench, weak, trusted_weak, target, offline=offline, table=table)
    code = code_hash(["eval.search.loop"])
    trials: list[SearchTrial] = []
    for each in loaded:
        tasks = _build_tasks(each, as_list(datasets), label, budget, seed)
        goals = {id(task): wanted.resolve(task, twins=twins) for task in tasks}
        shorter = [_find_fidelities(task, by, fidelities) for task in tasks]
        for task in tasks:
            own_goals = goals[id(task)]
            check_size(task, schedule, build_pool(task, twins=twins, goals=own_goals), own_goals)
        own = keep_possible(asked, each.bench, tasks, each.weak) if predictors is None else asked
        entries = build_entries(
            own, tasks, weak=each.weak, encoder=str(encoder or ""), encoder_hash=encoder_hash
        )
        for task, low in zip(tasks, shorter, strict=True):
            column = _choose_cost(cost, task)
            trials += build_search_trials(
                task,
                entries,
                by,
                schedule,
                repeats=repeats,
                code=code,
                cost=column,
                goals=goals[id(task)],
                fidelities=low,
            )
    trials, unsure = _leave_out_unsure(trials)
    notes = [*unsure, *_describe(trials, loaded, schedule)]
    return SearchPlan(trials, notes, repeats, _choose_regrets(regrets, trials))


def _leave_out_unsure(trials: Sequence[SearchTrial]) -> tuple[list[SearchTrial], list[str]]:
    """Return the trials whose predictor says how sure it is where the strategy must know, and notes.

    Raises:
        InputError: No trial is left.
    """
    kept, lines = [], []
    for each in trials:
        predictor = each.trial.entry.predictor
        if each.asked.strategy.uses_std and not predictor.has_std:
            name = each.trial.entry.name
            lines.append(f"{each.asked.title} by {name} is left out: {name} does not say how sure it is")
        else:
            kept.append(each)
    if not kept:
        trials[0].trial.entry.predictor.check_has_std()
    lines = list(dict.fromkeys(lines))
    for line in lines:
        _log.warning(line)
    return kept, lines


def run_search_plan(
    plan: SearchPlan,
    *,
    out: str | Path | None = None,
    jobs: int = 1,
    cluster: str | Client | None = None,
    progress: bool = True,
    command: Command | None = None,
    against: Sequence[SearchResults] = (),
) -> SearchResults:
    """Run a plan, resuming what its folder holds.

    Args:
        plan: What `build_search_plan` returned.
        out: Where finished trials and rows are kept; None for a command's default, else for nothing.
        jobs: Processes; 0 for one a core.
        cluster: Dask cluster that trials are run on in place of them; see `eval.evaluate`.
        progress: Show progress on stderr, if that is a terminal.
        command: The command line that asks; None from Python.
        against: Earlier searches for the same Pareto front to compare these with.

    Raises:
        InputError: The folder holds another run, or an earlier search is for another front.
    """
    check_against(against, plan.fronts)
    folder = choose_folder(plan.benches, "search", plan.signature, out, command)
    settings = describe_run(plan.benches, "search", plan.signature, command)
    settings |= {"regrets": plan.regrets}
    if plan.fronts:
        settings |= {"fronts": plan.fronts}
    with open_folder(folder) as place:
        write_settings(place, settings, plan.notes)
        with (
            open_cluster(cluster, jobs) as workers,
            show_progress(len(plan.trials), show=progress, cluster=workers) as done,
        ):
            rows = run_trials(plan.trials, Store(place), jobs=jobs or cpu_count(), cluster=workers, done=done)
    results = SearchResults(
        rows, settings=settings, notes=plan.notes, folder=folder, regrets=plan.regrets, against=against
    )
    if folder is not None and plan.fronts:
        results.write_fronts(folder / FRONTS)
    return results


def check_numbers(schedule: Schedule, budget: int, repeats: int, regrets: Sequence[float] | None) -> None:
    """Raise InputError for numbers that make no search."""
    batch_sizes(budget, schedule.rounds)
    if schedule.final_top < 0:
        raise InputError(f"the final top must be at least 0, not {schedule.final_top}")
    if repeats < 1:
        raise InputError(f"repeats must be at least 1, not {repeats}")
    for regret in regrets or ():
        if not 0 <= regret < math.inf:
            raise InputError(f"a regret must be a number from 0 up, not {regret}")


def check_strategies(
    strategies: Sequence[AskedStrategy], schedule: Schedule, wanted: Wanted = NOTHING
) -> None:
    """Raise InputError for strategies or parameters that would have no effect, or that lack costs."""
    for each in strategies:
        if each.strategy.uses_costs and not wanted.objectives:
            raise InputError(
                f"strategy '{each.title}' trades accuracy against costs: name one as an objective, e.g. "
                "flops:min"
            )
        if each.strategy.uses_fidelities and (wanted.objectives or wanted.measured):
            raise InputError(
                f"strategy '{each.title}' looks for accuracy alone: leave out objectives and measured costs"
            )
    strategies = [each for each in strategies if not each.strategy.uses_fidelities]
    if schedule.rounds == 1 and strategies and (len(strategies) > 1 or strategies[0].strategy.changed()):
        raise InputError(
            f"{', '.join(each.title for each in strategies)}: in a search of one round every query is drawn "
            "at random, so a strategy would have no effect; spend the budget in 2 rounds or more"
        )


def _choose_predictors(
    predictors: str | Iterable[object] | None,
    settings: Sequence[str],
    strategies: Sequence[AskedStrategy],
    schedule: Schedule,
    wanted: Wanted,
) -> list[Asked]:
    """Return the predictors; one that is never asked will do where none has a say."""
    guided = schedule.final_top or (schedule.rounds > 1 and any(s.strategy.uses_scores for s in strategies))
    if guided:
        usual = SURE if wanted.objectives else PREDICTORS
        return parse(usual if predictors is None else predictors, settings)
    if predictors is not None:
        raise InputError(
            f"predictors would have no effect: {', '.join(s.title for s in strategies)} asks none in "
            f"{schedule.rounds} {'round' if schedule.rounds == 1 else 'rounds'}, and there is no final top"
        )
    return parse("random_order", settings)


def _build_tasks(
    loaded: Loaded, datasets: Sequence[str] | None, label: str | None, budget: int, seed: int
) -> list[Task]:
    """Return a task for each data set, with the budget as its training size.

    Nothing is split here: one row of the plainest protocol resolves data sets, label and target.
    """
    tasks = build_tasks(
        loaded.bench,
        datasets=datasets,
        target=loaded.target,
        label=label,
        protocols=["uniform"],
        train_sizes=[1],
        seed=seed,
    )
    return [replace(task, train_size=budget) for task in tasks]


def _find_fidelities(
    task: Task, strategies: Sequence[AskedStrategy], shares: Mapping[str, float] | None
) -> list[Fidelity]:
    """Return the labels of shorter trainings, if a strategy uses them.

    Raises:
        InputError: There are none, or no strategy uses those that are named.
    """
    users = [each.title for each in strategies if each.strategy.uses_fidelities]
    if not users:
        if shares:
            raise InputError("labels of shorter trainings would have no effect: no strategy uses them")
        return []
    if found := get_fidelities(task.bench, task.dataset, task.label, shares):
        return found
    raise InputError(
        f"{', '.join(users)}: needs labels of shorter trainings; {task.bench.info.key} {task.dataset} has "
        f"none for {task.label}. Benchmarks that have them: {', '.join(list_benchmarks())}. In a table of "
        "your own, name them with the share of a full training that each costs: fidelities acc_12=12/200"
    )


def _choose_cost(asked: str | None, task: Task) -> str:
    """Return the column of training times; "" if the table has none, or several and none was asked for.

    Of several the one with the epochs of the label is taken: train_time_50 for valid_acc_50.

    Raises:
        UnknownNameError: The table has no such column.
        InputError: The column lacks the time of some network.
    """
    bench = task.bench
    found = [name for name in bench.table.names if name.startswith(_TIME)]
    epochs = bench.label_column(task.dataset, task.label).name.rpartition("_")[2]
    own = f"{_TIME}_{epochs}"
    name = asked or (own if own in found else found[0] if len(found) == 1 else "")
    if name:
        check_name("column", name, bench.table.names)
        missing = np.flatnonzero(~np.isfinite(bench.table.values(name)))
        if len(missing):
            raise InputError(
                f"column '{name}' has no training time for {len(missing):,} of {len(bench):,} architectures, "
                f"the first in row {missing[0]}"
            )
    return name


def _choose_regrets(asked: Sequence[float] | None, trials: Sequence[SearchTrial]) -> list[float]:
    """Return the regrets to count the queries to; no default where the targets differ in unit."""
    if asked is not None:
        return list(asked)
    tasks = [each.trial.task for each in trials]
    units = {task.bench.label_column(task.dataset, task.target).unit for task in tasks}
    return list(_REGRETS.get(units.pop(), ())) if len(units) == 1 else []


def _describe(trials: Sequence[SearchTrial], loaded: Sequence[Loaded], schedule: Schedule) -> list[str]:
    """Return the notes of a search; what `load_benchmark` has not logged is logged here."""
    tasks = {each.trial.task: each.goals for each in trials}
    notes = []
    for task, goals in tasks.items():
        notes.append(describe_task(task, schedule, name_bench=len(loaded) > 1, goals=goals))
        notes += describe_goals(task, goals)
    notes += describe_fidelities(trials)
    notes += describe_unsourced(trials)
    for note in notes:
        _log.info(note)
    for each in loaded:
        notes += [f"{each.bench.info.title}: {each.bench.size_note}", *cite(each.bench)]
    return [note for note in notes if note]
