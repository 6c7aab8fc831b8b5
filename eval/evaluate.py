"""evaluate(): compare predictors as rankers on one benchmark or several; what the commands are a skin of."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import benchmarks
from benchmarks.base import Benchmark
from data.download import checksum
from data.errors import InputError
from data.names import check_name
from eval.grid.entries import PREDICTORS, Asked, build_entries, leave_out, parse
from eval.grid.folder import Signature, claim_folder, sign
from eval.grid.pretraining import cached_encoder, save_encoder
from eval.grid.run import run_grid
from eval.grid.store import Store
from eval.grid.tasks import build_tasks, choose_metrics, describe
from eval.grid.weak import take_weak
from eval.provenance import code_hash, device, versions
from eval.results import Results, read_scores, write_settings
from eval.task import Entry, Task, Trial, build_trials

if TYPE_CHECKING:
    from benchmarks.table_options import TableOptions

log = logging.getLogger("acerank")


def evaluate(
    bench: str | Path | Benchmark | Sequence[str | Path | Benchmark],
    predictors: str | Iterable[object] | None = None,
    *,
    protocol: str | Sequence[str] = "leakfree",
    train_sizes: int | Sequence[int] | None = None,
    repeats: int = 10,
    metrics: str | Sequence[str] | None = None,
    datasets: str | Sequence[str] | None = None,
    target: str | None = None,
    label: str | None = None,
    weak: str | Sequence[str] | None = None,
    trusted_weak: Mapping[str, str] | None = None,
    encoder: str | Path | None = None,
    save_encoder_to: str | Path | None = None,
    settings: Sequence[str] = (),
    seed: int = 0,
    jobs: int = 1,
    out: str | Path | None = None,
    progress: bool = True,
    offline: bool = False,
    table: TableOptions | None = None,
) -> Results:
    """Compare predictors as rankers: each learns from a few labelled architectures and ranks the others.

    Args:
        bench: A benchmark's key, the path of a table, a Benchmark, or several of these.
        predictors: Names ("gcn", "gcn:loss=mse", "./my_ranker.py:Best"), classes and instances with
            fit(graphs, y) and predict(graphs), mixed; by default the ten of `PREDICTORS`, without those that a
            benchmark has no weak label for.
        protocol: How training and test rows are drawn; one or several of data.split.PROTOCOLS.
        train_sizes: Numbers of training labels.
        repeats: Repeats, each with its own split and seed.
        metrics: Names as in eval.metrics; by default those that the test sets are large enough for.
        datasets: Data sets of the benchmark; by default its first choice.
        target: Target that scores are evaluated on, e.g. "test_acc"; "latency:min" where lower is better.
        label: Training label, e.g. "valid_acc".
        weak: Weak labels to pretrain on in place of the predictors' defaults: names, "DATASET/TARGET", paths of
            tables, or "none".
        trusted_weak: Reason for each weak label that ranks like a true label and is meant to.
        encoder: Saved encoder to use in place of pretraining.
        save_encoder_to: Where to save the encoder that is pretrained.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        seed: Seed of repeat 0; repeat r uses seed + r.
        jobs: Processes; 0 for one a core. Any number gives the same rows.
        out: Folder that keeps finished trials, rows and scores, so that an interrupted run resumes; None for none.
        progress: Show progress on stderr, if that is a terminal.
        offline: Never use the network.
        table: How to read a table of one's own.

    Returns:
        The results.

    Raises:
        UnknownNameError: An unknown name; the closest ones are given.
        InputError: Options contradict each other or the benchmark, or one would have no effect.
        TableError, MissingTableError: A table cannot be read, or is nowhere.
    """
    plan = build_plan(
        bench,
        parse(PREDICTORS if predictors is None else predictors, settings),
        chosen=predictors is not None,
        protocol=protocol,
        train_sizes=train_sizes,
        repeats=repeats,
        metrics=metrics,
        datasets=datasets,
        target=target,
        label=label,
        weak=weak,
        trusted_weak=trusted_weak,
        encoder=encoder,
        seed=seed,
        offline=offline,
        table=table,
    )
    folder = None if out is None else claim_folder(Path(out), Path(out), "run", plan.signature)
    return run_plan(plan, folder, jobs=jobs, progress=progress, save_encoder_to=save_encoder_to)


@dataclass(frozen=True)
class Plan:
    """A comparison, resolved: nothing is looked up by name from here on.

    Attributes:
        trials: Every trial.
        metrics: Metrics of the rows.
        notes: What a reader has to know, a sentence each.
        repeats: Repeats of each trial's task and entry.
        options: What was asked for, for settings.json.
    """

    trials: list[Trial]
    metrics: list[str]
    notes: list[str]
    repeats: int
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def benches(self) -> list[Benchmark]:
        """The benchmarks, in order."""
        return list({id(trial.task.bench): trial.task.bench for trial in self.trials}.values())

    @property
    def signature(self) -> Signature:
        """The parts of the run and their repeats, to tell runs apart."""
        return {name_part(trial.task, trial.entry): self.repeats for trial in self.trials}

    def check_predictor(self, name: str) -> None:
        """Refuse a name that no entry of the plan has, with the closest ones."""
        check_name("predictor of this run", name, dict.fromkeys(trial.entry.name for trial in self.trials))


def name_folder(plan: Plan, kind: str = "") -> Path:
    """Return the default folder of a run: runs/BENCH, or runs/BENCH-KIND."""
    stems = "+".join(dict.fromkeys(Path(bench.info.key).stem for bench in plan.benches))
    return Path("runs") / (f"{stems}-{kind}" if kind else stems)


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
    protocol: str | Sequence[str] = "leakfree",
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
) -> Plan:
    """Resolve what `evaluate` is asked for, and log what a reader has to know.

    Args:
        bench: See `evaluate`; so are all arguments not named here.
        asked: Predictors as `eval.grid.entries.parse` returns them.
        chosen: Whether the user named the predictors; default ones are left out where they cannot work.
        distinct: Whether an entry that comes out like an earlier one is dropped.

    Raises:
        See `evaluate`.
    """
    if repeats < 1:
        raise InputError(f"repeats must be at least 1, not {repeats}")
    weak_items = as_list(weak)
    encoder_hash = file_hash(encoder) if encoder else ""
    found = [
        load_benchmark(each, weak_items, trusted_weak, target, offline=offline, table=table)
        for each in ([bench] if isinstance(bench, str | Path | Benchmark) else bench)
    ]
    wanted = {
        "datasets": as_list(datasets),
        "label": label,
        "protocols": as_list(protocol) or [],
        "train_sizes": [train_sizes] if isinstance(train_sizes, int) else train_sizes,
        "seed": seed,
    }
    tasks = [build_tasks(each.bench, target=each.target, **wanted) for each in found]
    if not chosen:
        for each, own in zip(found, tasks, strict=True):
            asked, lines = leave_out(asked, each.bench, own)
            for line in lines:
                log.info(line)
    trials: list[Trial] = []
    code = code_hash(["eval.evaluator"])
    for each, own in zip(found, tasks, strict=True):
        entries = build_entries(
            asked, own, weak=each.weak, encoder=str(encoder or ""), encoder_hash=encoder_hash
        )
        trials += build_trials(own, _distinct(entries) if distinct else entries, repeats, code)
    every = [task for own in tasks for task in own]
    notes = [describe(task) for task in every]
    for name in sorted({t.entry.name for t in trials if t.entry.code is None}):
        notes.append(f"{name} has no source file: its results cannot be used again, it is run every time")
    for note in notes:
        log.info(note)
    for each in found:
        info = each.bench.info
        notes += [*each.bench.notices, info.notes, f"Cite: {info.citation}. Licence: {info.licence}."]
    return Plan(trials, choose_metrics(as_list(metrics), every), [n for n in notes if n], repeats)


@dataclass(frozen=True)
class _Loaded:
    bench: Benchmark
    weak: list[str] | None
    target: str | None


def load_benchmark(
    bench: str | Path | Benchmark,
    weak: Sequence[str] | None,
    trusted_weak: Mapping[str, str] | None,
    target: str | None,
    *,
    offline: bool,
    table: TableOptions | None,
) -> _Loaded:
    """Load a benchmark once, with the weak labels and the direction that are asked for, and announce it."""
    loaded = benchmarks.load(bench, offline=offline, options=table)
    if target and ":" in target:
        target, _, direction = target.rpartition(":")
        if direction not in ("min", "max"):
            raise InputError(f"a target's direction is 'min' or 'max', not '{direction}'")
        loaded = loaded.with_direction({target: 1 if direction == "max" else -1})
    loaded, names = take_weak(loaded, weak, trusted_weak or {})
    announce(loaded)
    return _Loaded(loaded, names, target)


def announce(bench: Benchmark) -> None:
    """Log which benchmark it is; loudly if it stands in for another."""
    if bench.stands_in_for:
        log.warning("THIS IS %s, NOT THE REAL TABLE: %s", bench.info.title.upper(), bench.stands_in_for)
    log.info("%s: %s", bench.info.title, bench.size_note)
    for line in bench.notices:
        log.info(line)


def run_plan(
    plan: Plan,
    folder: Path | None,
    *,
    kind: str = "run",
    jobs: int = 1,
    progress: bool = True,
    save_encoder_to: str | Path | None = None,
    command: Sequence[str] = (),
) -> Results:
    """Run a plan, resuming what its folder holds.

    Args:
        plan: What `build_plan` returned.
        folder: Where finished trials, rows and scores are kept; None to keep nothing.
        kind: What kind of run it is, for settings.json.
        jobs: Processes; 0 for one a core.
        progress: Show progress on stderr, if that is a terminal.
        save_encoder_to: Where to save the one encoder that is pretrained.
        command: The command line, for settings.json.
    """
    saved = _encoder_trial(plan.trials) if save_encoder_to else None
    settings = {
        "command": list(command),
        "options": plan.options,
        "benchmarks": {
            bench.info.key: {"table": bench.content_hash, "size": bench.size_note, **vars(bench.info)}
            for bench in plan.benches
        },
        "device": device(),
        "versions": versions(),
        "run": sign(kind, plan.signature),
    }
    with _folder(folder) as place:
        place.mkdir(parents=True, exist_ok=True)
        write_settings(place, settings, plan.notes)
        with _progress(len(plan.trials), show=progress) as done:
            rows = run_grid(plan.trials, plan.metrics, Store(place), jobs=jobs or count_cores(), done=done)
        if saved is not None and save_encoder_to:
            save_encoder(saved, Path(save_encoder_to))
        kept = read_scores(place) if folder is None else None
    return Results(
        rows,
        settings=settings,
        notes=plan.notes,
        folder=folder,
        scores=(lambda: read_scores(place)) if kept is None else (lambda: kept),
    )


def as_list(value: str | Iterable[str] | None) -> list[str] | None:
    """Return names as a list without repetitions, None for none; a text may hold several, joined by commas."""
    if value is None:
        return None
    items = value.split(",") if isinstance(value, str) else value
    return list(dict.fromkeys(str(item).strip() for item in items if str(item).strip())) or None


def file_hash(path: str | Path) -> str:
    """Return twelve hex digits for the content of a file; InputError if there is no such file."""
    if not Path(path).is_file():
        raise InputError(f"there is no file '{path}'")
    return checksum(Path(path))[:12]


def count_cores() -> int:
    """Return the cores that this process may use."""
    from joblib import cpu_count

    return cpu_count()


def _distinct(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries without those that came out like an earlier one under another spelling."""
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(repr(entry.content), entry)
    return list(first.values())


def _encoder_trial(trials: Sequence[Trial]) -> Trial:
    """Return a trial whose encoder is the one that the whole grid pretrains.

    Raises:
        InputError: Not exactly one encoder is pretrained.
    """
    from predictors.pretraining import Pretrains

    found: dict[Path, Trial] = {}
    for trial in trials:
        if isinstance(trial.entry.predictor, Pretrains) and trial.entry.weak:
            found.setdefault(cached_encoder(trial.entry.predictor, trial), trial)
    if len(found) != 1:
        raise InputError(f"to save an encoder, exactly one must be pretrained; here are {len(found)}")
    return next(iter(found.values()))


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="acerank-") as temporary:
        yield Path(temporary)


@contextmanager
def _progress(total: int, *, show: bool) -> Iterator[Callable[[Trial, bool], object]]:
    """Show finished trials on stderr, if that is a terminal."""
    if not (show and sys.stderr.isatty()):
        yield lambda trial, was_stored: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("trials", total=total)

        def done(trial: Trial, was_stored: bool) -> None:
            bar.update(task, advance=1, description=trial.title)

        yield done
