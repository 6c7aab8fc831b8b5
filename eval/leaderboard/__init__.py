"""The leaderboard: every predictor on every benchmark at hand, and where each stands over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.base import Benchmark
    from eval.evaluate import Command
    from eval.results import Results

METRICS = ("kendall_tau", "ndcg@10", "precision_top@5", "regret@10")


def leaderboard(
    bench: str | Path | Benchmark | Sequence[str | Path | Benchmark] | None = None,
    predictors: str | Iterable[object] | None = None,
    *,
    metrics: str | Sequence[str] | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
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
        progress: Show progress on stderr, if that is a terminal.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        command: The command line that asks; None from Python.
        **options: As `evaluate` takes them.

    Raises:
        MissingTableError: No benchmark was named, and there is no table on this machine.
        InputError, UnknownNameError: As `evaluate` does.
    """
    from eval.evaluate import run_plan
    from eval.grid.entries import parse
    from eval.grid.plan import build_plan
    from eval.leaderboard.choice import choose_benchmarks, choose_predictors

    plan = build_plan(
        choose_benchmarks() if bench is None else bench,
        parse(choose_predictors() if predictors is None else predictors, settings),
        chosen=predictors is not None,
        metrics=metrics or METRICS,
        **options,
    )
    return run_plan(plan, "leaderboard", out=out, jobs=jobs, progress=progress, command=command)
