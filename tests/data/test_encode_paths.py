"""Path encoding and Weisfeiler–Lehman subtrees: sizes, examples worked out on paper, and invariances."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from benchmarks import load
from data.encode.paths import get_path_length, paths
from data.encode.subtrees import (
    count_labels,
    get_vocabulary,
    number_occurrences,
    square_counts,
    wl_counts,
    wl_labels,
)
from data.errors import InputError
from data.graphs import Graphs
from data.space import SearchSpace
from data.spaces import SPACES
from data.spaces.nb101 import NB101

SPACE = SearchSpace("two", ("a", "b", "input", "output"), 6)
A, B, IN, OUT = range(4)


def build(ops: list[int], edges: list[tuple[int, int]], space: SearchSpace = SPACE) -> Graphs:
    adjacency = np.zeros((1, len(ops), len(ops)), np.uint8)
    for i, j in edges:
        adjacency[0, i, j] = 1
    return Graphs(np.array([ops], np.int8), adjacency, np.array([len(ops)]), space)


def test_the_paths_of_a_small_graph() -> None:
    """Columns: nothing, a, b, aa, ab, ba, bb."""
    graph = build([IN, A, B, OUT], [(0, 1), (1, 2), (2, 3), (0, 2), (0, 3)])
    assert paths(graph, max_length=2).tolist() == [[1, 0, 1, 0, 1, 0, 0]]
    assert paths(graph, max_length=1).tolist() == [[1, 0, 1]]


def test_the_published_sizes() -> None:
    for length, columns in ((5, 364), (3, 40), (None, 40)):
        graph = build([NB101.ops.index(op) for op in ("input", "output")], [(0, 1)], NB101)
        found = paths(graph, max_length=length)
        assert found.shape == (1, columns)
        assert np.flatnonzero(found[0]).tolist() == [0]
    assert get_path_length(SPACES["nb201"]) == 2


def test_stages_have_paths_of_their_own_and_long_ones_are_cut() -> None:
    space = SearchSpace("staged", ("a", "b", "input", "output"), 6, stages=("one", "two"))
    graph = build([IN, A, B, B, A, OUT], list(pairwise(range(6))), space)
    stage = np.array([[0, 0, 0, 0, 1, 1]], np.int8)
    staged = Graphs(graph.ops, graph.adjacency, graph.n_nodes, space, stage=stage)
    found = paths(staged, max_length=2).reshape(2, 7)
    assert found.tolist() == [[0, 0, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0, 0]]  # abb as ab; a


@pytest.mark.parametrize("length", [0, -1])
def test_a_length_that_keeps_nothing_is_refused(length: int) -> None:
    with pytest.raises(InputError, match=f"max_length must be at least 1, not {length}"):
        paths(build([IN, OUT], [(0, 1)]), max_length=length)


def test_too_many_columns_are_refused() -> None:
    space = SearchSpace("wide", (*(f"op{i}" for i in range(60)), "input", "output"), 8)
    with pytest.raises(InputError, match="columns, more than 100,000; use a smaller max_length"):
        paths(build([60, 61], [(0, 1)], space), max_length=4)
    assert paths(build([60, 61], [(0, 1)], space)).shape == (1, 61)


def test_subtrees_of_a_small_graph() -> None:
    """Two a's lead to the output, one of them over b: equal at depth 0, different at depth 1."""
    graph = build([IN, A, A, B, OUT], [(0, 1), (0, 2), (2, 3), (1, 4), (3, 4)])
    labels = wl_labels(graph, depth=1)
    assert labels[0, 0, 1] == labels[0, 0, 2]
    assert labels[0, 1, 1] != labels[0, 1, 2]
    counts, vocabulary = wl_counts(graph, depth=0)
    assert sorted(counts[0]) == [1, 1, 1, 2]
    assert square_counts(labels[:, :1]).tolist() == [7]
    again, _ = wl_counts(graph, depth=1, vocabulary=vocabulary)
    assert again.tolist() == counts.tolist()


def test_numbered_occurrences_share_the_smaller_count() -> None:
    both = [build([IN, *middle, OUT], [(0, 1), (1, 2), (2, 3), (3, 4)]) for middle in ([A, A, B], [A, A, A])]
    labels = [number_occurrences(wl_labels(graph, depth=0)) for graph in both]
    vocabulary = get_vocabulary(np.concatenate(labels))
    one, other = (count_labels(found, vocabulary).toarray()[0] for found in labels)
    assert set(one) | set(other) == {0, 1}
    assert one @ other == 4  # input, output, two a's
    assert (square_counts(labels[0])[0], one @ one) == (5, 5)


def test_a_row_does_not_depend_on_its_batch_nor_on_the_order_of_nodes() -> None:
    bench = load("nb201_mini")
    graphs = bench.graphs.take(slice(0, 60))
    whole, vocabulary = wl_counts(graphs, depth=3)
    part, _ = wl_counts(graphs.take(slice(20, 30)), depth=3, vocabulary=vocabulary)
    assert (part == whole[20:30]).all()
    assert (paths(graphs.take(slice(20, 30))) == paths(graphs)[20:30]).all()
    straight = build([IN, A, B, OUT], [(0, 1), (0, 2), (1, 3), (2, 3)])
    swapped = build([IN, B, A, OUT], [(0, 1), (0, 2), (1, 3), (2, 3)])
    assert np.array_equal(np.sort(wl_labels(straight)), np.sort(wl_labels(swapped)))
    assert np.array_equal(paths(straight), paths(swapped))


def test_a_negative_depth_is_refused() -> None:
    with pytest.raises(InputError, match="depth must be at least 0, not -1"):
        wl_labels(build([IN, OUT], [(0, 1)]), depth=-1)
