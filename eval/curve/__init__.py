"""Few-shot curves: quality against the number of labels, with and without weak supervision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from benchmarks.base import Benchmark
    from eval.evaluate import Command
    from eval.results import Results

METRICS = ("ndcg@10", "kendall_tau", "regret@10")
REPEATS = 20
TRAIN_SIZES = (10, 20, 30, 50, 100, 200, 500)


@dataclass(frozen=True)
class Curve:
    """A predictor and its reference at several training sizes.

    Attributes:
        subject: Name of the predictor.
        reference: Name of what it is compared with.
        results: The results behind the curves.
    """

    subject: str
    reference: str
    results: Results

    def to_pandas(self) -> pd.DataFrame:
        """Return a frame with a row for each task, metric and training size, with the labels saved."""
        import pandas as pd

        from eval.curve.savings import records_of

        return pd.DataFrame(records_of(self.results.summaries(), self.subject, self.reference))

    def report(self, path: str | Path = "curve.html") -> Path:
        """Write the page, one file that needs no network, and return its path."""
        from eval.curve.savings import write_curve

        write_curve(Path(path), self)
        return Path(path)


def curve(
    bench: str | Path | Benchmark,
    predictor: str = "acenas",
    reference: str | None = None,
    *,
    train_sizes: Sequence[int] = TRAIN_SIZES,
    out: str | Path | None = None,
    jobs: int = 1,
    cluster: str | Client | None = None,
    progress: bool = True,
    settings: Sequence[str] = (),
    command: Command | None = None,
    **options: Any,  # noqa: ANN401
) -> Curve:
    """Compare a predictor with a reference at several training sizes, and count the labels that it saves.

    Args:
        bench: See `eval.evaluate`.
        predictor: The predictor, e.g. "acenas".
        reference: What it is compared with; by default the same predictor without weak labels.
        train_sizes: Numbers of training labels.
        out: Folder that keeps finished trials; None for none.
        jobs: Processes; 0 for one a core.
        cluster: Dask cluster that trials are run on in place of them; see `eval.evaluate`.
        progress: Show progress on stderr, if that is a terminal.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        command: The command line that asks; None from Python.
        **options: As `evaluate` takes them; 20 repeats and three metrics by default.

    Raises:
        InputError: More than one predictor or reference, or as `evaluate` does.
    """
    from eval.evaluate import run_plan
    from eval.grid.entries import parse
    from eval.grid.plan import build_plan

    if "," in predictor or "," in (reference or ""):
        raise InputError("a curve compares one predictor with one reference")
    asked = parse([predictor, reference or f"{predictor}:weak=none"], settings)
    given = {"repeats": REPEATS, "metrics": METRICS, **options}
    plan = build_plan(bench, asked, train_sizes=train_sizes, **given)
    results = run_plan(plan, "curve", out=out, jobs=jobs, cluster=cluster, progress=progress, command=command)
    subject, other = results.predictors
    return Curve(subject, other, results)
