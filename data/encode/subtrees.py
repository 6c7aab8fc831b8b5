"""Weisfeiler–Lehman subtrees: each node with its surroundings, up to a depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from data.canonical import GOLDEN, mix
from data.errors import InputError
from data.graphs import PAD, Graphs

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def wl_labels(graphs: Graphs, *, depth: int = 2) -> np.ndarray:
    """Return the label of the subtree at each node, (n, depth + 1, v) uint64, 0 beyond the last node.

    At depth 0 a label stands for the node's operation, stage and features; at depth h, for the node's label
    at depth h − 1 and the multiset of those of the nodes that its edges lead to. Labels are hashes, so they
    mean the same in every batch of a space and no dictionary is needed; distinct subtrees collide with the
    chance of random 64-bit numbers.

    Args:
        graphs: n architectures.
        depth: Edges that the deepest subtree spans.

    Raises:
        InputError: `depth` is negative.

    Source: Shervashidze et al., Weisfeiler-Lehman Graph Kernels, JMLR 2011, in the directed form of Ru et
    al., NAS-BOWL, ICLR 2021.
    """
    if depth < 0:
        raise InputError(f"depth must be at least 0, not {depth}")
    used = graphs.ops != PAD
    edges = graphs.adjacency.astype(np.uint64)
    label = _get_salts(graphs) * used
    levels = [label]
    with np.errstate(over="ignore"):
        for level in range(1, depth + 1):
            around = np.stack(
                [(edges[:, i] * mix(label)).sum(1, dtype=np.uint64) for i in range(label.shape[1])], axis=1
            )
            label = mix(label + mix(around + np.uint64(level) * GOLDEN)) * used
            levels.append(label)
    return np.stack(levels, axis=1)


def number_occurrences(labels: np.ndarray) -> np.ndarray:
    """Return labels (n, levels, v) changed so that the second, third, ... occurrence of one has its own.

    Counts of the new labels are 0 or 1, and their scalar product is the sum of the smaller of two counts: the
    optimal assignment kernel. Source: Kriege et al., NeurIPS 2016.
    """
    v = labels.shape[2]
    earlier = np.zeros(labels.shape, np.uint64)
    for j in range(1, v):
        earlier[:, :, j] = (labels[:, :, :j] == labels[:, :, j, None]).sum(2)
    with np.errstate(over="ignore"):
        return np.where((labels != 0) & (earlier > 0), mix(labels + earlier * GOLDEN), labels)


def get_vocabulary(labels: np.ndarray) -> np.ndarray:
    """Return the distinct labels of labels (n, levels, v), ascending, (m,) uint64."""
    found = np.unique(labels)
    return found[found != 0]


def count_labels(labels: np.ndarray, vocabulary: np.ndarray) -> csr_array:
    """Return how often labels of a vocabulary (m,) occur in labels (n, levels, v): sparse (n, m) float64."""
    from scipy.sparse import csr_array

    n, m = len(labels), len(vocabulary)
    flat = labels.reshape(n, labels.shape[1] * labels.shape[2])
    place = np.minimum(np.searchsorted(vocabulary, flat), m - 1)
    known = vocabulary[place] == flat
    rows = np.broadcast_to(np.arange(n)[:, None], flat.shape)[known]
    return csr_array((np.ones(len(rows)), (rows, place[known])), shape=(n, m))  # adds up repeated entries


def square_counts(labels: np.ndarray) -> np.ndarray:
    """Return the sum of squared counts (n,) of all labels (n, levels, v), whatever a vocabulary holds."""
    total = np.zeros(len(labels))
    for j in range(labels.shape[2]):
        total += ((labels == labels[:, :, j, None]) & (labels[:, :, j, None] != 0)).sum((1, 2))
    return total


def wl_counts(
    graphs: Graphs, *, depth: int = 2, vocabulary: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts (n, m) of Weisfeiler–Lehman subtrees up to a depth, and the vocabulary (m,) uint64.

    Args:
        graphs: n architectures.
        depth: Edges that the deepest subtree spans.
        vocabulary: Labels to count, as an earlier call returned them; by default all that occur.
    """
    labels = wl_labels(graphs, depth=depth)
    if vocabulary is None:
        vocabulary = get_vocabulary(labels)
    return count_labels(labels, vocabulary).toarray(), vocabulary


def _get_salts(graphs: Graphs) -> np.ndarray:
    """Return (n, v) uint64: a number that stands for a node's operation, stage and features."""
    parts: Sequence[np.ndarray] = [graphs.ops.astype(np.int64) + 2, graphs.stage]
    salts = np.full(graphs.ops.shape, GOLDEN)
    with np.errstate(over="ignore"):
        for part in parts:
            salts = mix(salts + part.astype(np.uint64))
        for f in range(graphs.features.shape[2]):
            # Adding 0 turns -0.0 into 0.0: equal numbers must have equal bits.
            bits = (graphs.features[:, :, f].astype(np.float32) + np.float32(0)).view(np.uint32)
            salts = mix(salts + bits.astype(np.uint64) * GOLDEN)
    return salts
