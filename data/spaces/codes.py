"""CodeSpace: a space whose architectures are written as codes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from data.space import SearchSpace

MOST_ENUMERATED = 10_000_000


@dataclass(frozen=True)
class CodeSpace(SearchSpace, ABC):
    """A space whose architectures are written as codes: one decision, an integer, at each place.

    A subclass says what graph a code is (`graphs`) and, where not every code is an architecture, which are
    (`valid`).

    Attributes:
        choices: Number of options at each place of a code.
    """

    choices: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of codes; several may be one network, and some may not be valid."""
        return math.prod(self.choices)

    @abstractmethod
    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the graphs of n codes (n, places)."""

    def code(self, graphs: Graphs) -> np.ndarray:
        """Return a code (n, places) of each graph, without sizes of the network that are no decision.

        A graph of this space that no code builds gets the code of another: `graphs` shows whether it did.

        Raises:
            InputError: This space does not know how.
        """
        del graphs
        raise InputError(f"space '{self.name}': graphs cannot be written as codes")

    def valid(self, codes: np.ndarray) -> np.ndarray:
        """Return (n,) whether each code is an architecture of this space."""
        return np.ones(len(codes), bool)

    def check(self, codes: np.ndarray) -> np.ndarray:
        """Return codes (n, places) as an array.

        Raises:
            InputError: They have another shape, or a decision that is none of the options.
        """
        codes = np.asarray(codes)
        if codes.ndim != 2 or codes.shape[1] != len(self.choices):
            raise InputError(
                f"space '{self.name}': codes must have shape (n, {len(self.choices)}), not {codes.shape}"
            )
        bad = ((codes < 0) | (codes >= np.array(self.choices))).any(1) if codes.size else np.zeros(0, bool)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InputError(
                f"space '{self.name}': code {row} has a decision outside its options "
                f"(there are {self.choices}): {codes[row].tolist()}"
            )
        return codes

    def format(self, codes: np.ndarray) -> list[str]:
        """Return the text of each code, the official one where the space has one; else "0:2:1"."""
        return [":".join(map(str, code)) for code in self.check(codes).tolist()]

    def parse(self, texts: Sequence[str]) -> np.ndarray:
        """Return the codes (n, places) of texts; the inverse of `format`.

        Raises:
            InputError: A text is no architecture of this space.
        """
        codes = np.full((len(texts), len(self.choices)), -1, np.int16)
        for row, text in enumerate(texts):
            parts = text.split(":")
            if len(parts) != len(self.choices) or not all(p.isascii() and p.isdecimal() for p in parts):
                raise InputError(
                    f"space '{self.name}': text {row} is not {len(self.choices)} numbers joined by ':': "
                    f"{text[:200]!r}"
                )
            codes[row] = [min(int(p[:5]), np.iinfo(np.int16).max) for p in parts]
        return self.check(codes)

    def enumerate(self) -> np.ndarray:
        """Return all valid codes (m, places), in lexicographic order.

        Raises:
            InputError: The space is too large.
        """
        if self.size > MOST_ENUMERATED:
            raise InputError(
                f"space '{self.name}' has {self.size:.3g} codes; at most {MOST_ENUMERATED:,} are enumerated: "
                "use sample"
            )
        grid = np.indices(self.choices, np.int8).reshape(len(self.choices), -1).T
        return np.ascontiguousarray(grid[self.valid(grid)])

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n codes (n, places) drawn uniformly from the valid ones, with replacement."""
        found = np.empty((0, len(self.choices)), np.int8)
        while len(found) < n:
            drawn = rng.integers(self.choices, size=(max(64, 2 * (n - len(found))), len(self.choices)))
            found = np.concatenate([found, drawn[self.valid(drawn)].astype(np.int8)])
        return found[:n]

    def mutate(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return codes with one random decision of each row changed to another option, all of them valid."""
        codes = np.asarray(codes)
        mutated = np.array(codes, np.int8)
        open_places = np.flatnonzero(np.array(self.choices) > 1)
        waiting = np.arange(len(mutated))
        while len(waiting):
            place = open_places[rng.integers(len(open_places), size=len(waiting))]
            options = np.array(self.choices)[place]
            changed = np.array(codes[waiting], np.int8)
            rows = np.arange(len(waiting))
            changed[rows, place] = (changed[rows, place] + rng.integers(1, options)) % options
            valid = self.valid(changed)
            mutated[waiting[valid]] = changed[valid]
            waiting = waiting[~valid]
        return mutated
