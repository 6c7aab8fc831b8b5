"""Protocols: which architectures a predictor trains on, and which it is evaluated on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

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


Draw = Callable[[Pool, int, int], Split]

LABELS = {
    "valid_acc": "validation accuracy of one training",
    "valid_acc_mean": "validation accuracy, mean over the official seeds",
    "test_acc": "test accuracy, mean over the official seeds",
}
"""What the labels that papers trained on are."""

FOLDS = 5
SMALL_TABLE = 300  # labelled networks below which the default is cross-validation
DEFAULT_TRAIN_SIZE = 100
_FREE_OVERLAP = 0.25  # share of the networks that repeats may train on and still pass for independent


@dataclass(frozen=True)
class Protocol:
    """A named way to split a table.

    Attributes:
        name: Name on the command line.
        description: One line for the reader, with the source of a protocol taken from a paper.
        draw: Draws the split of a seed. Larger training sets of one seed contain the smaller ones.
        train_size: The one training size of the protocol, if it fixes it.
        trained_on: The label that the protocol's paper trained on; "" for a protocol of no paper.
        label: The training label unless another is named, where a table lacks `trained_on`.
        split_column: The table's own column that the protocol splits by, if any.
        one_per_network: Whether it trains and tests on one row of each network.
        corrected: Whether its repeats share so many training rows that tests and intervals always need the
            corrected resampled variance (see `needs_correction`).
    """

    name: str
    description: str
    draw: Draw
    train_size: int | None = None
    trained_on: str = ""
    label: str = ""
    split_column: str | None = None
    one_per_network: bool = False
    corrected: bool = False

    def needs_correction(self, n_train: float, n_test: float) -> bool:
        """Return whether repeats share too many training rows to be treated as independent.

        Random splits share n_train / n of their training rows on average, so small tables need the correction
        under any protocol.

        Args:
            n_train: Training rows of a repeat.
            n_test: Test rows of a repeat.
        """
        return self.corrected or n_train > _FREE_OVERLAP * (n_train + n_test)

    def differs_from_paper(self, label: str) -> str:
        """Return that a training label is not that of the protocol's paper; "" if it is, or there is none."""
        if self.trained_on in ("", label):
            return ""
        means = f" ({LABELS[self.trained_on]})" if self.trained_on in LABELS else ""
        return (
            f"{label} is not the label of the paper: protocol {self.name} trained on {self.trained_on}{means}"
        )

    def split(self, pool: Pool, train_size: int, seed: int) -> Split:
        """Draw the split of a seed: the same for every predictor.

        Args:
            pool: The rows there are.
            train_size: Number of training labels.
            seed: Seed of the draw. Consecutive seeds are the folds of a cross-validation.

        Raises:
            InputError: The table has fewer than `train_size` rows or networks to train on, or none to test.
        """
        if train_size < 1:
            raise InputError(f"train size must be at least 1, not {train_size}")
        split = self.draw(pool, train_size, seed)
        if len(split.train) < train_size:
            raise InputError(
                f"protocol '{self.name}' can train on {len(split.train):,} architectures here, "
                f"fewer than the {train_size:,} asked for; choose a smaller train size"
            )
        if len(split.test) == 0:
            raise InputError(
                f"protocol '{self.name}' leaves no architecture to test on; choose a smaller train size"
            )
        return split


def _leakfree(pool: Pool, size: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    networks, network = np.unique(pool.classes, return_inverse=True)
    order, turn = rng.permutation(len(network)), rng.permutation(len(networks))
    candidates = _one_per_network(order[pool.trainable[order]], network)
    train = candidates[np.argsort(turn[network[candidates]])][:size]
    unseen = pool.testable[order] & ~np.isin(network[order], network[train])
    return Split(train, np.sort(_one_per_network(order[unseen], network)))


def _cross_validation(pool: Pool, size: int, seed: int) -> Split:
    """Return fold `seed % FOLDS` of shuffle `seed // FOLDS`; all rows of a network are in one fold."""
    networks, network = np.unique(pool.classes, return_inverse=True)
    shuffle, fold = divmod(seed, FOLDS)
    rng = np.random.default_rng([shuffle, FOLDS])
    order, turn = rng.permutation(len(network)), rng.permutation(len(networks))
    trainable, testable = (
        np.isin(np.arange(len(networks)), network[rows]) for rows in (pool.trainable, pool.testable)
    )
    if testable.sum() < FOLDS:
        raise InputError(
            f"cross-validation with {FOLDS} folds needs at least {FOLDS} networks with the target; "
            f"there are {testable.sum()}; label more networks or choose another protocol"
        )
    # Both the testable and the trainable networks are neighbours in this order, so the folds share each
    # kind evenly.
    kind = 2 * (trainable & ~testable) + (trainable & testable)
    dealt = np.lexsort((turn, kind))
    dealt = dealt[(trainable | testable)[dealt]]
    fold_of = np.full(len(networks), -1)
    fold_of[dealt] = np.arange(len(dealt)) % FOLDS
    elsewhere = fold_of[network[order]] != fold
    candidates = _one_per_network(order[pool.trainable[order] & elsewhere], network)
    turn = np.random.default_rng([shuffle, FOLDS, fold]).permutation(len(networks))
    train = candidates[np.argsort(turn[network[candidates]])][:size]
    test = order[pool.testable[order] & ~elsewhere]
    return Split(train, np.sort(_one_per_network(test, network)))


def _one_per_network(rows: np.ndarray, network: np.ndarray) -> np.ndarray:
    """Return the first of `rows` of each network."""
    return rows[np.unique(network[rows], return_index=True)[1]]


def _uniform(pool: Pool, size: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    train = rng.permutation(np.flatnonzero(pool.trainable))[:size]
    rest = pool.testable.copy()
    rest[train] = False
    return Split(train, np.flatnonzero(rest))


def _all_rows(pool: Pool, size: int, seed: int) -> Split:
    return Split(_uniform(pool, size, seed).train, np.flatnonzero(pool.testable))


def _own_parts(pool: Pool, size: int, seed: int) -> Split:
    if pool.part is None:
        raise InputError("this protocol splits by a column of the table, which it was not given")
    rng = np.random.default_rng(seed)
    train = rng.permutation(np.flatnonzero(pool.trainable & (pool.part == "train")))[:size]
    return Split(train, np.flatnonzero(pool.testable & (pool.part == "test")))


def _rows_of_parts(pool: Pool, size: int, seed: int) -> Split:
    """Return random rows of either part, and all other rows of the parts."""
    if pool.part is None:
        raise InputError(
            "this protocol takes the rows that a column of the table names, which it was not given"
        )
    named = pool.part != ""
    return _uniform(
        replace(pool, trainable=pool.trainable & named, testable=pool.testable & named), size, seed
    )


def _protocols() -> list[Protocol]:
    pinat = (
        "n random rows, tested on all rows, trained on validation accuracy, mean over seeds (PINAT, AAAI "
        "2023); leaks"
    )
    return [
        Protocol(
            "leakfree",
            "n distinct networks, tested on every other network, one row each",
            _leakfree,
            one_per_network=True,
        ),
        Protocol(
            "cv",
            f"{FOLDS}-fold cross-validation over networks, a fold a repeat, shuffled again after every "
            f"{FOLDS} repeats; for small tables; twins stay in one fold",
            _cross_validation,
            one_per_network=True,
            corrected=True,
        ),
        Protocol("uniform", "n random rows, tested on all other rows; twins leak", _uniform),
        Protocol(
            "acenas",
            "n random rows, tested on all rows, the training rows too (arXiv 2108.03001); leaks",
            _all_rows,
            trained_on="valid_acc",
        ),
        *(
            Protocol(f"pinat-{i}", f"{size} labels: {pinat}", _all_rows, size, "valid_acc_mean", "valid_acc")
            for i, size in enumerate((78, 156, 469, 781, 1563), 1)
        ),
        Protocol(
            "ta-gates",
            "n random rows of the 4,675 training rows, tested on the 4,770 test rows (TA-GATES, NeurIPS "
            "2022); twins leak",
            _own_parts,
            trained_on="valid_acc",
            split_column="ta_gates_split",
        ),
        Protocol(
            "vkdnw",
            "1,024 random ones of the 9,445 rows without unreachable branches, tested on the other 8,421, "
            "trained on test accuracy (VKDNW, CVPR 2025); twins leak",
            _rows_of_parts,
            1024,
            trained_on="test_acc",
            split_column="ta_gates_split",
        ),
    ]


PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _protocols()}


def get_protocol(name: str) -> Protocol:
    """Return a protocol by its name; UnknownNameError with the closest names otherwise."""
    return PROTOCOLS[check_name("protocol", name, PROTOCOLS)]


def default_protocol(n_labelled_networks: int) -> tuple[str, int]:
    """Return the name of the protocol and the train size that fit a table.

    Args:
        n_labelled_networks: Distinct networks with the label and the target.

    Returns:
        "cv" and the networks outside the largest fold for fewer than SMALL_TABLE networks, else "leakfree"
        and DEFAULT_TRAIN_SIZE.

    Raises:
        InputError: Fewer networks than folds.
    """
    if n_labelled_networks < FOLDS:
        raise InputError(
            f"an evaluation needs at least {FOLDS} labelled networks; there are {n_labelled_networks}; "
            "label more networks"
        )
    if n_labelled_networks < SMALL_TABLE:
        return "cv", n_labelled_networks - math.ceil(n_labelled_networks / FOLDS)
    return "leakfree", DEFAULT_TRAIN_SIZE
