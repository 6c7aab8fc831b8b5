"""A request to rank, resolved and run: load, estimate, fit, score, choose."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.base import Benchmark
from data.errors import InputError
from eval.grid.plan import Loaded, as_list, load_benchmark
from eval.rank.candidates import Candidates, Labelled, find_candidates, find_labelled, read_candidates
from eval.rank.estimate import Estimate, estimate
from eval.rank.frame import RESULTS, build_frame, get_result_names, get_target_names
from eval.rank.ranker import Ranker, Rated
from eval.rank.selection import Wanted, choose
from eval.rank.spaces import KEPT, search_space

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.table_options import TableOptions


@dataclass(frozen=True)
class Job:
    """What `rank` was asked; see there."""

    bench: str | Path | Benchmark
    predictor: object | None
    candidates: str | Path | None
    space: str | None
    n: int | None
    keep: int | None
    dataset: str | None
    weak: str | Sequence[str] | None
    trusted_weak: Mapping[str, str] | None
    settings: Sequence[str]
    repeats: int
    seed: int
    jobs: int
    progress: bool
    offline: bool
    table: TableOptions | None

    def __post_init__(self) -> None:
        """Refuse candidates from two places, and sizes of a space that is not there."""
        if self.candidates is not None and self.space is not None:
            raise InputError("candidates come from a file or from a search space, not from both")
        if self.space is None and (self.n is not None or self.keep is not None):
            raise InputError("'n' and 'keep' are sizes of a search space: name the space")
        for name, value in (("n", self.n), ("keep", self.keep)):
            if value is not None and value < 1:
                raise InputError(f"'{name}' must be at least 1, not {value}")

    def run(self, targets: Sequence[str | None], wanted: Wanted) -> pd.DataFrame:
        """Rank by the first target, and by the others too if there are any."""
        loaded = self._load(targets[0])
        labelled = find_labelled(loaded, self.dataset)
        rows = find_candidates(labelled) if self.space is None else None
        top = wanted.top if rows is None else min(wanted.top, int((rows.twins < 0).sum()))
        judged = self._estimate(loaded, labelled, top)
        ranker = Ranker(labelled, judged.entry, self.seed)
        candidates = rows or self._search_space(labelled, ranker, wanted)
        rated = ranker.rate(candidates.graphs)
        rng = np.random.default_rng([self.seed, 3])
        frame = build_frame(labelled, candidates, rated, top, rng, get_result_names(targets))
        verdicts = [judged.verdict]
        if len(targets) > 1:
            frame, more = self._add_targets(frame, targets, candidates, rated, top)
            verdicts += more
        order = _order(frame, several=len(targets) > 1)
        frame = frame.iloc[order].reset_index(drop=True)
        frame.insert(0, "rank", np.arange(1, len(frame) + 1))
        chosen, notes = choose(frame, candidates.graphs.take(order), wanted)
        numbers = np.zeros(len(frame), int)
        numbers[chosen] = np.arange(1, len(chosen) + 1)
        frame.insert(1, "chosen", numbers)
        frame.attrs.update(
            predictor=judged.entry.name,
            top=top,
            named=wanted.columns,
            estimate=judged.records,
            verdict=judged.verdict,
            verdicts=verdicts,
            notes=judged.notes,
            selection=[*self._warn(targets, frame), *notes],
        )
        return frame

    def _load(self, target: str | None) -> Loaded:
        bench, table = self.bench, self.table
        if self.candidates is not None:
            bench, table = read_candidates(bench, self.candidates, target, table), None
        weak = as_list(self.weak)
        return load_benchmark(bench, weak, self.trusted_weak, target, offline=self.offline, table=table)

    def _warn(self, targets: Sequence[str | None], frame: pd.DataFrame) -> list[str]:
        """Return what the front of several targets leaves out."""
        if self.space is None or len(targets) == 1:
            return []
        return [
            f"of the space '{self.space}', the {len(frame):,} best networks by {targets[0]} are compared by "
            "all targets; a larger 'keep' compares more"
        ]

    def _estimate(self, loaded: Loaded, labelled: Labelled, top: int) -> Estimate:
        return estimate(
            loaded,
            labelled,
            self.predictor,
            settings=self.settings,
            repeats=self.repeats,
            seed=self.seed,
            jobs=self.jobs,
            progress=self.progress,
            top=top,
        )

    def _search_space(self, labelled: Labelled, ranker: Ranker, wanted: Wanted) -> Candidates:
        keep = max(self.keep or KEPT, wanted.top)
        with _show_candidates(show=self.progress) as done:
            return search_space(labelled, ranker, str(self.space), self.n, keep, self.seed, done)

    def _add_targets(
        self,
        frame: pd.DataFrame,
        targets: Sequence[str | None],
        candidates: Candidates,
        rated: Rated,
        top: int,
    ) -> tuple[pd.DataFrame, list[str]]:
        """Return the frame with what is expected of every target and layers, and what rankers are worth."""
        names = get_target_names(targets)
        frame = frame.rename(columns={name: f"{name}_{names[0]}" for name in RESULTS})
        points, verdicts = [rated.scores], []
        for target, name in zip(targets[1:], names[1:], strict=True):
            loaded = self._load(target)
            other = find_labelled(loaded, self.dataset)
            judged = self._estimate(loaded, other, top)
            verdicts.append(f"{name}: {judged.verdict}")
            ranker = Ranker(other, judged.entry, self.seed)
            found = _take_known(other, candidates, ranker.rate(candidates.graphs), ranker)
            points.append(found.scores)
            for column in ("score", "std", "expected", "low", "high"):
                values = found.scores if column == "score" else getattr(found, column)
                if values is not None:
                    frame.insert(list(frame.columns).index("name"), f"{column}_{name}", values)
        frame.insert(0, "front", _get_layers(np.stack(points, axis=1)))
        return frame, verdicts


def _take_known(labelled: Labelled, candidates: Candidates, rated: Rated, ranker: Ranker) -> Rated:
    """Return what is said of candidates, of which those with a known label have that, without a deviation."""
    if candidates.rows is None or rated.std is None:
        return rated
    known = labelled.task.truth[candidates.rows]
    measured = np.isfinite(known)
    if not measured.any():
        return rated
    scores = rated.scores.copy()
    scores[measured] = ranker.predictor.label_units(known[measured])
    labels = known * ranker.direction
    expected, low, high = (
        None if values is None else np.where(measured, labels, values)
        for values in (rated.expected, rated.low, rated.high)
    )
    return Rated(scores, np.where(measured, 0.0, rated.std), expected, low, high)


def _get_layers(points: np.ndarray) -> np.ndarray:
    """Return (m,) layers from 1: candidates that no other beats, those that only layer 1 beats, and so on."""
    import moocore

    return np.asarray(moocore.pareto_rank(points, maximise=True), int) + 1


def _order(frame: pd.DataFrame, *, several: bool) -> np.ndarray:
    """Return the positions of candidates, best first: by score, or by layer and then the first score."""
    if not several:
        return np.argsort(-frame["score"].to_numpy(), kind="stable")
    first = next(column for column in frame.columns if column.startswith("score_"))
    return np.lexsort([-frame[first].to_numpy(), frame["front"].to_numpy()])


@contextmanager
def _show_candidates(*, show: bool) -> Iterator[Callable[[int, int], object]]:
    """Show how many candidates are scored on stderr, if that is a terminal."""
    if not (show and sys.stderr.isatty()):
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("candidates", total=None)
        yield lambda done, total: bar.update(task, advance=done, total=total)
