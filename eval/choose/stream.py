"""The best candidates of a search space that is too large to hold: scored in chunks, the top kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from data.spaces.codes import CodeSpace

MOST, CELLS = 32_768, 1 << 22  # candidates scored at once, and entries of their adjacency matrices


@dataclass(frozen=True)
class Streamed:
    """The best networks of a stream.

    Attributes:
        codes: (k, places) their codes, best first.
        scores: (k,) their scores.
        seen: Candidates that were scored.
    """

    codes: np.ndarray
    scores: np.ndarray
    seen: int


def stream_top(
    space: CodeSpace,
    score: Callable[[Graphs], np.ndarray],
    keep: int,
    *,
    n: int | None = None,
    rng: np.random.Generator | None = None,
    exclude: np.ndarray | None = None,
    chunk: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Streamed:
    """Score a whole space, or a random sample of it, and keep the best networks; memory stays flat.

    Networks are compared by canonical hash, which is only computed for candidates that may stay.

    Args:
        space: The space.
        score: From graphs (m) to scores (m,), higher is better.
        keep: Networks to keep.
        n: Candidates to draw at random; None for every code of the space.
        rng: Draws them.
        exclude: Canonical hashes of networks that are not kept.
        chunk: Candidates scored at once; by default as many as fit into a few hundred MB.
        progress: Called with the number of candidates of each chunk.

    Raises:
        InputError: Nothing to keep, or no generator to draw with, or the space is too large for all of it.
    """
    if keep < 1 or (n is not None and (n < 1 or rng is None)):
        raise InputError("a stream keeps at least one of at least one candidate, and draws from a generator")
    excluded = np.empty(0, np.uint64) if exclude is None else np.unique(exclude)
    chunk = chunk or min(MOST, CELLS // space.max_nodes**2)
    best = _Best(space, keep, excluded)
    seen = 0
    for codes in _draw(space, n, rng, chunk):
        graphs = space.graphs(codes)
        best.add(codes, graphs, score(graphs))
        seen += len(codes)
        progress(len(codes))
    return Streamed(best.codes, best.scores, seen)


def _draw(
    space: CodeSpace, n: int | None, rng: np.random.Generator | None, chunk: int
) -> Iterator[np.ndarray]:
    if n is None or rng is None:
        codes = space.enumerate()
        yield from (codes[start : start + chunk] for start in range(0, len(codes), chunk))
        return
    for start in range(0, n, chunk):
        yield space.sample(min(chunk, n - start), rng)


class _Best:
    """The best distinct networks so far."""

    def __init__(self, space: CodeSpace, keep: int, excluded: np.ndarray) -> None:
        self.keep, self.excluded = keep, excluded
        self.codes = np.empty((0, len(space.choices)), np.int8)
        self.scores = np.empty(0)
        self.hashes = np.empty(0, np.uint64)

    def add(self, codes: np.ndarray, graphs: Graphs, scores: np.ndarray) -> None:
        able = np.arange(len(codes))
        if len(self.scores) == self.keep:
            able = np.flatnonzero(scores > self.scores[-1])
        if not len(able):
            return
        if len(able) > 4 * self.keep:  # twins apart, more than `keep` of a chunk cannot stay
            able = able[np.argsort(-scores[able], kind="stable")]
            able = self._firsts(able, graphs)
        hashes = graphs.take(able).canonical_hash()
        fresh = ~np.isin(hashes, self.excluded)
        codes = np.concatenate([self.codes, codes[able[fresh]]])
        scores = np.concatenate([self.scores, scores[able[fresh]]])
        hashes = np.concatenate([self.hashes, hashes[fresh]])
        order = np.argsort(-scores, kind="stable")
        order = order[np.sort(np.unique(hashes[order], return_index=True)[1])][: self.keep]
        self.codes, self.scores, self.hashes = codes[order], scores[order], hashes[order]

    def _firsts(self, order: np.ndarray, graphs: Graphs) -> np.ndarray:
        """Return the front of an order that holds `keep` networks that may stay, or all of it."""
        size = 4 * self.keep
        while size < len(order):
            hashes = graphs.take(order[:size]).canonical_hash()
            if len(np.setdiff1d(hashes, self.excluded)) >= self.keep:
                return order[:size]
            size *= 4
        return order
