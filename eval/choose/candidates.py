"""Candidates of a space too large to enumerate: drawn at random, then evolved over a ranker's score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.graphs import Graphs
from data.spaces.codes import CodeSpace

Score = Callable[[Graphs], np.ndarray]
_DRAWS = 20  # batches without a new network after which a space counts as used up


@dataclass(frozen=True)
class Proposed:
    """Distinct networks with their scores, best first.

    Attributes:
        codes: (n, places) a code of each network.
        hashes: (n,) uint64 canonical hash of each network; no two are equal.
        scores: (n,) score of each network, higher is better.
    """

    codes: np.ndarray
    hashes: np.ndarray
    scores: np.ndarray


def propose(
    space: CodeSpace,
    score: Score,
    n: int,
    rng: np.random.Generator,
    *,
    exclude: np.ndarray | None = None,
    parents: np.ndarray | None = None,
    drawn: int = 1000,
    generations: int = 4,
    children: int = 500,
) -> Proposed:
    """Return the best n networks of a random sample and of its evolution.

    Every generation mutates one to three decisions of the best networks so far (truncation selection as in
    Real et al., AAAI 2019, without ageing: the score does not change). Networks are told apart by canonical
    hash, so no two of the result are the same network, and none is one of `exclude`.

    Args:
        space: The space; it need not be enumerable.
        score: Graphs to scores (n,), higher is better.
        n: How many networks to return; fewer only if the space has no more.
        rng: Source of everything random.
        exclude: (e,) uint64 canonical hashes that must not be returned.
        parents: (p, places) codes that evolution starts from in addition to the sample, e.g. of the best
            trained networks; they are returned only if they are not excluded.
        drawn: Networks of the random sample, at least n.
        generations: Generations of evolution.
        children: Networks that each generation adds.
    """
    pool = _Pool(space, score, np.empty(0, np.uint64) if exclude is None else exclude)
    pool.add_random(max(drawn, n), rng)
    breeders = np.empty((0, len(space.choices)), np.int8) if parents is None else np.asarray(parents)
    for _ in range(generations):
        pool.add_children(breeders, children, rng)
    return pool.best(n)


def draw(space: CodeSpace, n: int, rng: np.random.Generator, exclude: np.ndarray | None = None) -> Proposed:
    """Return n random networks without scores (all 0), none of `exclude`; fewer if the space has no more."""
    pool = _Pool(space, lambda graphs: np.zeros(len(graphs)), exclude)
    pool.add_random(n, rng)
    return pool.best(n)


class _Pool:
    """Scored networks, each once."""

    def __init__(self, space: CodeSpace, score: Score, exclude: np.ndarray | None) -> None:
        self.space, self.score = space, score
        self.exclude = np.empty(0, np.uint64) if exclude is None else np.asarray(exclude, np.uint64)
        self.codes = np.empty((0, len(space.choices)), np.int8)
        self.hashes, self.scores = np.empty(0, np.uint64), np.empty(0)

    def add_random(self, n: int, rng: np.random.Generator) -> None:
        """Add n random networks, or as many as are found."""
        size, fruitless = len(self.hashes) + n, 0
        while len(self.hashes) < size and fruitless < _DRAWS:
            before = len(self.hashes)
            self.add(self.space.sample(max(64, size - before), rng), size - before)
            fruitless = 0 if len(self.hashes) > before else fruitless + 1

    def add_children(self, parents: np.ndarray, n: int, rng: np.random.Generator) -> None:
        """Add at most n mutants of the best networks and of further parents."""
        if not len(self.hashes) and not len(parents):
            return
        kept = np.argsort(-self.scores, kind="stable")[: max(10, n // 5)]
        breeders = np.concatenate([self.codes[kept], parents.astype(np.int8)])
        codes = breeders[rng.integers(len(breeders), size=n)]
        steps = rng.integers(1, 4, size=n)
        for step in range(3):
            moved = steps > step
            if moved.any():
                codes[moved] = self.space.mutate(codes[moved], rng)
        self.add(codes, n)

    def add(self, codes: np.ndarray, most: int) -> None:
        """Add at most `most` networks of codes (m, places): those that are new, each once."""
        graphs = self.space.graphs(codes)
        hashes = graphs.canonical_hash()
        first = np.zeros(len(hashes), bool)
        first[np.unique(hashes, return_index=True)[1]] = True
        rows = np.flatnonzero(first & ~np.isin(hashes, self.hashes) & ~np.isin(hashes, self.exclude))[:most]
        if len(rows):
            self.codes = np.concatenate([self.codes, codes[rows]])
            self.hashes = np.concatenate([self.hashes, hashes[rows]])
            self.scores = np.concatenate([self.scores, self.score(graphs.take(rows))])

    def best(self, n: int) -> Proposed:
        """Return the n best."""
        order = np.argsort(-self.scores, kind="stable")[:n]
        return Proposed(self.codes[order], self.hashes[order], self.scores[order])
