"""The NAS-Bench-101 space: cells of at most seven vertices and nine edges, an operation on each vertex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from data.errors import InputError
from data.graphs import PAD, Graphs
from data.space import INPUT, OUTPUT
from data.spaces.codes import CodeSpace

VERTICES, MAX_EDGES = 7, 9
OPS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
N_CELLS = 423_624
_PAIRS = np.triu_indices(VERTICES, 1)
_N_PAIRS = len(_PAIRS[0])
_CHUNK = 1 << 19
_BIT_COUNTS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1, dtype=np.uint8)


@dataclass(frozen=True)
class Nb101Space(CodeSpace):
    """Codes are the 21 entries above the diagonal of a 7 × 7 adjacency matrix, then the five operations.

    Vertices that are not on a path from input to output are pruned, so a code may be a smaller cell; it is
    valid if a path is left, and no more than nine edges.
    Source: Ying et al., NAS-Bench-101, ICML 2019.
    """

    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the pruned cells of codes (n, 26); without a path only input and output are left."""
        codes = self.check(codes)
        n = len(codes)
        adjacency = np.zeros((n, VERTICES, VERTICES), np.uint8)
        adjacency[:, _PAIRS[0], _PAIRS[1]] = codes[:, :_N_PAIRS]
        ops = np.empty((n, VERTICES), np.int8)
        ops[:, 0], ops[:, -1] = self.codes(INPUT, OUTPUT)
        ops[:, 1:-1] = codes[:, _N_PAIRS:]
        kept, n_nodes = _kept_vertices(_successors(codes)), np.empty(n, np.int16)
        for bits in np.unique(kept):
            rows = np.flatnonzero(kept == bits)
            inside = np.flatnonzero(bits >> np.arange(VERTICES) & 1)
            size = n_nodes[rows] = len(inside)
            if size < VERTICES:  # pruned vertices go, the others move up
                matrix, own = np.zeros((len(rows), VERTICES, VERTICES), np.uint8), ops[rows[:, None], inside]
                matrix[:, :size, :size] = adjacency[rows][:, inside][:, :, inside]
                adjacency[rows], ops[rows, size:] = matrix, PAD
                ops[rows, :size] = own
        return Graphs(ops, adjacency, n_nodes, self)

    def valid(self, codes: np.ndarray) -> np.ndarray:
        """Return (n,) whether a path from input to output is left, and at most nine edges."""
        successors = _successors(self.check(codes))
        kept = _kept_vertices(successors)
        edges = np.zeros(len(kept), np.uint8)
        for i in range(VERTICES - 1):
            edges += _BIT_COUNTS[successors[i] & kept] * (kept >> i & 1)
        return (edges > 0) & (edges <= MAX_EDGES)

    def code(self, graphs: Graphs) -> np.ndarray:
        """Return a code (n, 26) of each pruned cell.

        A cell of fewer vertices has its output last, and vertices without edges before it.
        """
        n, v = graphs.ops.shape
        place = np.where(np.arange(v) == graphs.n_nodes[:, None] - 1, VERTICES - 1, np.arange(v))
        place = np.minimum(place, VERTICES - 1)
        matrix = np.zeros((n, VERTICES, VERTICES), np.int8)
        rows, i, j = np.nonzero(graphs.adjacency)
        matrix[rows, place[rows, i], place[rows, j]] = 1
        codes = np.zeros((n, len(self.choices)), np.int8)
        codes[:, :_N_PAIRS] = matrix[:, _PAIRS[0], _PAIRS[1]]
        inner = (graphs.ops >= 0) & (graphs.ops < len(OPS))
        rows, i = np.nonzero(inner)
        codes[rows, _N_PAIRS + i - 1] = graphs.ops[rows, i]
        return codes

    def enumerate(self) -> np.ndarray:
        """Return one code of each of the 423,624 cells, smaller cells first."""
        return np.concatenate([self.code(cells) for cells in map(self._cells, range(2, VERTICES + 1))])

    def format(self, codes: np.ndarray) -> list[str]:
        """Return each code as text: the adjacency above its diagonal, "/", the operations' digits."""
        texts = ["".join(map(str, code)) for code in self.check(codes).tolist()]
        return [f"{text[:_N_PAIRS]}/{text[_N_PAIRS:]}" for text in texts]

    def parse(self, texts: Sequence[str]) -> np.ndarray:
        """Return the codes (n, 26) of texts as `format` writes them."""
        shape = (_N_PAIRS, VERTICES - 2)
        wrong = [
            t for t in texts if tuple(map(len, t.split("/"))) != shape or not t.replace("/", "").isdecimal()
        ]
        if wrong:
            raise InputError(f"space '{self.name}': not an architecture text: {wrong[0]!r}")
        digits = [[int(digit) for digit in text if digit != "/"] for text in texts]
        return self.check(np.array(digits, np.int8).reshape(-1, len(self.choices)))

    def _cells(self, v: int) -> Graphs:
        """Return every cell of exactly v vertices once; cells of different shapes are different cells."""
        shapes = _shapes(v)
        inner = v - 2
        labels = np.indices((len(OPS),) * inner, np.int8).reshape(inner, len(OPS) ** inner).T
        size = max(1, _CHUNK // len(labels))
        cells = []
        for start in range(0, len(shapes), size):
            graphs = self._labelled(shapes[start : start + size], labels)
            cells.append(graphs.take(graphs.unique()[0]))
        return Graphs(
            np.concatenate([c.ops for c in cells]),
            np.concatenate([c.adjacency for c in cells]),
            np.concatenate([c.n_nodes for c in cells]),
            self,
        )

    def _labelled(self, shapes: np.ndarray, labels: np.ndarray) -> Graphs:
        """Return every shape (s, v, v) with every labelling (m, v − 2) of its inner vertices."""
        s, v, m = len(shapes), shapes.shape[1], len(labels)
        ops = np.empty((s, m, v), np.int8)
        ops[:, :, 0], ops[:, :, -1] = self.codes(INPUT, OUTPUT)
        ops[:, :, 1:-1] = labels
        adjacency = np.repeat(shapes, m, axis=0)
        return Graphs(ops.reshape(-1, v), adjacency, np.full(s * m, v, np.int16), self)


def _successors(codes: np.ndarray) -> np.ndarray:
    """Return (vertices, n) uint8: bit j of entry i says whether there is an edge i → j."""
    bits = np.ascontiguousarray(codes[:, :_N_PAIRS].T).astype(np.uint8)
    successors = np.zeros((VERTICES, len(codes)), np.uint8)
    for bit, i, j in zip(bits, *(side.tolist() for side in _PAIRS), strict=True):
        successors[i] |= bit << j
    return successors


def _kept_vertices(successors: np.ndarray) -> np.ndarray:
    """Return (n,) uint8: bits of the vertices on paths from the first to the last, and of these two."""
    last = np.uint8(1 << (VERTICES - 1))
    ahead, back = np.ones(successors.shape[1], np.uint8), np.full(successors.shape[1], last)
    for i in range(VERTICES - 1):
        ahead |= successors[i] * (ahead >> i & 1)
    for i in range(VERTICES - 2, -1, -1):
        back |= ((successors[i] & back) > 0).astype(np.uint8) << i
    return (ahead & back) | np.uint8(1) | last


def _on_path(adjacency: np.ndarray) -> np.ndarray:
    """Return (n, v) whether each vertex is on a path from the first to the last."""
    n, v = adjacency.shape[:2]
    ahead, back = np.zeros((n, v), bool), np.zeros((n, v), bool)
    ahead[:, 0], back[:, -1] = True, True
    for j in range(1, v):
        ahead[:, j] = ((adjacency[:, :j, j] > 0) & ahead[:, :j]).any(1)
    for j in range(v - 2, -1, -1):
        back[:, j] = ((adjacency[:, j, j + 1 :] > 0) & back[:, j + 1 :]).any(1)
    return ahead & back


def _shapes(v: int) -> np.ndarray:
    """Return adjacency matrices (s, v, v) of v vertices, all on paths, at most nine edges.

    Of matrices that differ only in the order of their inner vertices one is returned: the one whose bits,
    read as a number, are the smallest that any order of them gives.
    """
    rows, columns = np.triu_indices(v, 1)
    numbers = np.arange(1 << len(rows), dtype="<u4").view(np.uint8)
    bits = np.unpackbits(numbers, bitorder="little").reshape(-1, 32)[:, : len(rows)]
    bits = bits[bits.sum(1) <= MAX_EDGES]
    matrices = np.zeros((len(bits), v, v), np.uint8)
    matrices[:, rows, columns] = bits
    matrices = matrices[_on_path(matrices).all(1)]
    smallest = np.full(len(matrices), np.iinfo(np.int64).max)
    weight = np.zeros((v, v), np.int64)
    weight[rows, columns] = 1 << np.arange(len(rows))
    own = (matrices * weight).sum((1, 2))
    for order in _permutations(v):
        moved = matrices[:, order][:, :, order]
        upper = ~np.tril(moved).any((1, 2))
        number = (moved * weight).sum((1, 2))
        smallest = np.where(upper, np.minimum(smallest, number), smallest)
    return matrices[own == smallest]


def _permutations(v: int) -> list[list[int]]:
    """Return every order of v vertices that leaves the first and the last in place."""
    return [[0, *inner, v - 1] for inner in permutations(range(1, v - 1))]


NB101 = Nb101Space(
    "nb101",
    (*OPS, INPUT, OUTPUT),
    VERTICES,
    fold_equal=False,
    choices=(2,) * _N_PAIRS + (len(OPS),) * (VERTICES - 2),
)
