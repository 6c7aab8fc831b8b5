"""The operation at each position of a network, one-hot, for the positions that were seen in training."""

from __future__ import annotations

from typing import Self

import numpy as np

from data.graphs import Graphs


class Positions:
    """One column for each (stage, place within the stage, operation), then the numbers of each node.

    On chains of blocks, a linear model of these columns is additive over positions.
    """

    codes: np.ndarray

    def fit(self, graphs: Graphs) -> Self:
        """Learn which columns there are from n training architectures."""
        codes = _position_codes(graphs)
        self.codes = np.unique(codes[codes >= 0])
        return self

    def __call__(self, graphs: Graphs) -> np.ndarray:
        """Return (n, columns)."""
        codes, n = _position_codes(graphs), len(graphs)
        place = np.searchsorted(self.codes, codes).clip(max=len(self.codes) - 1)
        row, node = np.nonzero((self.codes[place] == codes) & (codes >= 0))
        table = np.zeros((n, len(self.codes)))
        table[row, place[row, node]] = 1
        numbers = np.zeros((n, graphs.space.max_nodes, graphs.features.shape[2]))
        numbers[:, : graphs.features.shape[1]] = graphs.features
        return np.concatenate([table, numbers.reshape(n, -1)], axis=1)


def _position_codes(graphs: Graphs) -> np.ndarray:
    """Return (n, v) one integer for each node's stage, place in the stage and operation; -1 for no node."""
    used, space = graphs.ops >= 0, graphs.space
    place = np.zeros(graphs.ops.shape, int)
    for stage in range(len(space.stages)):
        inside = used & (graphs.stage == stage)
        place = np.where(inside, inside.cumsum(1) - 1, place)
    slot = graphs.stage.astype(int) * space.max_nodes + place
    return np.where(used, slot * len(space.ops) + graphs.ops, -1)
