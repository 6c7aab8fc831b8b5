"""Plans: what a comparison comes to on its benchmarks, before anything runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import benchmarks
from benchmarks.base import Benchmark
from benchmarks.target_choice import split_target
from data.errors import InputError
from data.files import checksum
from eval.grid.devices import place
from eval.grid.entries import Asked, build_entries, leave_out
from eval.grid.folder import Signature
from eval.grid.session import get_benches
from eval.grid.tasks import build_tasks, choose_metrics, describe
from eval.grid.weak import take_weak
from eval.provenance import code_hash
from eval.task import Entry, Task, Trial, build_trials
from predictors.device import CPU

if TYPE_CHECKING:
    from benchmarks.table_options import TableOptions

log = logging.getLogger("acerank")


@dataclass(frozen=True)
class Plan:
    """A comparison, resolved: nothing is looked up by name from here on.

    Attributes:
        trials: Every trial.
        metrics: Metrics of the rows.
        notes: What a reader has to know, a sentence each.
        repeats: Repeats of each trial's task and entry.
    """

    trials: list[Trial]
    metrics: list[str]
    notes: list[str]
    repeats: int

    @property
    def benches(self) -> list[Benchmark]:
        """The benchmarks, in order."""
        return get_benches(trial.task for trial in self.trials)

    @property
    def signature(self) -> Signature:
        """The parts of the run and their repeats, to tell runs apart."""
        return {name_part(trial.task, trial.entry): self.repeats for trial in self.trials}


def name_part(task: Task, entry: Entry) -> str:
    """Return what a part of a run is called: a predictor on a task of one table."""
    names = task.names
    return (
        f"{entry.name} on {names['bench']} {task.dataset}, {task.label} -> {task.target}, {task.protocol}, "
        f"{task.train_size} labels, seed {task.seed}, table {task.bench.content_hash}"
    )


def build_plan(
    bench: str | Path | Benchmark | Sequence[str | Path | Benchmark],
    asked: Sequence[Asked],
    *,
    chosen: bool = True,
    distinct: bool = False,
    protocol: str | Sequence[str] | None = None,
    train_sizes: int | Sequence[int] | None = None,
    repeats: int = 10,
    metrics: str | Sequence[str] | None = None,
    datasets: str | Sequence[str] | None = None,
    target: str | None = None,
    label: str | None = None,
    weak: str | Sequence[str] | None = None,
    trusted_weak: Mapping[str, str] | None = None,
    encoder: str | Path | None = None,
    seed: int = 0,
    offline: bool = False,
    table: TableOptions | None = None,
    device: str = CPU,
    encoders: int = 1,
) -> Plan:
    """Resolve what `evaluate` is asked for, and log what a reader has to know.

    `asked` are predictors as `eval.grid.entries.parse` returns them; where they are not `chosen` by the user,
    those that cannot work are left out; with `distinct`, only the first of entries that come out alike stays.
    All other arguments, and errors, are those of `evaluate`.
    """
    if repeats < 1:
        raise InputError(f"repeats must be at least 1, not {repeats}")
    encoder_hash = file_hash(encoder) if encoder else ""
    asked = place(asked, device)
    found = load_benchmarks(bench, weak, trusted_weak, target, offline=offline, table=table)
    wanted = {
        "datasets": as_list(datasets),
        "label": label,
        "protocols": as_list(protocol),
        "train_sizes": [train_sizes] if isinstance(train_sizes, int) else train_sizes,
        "seed": seed,
    }
    tasks = [build_tasks(each.bench, target=each.target, **wanted) for each in found]
    if not chosen:
        for each, own in zip(found, tasks, strict=True):
            asked = keep_possible(asked, each.bench, own, each.weak)
    trials: list[Trial] = []
    code = code_hash(["eval.evaluator"])
    made: list[Entry] = []
    for each, own in zip(found, tasks, strict=True):
        entries = build_entries(
            asked, own, weak=each.weak, encoder=str(encoder or ""), encoder_hash=encoder_hash
        )
        entries = _distinct(entries) if distinct else entries
        made += entries
        trials += build_trials(own, entries, repeats, code, encoders=encoders)
    check_encoders(encoders, repeats, made)
    every = [task for own in tasks for task in own]
    notes = _collect_notes(trials, every)
    return Plan(trials, choose_metrics(as_list(metrics), every), notes, repeats)


def check_encoders(encoders: int, repeats: int, entries: Iterable[Entry]) -> None:
    """Raise InputError for a number of encoders that is none, or that nothing uses."""
    if not 1 <= encoders <= repeats:
        raise InputError(f"{repeats} repeats can share 1 to {repeats} encoders, not {encoders}")
    if encoders > 1 and not any(entry.pretrains for entry in entries):
        raise InputError(f"{encoders} encoders would have no effect: no predictor pretrains one here")


def _collect_notes(trials: Sequence[Trial], tasks: Sequence[Task]) -> list[str]:
    """Log what is trained on and evaluated on; return it with what reports say of the benchmarks."""
    unsourced = dict.fromkeys(trial.entry.name for trial in trials if trial.entry.code is None)
    benches = get_benches(tasks)
    notes = [
        *(
            f"{task.bench.info.key} {describe(task)}" if len(benches) > 1 else describe(task)
            for task in tasks
        ),
        *(
            f"{name} has no source file: its results are not reused, it is run every time"
            for name in unsourced
        ),
    ]
    for note in notes:
        log.info(note)
    for bench in benches:
        notes += cite(bench)
    return [note for note in notes if note]


def cite(bench: Benchmark) -> list[str]:
    """Return what a report says of a benchmark: its notices, what to keep in mind, whom to cite."""
    return [*bench.notices, bench.info.notes, f"Cite: {bench.info.citation}. Licence: {bench.info.licence}."]


def keep_possible(
    asked: Sequence[Asked], bench: Benchmark, tasks: Sequence[Task], weak: Sequence[str] | None
) -> list[Asked]:
    """Return the predictors that have the weak labels they need; log which have not. See `leave_out`."""
    kept, lines = leave_out(asked, bench, tasks, weak)
    for line in lines:
        log.info(line)
    return kept


@dataclass(frozen=True)
class Loaded:
    """A benchmark, and what else was asked of it.

    Attributes:
        bench: The benchmark, with the weak labels and the direction that were asked for.
        weak: Names of the weak labels to pretrain on; None for the predictors' defaults.
        target: Name of the target; None for the benchmark's.
    """

    bench: Benchmark
    weak: list[str] | None
    target: str | None


def load_benchmarks(
    bench: str | Path | Benchmark | Sequence[str | Path | Benchmark],
    weak: str | Iterable[str] | None,
    trusted_weak: Mapping[str, str] | None,
    target: str | None,
    *,
    offline: bool,
    table: TableOptions | None,
) -> list[Loaded]:
    """Load one benchmark or several; see `load_benchmark`."""
    names = as_list(weak)
    return [
        load_benchmark(each, names, trusted_weak, target, offline=offline, table=table)
        for each in ([bench] if isinstance(bench, str | Path | Benchmark) else bench)
    ]


def load_benchmark(
    bench: str | Path | Benchmark,
    weak: Sequence[str] | None,
    trusted_weak: Mapping[str, str] | None,
    target: str | None,
    *,
    offline: bool,
    table: TableOptions | None,
) -> Loaded:
    """Load a benchmark once, with the weak labels and the direction that are asked for, and announce it."""
    own = not isinstance(bench, Benchmark) and benchmarks.is_table(bench)
    if own:
        loaded = benchmarks.load(bench, options=with_target(table, target), trusted=trusted_weak)
    else:
        loaded = benchmarks.load(bench, offline=offline, options=table)
    target, direction = split_target(target or "")
    if direction and not own:
        if target in loaded.weak_names:
            loaded = loaded.with_label_column(target)
        loaded = loaded.with_direction({target: direction})
    loaded, names = take_weak(loaded, weak, trusted_weak or {})
    announce(loaded)
    return Loaded(loaded, names, target or None)


def with_target(options: TableOptions | None, target: str | None) -> TableOptions | None:
    """Return how to read a user's table, with the target that is asked for."""
    from benchmarks.table_options import TableOptions

    return replace(options or TableOptions(), target=target) if target else options


def announce(bench: Benchmark) -> None:
    """Log which benchmark it is; loudly if it stands in for another."""
    if bench.stands_in_for:
        log.warning("THIS IS %s, NOT THE REAL TABLE: %s", bench.info.title.upper(), bench.stands_in_for)
    log.info("%s: %s", bench.info.title, bench.size_note)
    for line in bench.notices:
        log.info(line)


def as_list(value: str | Iterable[str] | None) -> list[str] | None:
    """Return names as a list without repetitions, None for none; a text may hold several with commas."""
    if value is None:
        return None
    items = value.split(",") if isinstance(value, str) else value
    return list(dict.fromkeys(str(item).strip() for item in items if str(item).strip())) or None


def file_hash(path: str | Path) -> str:
    """Return twelve hex digits for the content of a file; InputError if there is no such file."""
    if not Path(path).is_file():
        raise InputError(f"there is no file '{path}'")
    return checksum(Path(path))[:12]


def _distinct(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries without those that came out like an earlier one under another spelling."""
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(repr(entry.content), entry)
    return list(first.values())
