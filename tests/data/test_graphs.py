"""Graphs: the canonical form against an interpreter that runs the networks, on random cells and on NB201."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.base import Benchmark
from data.encode import one_hot, path_statistics
from data.errors import InputError, TableError
from data.graphs import PAD, Graphs
from data.space import SearchSpace
from data.spaces.edges import NB201, EdgeSpace

quick = settings(derandomize=True, deadline=None, max_examples=200)
few = settings(quick, max_examples=50)

IN, OUT = "input", "output"
SPACE = SearchSpace(
    "test", ("conv_1x1", "conv_3x3", "pool", "skip", "copy", "none", IN, OUT), 8, ("skip", "copy"), ("none",)
)
INNER = SPACE.ops[:6]
Cell = tuple[list[str], np.ndarray]  # operations, adjacency (v, v)


def batch(*cells: Cell, space: SearchSpace = SPACE) -> Graphs:
    """The cells as one batch, padded to the space's node limit."""
    n, v = len(cells), space.max_nodes
    ops, edges = np.full((n, v), PAD, np.int8), np.zeros((n, v, v), np.uint8)
    for row, (names, adjacency) in enumerate(cells):
        ops[row, : len(names)] = space.codes(*names)
        edges[row, : len(names), : len(names)] = adjacency
    return Graphs(ops, edges, np.array([len(names) for names, _ in cells]), space)


def cell(names: str, edges: str) -> Cell:
    """A cell by its inner operations and its edges: "pool", "01 12" is input → pool → output."""
    ops = [IN, *names.split(), OUT]
    adjacency = np.zeros((len(ops), len(ops)), np.uint8)
    for i, j in edges.split():
        adjacency[int(i), int(j)] += 1
    return ops, adjacency


def hashes(*cells: Cell) -> list[int]:
    return batch(*cells).validate().canonical_hash().tolist()


# An interpreter that knows nothing of canonical forms. Each kind of operation is one fixed random map.

WIDTH, INPUTS = 4, 3
_rng = np.random.default_rng(7)
_MAPS = {
    op: _rng.normal(size=(2, WIDTH, WIDTH)) / 2 for op in ("conv_1x1", "conv_3x3", "pool", *NB201.edge_ops)
}
_SHIFTS = {op: _rng.normal(size=WIDTH) for op in _MAPS}
_X = _rng.normal(size=(INPUTS, WIDTH))


def apply(op: str, x: np.ndarray) -> np.ndarray:
    """A map that neither saturates nor is linear, so that different sums never look alike."""
    straight, bent = _MAPS[op]
    return x @ straight + np.sin(x @ bent + _SHIFTS[op])


def run(names: list[str], adjacency: np.ndarray) -> np.ndarray:
    """What the cell computes of the random inputs; zeros if nothing arrives at the output."""
    values: list[np.ndarray | None] = []
    for j, op in enumerate(names):
        terms = [
            adjacency[i, j] * value
            for i, value in enumerate(values)
            if value is not None and adjacency[i, j] > 0
        ]
        total = sum(terms[1:], terms[0]) if terms else None
        if op == IN:
            values.append(_X)
        elif op == "none" or total is None:
            values.append(None)
        else:
            values.append(total if op in ("skip", "copy", OUT) else apply(op, total))
    return np.zeros_like(_X) if values[-1] is None else values[-1]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.allclose(a, b, rtol=1e-7, atol=1e-7)


@st.composite
def cells(draw: st.DrawFn, largest: int = 8) -> Cell:
    v = draw(st.integers(2, largest))
    ops = [IN, *draw(st.lists(st.sampled_from(INNER), min_size=v - 2, max_size=v - 2)), OUT]
    pairs = v * (v - 1) // 2
    adjacency = np.zeros((v, v), np.uint8)
    adjacency[np.triu_indices(v, 1)] = draw(st.lists(st.booleans(), min_size=pairs, max_size=pairs))
    return ops, adjacency


@st.composite
def relabelled(draw: st.DrawFn, ops: list[str], adjacency: np.ndarray) -> Cell:
    """The same cell with its nodes in another topological order, the output still last."""
    waiting, order = set(range(len(ops) - 1)), []
    while waiting:
        ready = sorted(i for i in waiting if not any(adjacency[j, i] for j in waiting))
        order.append(draw(st.sampled_from([0] if not order else ready)))
        waiting.remove(order[-1])
    order.append(len(ops) - 1)
    return [ops[i] for i in order], adjacency[np.ix_(order, order)]


@quick
@given(st.data())
def test_relabelling_keeps_the_hash(data: st.DataObject) -> None:
    original = data.draw(cells())
    again = data.draw(relabelled(*original))
    first, second = hashes(original, again)
    assert first == second
    assert same(run(*original), run(*again))
    form = batch(original, again).effective()
    np.testing.assert_array_equal(form.ops[0], form.ops[1])
    np.testing.assert_array_equal(form.adjacency[0], form.adjacency[1])


@quick
@given(cells(), st.data())
def test_an_edit_changes_the_hash_exactly_if_it_changes_the_function(original: Cell, data) -> None:
    ops, adjacency = original
    changed, edges = list(ops), adjacency.copy()
    if len(ops) > 2 and data.draw(st.booleans()):
        changed[data.draw(st.integers(1, len(ops) - 2))] = data.draw(st.sampled_from(INNER))
    else:
        j = data.draw(st.integers(1, len(ops) - 1))
        edges[data.draw(st.integers(0, j - 1)), j] ^= 1
    first, second = hashes(original, (changed, edges))
    assert (first == second) == same(run(ops, adjacency), run(changed, edges))


@quick
@given(st.lists(cells(largest=5), min_size=2, max_size=40))
def test_hashes_are_equal_exactly_for_equal_functions(found: list[Cell]) -> None:
    by_hash: dict[int, np.ndarray] = {}
    for of_cell, result in zip(hashes(*found), [run(*one) for one in found], strict=True):
        assert same(by_hash.setdefault(of_cell, result), result)
    results = list(by_hash.values())
    assert not any(same(a, b) for i, a in enumerate(results) for b in results[:i])


@few
@given(st.lists(cells(), min_size=1, max_size=8))
def test_effective_is_idempotent_and_computes_the_same(found: list[Cell]) -> None:
    graphs = batch(*found)
    form = graphs.effective()
    form.validate()
    assert form.ops.shape[1] <= graphs.ops.shape[1]
    again = form.effective()
    for name in ("ops", "adjacency", "n_nodes"):
        np.testing.assert_array_equal(getattr(form, name), getattr(again, name))
    np.testing.assert_array_equal(form.canonical_hash(), graphs.canonical_hash())
    for row, original in enumerate(found):
        n = form.n_nodes[row]
        names = [SPACE.ops[code] for code in form.ops[row, :n]]
        assert not {"skip", "copy", "none"} & set(names)
        assert same(run(names, form.adjacency[row, :n, :n]), run(*original))


# What falls together, and what does not, one rule each.

PLAIN = cell("conv_3x3", "01 12")


@pytest.mark.parametrize(
    ("rule", "a", "b"),
    [
        ("a dead end is nothing", PLAIN, cell("conv_3x3 pool", "01 13 12")),
        ("an unfed operation is nothing", PLAIN, cell("pool conv_3x3", "02 23 12 13")),
        ("a zero is nothing", PLAIN, cell("none conv_3x3", "01 02 12 13 23")),
        ("what works on zeros is nothing", PLAIN, cell("none pool conv_3x3", "01 12 24 03 34")),
        ("a skip of zeros is nothing", PLAIN, cell("none skip conv_3x3", "01 12 24 03 34")),
        ("a skip is its input", PLAIN, cell("skip conv_3x3", "01 12 23")),
        ("every identity is one", cell("skip pool", "01 12 23"), cell("copy pool", "01 12 23")),
        (
            "operands have no order",
            cell("conv_1x1 pool", "01 02 13 23"),
            cell("pool conv_1x1", "01 02 13 23"),
        ),
        (
            "a sum of sums is one sum",
            cell("conv_1x1 pool skip conv_3x3", "01 02 13 23 34 04 45"),
            cell("conv_1x1 pool conv_3x3", "01 02 13 23 03 34"),
        ),
        (
            "repeated branches are one branch, twice",
            cell("pool pool", "01 02 13 23"),
            cell("pool skip", "01 12 13 23"),
        ),
        ("no path is no path", cell("none", "01 12"), cell("pool", "01")),
    ],
)
def test_these_are_one_network(rule: str, a: Cell, b: Cell) -> None:
    first, second = hashes(a, b)
    assert first == second, rule


@pytest.mark.parametrize(
    ("rule", "a", "b"),
    [
        ("operations differ", PLAIN, cell("conv_1x1", "01 12")),
        ("order of composition counts", cell("pool conv_3x3", "01 12 23"), cell("conv_3x3 pool", "01 12 23")),
        ("twice a term is not the term", cell("skip", "01 12 02"), cell("", "01")),
        (
            "twice an operation is not the operation of twice",
            cell("pool pool", "01 02 13 23"),
            cell("skip pool", "01 12 02 23"),
        ),
        ("something is not nothing", PLAIN, cell("none", "01 12")),
        ("the input alone is not nothing", cell("", "01"), cell("", "")),
        (
            "where the sum is counts",
            cell("conv_1x1 pool", "01 12 02 23"),
            cell("conv_1x1 pool", "01 12 23 03"),
        ),
    ],
)
def test_these_are_two_networks(rule: str, a: Cell, b: Cell) -> None:
    first, second = hashes(a, b)
    assert first != second, rule


def test_edge_counts_are_as_good_as_parallel_skips() -> None:
    first, second, third = hashes(
        cell("conv_3x3", "01 01 12"),
        cell("skip conv_3x3", "01 12 02 23"),
        PLAIN,
    )
    assert first == second != third


def test_inputs_and_outputs_have_places() -> None:
    ops = [IN, IN, "pool", "conv_3x3", OUT, OUT]
    straight, crossed, swapped = (np.zeros((6, 6), np.uint8) for _ in range(3))
    for adjacency, pairs in (
        (straight, [(0, 2), (1, 3), (2, 4), (3, 5)]),
        (crossed, [(1, 2), (0, 3), (2, 4), (3, 5)]),
        (swapped, [(0, 2), (1, 3), (2, 5), (3, 4)]),
    ):
        adjacency[tuple(np.array(pairs).T)] = 1
    assert len(set(hashes((ops, straight), (ops, crossed), (ops, swapped)))) == 3


def test_more_terms_than_can_be_counted_are_refused() -> None:
    ops, adjacency = cell("skip skip", "01 12 23")
    adjacency[0, 1] = adjacency[1, 2] = 16
    with pytest.raises(InputError, match="a term enters a sum 256 times; at most 255"):
        batch((ops, adjacency)).effective()


# The whole of NAS-Bench-201.


def partition(labels: np.ndarray) -> np.ndarray:
    """Number groups by their first row, so that equal partitions are equal arrays."""
    _, first, inverse = np.unique(labels, axis=0, return_index=True, return_inverse=True)
    return first[inverse.ravel()]


def test_nb201_has_4930_networks_each_a_union_of_official_classes(nb201: Benchmark) -> None:
    classes, official = nb201.graphs.canonical_hash(), nb201.table.values("unique_class")
    assert classes.dtype == np.uint64
    assert len(np.unique(classes)) == 4930
    assert len(np.unique(official)) == 6466
    assert len(np.unique(np.stack([classes, official.astype(np.uint64)], axis=1), axis=0)) == 6466
    np.testing.assert_array_equal(classes, nb201.classes)


def test_nb201_equal_hash_is_equal_effective_form(nb201: Benchmark) -> None:
    form = nb201.graphs.effective()
    flat = np.concatenate([form.ops, form.adjacency.reshape(len(form), -1)], axis=1)
    np.testing.assert_array_equal(partition(flat), partition(nb201.classes))
    again = form.effective()
    np.testing.assert_array_equal(again.ops, form.ops)
    np.testing.assert_array_equal(again.adjacency, form.adjacency)
    assert not (form.ops == NB201.ops.index("skip_connect")).any()
    assert not (form.ops == NB201.ops.index("none")).any()


def test_nb201_equal_hash_is_equal_function(nb201: Benchmark) -> None:
    """The cells are run as the paper defines them: sums at nodes, an operation on each edge."""
    ops = np.array([re.findall(r"(\w+)~", arch) for arch in nb201.table.column("arch").to_pylist()])
    edge = {(i, j): at for at, (i, j) in enumerate((i, j) for j in range(1, 4) for i in range(j))}
    n = len(ops)
    values = [np.broadcast_to(_X, (n, INPUTS, WIDTH))]
    live = [np.ones(n, bool)]
    for j in range(1, 4):
        total, any_live = np.zeros((n, INPUTS, WIDTH)), np.zeros(n, bool)
        for i in range(j):
            for op in NB201.edge_ops:
                rows = (ops[:, edge[i, j]] == op) & live[i] & (op != "none")
                total[rows] += values[i][rows] if op == "skip_connect" else apply(op, values[i][rows])
                any_live |= rows
        values.append(total)
        live.append(any_live)
    rounded = np.round(values[-1].reshape(n, -1), 6) + 0.0
    np.testing.assert_array_equal(partition(rounded), partition(nb201.classes))


# The rest of the contract.

SAMPLE = batch(PLAIN, cell("skip conv_3x3", "01 12 23"), cell("pool", "01 12"), PLAIN).with_weak(
    {"flops": np.array([1.0, 2.0, np.nan, 4.0])}
)


def test_take() -> None:
    for rows in (np.array([2, 0]), np.array([True, False, True, False])[[0, 1, 2, 3]], slice(1, 3)):
        taken = SAMPLE.take(rows)
        index = np.arange(4)[rows]
        np.testing.assert_array_equal(taken.ops, SAMPLE.ops[index])
        np.testing.assert_array_equal(taken.adjacency, SAMPLE.adjacency[index])
        np.testing.assert_array_equal(taken.n_nodes, SAMPLE.n_nodes[index])
        np.testing.assert_array_equal(taken.weak["flops"], SAMPLE.weak["flops"][index])
        assert len(taken) == len(index)
        assert taken.space is SAMPLE.space


def test_with_weak_replaces_and_checks() -> None:
    assert SAMPLE.with_weak({}).weak == {}
    given_weak = {"params": np.zeros(4)}
    changed = SAMPLE.with_weak(given_weak)
    given_weak["late"] = np.ones(4)
    assert list(changed.weak) == ["params"]
    assert list(SAMPLE.weak) == ["flops"]
    with pytest.raises(InputError, match=r"weak label 'params': shape \(3,\), expected \(4,\)"):
        SAMPLE.with_weak({"params": np.zeros(3)})


def test_unique() -> None:
    rows, inverse = SAMPLE.unique()
    np.testing.assert_array_equal(rows, [0, 2])
    np.testing.assert_array_equal(inverse, [0, 0, 1, 0])


def test_unique_of_nb201_gives_the_first_of_each_network(nb201: Benchmark) -> None:
    rows, inverse = nb201.graphs.unique()
    assert len(rows) == 4930
    assert (np.diff(rows) > 0).all()
    first = rows[inverse]
    np.testing.assert_array_equal(nb201.classes[first], nb201.classes)
    assert (first <= np.arange(len(nb201))).all()
    assert len(np.unique(nb201.classes[rows])) == 4930


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(InputError, match=r"ops \(4, 8\) and adjacency \(3, 8, 8\)"):
        Graphs(SAMPLE.ops, SAMPLE.adjacency[:3], SAMPLE.n_nodes, SPACE)


@pytest.mark.parametrize(
    ("array", "at", "value", "rule"),
    [
        ("n_nodes", (2,), 9, "must have 2 to 8 nodes"),
        ("n_nodes", (2,), 1, "must have 2 to 8 nodes"),
        ("n_nodes", (2,), 0, "must have 2 to 8 nodes"),
        ("ops", (2, 1), 8, "has an operation outside"),
        ("ops", (2, 1), -1, "has an operation outside"),
        ("ops", (2, 5), 0, "has an operation outside"),
        ("adjacency", (2, 1, 0), 1, "has an edge to an earlier node or to itself"),
        ("adjacency", (2, 1, 1), 1, "has an edge to an earlier node or to itself"),
        ("adjacency", (2, 1, 3), 1, "has an edge at a node it does not have"),
        ("ops", (2, 0), 0, "must begin with the input and end with the output"),
        ("ops", (2, 2), 0, "must begin with the input and end with the output"),
    ],
)
def test_validate_names_the_row_and_the_rule(array: str, at: tuple[int, ...], value: int, rule: str) -> None:
    assert SAMPLE.validate() is SAMPLE
    arrays = {name: getattr(SAMPLE, name).copy() for name in ("ops", "adjacency", "n_nodes")}
    arrays[array][at] = value
    with pytest.raises(TableError, match=rf"row 2: the graph {rule}.*\(1 such rows\)"):
        Graphs(**arrays, space=SPACE).validate()


@pytest.mark.parametrize(
    ("ops", "identity", "message"),
    [((IN, OUT, "a", "a"), (), "listed twice"), ((IN, "a"), (), "output"), ((IN, OUT), ("skip",), "skip")],
)
def test_a_contradictory_space_is_refused(ops, identity, message) -> None:
    with pytest.raises(InputError, match=rf"space 'odd'.*{message}"):
        SearchSpace("odd", ops, 4, identity)


SMALL = EdgeSpace.make("small", ("none", "skip", "conv"), 3, ("skip",), ("none",))


def test_edge_space_enumerate() -> None:
    codes = SMALL.enumerate()
    np.testing.assert_array_equal(codes, list(product(range(3), repeat=3)))
    graphs = SMALL.graphs(codes).validate()
    assert graphs.ops.shape == (27, 5)
    # 0→1, 0→2, 1→2: the first and the last are composed, the second goes straight.
    expected = np.zeros((5, 5))
    expected[[0, 0, 1, 2, 3], [1, 2, 3, 4, 4]] = 1
    np.testing.assert_array_equal(graphs.adjacency[0], expected)
    assert NB201.enumerate().shape == (15_625, 6)


def test_edge_space_sample() -> None:
    codes = NB201.sample(3000, np.random.default_rng(0))
    assert codes.shape == (3000, 6)
    np.testing.assert_array_equal(codes, NB201.sample(3000, np.random.default_rng(0)))
    counts = np.stack([(codes == op).sum(0) for op in range(5)])
    assert counts.sum() == 18_000
    assert abs(counts - 600).max() < 110  # five standard deviations
    NB201.graphs(codes).validate()


@few
@given(st.integers(0, 2**32 - 1))
def test_edge_space_mutate_changes_exactly_one_edge(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = NB201.sample(50, rng)
    before = codes.copy()
    mutated = NB201.mutate(codes, rng)
    np.testing.assert_array_equal(codes, before)
    np.testing.assert_array_equal((mutated != codes).sum(1), 1)
    NB201.graphs(mutated).validate()


def test_edge_space_mutate_reaches_every_edge_and_operation() -> None:
    mutated = NB201.mutate(np.zeros((2000, 6), np.int8), np.random.default_rng(0))
    edges, ops = mutated.nonzero()[1], mutated[mutated > 0]
    assert len(set(zip(edges.tolist(), ops.tolist(), strict=True))) == 24


@pytest.mark.parametrize("codes", [np.zeros((2, 5)), np.zeros(6), np.full((1, 6), 5), np.full((1, 6), -1)])
def test_edge_space_refuses_wrong_codes(codes: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"code(s must have shape \(n, 6\)| 0 has a decision outside)"):
        NB201.graphs(codes)


# Encodings.


def test_one_hot() -> None:
    encoded = one_hot(SAMPLE)
    assert encoded.shape == (4, 8 * 8 + 8 * 7 // 2)
    form = one_hot(SAMPLE.effective())
    assert form.shape == encoded.shape
    np.testing.assert_array_equal(form[0], form[1])
    ops, edges = form[0, :64].reshape(8, 8), form[0, 64:]
    np.testing.assert_array_equal(ops.sum(1), [1, 1, 1, 0, 0, 0, 0, 0])
    assert [SPACE.ops[code] for code in ops[:3].argmax(1)] == [IN, "conv_3x3", OUT]
    pairs = list(zip(*np.triu_indices(8, 1), strict=True))
    assert [pairs[at] for at in edges.nonzero()[0]] == [(0, 1), (1, 2)]


def test_path_statistics_by_hand() -> None:
    # Groups: conv_1x1, conv_3x3, pool, the two convolutions, everything.
    diamond = cell("conv_1x1 conv_3x3 pool", "01 02 13 23 34 04 14")
    # Paths: 1-3, 2-3, straight, 1.
    nothing = cell("pool", "01")
    table = path_statistics(batch(diamond, nothing))
    assert table.shape == (2, 4 * 5 + 6)
    nodes, on_paths = [1, 1, 1, 2, 3], [2, 1, 2, 3, 5]
    most, fewest = [1, 1, 1, 1, 2], [0, 0, 0, 0, 0]
    # paths, edges, distinct edges, out of the input, into the output, straight
    np.testing.assert_array_equal(table[0], [*nodes, *on_paths, *most, *fewest, 4, 7, 7, 3, 3, 1])
    np.testing.assert_array_equal(
        table[1], [*[0, 0, 1, 0, 1], *[0] * 5, *[-1] * 5, *[-1] * 5, 0, 1, 1, 1, 0, 0]
    )


def test_path_statistics_count_parallel_edges() -> None:
    chain = cell("conv_1x1 conv_3x3", "01 01 12 23")
    table = path_statistics(batch(chain))
    nodes = most = fewest = [1, 1, 0, 2, 2]
    np.testing.assert_array_equal(table[0], [*nodes, *[2, 2, 0, 4, 4], *most, *fewest, 2, 4, 3, 2, 1, 0])


@few
@given(st.lists(cells(), min_size=1, max_size=6))
def test_encodings_do_not_depend_on_the_batch(found: list[Cell]) -> None:
    form = batch(*found).effective()
    for encode in (one_hot, path_statistics):
        together = encode(form)
        assert np.isfinite(together).all()
        for row, original in enumerate(found):
            np.testing.assert_array_equal(encode(batch(original).effective())[0], together[row])


@few
@given(st.data())
def test_encodings_of_twins_are_equal(data: st.DataObject) -> None:
    original = data.draw(cells())
    again = data.draw(relabelled(*original))
    assume(again[0] != original[0] or (again[1] != original[1]).any())
    form = batch(original, again).effective()
    for encode in (one_hot, path_statistics):
        first, second = encode(form)
        np.testing.assert_array_equal(first, second)
