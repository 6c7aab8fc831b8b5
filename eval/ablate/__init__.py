"""Ablations: what each part of a predictor is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from benchmarks.base import Benchmark
    from eval.ablate.arms import Arm
    from eval.evaluate import Command
    from eval.results import Results

METRICS = ("ndcg@10", "kendall_tau", "regret@10")
REPEATS = 20


@dataclass(frozen=True)
class Ablation:
    """The variants of one predictor, compared with the base.

    Attributes:
        base: Name of the base.
        arms: Every variant on every task by every metric.
        results: The results behind them.
    """

    base: str
    arms: list[Arm]
    results: Results

    def to_pandas(self) -> pd.DataFrame:
        """Return a frame with a row for each variant, task and metric."""
        import pandas as pd

        from eval.ablate.arms import records_of

        return pd.DataFrame(records_of(self.arms))

    def report(self, path: str | Path = "ablation.html") -> Path:
        """Write the page, one file that needs no network, and return its path."""
        from eval.ablate.arms import write_ablation

        write_ablation(Path(path), self)
        return Path(path)


def ablate(
    bench: str | Path | Benchmark,
    base: str = "acenas",
    vary: Mapping[str, Sequence[Any]] | Sequence[str] = (),
    *,
    mode: str = "one",
    out: str | Path | None = None,
    jobs: int = 1,
    cluster: str | Client | None = None,
    progress: bool = True,
    settings: Sequence[str] = (),
    command: Command | None = None,
    **options: Any,  # noqa: ANN401
) -> Ablation:
    """Change one predictor in several ways and compare each with the base, paired over repeats.

    Args:
        bench: See `eval.evaluate`.
        base: The predictor that is changed, e.g. "acenas:width=32".
        vary: Values of each hyper-parameter, e.g. {"loss": ["lambdarank", "mse"], "weak": ["none"]}, or
            "loss=lambdarank,mse" each.
        mode: "one" to change one hyper-parameter at a time, "grid" for every combination.
        out: Folder that keeps finished trials; None for none.
        jobs: Processes; 0 for one a core.
        cluster: Dask cluster that trials are run on in place of them; see `eval.evaluate`.
        progress: Show progress on stderr, if that is a terminal.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        command: The command line that asks; None from Python.
        **options: As `evaluate` takes them; 20 repeats and three metrics by default.

    Raises:
        InputError: `vary` is not of this form, or as `evaluate` does.
    """
    from eval.ablate.arms import build_arms, compare
    from eval.evaluate import run_plan
    from eval.grid.entries import parse
    from eval.grid.plan import build_plan

    items = (
        vary if not isinstance(vary, Mapping) else [f"{k}={','.join(map(str, v))}" for k, v in vary.items()]
    )
    asked = parse(",".join(build_arms(base, items, mode)), settings, distinct=True)
    plan = build_plan(bench, asked, distinct=True, **{"repeats": REPEATS, "metrics": METRICS, **options})
    results = run_plan(
        plan, "ablate", out=out, jobs=jobs, cluster=cluster, progress=progress, command=command
    )
    first = results.predictors[0]
    return Ablation(first, compare(results.rows, first), results)
