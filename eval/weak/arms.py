"""The arms of an account: the ranker without weak labels, with each one, and with each next to the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.base import Benchmark
from data.errors import InputError
from eval.grid.entries import Asked, build_entries, parse
from eval.grid.folder import Signature
from eval.grid.plan import Plan, check_encoders, cite
from eval.grid.tasks import build_tasks, choose_metrics, describe
from eval.provenance import code_hash
from eval.task import Task, build_trials
from predictors.pretraining import Pretrains

NONE = "none"


@dataclass(frozen=True)
class Round(Plan):
    """The plan of one round of a run whose later rounds depend on what came before.

    Attributes:
        first: Signature of the first round, which stands for the whole run, so that a run that is restarted
            finds its folder again before it knows the rounds that follow.
    """

    first: Signature = field(default_factory=dict)

    @property
    def signature(self) -> Signature:
        """The parts of the first round and their repeats."""
        return self.first or super().signature


@dataclass
class Arms:
    """What is run: one ranker, pretrained on one set of weak labels each, on the same tasks.

    Attributes:
        bench: The benchmark, with all weak labels.
        predictor: The ranker, without weak labels, e.g. "acenas:width=32".
        dataset, target: What it ranks by.
        repeats: Repeats.
        metrics: Metrics; None for the default ones.
        tasks: A task for each budget.
        further: Tasks at larger budgets, that only the ranker without weak labels runs on.
        sets: Sets of weak labels, in the order in which they were added.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        encoders: Encoders that are pretrained on each set; repeats share them in turn.
    """

    bench: Benchmark
    predictor: str
    dataset: str
    target: str
    repeats: int
    metrics: list[str]
    tasks: list[Task]
    further: list[Task]
    settings: Sequence[str] = ()
    encoders: int = 1
    sets: dict[tuple[str, ...], Asked] = field(default_factory=dict)
    _first: Signature = field(default_factory=dict)

    def add(self, *labels: str) -> str:
        """Add the arm that is pretrained on labels, or sums of them joined by +; return its name in rows.

        The order of the labels is that of the heads, so the first of equal sets stands for all.
        """
        names = tuple(dict.fromkeys(name for label in labels for name in label.split("+") if name))
        for known, asked in self.sets.items():
            if set(known) == set(names):
                return asked.title
        (asked,) = parse([f"{self.predictor}:weak={'+'.join(names) or NONE}"], self.settings)
        if not isinstance(asked.predictor, Pretrains):
            raise InputError(f"predictor '{self.predictor}' does not learn from weak labels")
        if asked.predictor.needs_weak:
            raise InputError(
                f"predictor '{self.predictor}' needs weak labels; gains are over a ranker that has none"
            )
        self.sets[names] = asked
        return asked.title

    @property
    def reference(self) -> str:
        """Name of the arm without weak labels."""
        return self.add()

    def get_plan(self) -> Plan:
        """Return the plan of all arms so far; the first one that is asked for names the run."""
        code = code_hash(["eval.evaluator"])
        entries = build_entries(list(self.sets.values()), self.tasks)
        if any(self.sets):
            check_encoders(self.encoders, self.repeats, entries)
        trials = build_trials(self.tasks, entries, self.repeats, code, encoders=self.encoders)
        if self.further:
            alone = build_entries([self.sets[()]], self.further)
            trials += build_trials(self.further, alone, self.repeats, code)
        notes = [*map(describe, self.tasks), *cite(self.bench)]
        plan = Round(trials, self.metrics, [note for note in notes if note], self.repeats, self._first)
        self._first = self._first or plan.signature
        return plan


def build_arms(
    bench: Benchmark,
    predictor: str,
    *,
    dataset: str,
    target: str,
    label: str | None,
    protocol: str | None,
    train_sizes: Sequence[int],
    further_sizes: Sequence[int],
    repeats: int,
    metrics: Sequence[str],
    seed: int,
    settings: Sequence[str],
    encoders: int = 1,
) -> Arms:
    """Return the arms of an account, the one without weak labels first.

    `further_sizes` are budgets that only this one runs at, to read off how many labels it needs to keep up;
    those that the table cannot give are left out. All other arguments are those of `eval.weak.account`.
    """
    if "," in predictor or ":weak=" in predictor:
        raise InputError(
            f"an account is of one predictor, without weak labels of its own; not of '{predictor}'"
        )
    if repeats < 1:
        raise InputError(f"repeats must be at least 1, not {repeats}")
    protocols = [protocol] if protocol else None

    def tasks(sizes: Sequence[int] | None) -> list[Task]:
        return build_tasks(
            bench,
            datasets=[dataset],
            target=target,
            label=label,
            protocols=protocols,
            train_sizes=sizes,
            seed=seed,
        )

    own = tasks(sorted(set(train_sizes)) or None)
    further = []
    for size in sorted(set(further_sizes) - {task.train_size for task in own}):
        try:
            further += tasks([size])
        except InputError:
            break
    chosen = choose_metrics(metrics, [*own, *further])
    arms = Arms(bench, predictor, dataset, target, repeats, chosen, own, further, settings, encoders)
    arms.add()
    return arms
