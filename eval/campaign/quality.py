"""What a campaign's ranker is worth, what the next batch may bring, and whether to stop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eval.campaign.engine import Engine
from eval.campaign.ledger import Ledger
from eval.campaign.ranking import Ranking
from eval.choose.pareto import hypervolume, hypervolume_curve
from eval.evaluator import fit_and_score
from eval.metrics import METRICS
from eval.stats import mean_interval

FEWEST = 10  # results that cross-validation needs
_REPEATS = 5
_HELD_OUT = 5  # one in five results is predicted by the others
_DRAWS = 500
_UNLIKELY = 0.05  # chance of an improvement below which it is not worth a batch
_TINY = 0.005  # share of the hypervolume


@dataclass(frozen=True)
class Quality:
    """Cross-validated Kendall's tau of the ranker on one objective.

    Attributes:
        objective: Its name.
        tau: Mean over the repeats; None where there are too few results.
        low, high: Its 95 % interval.
        results: Networks with a result.
    """

    objective: str
    tau: float | None
    low: float | None
    high: float | None
    results: int


@dataclass(frozen=True)
class Gain:
    """What the ranker expects of the next batch.

    Attributes:
        size: Networks in the batch.
        gain: Expected improvement of the best result, in its unit; with several objectives of the
            hypervolume, as a share of it. None where nothing can be said.
        chance: Probability of an improvement.
    """

    size: int
    gain: float | None = None
    chance: float | None = None


def cross_validate(engine: Engine, ledger: Ledger) -> list[Quality]:
    """Predict each fifth of the results by the rest, five times, with the ranker of the campaign."""
    networks, labels = ledger.labelled()
    n = len(networks)
    if n < FEWEST:
        return [Quality(o.name, None, None, None, n) for o in engine.objectives]
    graphs = engine.weak.attach(engine.architectures.graphs(ledger.codes(networks)))
    held_out = max(2, n // _HELD_OUT)
    orders = [engine.random(3, repeat).permutation(n) for repeat in range(_REPEATS)]
    found = []
    for objective, y in zip(engine.objectives, labels.T, strict=True):
        scored = fit_and_score(
            engine.pretrained, graphs, y, [order[held_out:] for order in orders], range(_REPEATS),
            np.arange(n),
        )  # fmt: skip
        taus = [
            METRICS["kendall_tau"](y[order[:held_out]], scores[order[:held_out]])
            for order, scores in zip(orders, scored.scores, strict=True)
        ]
        interval = mean_interval(taus, test_to_train=held_out / (n - held_out))
        found.append(
            Quality(objective.name, interval.mean, max(-1.0, interval.low), min(1.0, interval.high), n)
        )
    return found


def expect_gain(engine: Engine, ledger: Ledger, ranking: Ranking | None, size: int) -> Gain:
    """Draw the results of the next batch from the ranker's predictions."""
    _, labels = ledger.labelled()
    if ranking is None or np.isnan(ranking.std).any() or not len(labels):
        return Gain(size)
    batch = engine.choose(ranking, ledger, size, engine.random(2, len(ledger.networks)))
    hashes = engine.architectures.hashes(batch)
    places = np.flatnonzero(np.isin(ranking.hashes, hashes))
    if not len(places):
        return Gain(0, 0.0, 0.0)
    noise = engine.random(4).standard_normal((_DRAWS, *ranking.mean[:, places].shape))
    units = ranking.mean[:, places] + noise * ranking.std[:, places]
    drawn = ranking.to_labels(np.moveaxis(units, 1, 0), engine.predictor.normal_labels)  # (d, draws, batch)
    if len(drawn) == 1:
        gains = np.maximum(drawn[0].max(1) - labels.max(), 0.0)
        return Gain(len(places), float(gains.mean()), float((gains > 0).mean()))
    now = hypervolume(labels, labels.min(0))
    after = [
        hypervolume(np.concatenate([labels, drawn[:, i].T]), labels.min(0)) for i in range(0, _DRAWS, 10)
    ]
    gains = (np.array(after) - now) / now if now else np.zeros(len(after))
    return Gain(len(places), float(gains.mean()), float((gains > 1e-9).mean()))


def seed_deviation(ledger: Ledger) -> np.ndarray | None:
    """Return the pooled standard deviation (d,) between seeds of one network; None if none has two."""
    groups = [
        np.array([r.values for r in network.current if r.values is not None])
        for network in ledger.having("done")
    ]
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        return None
    squares = sum((((group - group.mean(0)) ** 2).sum(0) for group in groups), np.zeros(1))
    return np.sqrt(squares / sum(len(group) - 1 for group in groups))


@dataclass(frozen=True)
class Advice:
    """Whether to stop, and why."""

    stop: bool
    reason: str


def advise(ledger: Ledger, quality: Sequence[Quality], gain: Gain, *, left: bool) -> Advice:
    """Return whether another batch is worth its trainings."""
    done = len(ledger.having("done"))
    if not left:
        return Advice(True, "every network was asked for")
    if quality[0].tau is None:
        return Advice(False, f"{done} results are too few to judge (it takes {FEWEST})")
    if all(q.low is None or math.isnan(q.low) or q.low <= 0 for q in quality):
        return Advice(False, "the ranker cannot be told from chance yet: its expectations mean nothing")
    if gain.gain is None or gain.chance is None:
        return Advice(False, "the ranker does not say how sure it is, so the gain is not known")
    single = len(ledger.objectives) == 1
    shown = f"{gain.gain:.3g}" if single else f"{gain.gain:.2%} of the hypervolume"
    deviation = seed_deviation(ledger)
    if single and deviation is not None and gain.gain < deviation[0] / 2:
        return Advice(
            True, f"the expected gain, {shown}, is below half the deviation between seeds, {deviation[0]:.3g}"
        )
    if gain.chance < _UNLIKELY:
        return Advice(
            True, f"the chance that {gain.size} more networks improve the best is {gain.chance:.0%}"
        )
    if not single and gain.gain < _TINY:
        return Advice(True, f"the expected gain is only {shown}")
    return Advice(
        False, f"{gain.size} more networks improve it by {shown} on average ({gain.chance:.0%} chance)"
    )


def get_curve(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the best result after each training: value, or hypervolume of several objectives.

    A corrected result stands where its correction was told.
    """
    trainings = sorted(
        (r.told.timestamp() if r.told else 0.0, r.number, r.values)
        for network in ledger.networks.values()
        for r in network.current
        if r.values is not None
    )
    signs = [o.sign for o in ledger.objectives]
    points = np.array([values for _, _, values in trainings]).reshape(-1, len(signs)) * signs
    if len(signs) == 1:
        best = np.maximum.accumulate(points[:, 0]) * signs[0] if len(points) else np.empty(0)
    else:
        best = hypervolume_curve(points, points.min(0)) if len(points) else np.empty(0)
    return [{"trainings": i, "best": float(value)} for i, value in enumerate(best, 1)]


def as_records(quality: Sequence[Quality]) -> list[dict[str, Any]]:
    """Return JSON values."""
    return [asdict(each) for each in quality]
