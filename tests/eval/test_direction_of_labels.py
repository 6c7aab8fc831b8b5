"""Labels where lower is better: said aloud, and never ranked by a label that counts the other way."""

import pytest
from support.small_benchmarks import small

from data.errors import InputError, UnknownNameError
from data.names import check_name
from eval.grid.tasks import build_tasks, describe


def test_a_default_label_that_counts_the_other_way_is_refused() -> None:
    bench = small("nb201_mini", 50).with_direction({"test_acc": -1})
    with pytest.raises(InputError, match=r"higher valid_acc .*lower test_acc"):
        build_tasks(bench, train_sizes=[20])


def test_a_label_of_the_same_direction_is_described() -> None:
    bench = small("nb201_mini", 50).with_direction({"test_acc": -1})
    (task,) = build_tasks(bench, label="test_acc", train_sizes=[20])
    assert describe(task).count("lower is better") == 2


def test_a_label_says_its_own_direction() -> None:
    bench = small("nb201_mini", 50)
    (task,) = build_tasks(bench, label="valid_acc:min", train_sizes=[20])
    assert task.label == "valid_acc"
    assert (task.training_labels == -bench.target("mini", "valid_acc")).all()
    with pytest.raises(InputError, match="a direction is min or max"):
        build_tasks(bench, label="valid_acc:low", train_sizes=[20])


def test_known_names_are_listed_once() -> None:
    with pytest.raises(UnknownNameError, match=r"known: acc, flops$"):
        check_name("label", "zzz", ["acc", "acc", "flops"])
