"""Sets of operations: what GRAF asks about paths and degrees."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from data.errors import InputError

MOST_SETS = 255  # all non-empty sets of eight operations


def get_op_sets(n_ops: int, max_ops: int | None = None) -> np.ndarray:
    """Return the non-empty sets of `n_ops` operations, (sets, n_ops) bool, by size, singletons first.

    Args:
        n_ops: Number of operations.
        max_ops: Largest size of a set; the set of all operations always comes last. By default the largest
            size with at most 255 sets up to it, so that all sets of up to eight operations are there.

    Raises:
        InputError: `max_ops` is below 1.
    """
    if max_ops is None:
        sizes = range(1, n_ops + 1)
        totals = np.cumsum([comb(n_ops, size) for size in sizes])
        largest = max(1, int((totals <= MOST_SETS).sum()))
    elif max_ops < 1:
        raise InputError(f"max_ops must be at least 1, not {max_ops}; omit it for the default limit")
    else:
        largest = min(max_ops, n_ops)
    members = [ops for size in range(1, largest + 1) for ops in combinations(range(n_ops), size)]
    if largest < n_ops:
        members.append(tuple(range(n_ops)))
    sets = np.zeros((len(members), n_ops), bool)
    for row, ops in enumerate(members):
        sets[row, list(ops)] = True
    return sets
