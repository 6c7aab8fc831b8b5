"""The engine: from what was told and what is pending to the networks to train next."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from data.names import check_name
from eval.campaign.architectures import Architectures, stack
from eval.campaign.ledger import Ledger
from eval.campaign.objectives import Objective
from eval.campaign.ranking import Ranking
from eval.campaign.weak import NO_WEAK, WeakLabels
from eval.choose.acquisition import thompson, upper_confidence_bound
from eval.choose.diverse import spread
from eval.task import digest

if TYPE_CHECKING:
    from eval.evaluator import Fitted
    from predictors.base import Predictor

_log = logging.getLogger("acerank")
FEWEST = 5  # results below which networks are chosen by weak labels and at random
ACQUISITIONS = ("mixed", "greedy", "ts", "ucb")
CANDIDATES = 1000  # of a space that is too large to list
_SHORTLIST = 500  # candidates among which an uncertain choice is made
_TWINS = 100  # of these, the best that is no near twin of what is pending
_BETA = 1.0  # deviations of the upper confidence bound
_WEIGHT = 0.05  # of the sum in the augmented Chebyshev scalarisation (Knowles, ParEGO, 2006)


@dataclass
class Engine:
    """Chooses networks.

    Attributes:
        architectures: What may be trained.
        objectives: What is measured.
        build: Returns the ranker, unfitted: only called when there is something to fit.
        ranker: What tells rankers apart, as JSON values.
        weak: Weak labels.
        seed: Seed of everything random.
        acquisition: How a batch is chosen: "mixed" (half by prediction, half by Thompson sampling), "greedy",
            "ts" or "ucb". Where the predictor does not say how sure it is, Thompson sampling takes the
            deviation of its predictions, and "ucb" is refused.
        refit: Share of new results up to which the last ranking is used again.
        encoder: File of the pretrained encoder; None to pretrain when it is needed.
    """

    architectures: Architectures
    objectives: tuple[Objective, ...]
    build: Callable[[], Predictor]
    ranker: object
    weak: WeakLabels = NO_WEAK
    seed: int = 0
    acquisition: str = "mixed"
    refit: float = 0.05
    encoder: Path | None = None

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        check_name("acquisition", self.acquisition, ACQUISITIONS)
        if self.refit < 0:
            raise InputError(f"the share of new results must not be negative; it is {self.refit}")

    @cached_property
    def predictor(self) -> Predictor:
        """The ranker, unfitted.

        Raises:
            UnknownNameError: It needs a weak label that there is not.
            InputError: The acquisition has to know how sure it is, and it does not say.
        """
        predictor = self.build()
        for name in predictor.lacks(self.weak.names):
            check_name(f"weak label (predictor '{predictor.name}' needs it)", name, self.weak.names)
        if self.acquisition == "ucb":
            predictor.check_has_std()
        return predictor

    @property
    def key(self) -> str:
        """Hash of everything but the results that a ranking is made from."""
        return digest(
            {
                "ranker": self.ranker,
                "architectures": self.architectures.key,
                "objectives": self.objectives,
                "weak": self.weak.content_hash,
                "seed": self.seed,
            }
        )

    def random(self, *parts: int) -> np.random.Generator:
        """Return a generator that depends on the seed and on numbers."""
        return np.random.default_rng([self.seed, *parts])

    @cached_property
    def pretrained(self) -> Predictor:
        """The ranker, pretrained on the weak labels if it does that."""
        from predictors.pretraining import Pretrains

        predictor = self.predictor
        if isinstance(predictor, Pretrains) and self.weak.names:
            if self.encoder is not None and self.encoder.is_file():
                predictor.load_encoder(self.encoder)
            else:
                _log.info("pretraining %s on %s", predictor.name, ", ".join(self.weak.names))
                graphs = self.architectures.graphs(self.weak.codes)
                labels = dict(zip(self.weak.names, self.weak.values.T, strict=True))
                predictor.pretrain(graphs, labels, seed=self.seed)
                if self.encoder is not None:
                    predictor.save_encoder(self.encoder)
        return predictor

    def is_fresh(self, ranking: Ranking | None, ledger: Ledger, size: int) -> bool:
        """Return whether a ranking can be used for a batch of `size`."""
        if ranking is None or ranking.key != self.key:
            return False
        networks, labels = ledger.labelled()
        hashes = np.array([network.hash for network in networks], np.uint64)
        left = int((~np.isin(ranking.hashes, ledger.taken)).sum())
        return left >= 2 * size and ranking.is_fresh(hashes, labels, self.refit)

    def rank(self, ledger: Ledger, size: int) -> Ranking | None:
        """Fit the predictor to every result and rank candidates; None while there are too few results."""
        networks, labels = ledger.labelled()
        if len(networks) < FEWEST:
            return None
        from eval.evaluator import Fitted

        start = time.perf_counter()
        codes = ledger.codes(networks)
        graphs = self.weak.attach(self.architectures.graphs(codes))
        fitted = Fitted.fit(self.pretrained, graphs, labels.T, self.seed)
        middle = time.perf_counter()
        rng = self.random(1, len(networks))
        found = self._find(fitted, ledger, labels, codes, rng, max(CANDIDATES, 4 * size))
        asked = self.weak.attach(self.architectures.graphs(found))
        mean, std = fitted.predict(asked) if len(found) else np.empty((2, labels.shape[1], 0))
        _log.debug(
            "fitted on %d results in %.1f s, ranked %d candidates in %.1f s",
            len(networks), middle - start, len(found), time.perf_counter() - middle,
        )  # fmt: skip
        return Ranking(
            self.key,
            np.array([network.hash for network in networks], np.uint64),
            labels,
            found,
            self.architectures.hashes(found),
            mean,
            np.full_like(mean, np.nan) if std is None else std,
        )

    def _find(
        self,
        fitted: Fitted,
        ledger: Ledger,
        labels: np.ndarray,
        codes: np.ndarray,
        rng: np.random.Generator,
        n: int,
    ) -> np.ndarray:
        """Return codes of candidates; with several objectives, of several mixtures of them."""
        d = labels.shape[1]
        mixtures = np.ones((1, 1)) if d == 1 else np.concatenate([np.ones((1, d)) / d, np.eye(d)])
        exclude, found = ledger.taken, []
        for weights in mixtures:

            def score(graphs: Graphs, weights: np.ndarray = weights) -> np.ndarray:
                return weights @ fitted.predict(self.weak.attach(graphs))[0]

            best = np.argsort(-(weights @ _ranks(labels)), kind="stable")[:20]
            part = self.architectures.find(score, -(-n // len(mixtures)), rng, exclude, codes[best])
            found.append(part)
            exclude = np.concatenate([exclude, self.architectures.hashes(part)])
        return np.concatenate(found)

    def choose(
        self, ranking: Ranking | None, ledger: Ledger, size: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Return codes (at most size, places) of distinct networks that nobody asked for, best first."""
        places = len(self.architectures.distributions)
        if ranking is None:
            first = self._first(ledger, size, rng)
            return first if len(first) else np.empty((0, places), np.int64)
        left = ranking.without(ledger.taken)
        pending = self.architectures.features(ledger.codes(ledger.having("pending", "enqueued")))
        chosen: list[int] = []
        for slot in range(min(size, len(left.hashes))):
            utilities = self._utilities(left, slot, size, rng)
            utilities[chosen] = -np.inf
            best = np.argsort(-utilities, kind="stable")[:_TWINS]
            best = best[np.isfinite(utilities[best])]
            near = self.architectures.features(left.codes[best])
            own = self.architectures.features(left.codes[chosen])
            taken = np.concatenate([pending, own])
            place = spread(utilities[best], left.hashes[best], near, 1, taken=taken)
            chosen.append(int(best[place[0]]))
        return left.codes[chosen]

    def _utilities(self, ranking: Ranking, slot: int, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return utilities (m,) for one place of a batch."""
        mean, std = ranking.mean, np.nan_to_num(ranking.std)
        how = self.acquisition
        if how == "mixed":
            by_turns = rng.random() < 0.5 if size == 1 else slot % 2 == 1
            how = "ts" if by_turns else "greedy"
        if how == "ucb":
            value = upper_confidence_bound(mean, std, _BETA)
        elif how == "ts":
            value = self._draw(ranking, rng)
        else:
            value = mean.copy()
        if len(value) == 1:
            return value[0]
        weights = rng.dirichlet(np.ones(len(value)))[:, None]
        gap = value - value.max(axis=1, keepdims=True, initial=-np.inf)
        return (weights * gap).min(0) + _WEIGHT * (weights * gap).sum(0)

    def _draw(self, ranking: Ranking, rng: np.random.Generator) -> np.ndarray:
        """Return a draw (d, m), very low outside a shortlist: among very many, chance alone would choose."""
        std = ranking.std
        if np.isnan(std).any():  # the predictor does not say how sure it is: as unsure as candidates differ
            std = np.broadcast_to(ranking.mean.std(axis=1, keepdims=True), ranking.mean.shape)
        optimistic = upper_confidence_bound(ranking.mean, std, _BETA).sum(0)
        value = np.full(ranking.mean.shape, -1e9)
        short = np.argsort(-optimistic, kind="stable")[:_SHORTLIST]
        for objective, (mean, deviation) in enumerate(zip(ranking.mean, std, strict=True)):
            value[objective, short] = thompson(mean[short], deviation[short], rng)
        return value

    def _first(self, ledger: Ledger, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return a first batch: every other network from the top of the weak labels, the rest at random."""
        taken = ledger.taken
        order = self.weak.order() if self.weak.names else np.empty(0, np.int64)
        order = order[~np.isin(self.weak.hashes[order], taken)]
        chosen = self.weak.codes[order[: -(-size // 2)]]
        taken = np.concatenate([taken, self.architectures.hashes(chosen)]) if len(chosen) else taken
        drawn = self.architectures.draw(size - len(chosen), rng, taken)
        mixed: list[np.ndarray] = []
        for i in range(max(len(chosen), len(drawn))):
            mixed += [part[i] for part in (chosen, drawn) if i < len(part)]
        return stack(mixed, len(self.architectures.distributions))


def _ranks(labels: np.ndarray) -> np.ndarray:
    """Return the ranks (d, q) of labels (q, d)."""
    return np.argsort(np.argsort(labels, axis=0), axis=0).T.astype(float)
