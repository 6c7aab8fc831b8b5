"""Candidates of spaces too large to list."""

import numpy as np

from data.spaces import get
from eval.choose.candidates import draw, propose

SPACE = get("proxyless")


def score(graphs):
    return graphs.n_nodes.astype(float) + (graphs.ops == 0).sum(1) / 100


def test_evolution_finds_better_networks_than_the_sample():
    rng = np.random.default_rng(0)
    sampled = draw(SPACE, 300, rng)
    found = propose(SPACE, score, 50, np.random.default_rng(0), drawn=100, children=50)
    assert found.scores.mean() > np.sort(score(SPACE.graphs(sampled.codes)))[-50:].mean()
    assert np.array_equal(found.scores, score(SPACE.graphs(found.codes)))
    assert np.all(np.diff(found.scores) <= 0)


def test_networks_are_distinct_and_the_excluded_stay_out():
    space = get("nb201")
    first = propose(space, score, 40, np.random.default_rng(1), drawn=60, children=30)
    assert len(set(first.hashes.tolist())) == 40
    assert np.array_equal(first.hashes, space.graphs(first.codes).canonical_hash())
    second = propose(
        space, score, 40, np.random.default_rng(1), drawn=60, children=30, exclude=first.hashes,
        parents=first.codes,
    )  # fmt: skip
    assert not set(first.hashes.tolist()) & set(second.hashes.tolist())


def test_a_space_that_is_used_up_gives_what_is_left():
    space = get("transnas_macro")
    every = space.graphs(space.enumerate()).canonical_hash()
    left = np.unique(every)[:3]
    found = draw(space, 5, np.random.default_rng(0), np.setdiff1d(every, left))
    assert set(found.hashes.tolist()) <= set(left.tolist())


def test_the_same_generator_gives_the_same_candidates():
    a, b = (propose(SPACE, score, 30, np.random.default_rng(7), drawn=40, children=20) for _ in range(2))
    assert np.array_equal(a.codes, b.codes)
