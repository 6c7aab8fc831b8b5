"""Rank the architectures that have no label by those that have one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.base import Benchmark
    from benchmarks.table_options import TableOptions


def rank(
    bench: str | Path | Benchmark,
    predictor: object | None = None,
    *,
    candidates: str | Path | None = None,
    target: str | None = None,
    dataset: str | None = None,
    weak: str | Sequence[str] | None = None,
    trusted_weak: Mapping[str, str] | None = None,
    settings: Sequence[str] = (),
    repeats: int = 10,
    seed: int = 0,
    jobs: int = 1,
    progress: bool = True,
    offline: bool = False,
    table: TableOptions | None = None,
) -> pd.DataFrame:
    """Train on every labelled architecture, and rank those without a label.

    Twins of labelled architectures are left out, and of candidates that are one network only the first stays.

    Args:
        bench: A table of one's own with labels in some rows, a benchmark's key, or a Benchmark.
        predictor: A predictor as `evaluate` takes it; by default the best in cross-validation on the labelled
            architectures among those that `evaluate` runs by default.
        candidates: A second table whose architectures are the candidates, without labels; None for the rows
            of `bench` that have none.
        target: Label to rank by, e.g. "acc"; "latency:min" where lower is better.
        dataset: Data set; by default the benchmark's first choice.
        weak: See `evaluate`.
        trusted_weak: See `evaluate`.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        repeats: Repeats of the cross-validation.
        seed: Seed of everything random.
        jobs: Processes; 0 for one a core.
        progress: Show progress on stderr, if that is a terminal.
        offline: Never use the network.
        table: How to read a table of one's own.

    Returns:
        One row for each candidate, best first: rank, score (higher is better), std (the standard deviation
        of a label, in the unit of the scores, if the predictor says how sure it is), name, note (twins), and
        the candidate's own columns. `attrs` holds "predictor", "estimate" (a list of records:
        cross-validated mean and interval of each predictor by each metric, and chance), "verdict" (what the
        estimate says) and "notes".

    Raises:
        InputError: There are no candidates, or too few labelled networks to learn from.
    """
    from eval.grid.plan import as_list, load_benchmark
    from eval.rank.candidates import find_candidates, read_candidates, score_candidates
    from eval.rank.estimate import estimate

    if candidates is not None:
        bench, table = read_candidates(bench, candidates, target, table), None
    loaded = load_benchmark(bench, as_list(weak), trusted_weak, target, offline=offline, table=table)
    found = find_candidates(loaded, dataset)
    judged = estimate(
        loaded,
        found,
        predictor,
        settings=settings,
        repeats=repeats,
        seed=seed,
        jobs=jobs,
        progress=progress,
    )
    return score_candidates(found, judged, seed)
