"""Protocols: what each promises, on made tables and on the real one; every protocol goes through here."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.base import Benchmark
from data.errors import InputError, UnknownNameError
from data.split import LABELS, PROTOCOLS, Pool, Protocol, Split, default_protocol, get_protocol

quick = settings(derandomize=True, deadline=None, max_examples=40)

ALL = list(PROTOCOLS.values())
FREE = [protocol for protocol in ALL if protocol.train_size is None]
TESTS_TRAINING_ROWS = {"acenas", *(f"pinat-{i}" for i in range(1, 6))}
BY_PROTOCOL = pytest.mark.parametrize("protocol", ALL, ids=lambda protocol: protocol.name)
BY_FREE_PROTOCOL = pytest.mark.parametrize("protocol", FREE, ids=lambda protocol: protocol.name)


def pool(seed: int, n: int, networks: int) -> Pool:
    """A table with twins, missing labels, missing targets and parts."""
    rng = np.random.default_rng(seed)
    return Pool(
        trainable=rng.random(n) < 0.8,
        testable=rng.random(n) < 0.9,
        classes=rng.integers(2**63, size=networks, dtype=np.uint64)[rng.integers(networks, size=n)],
        part=rng.choice(["train", "test", ""], size=n, p=[0.4, 0.4, 0.2]),
    )


LARGE = pool(1, 6000, 2500)


def draw(protocol: Protocol, seed: int, size: int = 40, of: Pool = LARGE) -> Split:
    return protocol.split(of, protocol.train_size or size, seed)


@BY_PROTOCOL
@pytest.mark.parametrize("seed", range(3))
def test_promises_of_every_protocol(protocol: Protocol, seed: int) -> None:
    split = draw(protocol, seed)
    assert len(split.train) == (protocol.train_size or 40)
    for rows, allowed in ((split.train, LARGE.trainable), (split.test, LARGE.testable)):
        assert rows.ndim == 1
        assert np.issubdtype(rows.dtype, np.integer)
        assert len(set(rows.tolist())) == len(rows) > 0
        assert allowed[rows].all()
    np.testing.assert_array_equal(split.test, np.sort(split.test))
    both = np.isin(split.test, split.train)
    assert both.any() == (protocol.name in TESTS_TRAINING_ROWS)


@BY_PROTOCOL
def test_a_seed_is_a_split(protocol: Protocol) -> None:
    first, again, other = (draw(protocol, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.train, again.train)
    np.testing.assert_array_equal(first.test, again.test)
    assert set(first.train.tolist()) != set(other.train.tolist())


@BY_PROTOCOL
def test_the_pool_is_left_as_it_was(protocol: Protocol) -> None:
    copy = replace(LARGE, trainable=LARGE.trainable.copy(), testable=LARGE.testable.copy())
    draw(protocol, 0, of=copy)
    np.testing.assert_array_equal(copy.trainable, LARGE.trainable)
    np.testing.assert_array_equal(copy.testable, LARGE.testable)


@BY_FREE_PROTOCOL
@quick
@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(1, 60))
def test_larger_sizes_contain_the_smaller(protocol: Protocol, seed: int, a: int, b: int) -> None:
    found = pool(seed, 400, 150)
    small, large = (protocol.split(found, size, seed) for size in sorted((a, b)))
    np.testing.assert_array_equal(large.train[: len(small.train)], small.train)


@quick
@given(st.integers(0, 2**31), st.integers(20, 300), st.integers(2, 100), st.integers(1, 10))
def test_leakfree(seed: int, n: int, networks: int, size: int) -> None:
    found = pool(seed, n, networks)
    known = set(found.classes[found.trainable].tolist())
    if len(known) < size or (set(found.classes[found.testable].tolist()) <= known and len(known) == size):
        return
    split = PROTOCOLS["leakfree"].split(found, size, seed)
    train, test = (found.classes[rows].tolist() for rows in (split.train, split.test))
    assert len(set(train)) == len(train) == size
    assert len(set(test)) == len(test)
    assert set(test) == set(found.classes[found.testable].tolist()) - set(train)


def test_leakfree_gives_every_network_the_same_chance() -> None:
    """One network has 90 of 100 rows; by rows it would be drawn nearly always."""
    classes = np.array([0] * 90 + list(range(1, 11)))
    found = Pool(np.ones(100, bool), np.ones(100, bool), classes)
    draws = [PROTOCOLS["leakfree"].split(found, 1, seed).train[0] for seed in range(600)]
    drawn = classes[draws]
    assert abs((drawn == 0).sum() - 600 / 11) < 36  # five standard deviations
    assert len(set(np.array(draws)[drawn == 0].tolist())) > 20  # any of its rows may stand for it


def test_leakfree_without_twins_is_uniform() -> None:
    found = Pool(np.ones(50, bool), np.ones(50, bool), np.arange(50))
    split = PROTOCOLS["leakfree"].split(found, 20, 0)
    assert sorted([*split.train, *split.test]) == list(range(50))


def test_uniform_tests_all_other_rows() -> None:
    split = draw(PROTOCOLS["uniform"], 0)
    expected = np.setdiff1d(np.flatnonzero(LARGE.testable), split.train)
    np.testing.assert_array_equal(split.test, expected)


@pytest.mark.parametrize("name", sorted(TESTS_TRAINING_ROWS))
def test_protocols_of_papers_test_all_rows(name: str) -> None:
    np.testing.assert_array_equal(draw(PROTOCOLS[name], 0).test, np.flatnonzero(LARGE.testable))


def test_pinat_sizes_and_label() -> None:
    pinat = {name: p for name, p in PROTOCOLS.items() if name.startswith("pinat")}
    assert {name: p.train_size for name, p in pinat.items()} == {
        "pinat-1": 78,
        "pinat-2": 156,
        "pinat-3": 469,
        "pinat-4": 781,
        "pinat-5": 1563,
    }
    assert {(p.trained_on, p.label) for p in pinat.values()} == {("valid_acc_mean", "valid_acc")}


def test_protocols_of_papers_say_what_was_trained_on() -> None:
    papers = {name for name, p in PROTOCOLS.items() if p.trained_on}
    assert papers == set(PROTOCOLS) - {"leakfree", "cv", "uniform"}
    assert {p.trained_on for p in PROTOCOLS.values() if p.trained_on} <= set(LABELS)


def test_vkdnw_trains_and_tests_on_rows_of_both_parts(nb201: Benchmark) -> None:
    protocol = PROTOCOLS["vkdnw"]
    split = draw(protocol, 0)
    assert len(split.train) == protocol.train_size == 1024
    rest = np.setdiff1d(np.flatnonzero(LARGE.testable & (LARGE.part != "")), split.train)
    np.testing.assert_array_equal(split.test, rest)
    listed = nb201.split_column(protocol.split_column or "") != ""
    np.testing.assert_array_equal(listed, np.isfinite(nb201.target("imagenet16", "valid_acc")))
    assert listed.sum() == 9_445
    with pytest.raises(InputError, match="column of the table"):
        protocol.split(replace(LARGE, part=None), 1024, 0)


def test_ta_gates_keeps_to_its_parts() -> None:
    protocol = PROTOCOLS["ta-gates"]
    assert protocol.split_column == "ta_gates_split"
    split = draw(protocol, 0)
    assert set(LARGE.part[split.train]) == {"train"}
    np.testing.assert_array_equal(split.test, np.flatnonzero(LARGE.testable & (LARGE.part == "test")))
    with pytest.raises(InputError, match="column of the table"):
        draw(protocol, 0, of=replace(LARGE, part=None))


@BY_PROTOCOL
def test_asking_for_too_much_names_the_numbers(protocol: Protocol) -> None:
    few = Pool(np.arange(60) < 50, np.ones(60, bool), np.arange(60) // 2, np.array(["train", "test"] * 30))
    there = {"leakfree": 25, "cv": 20, "ta-gates": 25}.get(protocol.name, 50)
    asked = protocol.train_size or 51
    message = f"protocol '{protocol.name}' can train on {there} architectures here, fewer than the {asked:,}"
    with pytest.raises(InputError, match=re.escape(message)):
        protocol.split(few, asked, 0)


@BY_PROTOCOL
@pytest.mark.parametrize("size", [0, -3])
def test_at_least_one_label(protocol: Protocol, size: int) -> None:
    with pytest.raises(InputError, match=f"train size must be at least 1, not {size}"):
        protocol.split(LARGE, size, 0)


@BY_FREE_PROTOCOL
def test_nothing_left_to_test_on(protocol: Protocol) -> None:
    no_target = replace(LARGE, testable=np.zeros_like(LARGE.testable))
    message = (
        "no architecture to test on" if protocol.name != "cv" else "networks with the target; there are 0"
    )
    with pytest.raises(InputError, match=message):
        draw(protocol, 0, of=no_target)


@pytest.mark.parametrize("name", ["leakfree", "uniform"])
def test_training_on_everything_leaves_nothing(name: str) -> None:
    found = Pool(np.ones(9, bool), np.ones(9, bool), np.arange(9))
    with pytest.raises(InputError, match="leaves no architecture to test on"):
        PROTOCOLS[name].split(found, 9, 0)


def test_unknown_protocol() -> None:
    with pytest.raises(UnknownNameError, match="unknown protocol 'leakfre'; did you mean leakfree"):
        get_protocol("leakfre")
    assert get_protocol("acenas") is PROTOCOLS["acenas"]


@BY_PROTOCOL
def test_missing_labels_of_the_real_table_are_never_trained_on(protocol: Protocol, nb201: Benchmark) -> None:
    labels = nb201.target("imagenet16", "valid_acc")
    targets = nb201.target("imagenet16", "test_acc")
    assert np.isnan(labels).sum() == 6180
    part = nb201.split_column(protocol.split_column) if protocol.split_column else None
    real = Pool(np.isfinite(labels), np.isfinite(targets), nb201.classes, part)
    split = draw(protocol, 3, 1500, of=real)
    assert np.isfinite(labels[split.train]).all()
    sizes = {"uniform": 15_625 - 1500, "ta-gates": 4770, "vkdnw": 8421, "leakfree": 4930 - 1500}
    sizes["cv"] = 4930 // 5
    assert len(split.test) == sizes.get(protocol.name, 15_625)


def _fold(found: Pool, size: int, repeat: int) -> tuple[Split, list[int], list[int]]:
    split = PROTOCOLS["cv"].split(found, size, repeat)
    return split, *(found.classes[rows].tolist() for rows in (split.train, split.test))


@quick
@given(st.integers(0, 2**31), st.integers(30, 300), st.integers(0, 9))
def test_every_shuffle_tests_each_network_once(seed: int, n: int, shuffle: int) -> None:
    found = pool(seed, n, 40)
    everywhere = set(found.classes[found.testable].tolist())
    tested: list[int] = []
    for fold in range(5):
        _, train, test = _fold(found, 10, 5 * shuffle + fold)
        assert not set(train) & set(test)  # twins are in one fold
        assert len(set(train)) == len(train) == 10
        assert abs(len(test) - len(everywhere) / 5) < 1
        tested += test
    assert sorted(tested) == sorted(everywhere)


def test_a_new_shuffle_has_other_folds() -> None:
    found = Pool(np.ones(57, bool), np.ones(57, bool), np.arange(57))
    first, second = (set(_fold(found, 45, repeat)[2]) for repeat in (0, 5))
    assert first != second
    _, train, test = _fold(found, 45, 3)
    assert (len(train), len(test)) == (45, 11)


def test_folds_train_on_different_rows_when_few_are_asked_for() -> None:
    found = Pool(np.ones(100, bool), np.ones(100, bool), np.arange(100))
    trains = [set(_fold(found, 10, repeat)[1]) for repeat in range(5)]
    assert max(len(a & b) for a in trains for b in trains if a is not b) < 6


def test_cross_validation_needs_a_network_for_each_fold() -> None:
    found = Pool(np.ones(40, bool), np.ones(40, bool), np.arange(40) % 4)
    with pytest.raises(InputError, match="at least 5 networks"):
        PROTOCOLS["cv"].split(found, 2, 0)


@pytest.mark.parametrize(
    ("n", "expected"),
    [(57, ("cv", 45)), (60, ("cv", 48)), (5, ("cv", 4)), (299, ("cv", 239)), (300, ("leakfree", 100))],
)
def test_the_default_protocol_fits_the_table(n: int, expected: tuple[str, int]) -> None:
    name, size = default_protocol(n)
    assert (name, size) == expected
    found = Pool(np.ones(n, bool), np.ones(n, bool), np.arange(n))
    for repeat in range(10):
        assert len(PROTOCOLS[name].split(found, size, repeat).train) == size


def test_no_protocol_fits_four_networks() -> None:
    with pytest.raises(InputError, match="at least 5 labelled networks; there are 4"):
        default_protocol(4)


@pytest.mark.parametrize(
    ("name", "n_train", "n_test", "corrected"),
    [
        ("cv", 45, 12, True),
        ("leakfree", 100, 4830, False),
        ("leakfree", 30, 27, True),
        ("acenas", 100, 15_625, False),
        ("ta-gates", 100, 4770, False),
    ],
)
def test_repeats_that_share_rows_need_the_correction(
    name: str, n_train: int, n_test: int, corrected: bool
) -> None:
    assert get_protocol(name).needs_correction(n_train, n_test) is corrected
