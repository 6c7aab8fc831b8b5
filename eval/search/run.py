"""Searches to rows: resumable, on any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.cluster import Cluster
from eval.grid.parallel import run_all
from eval.grid.store import Store
from eval.search.loop import Searched, Trace, search
from eval.search.results import ROWS
from eval.search.rows import Row, build_rows
from eval.search.trials import SearchTrial
from predictors.sources import source_modules


def run_trials(
    trials: Sequence[SearchTrial],
    store: Store,
    *,
    jobs: int,
    cluster: Cluster | None = None,
    done: Callable[[SearchTrial, bool], object] = lambda trial, was_stored: None,
) -> Sequence[Row]:
    """Run the trials that are not stored yet; return the rows of all, in the order of `trials`.

    Args:
        trials: The searches.
        store: Where finished trials are kept; search_rows.jsonl is written there.
        jobs: Processes; any number gives the same rows.
        cluster: Where trials are run in place of processes of this machine; the rows are the same.
        done: Called with each finished trial, and whether it was found in the store.
    """

    def find(trial: SearchTrial) -> list[Row] | None:
        searched = load(trial, store)
        return None if searched is None else build_rows(trial, searched)

    def run(missing: Sequence[SearchTrial]) -> Iterator[tuple[int, list[Row]]]:
        found = (
            run_all(_run, (missing, store.folder), range(len(missing)), jobs)
            if cluster is None
            else _run_remote(cluster, missing, store)
        )
        for position, searched in found:
            yield position, build_rows(missing[position], searched)

    return store.resume(trials, find, run, done, ROWS)


def _run(shared: tuple[Sequence[SearchTrial], Path], index: int) -> Searched:
    trials, folder = shared
    searched = search(trials[index])
    save(trials[index], searched, Store(folder))
    return searched


def _run_remote(
    cluster: Cluster, trials: Sequence[SearchTrial], store: Store
) -> Iterator[tuple[int, Searched]]:
    """Run searches on a cluster; what comes back is stored here."""
    from eval.grid.remote import Remote

    strategies = {id(trial.asked): trial.asked.strategy for trial in trials}.values()
    sources = [each for strategy in strategies for each in source_modules(strategy) or ()]
    remote = Remote(cluster, compute, None, lambda trial: trial.trial, ["eval.search.loop", *sources])
    for index, searched in remote.run(trials):
        save(trials[index], searched, store)
        yield index, searched


def compute(trial: SearchTrial, argument: None) -> Searched:
    """Run a search; nothing is stored."""
    del argument
    return search(trial)


def save(trial: SearchTrial, searched: Searched, store: Store) -> None:
    """Store a finished trial: what each repeat queried."""
    lengths = [len(trace.rows) for trace in searched.traces]
    values = pa.table(
        {
            "repeat": np.repeat(np.array(trial.trial.repeats, np.int32), lengths),
            "row": np.concatenate([trace.rows for trace in searched.traces]).astype(np.int32),
            "round": np.concatenate([trace.rounds for trace in searched.traces]).astype(np.int32),
            "seconds": np.concatenate([trace.seconds for trace in searched.traces]),
            "level": np.concatenate([trace.levels for trace in searched.traces]).astype(np.int8),
        }
    )
    extra = {
        "identity": trial.identity,
        "measured": {"weak_hash": searched.weak_hash, "pretrain_seconds": searched.pretrain_seconds},
    }
    store.save(trial.id, values, extra)


def load(trial: SearchTrial, store: Store) -> Searched | None:
    """Return the result of a trial that was finished before, or None.

    Raises:
        TableError: Its file is damaged.
    """
    if (found := store.load(trial.id)) is None:
        return None
    stored, extra = found
    repeat = stored["repeat"].to_numpy()
    columns = [stored[name].to_numpy() for name in ("row", "round", "seconds", "level")]
    traces = [Trace(*(column[repeat == each] for column in columns)) for each in trial.trial.repeats]
    return Searched(traces, **extra["measured"])
