"""Every search space: sampled, mutated, written as text, enumerated; the counts that papers give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import load
from data.errors import InputError, UnknownNameError
from data.graphs import Graphs
from data.module_hash import OPS, module_hashes
from data.spaces import SPACES, get
from data.spaces.nb101 import N_CELLS, NB101

N = 200
COUNTS = {  # codes, networks
    "nb101": (N_CELLS, N_CELLS),
    "nb201": (15_625, 4_930),
    "nats_size": (32_768, 32_768),
    "macro": (6_561, 3_969),
    "channel_macro": (16_384, 16_384),
    "transnas_micro": (4_096, None),
    "transnas_macro": (3_256, 3_256),
}


def arrays(graphs: Graphs) -> np.ndarray:
    """Return all that a batch holds, a row for each graph."""
    parts = (graphs.ops, graphs.adjacency, graphs.n_nodes, graphs.stage, graphs.features)
    return np.concatenate([np.asarray(part, np.float64).reshape(len(graphs), -1) for part in parts], axis=1)


@pytest.mark.parametrize("name", SPACES)
def test_samples_are_valid_and_differ(name: str) -> None:
    space = get(name)
    codes = space.sample(N, np.random.default_rng(0))
    assert codes.shape == (N, len(space.choices))
    assert space.valid(codes).all()
    space.graphs(codes).validate()
    assert len(np.unique(codes, axis=0)) > N / 2
    np.testing.assert_array_equal(codes, space.sample(N, np.random.default_rng(0)))


@pytest.mark.parametrize("name", SPACES)
def test_a_mutation_changes_one_decision(name: str) -> None:
    space, rng = get(name), np.random.default_rng(1)
    codes = space.sample(N, rng)
    before = codes.copy()
    mutated = space.mutate(codes, rng)
    np.testing.assert_array_equal(codes, before)
    np.testing.assert_array_equal((mutated != codes).sum(1), 1)
    assert space.valid(mutated).all()


@pytest.mark.parametrize("name", SPACES)
def test_texts_are_read_back(name: str) -> None:
    space = get(name)
    codes = space.sample(N, np.random.default_rng(2))
    np.testing.assert_array_equal(space.parse(space.format(codes)), codes)
    for wrong in ("", "x", "1:2:x", "64-9-basic", "\x00"):
        with pytest.raises(InputError, match=space.name):
            space.parse([space.format(codes[:1])[0], wrong])


@pytest.mark.parametrize("name", SPACES)
def test_the_canonical_form_is_one_for_equal_hashes(name: str) -> None:
    space, rng = get(name), np.random.default_rng(3)
    codes = space.sample(N, rng)
    graphs = space.graphs(np.concatenate([codes, space.mutate(codes, rng)]))
    effective = graphs.effective().validate()
    hashes = graphs.canonical_hash()
    np.testing.assert_array_equal(effective.canonical_hash(), hashes)
    assert len(np.unique(arrays(effective), axis=0)) == len(np.unique(hashes))


@pytest.mark.parametrize("name", SPACES)
def test_renumbered_nodes_are_the_same_network(name: str) -> None:
    """Nodes in another topological order, at random: hash and canonical form do not change."""
    space, rng = get(name), np.random.default_rng(4)
    graphs = space.graphs(space.sample(40, rng))
    moved = [np.array(graphs.ops), np.array(graphs.adjacency), np.array(graphs.stage), graphs.features.copy()]
    inputs = graphs.ops == space.ops.index("input")
    for row, n in enumerate(graphs.n_nodes.tolist()):
        order: list[int] = []
        waiting = list(range(n))
        while waiting:
            # Inputs stay in their order, for they are told apart by it; the output stays last.
            free = [
                i
                for i in waiting
                if not graphs.adjacency[row, waiting, i].any()
                and not (inputs[row, i] and any(inputs[row, j] for j in waiting if j < i))
                and (i != n - 1 or len(waiting) == 1)
                and (order or i == 0)
            ]
            order.append(int(rng.choice(free)))
            waiting.remove(order[-1])
        for values in (moved[0], moved[2], moved[3]):
            values[row, :n] = values[row, order]
        moved[1][row, :n, :n] = moved[1][row][np.ix_(order, order)]
    other = Graphs(moved[0], moved[1], graphs.n_nodes, space, stage=moved[2], features=moved[3]).validate()
    np.testing.assert_array_equal(other.canonical_hash(), graphs.canonical_hash())
    np.testing.assert_array_equal(arrays(other.effective()), arrays(graphs.effective()))


@pytest.mark.parametrize("name", [name for name in COUNTS if name != "nb101"])
def test_counts_of_whole_spaces(name: str) -> None:
    codes = get(name).enumerate()
    n_codes, networks = COUNTS[name]
    assert len(codes) == len(np.unique(codes, axis=0)) == n_codes
    if networks:
        assert len(np.unique(get(name).graphs(codes).canonical_hash())) == networks


def test_nb101_codes_lose_the_vertices_that_are_on_no_path() -> None:
    rng = np.random.default_rng(0)
    edges, ops = rng.random((500, 21)) < rng.choice([0.1, 0.3, 0.5], (500, 1)), rng.integers(0, 3, (500, 5))
    codes = np.concatenate([edges, ops], axis=1).astype(np.int8)
    graphs, valid = NB101.graphs(codes), NB101.valid(codes)
    for row, code in enumerate(codes):
        matrix = np.zeros((7, 7), int)
        matrix[np.triu_indices(7, 1)] = code[:21]
        reach = np.linalg.matrix_power(matrix + np.eye(7, dtype=int), 6) > 0
        kept = [i for i in range(7) if i in (0, 6) or (reach[0, i] and reach[i, 6])]
        size = len(kept)
        assert graphs.n_nodes[row] == size
        assert (graphs.adjacency[row, :size, :size] == matrix[np.ix_(kept, kept)]).all()
        assert graphs.adjacency[row].sum() == matrix[np.ix_(kept, kept)].sum()
        assert (graphs.ops[row, 1 : size - 1] == code[20:][kept[1:-1]]).all()
        assert (graphs.ops[row, size:] == -1).all()
        assert valid[row] == (0 < matrix[np.ix_(kept, kept)].sum() <= 9)


def test_large_spaces_are_not_enumerated() -> None:
    with pytest.raises(InputError, match=r"9.12e\+18 codes; at most 10,000,000 are enumerated: use sample"):
        get("darts").enumerate()


def test_unknown_spaces_and_wrong_codes() -> None:
    with pytest.raises(UnknownNameError, match="unknown search space 'nb102'; did you mean nb101"):
        get("nb102")
    with pytest.raises(InputError, match=r"space 'macro': codes must have shape \(n, 8\)"):
        get("macro").graphs(np.zeros((3, 7)))
    with pytest.raises(InputError, match="space 'macro': code 1 has a decision outside"):
        get("macro").graphs(np.array([[0] * 8, [3] * 8]))


@pytest.mark.usefixtures("real_tables")
def test_nb101_has_the_official_cells() -> None:
    """The count is the published one, and the real sample, a block of hashes, is exactly those in its range.

    Hashing all cells takes a minute: of those outside the sample, a tenth is hashed.
    """
    codes = NB101.enumerate()
    graphs = NB101.graphs(codes)
    assert len(np.unique(graphs.canonical_hash())) == N_CELLS
    np.testing.assert_array_equal(NB101.code(graphs), codes)
    real = load("nb101")
    names = real.table.column("hash").to_pylist()
    sampled = np.isin(graphs.canonical_hash(), real.graphs.canonical_hash())
    assert sampled.sum() == len(names)
    others = np.random.default_rng(0).permutation(np.flatnonzero(~sampled))[: N_CELLS // 10]
    place = np.array([OPS.index(op) for op in NB101.ops] + [-1], np.int8)

    def official(rows: np.ndarray) -> set[str]:
        some = graphs.take(rows)
        return set(module_hashes(place[some.ops], some.adjacency, some.n_nodes))

    assert official(np.flatnonzero(sampled)) == set(names)
    found = official(others)
    assert len(found) == len(others)
    low, high = min(names), max(names)
    assert not [name for name in found if low <= name <= high]


def test_macro_networks_are_the_published_ones(real_tables: Path) -> None:
    table = pq.read_table(real_tables / "macro.parquet", columns=["arch", "network"])
    space = get("macro")
    hashes = space.graphs(space.parse(table.column("arch").to_pylist())).canonical_hash()
    _, ours = np.unique(hashes, return_inverse=True)
    _, theirs = np.unique(table.column("network").to_pylist(), return_inverse=True)
    assert len(np.unique(np.stack([ours, theirs]), axis=1).T) == len(np.unique(ours)) == 3_969
