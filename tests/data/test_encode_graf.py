"""GRAF's columns: their numbers, and their values on cells that can be worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from data.encode import graf
from data.encode.op_sets import get_op_sets
from data.errors import InputError
from data.graphs import Graphs
from data.spaces import SPACES
from data.spaces.cells import DARTS
from data.spaces.edges import NB201

SETS = get_op_sets(5)
NONE, SKIP, CONV1, CONV3, POOL = range(5)


def sample(name: str, n: int = 40) -> Graphs:
    space = SPACES[name]
    rng = np.random.default_rng(0)
    codes = rng.integers(0, np.array(space.choices), (50 * n, len(space.choices)))
    return space.graphs(codes[space.valid(codes)][:n])


def at(*ops: int, n_ops: int = 5) -> int:
    """The row of a set among the sets of `n_ops` operations."""
    wanted = np.isin(np.arange(n_ops), ops)
    return int(np.flatnonzero((get_op_sets(n_ops) == wanted).all(1))[0])


@pytest.mark.parametrize(
    ("name", "columns", "short", "distinct"),
    [
        ("nb201", 191, 87, 160),
        ("transnas_micro", 94, 50, 79),
        ("nb101", 47, 31, 47),
        ("darts", 1540, 580, 1286),
        ("transnas_macro", 16, 16, 16),
    ],
)
def test_published_sizes(name: str, columns: int, short: int, distinct: int) -> None:
    graphs = sample(name)
    assert graf(graphs).shape == (40, columns)
    assert graf(graphs, short=True).shape == (40, short)
    assert graf(graphs, drop_duplicates=True).shape == (40, distinct)


@pytest.mark.parametrize("name", list(SPACES))
def test_any_space_has_up_to_a_few_thousand_finite_columns(name: str) -> None:
    graphs = sample(name)
    table, canonical = graf(graphs), graf(graphs.effective())
    assert table.shape[1] == canonical.shape[1] <= 3100
    assert np.isfinite(table).all()
    assert np.isfinite(canonical).all()
    np.testing.assert_array_equal(graf(graphs.take(slice(3, 9))), table[3:9])
    assert graf(graphs.take(slice(0, 0))).shape == (0, table.shape[1])


def test_operations_on_edges_by_hand() -> None:
    """0→1 conv3, 0→2 none, 1→2 conv1, 0→3 skip, 1→3 conv3, 2→3 conv3."""
    row = graf(NB201.graphs(np.array([[CONV3, NONE, CONV1, SKIP, CONV3, CONV3]])))[0]
    counts, fewest, most, rest = np.split(row, [5, 36, 67])
    at_input, at_output, out_degree, in_degree = rest.reshape(4, 31)
    assert counts.tolist() == [1, 1, 1, 3, 0]
    assert fewest[at(SKIP)] == 1
    assert fewest[at(CONV3)] == 2
    assert fewest[at(CONV1)] == 5  # none: the last of the nodes 1 to 4, and one more
    assert fewest[at(NONE, CONV3)] == 2
    assert most[at(CONV3)] == 2
    assert most[at(CONV1, CONV3)] == 3
    assert most[at(CONV1)] == 0
    assert most[at(*range(5))] == 3
    assert at_input[at(NONE, CONV3)] == 2
    assert at_output[at(CONV3, SKIP)] == 3
    assert out_degree[at(CONV1, CONV3)] == in_degree[at(CONV1, CONV3)] == 4 / 4


def test_operations_on_nodes_by_hand() -> None:
    """input → conv3 → conv1 → output, input → pool → output, input → output."""
    space = SPACES["nb101"]
    conv3, conv1, pool, first, last = space.codes(
        "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "input", "output"
    )
    edges = np.zeros((1, 5, 5), np.uint8)
    edges[0, [0, 0, 0, 1, 2, 3], [1, 3, 4, 2, 4, 4]] = 1
    graphs = Graphs(np.array([[first, conv3, conv1, pool, last]], np.int8), edges, np.array([5]), space)
    row = graf(graphs)[0]
    counts, fewest, most, rest = np.split(row, [5, 12, 19])
    at_input, at_output, out_degree, in_degree = rest.reshape(4, 7)
    both = at(conv3, conv1, n_ops=3)
    assert counts.tolist() == [1, 1, 1, 1, 1]
    assert fewest.tolist() == [1] * 7  # the direct edge
    assert most[both] == 2
    assert most[at(conv3, n_ops=3)] == 0
    assert at_input[at(conv3, pool, n_ops=3)] == 2
    assert at_output[both] == 1
    assert out_degree[both] == 2 / 5
    assert in_degree[both] == 2 / 5
    edges[0, 0, 4] = 0
    assert graf(graphs)[0, 5:12][at(pool, n_ops=3)] == 2
    assert graf(graphs)[0, 5:12][both] == 3
    assert graf(graphs)[0, 5:12][at(conv1, n_ops=3)] == 5  # no such path: the number of nodes


def test_pairs_of_cells_by_hand() -> None:
    """Blocks of a normal cell: (0 conv5, 1 skip), (0 conv5, 2 conv5), then pools of 0 and 1."""
    space = DARTS
    conv5, skip, pool = space.codes("sep_conv_5x5", "skip_connect", "max_pool_3x3")
    ops = np.full((1, 2, 4, 2), pool)
    sources = np.tile([0, 1], (1, 2, 4, 1))
    ops[0, 0, :2] = [[conv5, skip], [conv5, conv5]]
    sources[0, 0, 1] = [0, 2]
    row = graf(space.build(ops, sources))[0]
    counts, most, degrees = row[:16], row[16:524].reshape(2, 2, 127), row[524:].reshape(2, 4, 127)
    of_conv5 = at(conv5 - 1, n_ops=7)  # without `none`, the first operation
    assert counts[[pool - 1, skip - 1, conv5 - 1, 7]].tolist() == [4, 1, 3, 4]
    assert most.shape == (2, 2, 127)
    # The parts of `most` are ordered by input, then by cell.
    assert most[0, 0, of_conv5] == 2
    assert most[1, 0, of_conv5] == 0
    assert most[1, 0, at(conv5 - 1, skip - 1, n_ops=7)] == 2
    assert most[0, 1, of_conv5] == 0
    assert degrees[0, :, of_conv5].tolist() == [2, 0, 3 / 7, 3 / 7]
    assert degrees[1, :, of_conv5].tolist() == [0, 0, 0, 0]


def test_modules_by_hand() -> None:
    """Modules 2, 3, 4, 1: doubled, halved, both, neither."""
    space = SPACES["transnas_macro"]
    row = graf(space.graphs(space.parse(["64-2341-basic"])))[0]
    assert row[:4].tolist() == [1, 1, 1, 1]
    assert row[4:10].tolist() == [1, 1, 2, 2, 0, 0]
    assert row[10:].tolist() == [0, 1, 2, 2, 0, 0]


def test_duplicate_columns_are_the_second_mean_degree() -> None:
    table = graf(NB201.graphs(np.random.default_rng(1).integers(0, 5, (500, 6))))
    np.testing.assert_array_equal(table[:, -31:], table[:, -62:-31])


@pytest.mark.parametrize(
    ("n_ops", "max_ops", "sets"), [(5, None, 31), (8, None, 255), (12, None, 79), (12, 1, 13), (3, 9, 7)]
)
def test_number_of_sets(n_ops: int, max_ops: int | None, sets: int) -> None:
    found = get_op_sets(n_ops, max_ops)
    assert len(found) == len(np.unique(found, axis=0)) == sets
    assert found[-1].all()


def test_sets_of_no_operation_are_refused() -> None:
    with pytest.raises(InputError, match="max_ops"):
        graf(sample("nb201"), max_ops=0)
