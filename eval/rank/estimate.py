"""What a ranker is worth at this many labels, by cross-validation on the labelled architectures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from eval.evaluate import run_plan
from eval.grid.entries import Asked, build_entries, leave_out, parse
from eval.grid.plan import Loaded, Plan
from eval.grid.tasks import choose_metrics
from eval.provenance import code_hash
from eval.rank.candidates import Labelled
from eval.report.numbers import interval, number
from eval.report.summary import Summary
from eval.task import Entry, build_trials

DEFAULT = "ace"
FLOORS = ("weak_label", "weak_sum", "flops", "params", "random_order")
FALLBACK = "gaussian_process"  # where there are too few labels to choose by
FEWEST = 10  # labelled networks that cross-validation needs
MOST = 2_000  # training labels of the estimate
CHOSEN_BY = "kendall_tau"


@dataclass(frozen=True)
class Estimate:
    """The predictor that is used, and what cross-validation says of it.

    Attributes:
        entry: The predictor.
        records: Mean and interval of each predictor by each metric; none where there are too few labels.
        verdict: The estimate in a sentence or two.
        notes: What a reader has to know.
    """

    entry: Entry
    records: list[dict[str, Any]]
    verdict: str
    notes: list[str]


def estimate(
    loaded: Loaded,
    labelled: Labelled,
    predictors: object | None,
    *,
    settings: Sequence[str] = (),
    repeats: int = 10,
    seed: int = 0,
    jobs: int = 1,
    progress: bool = True,
    top: int = 20,
) -> Estimate:
    """Cross-validate predictors and floors on the labelled networks, and choose the best predictor.

    Args:
        loaded: The benchmark and its weak labels.
        labelled: Its labelled networks.
        predictors: The predictor to use, or several to choose from, as `evaluate` takes them; None for `ace`.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
        repeats: Repeats of the cross-validation.
        seed: Seed of everything random.
        jobs: Processes; 0 for one a core.
        progress: Show progress on stderr, if that is a terminal.
        top: Candidates that are to be chosen; what the verdict is about.
    """
    n = len(labelled.rows)
    asked = DEFAULT if predictors is None else predictors
    chosen = parse(asked if isinstance(asked, str | list | tuple) else [asked], settings)
    size = min(n - -(-n // 5), MOST)
    tasks = [replace(labelled.task, train_size=size, seed=seed)]
    notes = list(loaded.bench.notices)
    if n < FEWEST:
        usual = predictors is None or len(chosen) > 1
        entry = build_entries(parse(FALLBACK) if usual else chosen, tasks)[0]
        verdict = (
            f"{n} labelled networks are too few to say what a ranker is worth (it takes {FEWEST}): "
            f"the order by {entry.name} is a guess."
        )
        return Estimate(entry, [], verdict, notes)
    floors = [each for each in parse(FLOORS) if each.title not in {a.title for a in chosen}]
    others, _ = leave_out(floors, loaded.bench, tasks, loaded.weak)
    others = [each for each in others if _covers(each, labelled)]
    entries = build_entries([*chosen, *others], tasks, weak=loaded.weak)
    trials = build_trials(tasks, entries, repeats, code_hash(["eval.evaluator"]))
    metrics = choose_metrics(None, tasks)
    metrics = [CHOSEN_BY, *(name for name in metrics if name != CHOSEN_BY)]
    results = run_plan(Plan(trials, metrics, notes, repeats), "rank", jobs=jobs, progress=progress)
    summaries = results.summaries()
    ordered = sorted((s for s in summaries if s.metric == CHOSEN_BY), key=lambda s: -s.mean)
    able = {each.title for each in chosen}
    name = next(s.predictor for s in ordered if s.predictor in able)
    entry = next(each for each in entries if each.name == name)
    verdict = _verdict(entry, ordered, n, size) + _top_verdict(entry, summaries, top)
    return Estimate(entry, [asdict(s) for s in summaries], verdict, notes)


def _covers(asked: Asked, labelled: Labelled) -> bool:
    """Return whether a floor has a value for every labelled network."""
    return bool(asked.predictor.covers(labelled.graphs).all())


def _verdict(entry: Entry, ordered: Sequence[Summary], n: int, size: int) -> str:
    own = next(s for s in ordered if s.predictor == entry.name)
    floors = [s for s in ordered if s.predictor.partition(":")[0] in FLOORS and s is not own]
    span = (
        "" if own.ci_low is None or own.ci_high is None
        else f" [{number(max(own.ci_low, -1.0), 2)}, {number(min(own.ci_high, 1.0), 2)}]"
    )  # fmt: skip
    text = (
        f"{n:,} labelled networks. In cross-validation ({size:,} to train on) {entry.name} ranks unseen "
        f"networks with Kendall's tau {number(own.mean, 2)}{span}; chance is 0"
    )
    if floors:
        text += f", the best floor ({floors[0].predictor}) reaches {number(floors[0].mean, 2)}"
    if own.ci_low is not None and own.ci_low <= 0:
        return f"{text}. This cannot be told from chance: do not trust the order."
    if own.ci_low is not None and floors and own.ci_low <= floors[0].mean and floors[0] is not own:
        return f"{text}, from which these labels cannot tell it."
    return f"{text}."


def choose_shown(metrics: Sequence[str]) -> list[str]:
    """Return the metrics to read first: of the whole order, of its front, and regret of the front."""
    fronts = [name for name in metrics if name.startswith("ndcg@")][:1]
    regrets = sorted((m for m in metrics if m.startswith("regret@")), key=lambda m: int(m.partition("@")[2]))
    return [CHOSEN_BY, *fronts, *regrets[-1:]]


def _top_verdict(entry: Entry, summaries: Sequence[Summary], top: int) -> str:
    """Return whether to trust the front of the list, as far as it was measured."""
    own = {s.metric: s for s in summaries if s.predictor == entry.name}
    _, *fronts = choose_shown([s.metric for s in summaries])
    if len(fronts) < 2:
        return ""
    tau, ndcg, regret = (own[name] for name in (CHOSEN_BY, *fronts))
    floors = [s for s in summaries if s.metric == ndcg.metric and s.predictor.partition(":")[0] in FLOORS]
    floor = max((s for s in floors if s is not ndcg), key=lambda s: s.mean, default=None)
    if ndcg.ci_low is None or ndcg.ci_high is None:
        answer = "unknown from one repeat"
    elif ndcg.chance is not None and ndcg.ci_low <= ndcg.chance:
        answer = f"not on this evidence ({ndcg.repeats} repeats cannot tell it from chance)"
    elif floor is not None and ndcg.ci_low <= floor.mean:
        answer = f"no more than {floor.predictor}, from which these labels cannot tell it"
    elif tau.ci_low is not None and tau.ci_low <= 0:
        answer = "not on this evidence (the order as a whole cannot be told from chance)"
    else:
        answer = "yes"
    k = regret.metric.partition("@")[2]
    among = "top network is" if k == "1" else f"top {k} hold one that is"
    return (
        f" Trust this for the top {top}: {answer}. Of the networks held out, its {among} "
        f"{_write(regret, math.inf)} below the best of all on average (chance: {number(regret.chance)}), "
        f"and {ndcg.metric} is {_write(ndcg, 1.0)} (chance: {number(ndcg.chance)})."
    )


def _write(summary: Summary, most: float) -> str:
    """Return a mean with its interval, within 0 and `most`."""
    if summary.ci_low is None or summary.ci_high is None:
        return number(summary.mean)
    return interval(summary.mean, max(summary.ci_low, 0.0), min(summary.ci_high, most))
