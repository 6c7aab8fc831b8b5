"""evaluate(): compare predictors as rankers on one benchmark or several; what the commands are a skin of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from joblib import cpu_count

from benchmarks.base import Benchmark
from data.errors import InputError
from data.names import check_name
from eval.grid import PREDICTORS
from eval.grid.devices import check_devices
from eval.grid.entries import parse
from eval.grid.plan import Plan, build_plan
from eval.grid.pretraining import cached_encoder, save_encoder
from eval.grid.run import run_grid
from eval.grid.session import Command, choose_folder, describe_run, open_cluster, open_folder, show_progress
from eval.grid.store import Store
from eval.results import Results, read_scores, write_settings
from eval.task import Trial
from predictors.device import CPU
from predictors.pretraining import Pretrains

if TYPE_CHECKING:
    from distributed import Client

    from benchmarks.table_options import TableOptions


def evaluate(
    bench: str | Path | Benchmark | Sequence[str | Path | Benchmark],
    predictors: str | Iterable[object] | None = None,
    *,
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
    save_encoder_to: str | Path | None = None,
    settings: Sequence[str] = (),
    seed: int = 0,
    jobs: int = 1,
    cluster: str | Client | None = None,
    out: str | Path | None = None,
    progress: bool = True,
    offline: bool = False,
    table: TableOptions | None = None,
    baseline: str | None = None,
    device: str = CPU,
    encoders: int = 1,
    command: Command | None = None,
) -> Results:
    """Compare predictors as rankers: each learns from a few labelled architectures and ranks the others.

    Args:
        bench: A benchmark's key, the path of a table, a Benchmark, or several of these.
        predictors: Names ("gcn", "gcn:loss=mse", "./my_ranker.py:Best"), classes and instances with
            fit(graphs, y) and predict(graphs), mixed; by default those of `PREDICTORS`, without those
            that a benchmark has no weak label for.
        protocol: How training and test rows are drawn; one or several of data.split.PROTOCOLS. By default
            "leakfree", or cross-validation of a table with few labels.
        train_sizes: Numbers of training labels; by default 100, or what a small table has.
        repeats: Repeats, each with its own split and seed.
        metrics: Names as in eval.metrics; by default those that the test sets are large enough for.
        datasets: Data sets of the benchmark; by default its first choice.
        target: Target that scores are evaluated on, e.g. "test_acc"; "latency:min" where lower is better.
        label: Training label, e.g. "valid_acc"; "val_loss:min" where lower is better.
        weak: Weak labels to pretrain on in place of the predictors' defaults: names, "DATASET/TARGET",
            paths of tables, or "none".
        trusted_weak: Reason for each weak label that ranks like a true label and is meant to.
        encoder: Saved encoder to use in place of pretraining.
        save_encoder_to: Where to save the encoder that is pretrained.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        seed: Seed of repeat 0; repeat r uses seed + r.
        jobs: Processes; 0 for one a core. Any number gives the same rows.
        cluster: Dask cluster that trials are run on in place of processes of this machine: the address of a
            scheduler, a scheduler file, "local:N", or a `distributed.Client`. The rows are the same.
        out: Folder that keeps finished trials, rows and scores, so that an interrupted run resumes.
        progress: Show progress on stderr, if that is a terminal.
        offline: Never use the network.
        table: How to read a table of one's own.
        baseline: Predictor that the others are compared with; None for the best of each metric.
        device: Where networks train and score: "cpu", "cuda", "cuda:1", "mps", or "auto" for the fastest of
            this machine. It is part of a trial's identity.
        encoders: Encoders that each predictor is pretrained to, with seeds of their own; repeats share them
            in turn. With as many as repeats, intervals include the chance of the pretraining.
        command: The command line that asks; None from Python.

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
        device=device,
        encoders=encoders,
    )
    return run_plan(
        plan,
        "run",
        out=out,
        jobs=jobs,
        cluster=cluster,
        progress=progress,
        baseline=baseline,
        save_encoder_to=save_encoder_to,
        command=command,
    )


def run_plan(
    plan: Plan,
    kind: str,
    *,
    out: str | Path | None = None,
    jobs: int = 1,
    cluster: str | Client | None = None,
    progress: bool = True,
    baseline: str | None = None,
    save_encoder_to: str | Path | None = None,
    command: Command | None = None,
) -> Results:
    """Run a plan, resuming what its folder holds.

    Args:
        plan: What `build_plan` returned.
        kind: What kind of run it is: "run", "ablate", "curve".
        out: Where finished trials, rows and scores are kept; None for a command's default, else for nothing.
        jobs: Processes; 0 for one a core.
        cluster: Dask cluster that trials are run on in place of them; see `evaluate`.
        progress: Show progress on stderr, if that is a terminal.
        baseline: Predictor that the others are compared with; None for the best of each metric.
        save_encoder_to: Where to save the one encoder that is pretrained.
        command: The command line that asks; None from Python.

    Raises:
        InputError: The folder holds another run, a device is not there, or not exactly one encoder would be
            saved.
    """
    if baseline is not None:
        names = dict.fromkeys(trial.entry.name for trial in plan.trials)
        check_name("predictor of this run", baseline, names)
    if cluster is None:
        check_devices(trial.entry.predictor for trial in plan.trials)
    saved = _encoder_trial(plan.trials) if save_encoder_to else None
    folder = choose_folder(plan.benches, kind, plan.signature, out, command)
    settings = {**describe_run(plan.benches, kind, plan.signature, command), "baseline": baseline}
    with open_folder(folder) as place:
        write_settings(place, settings, plan.notes)
        with (
            open_cluster(cluster, jobs) as workers,
            show_progress(len(plan.trials), show=progress, cluster=workers) as done,
        ):
            rows = run_grid(
                plan.trials, plan.metrics, Store(place), jobs=jobs or cpu_count(), cluster=workers, done=done
            )
        if saved is not None and save_encoder_to:
            save_encoder(saved, Path(save_encoder_to))
        kept = read_scores(place) if folder is None else None
    return Results(
        rows,
        settings=settings,
        notes=plan.notes,
        folder=folder,
        scores=(lambda: read_scores(place)) if kept is None else (lambda: kept),
        baseline=baseline,
    )


def _encoder_trial(trials: Sequence[Trial]) -> Trial:
    """Return a trial whose encoder is the one that the whole grid pretrains.

    Raises:
        InputError: Not exactly one encoder is pretrained.
    """
    found: dict[Path, Trial] = {}
    for trial in trials:
        if isinstance(trial.entry.predictor, Pretrains) and trial.entry.weak:
            found.setdefault(cached_encoder(trial.entry.predictor, trial), trial)
    if len(found) != 1:
        raise InputError(f"to save an encoder, exactly one must be pretrained; here are {len(found)}")
    return next(iter(found.values()))
