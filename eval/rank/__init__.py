"""Rank architectures that have no label by those that have one, and choose which to train."""

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
    space: str | None = None,
    n: int | None = None,
    keep: int | None = None,
    target: str | Sequence[str] | None = None,
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
    top: int = 20,
    diverse: bool = False,
    constraints: str | Sequence[str] = (),
    budget: float | None = None,
    cost: str = "",
) -> pd.DataFrame:
    """Train on every labelled architecture, rank those without a label, and choose the ones to train.

    Args:
        bench: A table of one's own with labels in some rows, a benchmark's key, or a Benchmark.
        predictor: A predictor as `evaluate` takes it, or several, of which the best in cross-validation on
            the labelled architectures is used; by default `ace`.
        candidates: A second table whose architectures are the candidates, without labels.
        space: A search space of `data.spaces` whose networks are the candidates. By default, candidates are
            the rows of `bench` without a label.
        n: Networks of `space` to draw at random; by default all of a space of at most a million codes, a
            million of a larger one.
        keep: How many of the best networks of `space` stay; by default 10,000.
        target: Label to rank by, e.g. "acc"; "latency:min" where lower is better. Several for the candidates
            that no other beats in all of them.
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
        top: Candidates to choose, and the size of the top in `top_probability`.
        diverse: Whether the chosen ones are kept apart, see eval.choose.diverse.spread.
        constraints: "latency<5" each; a candidate must fulfil all of them to be chosen.
        budget: Largest sum of the costs of the chosen ones, in place of `top`.
        cost: Column with the cost of each candidate.

    Returns:
        One row for each candidate, best first. rank; score (higher is better); from a predictor that says how
        sure it is: std (of a label, in the unit of the scores), expected, low and high (the label to expect
        and the interval that holds 80 % of labels, in the table's unit), top_probability (of being among the
        `top` best candidates); name; nearest and distance (the closest labelled network, on standardised path
        statistics); note (twins); trained (whether it is a labelled network); chosen (1 for the first that
        should be trained, 0 for those that were not chosen); and the candidate's own columns. With several
        targets, score to high carry the name of the target, and front counts layers of candidates that no
        other beats, from 1. `attrs` holds "predictor", "estimate" (records: cross-validated mean and interval
        of each predictor by each metric, and chance), "verdict" (what the estimate says), "verdicts"
        (of every target), "notes" and "selection" (what was left out); where there are several targets,
        "predictor", "estimate" and "verdict" are of the first.

    Raises:
        UnknownNameError: An unknown name; the closest ones are given.
        InputError: There are no candidates, too few labelled networks to learn from, or options contradict.
    """
    from eval.rank.job import Job
    from eval.rank.selection import Wanted, parse_constraints

    wanted = Wanted(top, diverse, tuple(parse_constraints(constraints)), budget, cost)
    job = Job(
        bench,
        predictor,
        candidates,
        space,
        n,
        keep,
        dataset,
        weak,
        trusted_weak,
        settings,
        repeats,
        seed,
        jobs,
        progress,
        offline,
        table,
    )
    return job.run([target] if target is None or isinstance(target, str) else list(target), wanted)
