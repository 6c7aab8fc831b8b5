"""The networks of a campaign, written as codes: those of a code space, or the rows of a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from data.encode import path_statistics
from data.errors import InputError
from data.graphs import Graphs
from eval.choose.candidates import Score, draw, propose

if TYPE_CHECKING:
    from benchmarks.base import Benchmark
    from data.spaces.codes import CodeSpace

MOST_LISTED = 20_000  # networks that are all scored; of more, a sample and its evolution are


class Architectures(ABC):
    """What may be trained: codes (n, places) of integers, their graphs, hashes, texts and Optuna parameters.

    Attributes:
        key: What the space or table is called.
        distributions: Optuna's distribution of each place of a code, by the name of its parameter.
    """

    key: str
    distributions: dict[str, BaseDistribution]

    @abstractmethod
    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the graphs of codes (n, places)."""

    @abstractmethod
    def format(self, codes: np.ndarray) -> list[str]:
        """Return the text of each code."""

    @abstractmethod
    def parse(self, text: str) -> np.ndarray:
        """Return the code (places,) of a text.

        Raises:
            InputError: It is no architecture of the campaign.
        """

    @abstractmethod
    def find(
        self, score: Score, n: int, rng: np.random.Generator, exclude: np.ndarray, parents: np.ndarray
    ) -> np.ndarray:
        """Return codes (m, places) of distinct networks that are worth considering, none of `exclude`."""

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator, exclude: np.ndarray) -> np.ndarray:
        """Return codes (m, places) of random distinct networks, m <= n, none of `exclude`."""

    @abstractmethod
    def features(self, codes: np.ndarray) -> np.ndarray:
        """Return (n, d) float32 in which near rows are similar networks."""

    def hashes(self, codes: np.ndarray) -> np.ndarray:
        """Return the canonical hash (n,) uint64 of each code."""
        return self.graphs(codes).canonical_hash() if len(codes) else np.empty(0, np.uint64)

    def to_params(self, code: np.ndarray) -> dict[str, Any]:
        """Return the Optuna parameters of a code (places,)."""
        return dict(zip(self.distributions, map(int, code), strict=True))

    def from_params(self, params: Mapping[str, Any]) -> np.ndarray | None:
        """Return the code (places,) of parameters; None if they lack a place or are of another space."""
        try:
            values = [params[name] for name in self.distributions]
        except KeyError:
            return None
        if all(value in options for value, options in zip(values, self._options, strict=True)):
            return np.array(values, np.int64)
        return None

    @cached_property
    def _options(self) -> list[range]:
        """What each place of a code may be."""
        return [_get_options(distribution) for distribution in self.distributions.values()]


def _get_options(distribution: BaseDistribution) -> range:
    if isinstance(distribution, CategoricalDistribution):
        return range(len(distribution.choices))
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1)
    raise TypeError(f"the places of a code are integers, not {distribution!r}")


class SpaceArchitectures(Architectures):
    """The networks of a code space; a parameter of Optuna's for each place of a code."""

    def __init__(self, space: CodeSpace) -> None:
        """Take the space."""
        self.key, self.space = space.name, space
        width = len(str(len(space.choices) - 1))
        self.distributions = {
            f"{space.name}_{place:0{width}}": CategoricalDistribution(tuple(range(options)))
            for place, options in enumerate(space.choices)
        }

    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the graphs of codes (n, places)."""
        return self.space.graphs(np.asarray(codes, np.int8))

    def format(self, codes: np.ndarray) -> list[str]:
        """Return the space's own texts."""
        return self.space.format(np.asarray(codes, np.int8)) if len(codes) else []

    def parse(self, text: str) -> np.ndarray:
        """Return the code of one of the space's texts."""
        codes = self.space.parse([text])
        if not self.space.valid(codes)[0]:
            raise InputError(f"not a valid architecture of space '{self.key}': {text[:100]!r}")
        return codes[0]

    @cached_property
    def _listed(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Codes and hashes of all networks, each once; None if there are too many."""
        if self.space.size > MOST_LISTED:
            return None
        codes = self.space.enumerate()
        hashes = self.hashes(codes)
        first = np.sort(np.unique(hashes, return_index=True)[1])
        return codes[first], hashes[first]

    def find(
        self, score: Score, n: int, rng: np.random.Generator, exclude: np.ndarray, parents: np.ndarray
    ) -> np.ndarray:
        """Return all networks of a small space; else a sample and its evolution over the score."""
        if self._listed is not None:
            codes, hashes = self._listed
            return codes[~np.isin(hashes, exclude)]
        return propose(self.space, score, n, rng, exclude=exclude, parents=parents, drawn=n).codes

    def draw(self, n: int, rng: np.random.Generator, exclude: np.ndarray) -> np.ndarray:
        """Return random networks."""
        if self._listed is not None:
            codes, hashes = self._listed
            left = codes[~np.isin(hashes, exclude)]
            return left[rng.permutation(len(left))[:n]]
        return draw(self.space, n, rng, exclude).codes

    def features(self, codes: np.ndarray) -> np.ndarray:
        """Return the decisions, one-hot."""
        choices = self.space.choices
        codes = np.asarray(codes, np.int64).reshape(-1, len(choices))
        start = np.concatenate([[0], np.cumsum(choices)[:-1]])
        onehot = np.zeros((len(codes), sum(choices)), np.float32)
        onehot[np.arange(len(codes))[:, None], codes + start] = 1
        return onehot


class TableArchitectures(Architectures):
    """The rows of a table; a code is a row's number, and the only parameter of Optuna's."""

    PARAMETER = "row"

    def __init__(self, bench: Benchmark) -> None:
        """Take the table."""
        self.key, self.bench = Path(bench.info.key).name, bench  # whatever folder a file is opened from
        self.distributions = {self.PARAMETER: IntDistribution(0, len(bench) - 1)}
        self._bare = bench.graphs.with_weak({})
        self._names = bench.row_names
        self._rows = {name: row for row, name in reversed(list(enumerate(self._names)))}
        self._classes = bench.classes
        self._first = np.sort(np.unique(self._classes, return_index=True)[1])

    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the graphs of rows (n, 1)."""
        return self._bare.take(np.asarray(codes, np.int64).reshape(-1))

    def hashes(self, codes: np.ndarray) -> np.ndarray:
        """Return the canonical hash of each row."""
        return self._classes[np.asarray(codes, np.int64).reshape(-1)]

    def format(self, codes: np.ndarray) -> list[str]:
        """Return the names of rows."""
        return [self._names[row] for row in np.asarray(codes, np.int64).reshape(-1).tolist()]

    def parse(self, text: str) -> np.ndarray:
        """Return the row of a name."""
        if text not in self._rows:
            raise InputError(f"not an architecture of {self.key}: {text[:100]!r}")
        return np.array([self._rows[text]])

    def _left(self, exclude: np.ndarray) -> np.ndarray:
        return self._first[~np.isin(self._classes[self._first], exclude)]

    def find(
        self, score: Score, n: int, rng: np.random.Generator, exclude: np.ndarray, parents: np.ndarray
    ) -> np.ndarray:
        """Return the first row of each network; of very many a random part."""
        del score, n, parents
        return self.draw(MOST_LISTED, rng, exclude)

    def draw(self, n: int, rng: np.random.Generator, exclude: np.ndarray) -> np.ndarray:
        """Return random rows of distinct networks."""
        left = self._left(exclude)
        return left[rng.permutation(len(left))[:n], None]

    def features(self, codes: np.ndarray) -> np.ndarray:
        """Return path statistics."""
        return path_statistics(self.graphs(codes)).astype(np.float32)


def stack(codes: Sequence[np.ndarray], places: int) -> np.ndarray:
    """Return codes (n, places) of n codes; (0, places) of none."""
    return np.stack(codes) if len(codes) else np.empty((0, places), np.int64)
