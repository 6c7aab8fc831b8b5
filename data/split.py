"""Protocols: which architectures a predictor trains on, and which it is evaluated on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from data.names import check_name


@dataclass(frozen=True)
class Split:
    """Rows (indices into the table) to train on and to test on."""

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Pool:
    """The rows a protocol draws from.

    Attributes:
        trainable: (n,) bool, rows that have the training label.
        testable: (n,) bool, rows that have the target.
        classes: (n,) equal for rows that are the same effective network.
        part: (n,) name of the part a table's own split column puts a row in; "" for none.
    """

    trainable: np.ndarray
    testable: np.ndarray
    classes: np.ndarray
    part: np.ndarray | None = None


Draw = Callable[[Pool, int, np.random.Generator], Split]


@dataclass(frozen=True)
class Protocol:
    """A named way to split a table.

    Attributes:
        name: Name on the command line.
        description: One line for the reader, with the source of a protocol taken from a paper.
        draw: Draws one split. Larger training sets of one seed contain the smaller ones.
        train_size: The one training size of the protocol, if it fixes it.
        label: The training label of the protocol, if it fixes it.
        split_column: The table's own column that the protocol splits by, if any.
    """

    name: str
    description: str
    draw: Draw
    train_size: int | None = None
    label: str | None = None
    split_column: str | None = None

    def split(self, pool: Pool, train_size: int, seed: int) -> Split:
        """Draw the split of a seed: the same for every predictor.

        Args:
            pool: The rows there are.
            train_size: Number of training labels.
            seed: Seed of the draw.

        Raises:
            InputError: The table has fewer than `train_size` rows or networks to train on, or none to test.
        """
        if train_size < 1:
            raise InputError(f"train size must be at least 1, not {train_size}")
        split = self.draw(pool, train_size, np.random.default_rng(seed))
        if len(split.train) < train_size:
            raise InputError(
                f"protocol '{self.name}' can train on {len(split.train):,} architectures here, "
                f"fewer than the {train_size:,} asked for; choose a smaller train_size"
            )
        if len(split.test) == 0:
            raise InputError(
                f"protocol '{self.name}' leaves no architecture to test on; choose a smaller train_size"
            )
        return split


def _leakfree(pool: Pool, size: int, rng: np.random.Generator) -> Split:
    networks, network = np.unique(pool.classes, return_inverse=True)
    order, turn = rng.permutation(len(network)), rng.permutation(len(networks))
    candidates = _one_per_network(order[pool.trainable[order]], network)
    train = candidates[np.argsort(turn[network[candidates]])][:size]
    unseen = pool.testable[order] & ~np.isin(network[order], network[train])
    return Split(train, np.sort(_one_per_network(order[unseen], network)))


def _one_per_network(rows: np.ndarray, network: np.ndarray) -> np.ndarray:
    """Return the first of `rows` of each network."""
    return rows[np.unique(network[rows], return_index=True)[1]]


def _uniform(pool: Pool, size: int, rng: np.random.Generator) -> Split:
    train = rng.permutation(np.flatnonzero(pool.trainable))[:size]
    rest = pool.testable.copy()
    rest[train] = False
    return Split(train, np.flatnonzero(rest))


def _all_rows(pool: Pool, size: int, rng: np.random.Generator) -> Split:
    return Split(_uniform(pool, size, rng).train, np.flatnonzero(pool.testable))


def _own_parts(pool: Pool, size: int, rng: np.random.Generator) -> Split:
    if pool.part is None:
        raise InputError("this protocol splits by a column of the table, which it was not given")
    train = rng.permutation(np.flatnonzero(pool.trainable & (pool.part == "train")))[:size]
    return Split(train, np.flatnonzero(pool.testable & (pool.part == "test")))


def _protocols() -> list[Protocol]:
    pinat = "n random rows, tested on all rows, trained on validation accuracy (PINAT, AAAI 2023); leaks"
    return [
        Protocol(
            "leakfree",
            "n distinct networks, tested on every network that is none of them, one row each",
            _leakfree,
        ),
        Protocol("uniform", "n random rows, tested on all other rows; twins leak", _uniform),
        Protocol(
            "acenas",
            "n random rows, tested on all rows, the training rows too (arXiv 2108.03001); leaks",
            _all_rows,
        ),
        *(
            Protocol(f"pinat-{i}", f"{size} labels: {pinat}", _all_rows, size, "valid_acc")
            for i, size in enumerate((78, 156, 469, 781, 1563), 1)
        ),
        Protocol(
            "ta-gates",
            "n random rows of the 4,675 training rows, tested on the 4,770 test rows (TA-GATES, NeurIPS "
            "2022); twins leak",
            _own_parts,
            split_column="ta_gates_split",
        ),
    ]


PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _protocols()}


def get_protocol(name: str) -> Protocol:
    """Return a protocol by its name; UnknownNameError with the closest names otherwise."""
    return PROTOCOLS[check_name("protocol", name, PROTOCOLS)]
