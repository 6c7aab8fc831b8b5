"""The leaderboard: every predictor on every benchmark at hand, and where each stands over all of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

    from benchmarks.base import Benchmark
    from eval.evaluate import Command
    from eval.results import Results

log = logging.getLogger("acerank")

METRICS = ("kendall_tau", "ndcg@10", "precision_top@5", "regret@10")


def leaderboard(
    bench: str | Path | Benchmark | Sequence[str | Path | Benchmark] | None = None,
    predictors: str | Iterable[object] | None = None,
    *,
    metrics: str | Sequence[str] | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
    cluster: str | Client | None = None,
    progress: bool = True,
    settings: Sequence[str] = (),
    command: Command | None = None,
    **options: Any,  # noqa: ANN401
) -> Results:
    """Compare predictors on benchmarks; `eval.leaderboard.page.write_leaderboard` shows what comes out.

    Args:
        bench: See `eval.evaluate`; by default every registered benchmark whose table is on this machine.
        predictors: See `eval.evaluate`; by default every registered predictor that is not `costly`, without
            those that a benchmark has no weak label for.
        metrics: Metrics; by default METRICS.
        out: Folder that keeps finished trials, so that an interrupted run resumes; None for none.
        jobs: Processes; 0 for one a core.
        cluster: Dask cluster that trials are run on in place of them; see `eval.evaluate`.
        progress: Show progress on stderr, if that is a terminal.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        command: The command line that asks; None from Python.
        **options: As `evaluate` takes them.

    Raises:
        MissingTableError: No benchmark was named, and there is no table on this machine.
        InputError, UnknownNameError: As `evaluate` does.
    """
    from dataclasses import replace

    from eval.evaluate import run_plan
    from eval.grid.entries import parse
    from eval.grid.plan import build_plan
    from eval.leaderboard.choice import choose_benchmarks, choose_predictors

    benches, absent = (bench, []) if bench is not None else choose_benchmarks()
    names, costly = (predictors, []) if predictors is not None else choose_predictors()
    asked = parse(names, settings)
    plan = build_plan(
        benches,
        asked,
        chosen=predictors is not None,
        metrics=metrics or METRICS,
        **options,
    )
    compared = {trial.entry.name.partition(":")[0] for trial in plan.trials}
    lacking = [each.title for each in asked if each.name not in compared]
    reasons = (
        ("benchmarks whose tables are not on this machine", absent),
        ("predictors that are costly, unless they are named", costly),
        ("predictors that lack a weak label on one of the benchmarks", lacking),
    )
    left_out = [f"Not compared: {reason}: {', '.join(found)}." for reason, found in reasons if found]
    for line in left_out:
        log.info(line)
    plan = replace(plan, notes=[*left_out, *plan.notes])
    return run_plan(
        plan, "leaderboard", out=out, jobs=jobs, cluster=cluster, progress=progress, command=command
    )
