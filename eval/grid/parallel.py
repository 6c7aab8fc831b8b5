"""Work on several processes: results as they come, lost workers replaced, the shared part sent once."""

from __future__ import annotations

import logging
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from data.errors import AcerankError

TRIES = 3  # processes that one item may cost before the run ends
_log = logging.getLogger("acerank")
_shared: dict[str, Any] = {}  # of a worker: what all its items need, by file


class LostWorkerError(AcerankError):
    """A worker process ended abnormally, again and again."""


def run_all(
    function: Callable[..., Any], shared: object, items: Sequence[Any], jobs: int
) -> Iterator[tuple[int, Any]]:
    """Yield (index, `function(shared, item)`) of every item, in the order in which they finish.

    A worker that is killed (by a user, or for want of memory) is replaced, and what it was working on is done
    again; the same item may cost no more than `TRIES` workers.

    Args:
        function: A function of a module, so that other processes can find it.
        shared: What all items need; it travels once to each process.
        items: What differs.
        jobs: Most processes.

    Raises:
        LostWorkerError: An item cost `TRIES` workers.
    """
    if min(jobs, len(items)) <= 1:
        for index, item in enumerate(items):
            yield index, function(shared, item)
        return
    import cloudpickle

    with tempfile.TemporaryDirectory(prefix="acerank-") as folder:
        payload = Path(folder) / "shared.pickle"
        payload.write_bytes(cloudpickle.dumps(shared, protocol=pickle.HIGHEST_PROTOCOL))
        yield from _run(cloudpickle.dumps(function), payload, items, min(jobs, len(items)))


def _run(function: bytes, payload: Path, items: Sequence[Any], jobs: int) -> Iterator[tuple[int, Any]]:
    waiting = dict(enumerate(items))
    lost = dict.fromkeys(waiting, 0)
    while waiting:
        broken: set[int] = set()
        executor = _start(jobs)
        running: dict[Future[Any], int] = {}
        queue = iter(list(waiting))
        try:
            for index in queue:
                running[executor.submit(_call, function, str(payload), items[index])] = index
                if len(running) == 2 * jobs:
                    break
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    index = running.pop(future)
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        broken.add(index)
                        continue
                    del waiting[index]
                    yield index, result
                    if not broken and (following := next(queue, None)) is not None:
                        running[executor.submit(_call, function, str(payload), items[following])] = following
        except BrokenProcessPool:  # from submit
            broken |= set(running.values())
        finally:
            _stop(executor)
        if not broken:
            continue
        # Which of the items in progress took the worker down is not known: each of them counts.
        for index in broken:
            lost[index] += 1
        if max(lost.values()) >= TRIES:
            raise LostWorkerError(
                f"a worker process was lost {TRIES} times on the same work (killed, or out of memory?); "
                "finished work is kept: run again, with fewer jobs if memory is short"
            )
        _log.warning("a worker process was lost; its work is done again")


def _start(jobs: int) -> Any:  # noqa: ANN401
    from joblib.externals.loky.process_executor import ProcessPoolExecutor

    return ProcessPoolExecutor(max_workers=jobs, timeout=None)


def _stop(executor: Any) -> None:  # noqa: ANN401
    executor.shutdown(wait=True, kill_workers=True)


def _call(function: bytes, payload: str, item: object) -> object:
    """In a worker: run the function on what all items share and one item."""
    if payload not in _shared:
        _shared.clear()
        _shared[payload] = pickle.loads(Path(payload).read_bytes()), pickle.loads(function)
    shared, call = _shared[payload]
    return call(shared, item)
