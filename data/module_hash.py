"""The module hash that NAS-Bench-101 names its cells by, for many cells at once.

A node begins as the MD5 of its out-degree, in-degree and label; in each of as many rounds as the cell has
nodes it becomes the MD5 of its sorted in-neighbours, its sorted out-neighbours and itself; the cell's hash
is the MD5 of the sorted list of its nodes. Cells that differ in the order of their nodes only have one hash.
Source: Ying et al., NAS-Bench-101, ICML 2019, and `hash_module` of github.com/google-research/nasbench.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5

import numpy as np

OPS = ("input", "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "output")
_LABELS = (-1, 0, 1, 2, -2)  # what the hash calls them
_CHUNK = 10_000  # cells at once: what they need stays in the processor's cache
_BAR = ord("|")


def module_hashes(ops: np.ndarray, adjacency: np.ndarray, n_nodes: np.ndarray) -> list[str]:
    """Return the module hash of each cell, 32 hex digits.

    Args:
        ops: (n, v) int8 codes into `OPS`; -1 beyond a cell's last node.
        adjacency: (n, v, v) of 0 and 1, strictly upper triangular. A cell is hashed as it is: nodes that are
            on no path from input to output must have been removed.
        n_nodes: (n,) nodes of each cell.
    """
    hashes = np.empty(len(ops), "S32")
    for v in np.unique(n_nodes):
        rows = np.flatnonzero(n_nodes == v)
        for start in range(0, len(rows), _CHUNK):
            some = rows[start : start + _CHUNK]
            hashes[some] = _hashes(ops[some, :v], adjacency[some, :v, :v] != 0)
    return hashes.astype(str).tolist()


def _hashes(ops: np.ndarray, adjacency: np.ndarray) -> np.ndarray:
    """Return (m,) S32 for cells of one size: ops (m, v), adjacency (m, v, v) bool."""
    m, v = ops.shape
    nodes = _Nodes(adjacency)
    labels = np.array(_LABELS)[ops]
    start = np.stack([adjacency.sum(2), adjacency.sum(1), labels], -1).reshape(-1, 3)
    kinds, state = np.unique(start, axis=0, return_inverse=True)
    digests = _digests(str(tuple(kind)).encode() for kind in kinds.tolist())
    state, names = _ranked(state.reshape(-1), digests)
    for _ in range(v):
        state, names = nodes.round(state, names)
    state = np.sort(state.reshape(m, v), axis=1)
    text = np.empty((m, v, 36), np.uint8)  # as Python prints a list of strings: 'name',␣
    text[:] = np.frombuffer(b"'" + b" " * 32 + b"', ", np.uint8)
    text[:, :, 1:33] = names[state]
    lists = text.reshape(m, -1)[:, :-2].tobytes()
    size = 36 * v - 2
    whole = (b"[" + lists[at : at + size] + b"]" for at in range(0, len(lists), size))
    return _hex(_digests(whole)).view("S32")[:, 0]


class _Nodes:
    """The neighbours of the nodes of many cells of one size, nodes grouped by their degrees.

    Attributes:
        groups: For each pair of degrees (i, o): the nodes (k,) that have it, their in-neighbours (k, i) and
            their out-neighbours (k, o). A node is a number in [0, cells × nodes).
    """

    def __init__(self, adjacency: np.ndarray) -> None:
        m, v, _ = adjacency.shape
        first = np.repeat(np.arange(m) * v, v)[:, None]
        sources = first + np.argsort(~adjacency.transpose(0, 2, 1).reshape(-1, v), axis=1, kind="stable")
        targets = first + np.argsort(~adjacency.reshape(-1, v), axis=1, kind="stable")
        into, out = adjacency.sum(1).reshape(-1), adjacency.sum(2).reshape(-1)
        self.groups = []
        for pair in np.unique(into * (v + 1) + out):
            i, o = divmod(int(pair), v + 1)
            nodes = np.flatnonzero((into == i) & (out == o))
            self.groups.append((nodes, sources[nodes, :i], targets[nodes, :o]))

    def round(self, state: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next state of every node, and the names of the states.

        Args:
            state: State of each node: a row of `names`, which are in ascending order.
            names: (states, 32) uint8: each state as hex digits.
        """
        new, digests, known = np.empty_like(state), [], 0
        for nodes, sources, targets in self.groups:
            i, o = sources.shape[1], targets.shape[1]
            key = np.empty((len(nodes), i + o + 1), np.int32)
            key[:, :i] = np.sort(state[sources], axis=1)
            key[:, i:-1] = np.sort(state[targets], axis=1)
            key[:, -1] = state[nodes]
            key, inverse = _distinct(key, len(names))
            new[nodes] = known + inverse
            known += len(key)
            digests.append(_digests(_messages(key, i, o, names)))
        return _ranked(new, b"".join(digests))


def _messages(key: np.ndarray, i: int, o: int, names: np.ndarray) -> Iterable[bytes]:
    """Yield what is hashed for each row of key (k, i + o + 1): in-neighbours | out-neighbours | itself."""
    size = 32 * (i + o + 1) + 2
    text = np.full((len(key), size), _BAR, np.uint8)
    text[:, : 32 * i] = names[key[:, :i]].reshape(len(key), -1)
    text[:, 32 * i + 1 : -33] = names[key[:, i:-1]].reshape(len(key), -1)
    text[:, -32:] = names[key[:, -1]]
    whole = text.tobytes()
    return (whole[at : at + size] for at in range(0, len(whole), size))


def _digests(messages: Iterable[bytes]) -> bytes:
    """Return the MD5 of each message, 16 bytes each."""
    return b"".join([md5(message, usedforsecurity=False).digest() for message in messages])


def _hex(digests: bytes) -> np.ndarray:
    """Return digests as hex digits (k, 32) uint8."""
    return np.frombuffer(digests.hex().encode(), np.uint8).reshape(-1, 32)


def _ranked(state: np.ndarray, digests: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return (state, names): the names of the digests in ascending order, and the states as their places."""
    high, low = np.frombuffer(digests, ">u8").astype(np.uint64).reshape(-1, 2).T
    order = np.lexsort((low, high))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[state], _hex(digests)[order]


def _distinct(key: np.ndarray, states: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, inverse): the distinct rows of key (k, c), numbers below `states`, and each row's place.

    Rows that do not fit into 32 bits are left as they are: among so many states few rows are equal.
    """
    bits = max(1, (states - 1).bit_length())
    if bits * key.shape[1] > 32:
        return key, np.arange(len(key))
    packed = (key.astype(np.int64) << bits * np.arange(key.shape[1])).sum(1)
    _, rows, inverse = np.unique(packed, return_index=True, return_inverse=True)
    return key[rows], inverse
