"""The account of weak labels: what each is worth, costs, gets wrong, and adds to the others."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError
from predictors.device import CPU

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from benchmarks.base import Benchmark
    from benchmarks.prices import Price
    from benchmarks.table_options import TableOptions
    from eval.evaluate import Command
    from eval.results import Results, Row
    from eval.weak.agreement import Agreement
    from eval.weak.arms import Arms
    from eval.weak.fidelity import Fidelity
    from eval.weak.teaching import Teaching
    from eval.weak.worth import Worth

METRICS = ("kendall_tau", "ndcg@10", "regret@10")
REPEATS = 10
TRAIN_SIZES = (10, 20, 50, 100)
FURTHER_SIZES = (200, 400)  # at which only the ranker without weak labels runs
PREDICTOR = "acenas"


@dataclass(frozen=True)
class Account:
    """The account of the weak labels of a benchmark.

    Attributes:
        predictor: The ranker, without its weak labels.
        reference: Name of its arm without weak labels, in rows.
        dataset, target: What it ranks by.
        labels: Each weak label, or several joined by +.
        beside: Weak labels that each one was added to; "" for none.
        agreements: How each label, and each greedy sum, agrees with the truth.
        worth: What each is worth.
        sums: Greedy sums, in the order of the steps.
        prices: Price of each label; of a sum, of all its names together; None where it is not known.
        teaching: Which properties of labels go with their worth.
        results: The results behind it.
        notes: What was left out, a sentence each.
        fidelities: What short trainings are worth in place of true labels, if that was asked for.
    """

    predictor: str
    reference: str
    dataset: str
    target: str
    labels: list[str]
    beside: str
    agreements: list[Agreement]
    worth: list[Worth]
    sums: list[str]
    prices: dict[str, list[Price | None]]
    teaching: list[Teaching]
    results: Results
    notes: list[str] = field(default_factory=list)
    fidelities: list[Fidelity] = field(default_factory=list)

    def to_pandas(self) -> pd.DataFrame:
        """Return a frame with a row for each label, kind of comparison, budget and metric."""
        import pandas as pd

        from eval.weak.records import get_records

        return pd.DataFrame(get_records(self))

    def report(self, path: str | Path = "weak.html") -> Path:
        """Write the page, one file that needs no network, and return its path."""
        from eval.weak.page import write_account

        write_account(Path(path), self)
        return Path(path)


def account(
    bench: str | Path | Benchmark,
    weak: Sequence[str] | None = None,
    *,
    predictor: str = PREDICTOR,
    beside: str | None = "default",
    greedy: int = 0,
    fidelity: bool = False,
    train_sizes: Sequence[int] = TRAIN_SIZES,
    further_sizes: Sequence[int] = FURTHER_SIZES,
    repeats: int = REPEATS,
    metrics: Sequence[str] = METRICS,
    dataset: str | None = None,
    target: str | None = None,
    label: str | None = None,
    protocol: str | None = None,
    trusted_weak: Mapping[str, str] | None = None,
    settings: Sequence[str] = (),
    seed: int = 0,
    jobs: int = 1,
    cluster: str | Client | None = None,
    out: str | Path | None = None,
    progress: bool = True,
    offline: bool = False,
    table: TableOptions | None = None,
    device: str = CPU,
    encoders: int = 1,
    command: Command | None = None,
) -> Account:
    """Measure what weak labels are worth to a ranker, each alone, next to the others, and in greedy sums.

    Args:
        bench: A benchmark's key, the path of a table, or a Benchmark.
        weak: Weak labels, sums of them joined by +, "DATASET/TARGET", tables, "default", "all", or "noise";
            by default one of each kind, with noise as the control.
        predictor: The ranker; it must learn from weak labels.
        beside: Weak labels joined by + that each one is also added to; "default" for the benchmark's own,
            None for none.
        greedy: Largest number of labels in a greedy sum; 0 for none.
        fidelity: Also train on short trainings in place of true labels, at equal price.
        train_sizes: Budgets of training labels.
        further_sizes: Larger budgets at which only the ranker without weak labels runs, to count the labels
            that are saved.
        repeats: Repeats, each with its own split and seed.
        metrics: Metrics; greedy sums are chosen by the first.
        dataset: Data set; by default the benchmark's.
        target: Target that scores are evaluated on.
        label: Training label; "val_loss:min" where lower is better.
        protocol: How training and test rows are drawn.
        trusted_weak: Reason for each weak label that ranks like a true label and is meant to.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        seed: Seed of repeat 0, of pretraining, and of the noise.
        jobs: Processes; 0 for one a core.
        cluster: Dask cluster that trials are run on in place of them; see `eval.evaluate`.
        out: Folder that keeps finished trials; None for none.
        progress: Show progress on stderr, if that is a terminal.
        offline: Never use the network.
        table: How to read a table of one's own.
        device: Where networks train and score; see `eval.evaluate`.
        encoders: Encoders that the ranker is pretrained to on each set of labels; see `eval.evaluate`.
        command: The command line that asks; None from Python.

    Raises:
        InputError: Weak labels that are not, a predictor that does not learn from them, or as `evaluate`.
    """
    from eval.grid.plan import load_benchmark
    from eval.weak.arms import build_arms
    from eval.weak.labels import choose_labels, get_default

    loaded = load_benchmark(bench, None, None, target, offline=offline, table=table)
    dataset = dataset or loaded.bench.info.dataset or next(iter(loaded.bench.datasets), "")
    target = loaded.target or loaded.bench.info.target
    if not target:
        raise InputError(f"{loaded.bench.info.key} has several labels: name the target")
    loaded.bench.label_column(dataset, target)
    chosen = choose_labels(loaded.bench, weak, dataset, target, trusted=trusted_weak, seed=seed)
    others = get_default(chosen.bench) if beside == "default" else [n for n in (beside or "").split("+") if n]
    arms = build_arms(
        chosen.bench,
        predictor if device == CPU else f"{predictor}:device={device}",
        dataset=dataset,
        target=target,
        label=label,
        protocol=protocol,
        train_sizes=train_sizes,
        further_sizes=further_sizes,
        repeats=repeats,
        metrics=metrics,
        seed=seed,
        settings=settings,
        encoders=encoders,
    )
    options: dict[str, Any] = {"jobs": jobs, "cluster": cluster, "progress": progress, "command": command}
    done = _measure(arms, chosen.labels, others, greedy, chosen.notes, out, options)
    return replace(done, fidelities=_measure_fidelities(arms, done, options)) if fidelity else done


def _measure(
    arms: Arms,
    labels: list[str],
    others: list[str],
    greedy: int,
    notes: list[str],
    out: str | Path | None,
    options: dict[str, Any],
) -> Account:
    from eval.evaluate import run_plan
    from eval.weak.agreement import get_agreement
    from eval.weak.greedy import Greedy, choose_sums
    from eval.weak.parts import get_parts
    from eval.weak.teaching import get_teaching
    from eval.weak.worth import ALONE, get_worth

    bench, dataset, target = arms.bench, arms.dataset, arms.target
    alone = {arms.add(label): label for label in labels}
    with ExitStack() as stack:
        if out is None and options["command"] is None and greedy:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acerank-"))) / "weak"
        results: list[Results] = []

        def run() -> list[Row]:
            results.append(run_plan(arms.get_plan(), "weak", out=out, **options))
            return list(results[-1].rows)

        added = _add_next_to(arms, labels, others)
        rows = run()
        chosen = choose_sums(arms, labels, greedy, run) if greedy else Greedy([], [])
    worth = get_worth(rows, alone, arms.reference, ALONE)
    worth += _get_added(rows, added, arms, others) + chosen.worth
    parts = get_parts(bench.graphs)
    shown = list(dict.fromkeys([*labels, *chosen.sums]))
    agreements = [get_agreement(bench, dataset, target, each, parts) for each in shown]
    return Account(
        arms.predictor,
        arms.reference,
        dataset,
        target,
        labels,
        "+".join(others),
        agreements,
        worth,
        chosen.sums,
        {each: _get_prices(bench, each) for each in shown},
        get_teaching(agreements, worth),
        results[-1],
        notes,
    )


def _measure_fidelities(arms: Arms, done: Account, options: dict[str, Any]) -> list[Fidelity]:
    from eval.evaluate import run_plan
    from eval.report.summary import summarise
    from eval.weak.fidelity import build_fidelity_plan, get_fidelities

    plan = build_fidelity_plan(arms, done.labels)
    if plan is None:
        return []
    folder = done.results.folder
    out = None if folder is None else folder / "fidelity"
    shared = {name: options[name] for name in ("jobs", "cluster", "progress")}
    rows = list(run_plan(plan.plan, "fidelity", out=out, **shared).rows)
    mine = [row for row in done.results.rows if row["predictor"] == done.reference]
    return get_fidelities(rows, plan, summarise(mine))


def _add_next_to(arms: Arms, labels: list[str], others: list[str]) -> dict[str, tuple[str, bool]]:
    """Add an arm for each label next to the others.

    Returns:
        By label, the name of its arm, and whether that one has the others without the label.
    """
    if not others:
        return {}
    arms.add(*others)
    added = {}
    for label in labels:
        names = label.split("+")
        rest = [name for name in others if name not in names]
        if not rest:
            continue  # nothing is left to stand next to
        lacks = set(names) <= set(others)
        added[label] = (arms.add(*rest) if lacks else arms.add(*others, label), lacks)
    return added


def _get_added(
    rows: Sequence[Row], added: Mapping[str, tuple[str, bool]], arms: Arms, others: list[str]
) -> list[Worth]:
    from eval.weak.worth import ADDED, get_loss, get_worth

    if not added:
        return []
    whole, against = arms.add(*others), "+".join(others)
    more = {name: label for label, (name, lacks) in added.items() if not lacks and name != whole}
    fewer = {name: label for label, (name, lacks) in added.items() if lacks}
    found = get_worth(rows, more, whole, ADDED, against=against) if more else []
    return found + (get_loss(rows, fewer, whole, against) if fewer else [])


def _get_prices(bench: Benchmark, label: str) -> list[Price | None]:
    from benchmarks.prices import NOTHING, get_price
    from eval.weak.labels import NOISE

    return [NOTHING if name == NOISE else get_price(bench, name) for name in label.split("+")]
