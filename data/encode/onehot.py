"""Operations and edges, one-hot."""

from __future__ import annotations

import numpy as np

from data.graphs import Graphs


def one_hot(graphs: Graphs) -> np.ndarray:
    """Return one-hot operations and the upper triangle of the adjacency, (n, v · ops + v · (v − 1) / 2).

    v is the space's node limit, so that all batches of a space have the same columns.
    """
    n, v = graphs.ops.shape
    limit = graphs.space.max_nodes
    ops = np.zeros((n, limit, len(graphs.space.ops)))
    ops[:, :v] = graphs.ops[:, :, None] == np.arange(len(graphs.space.ops))
    edges = np.zeros((n, limit, limit))
    edges[:, :v, :v] = graphs.adjacency
    rows, columns = np.triu_indices(limit, 1)
    return np.concatenate([ops.reshape(n, limit * ops.shape[2]), edges[:, rows, columns]], axis=1)
