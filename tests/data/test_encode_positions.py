"""What stands at each position: chains, cells and the numbers in the names of operations."""

from __future__ import annotations

import numpy as np
import pytest

from data.encode import positions
from data.encode.numbers import get_op_numbers
from data.space import SearchSpace
from data.spaces import SPACES
from data.spaces.chains import chain
from data.spaces.edges import NB201
from data.spaces.mobile import OFA


def test_a_chain_by_hand() -> None:
    """Three layers in two stages; the second layer of the first stage is missing."""
    space = SearchSpace(
        "two", ("mb_k3_e4", "mb_k5_e6", "input", "output"), 5, stages=("a", "b"), features=("width",)
    )
    assert space.stage_sizes == (2, 2)
    graphs = chain(
        space,
        np.array([[0, -1, 1]], np.int8),
        np.array([[0, 0, 1]], np.int8),
        np.array([[[0.5], [0], [0.25]]], np.float32),
        np.array([[2.0]], np.float32),
    )
    expected_ops = [1, 0, 0, 0, 0, 1, 0, 0]
    expected_numbers = [3, 4, 0.5, 0, 0, 0, 5, 6, 0.25, 0, 0, 0]
    assert positions(graphs)[0].tolist() == [*expected_ops, *expected_numbers, 2.0]


def test_nodes_beyond_the_last_position_of_a_stage_are_added_to_it() -> None:
    space = SearchSpace("two", ("a", "b", "input", "output"), 5, stages=("s", "t"))
    graphs = chain(space, np.array([[0, 1, 1]], np.int8), np.zeros((1, 3), np.int8))
    assert positions(graphs)[0].tolist() == [1, 0, 0, 2, 0, 0, 0, 0]


def test_a_cell_has_its_operations_by_node() -> None:
    code = np.array([[3, 0, 2, 1, 4, 3]])
    one_hot = positions(NB201.graphs(code))[0, :30].reshape(6, 5)
    np.testing.assert_array_equal(one_hot.argmax(1), code[0])
    assert one_hot.sum() == 6


def test_blocks_keep_their_slot_whatever_the_depth_of_stages_before() -> None:
    depth = np.array([[2, 2, 2, 2, 2], [4, 2, 2, 2, 2]])
    kernel, expansion = np.full((2, 20), 5), np.full((2, 20), 6.0)
    table = positions(OFA.build(depth, kernel, expansion, np.full(2, 112)))
    assert table[:, -1].tolist() == [0.5, 0.5]
    numbers = table[:, 20 * 18 : 20 * 18 + 60].reshape(2, 20, 3)
    np.testing.assert_array_equal(numbers[0, 4:], numbers[1, 4:])
    assert numbers[1, 2, :2].tolist() == [6, 5]  # expansion, kernel
    assert not numbers[0, 2:4].any()


@pytest.mark.parametrize("name", list(SPACES))
def test_columns_depend_on_the_space_only(name: str) -> None:
    space = SPACES[name]
    rng = np.random.default_rng(0)
    codes = rng.integers(0, np.array(space.choices), (2000, len(space.choices)))
    graphs = space.graphs(codes[space.valid(codes)][:40])
    table = positions(graphs)
    inner = sum(space.stage_sizes) * (len(space.ops) - 2)
    assert table[:, :inner].max() == 1  # a node each: no stage has more nodes than positions
    np.testing.assert_array_equal((graphs.ops >= 0).sum(1) - table[:, :inner].sum(1) >= 2, True)
    np.testing.assert_array_equal(positions(graphs.take(slice(3, 9))), table[3:9])
    assert positions(graphs.effective()).shape == table.shape


@pytest.mark.parametrize(
    ("ops", "numbers"),
    [
        (("mb_e1.5_k3", "mb_e6_k7_se"), [[1.5, 3], [6, 7]]),
        (("width_8", "width_64"), [[8], [64]]),
        (("conv3x3", "pool"), [[], []]),
        (("conv3x3", "conv3x1"), [[3], [1]]),  # the first number is the same for both
    ],
)
def test_numbers_in_names(ops: tuple[str, ...], numbers: list[list[float]]) -> None:
    space = SearchSpace("named", (*ops, "skip", "input", "output"), 5, identity=("skip",))
    table = get_op_numbers(space)
    assert table[:2].tolist() == numbers
    assert not table[2:].any()
