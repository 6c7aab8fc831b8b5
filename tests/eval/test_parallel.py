"""Work on several processes: in whatever order, whole, and not for ever when a process dies."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from data.errors import InputError
from eval.grid.parallel import LostWorkerError, run_all


def add(shared: int, item: int) -> int:
    return shared + item


def die_once(folder: Path, item: int) -> int:
    """Kill the own process when the third item is first worked on."""
    mark = folder / "died"
    if item == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def die(shared: None, item: int) -> int:
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return item


def refuse(shared: None, item: int) -> int:
    raise InputError(f"item {item} is refused")


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_item_is_worked_on_once(jobs: int) -> None:
    assert sorted(run_all(add, 10, range(7), jobs)) == [(i, 10 + i) for i in range(7)]


def test_a_lost_worker_is_replaced_within_seconds(tmp_path: Path) -> None:
    assert sorted(run_all(die_once, tmp_path, range(12), 2)) == [(i, i) for i in range(12)]
    assert (tmp_path / "died").exists()


def test_what_kills_every_worker_ends_the_run() -> None:
    with pytest.raises(LostWorkerError, match="lost 3 times"):
        list(run_all(die, None, range(4), 2))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_an_item_is_raised_here(jobs: int) -> None:
    with pytest.raises(InputError, match="is refused"):
        list(run_all(refuse, None, range(4), jobs))
