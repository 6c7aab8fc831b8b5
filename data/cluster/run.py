"""Cells on a cluster: results as they finish, a few in advance, lost workers' cells done again."""

from __future__ import annotations

import logging
import pickle
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data.cluster.check import Fingerprint, WorkerDiffersError, check_workers, digest
from data.cluster.connect import Cluster
from data.errors import AcerankError

if TYPE_CHECKING:
    from distributed import Future

SHORT = 1.0  # mean seconds of a cell below which a worker gets a second one in advance
TRIES = 3  # times that a cell may lose its result or its inputs on the way
TICK = 2.0  # seconds between two looks at the workers while nothing finishes
_log = logging.getLogger("acerank")
_alone = threading.Lock()  # of a worker: cells share a process's libraries, whose threads are set to one


class LostCellError(AcerankError):
    """A cell whose worker ended abnormally, again and again."""


def unpickle(payload: bytes, values: Mapping[str, Any]) -> object:
    """Return what was pickled."""
    del values
    return pickle.loads(payload)


@dataclass(frozen=True)
class Source:
    """A value that cells share: made once on some worker, which passes it on to the others that need it.

    The scheduler keeps the payload, so that a value is made again if the workers that have it die.

    Attributes:
        payload: What it is made from.
        function: A function of a module, called with the payload and the values of `needs`.
        needs: Names of other sources.
    """

    payload: bytes
    function: Callable[[bytes, Mapping[str, Any]], Any] = unpickle
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """A unit of work.

    Attributes:
        title: What errors call it.
        payload: What differs from other cells.
        needs: Names of the sources that it is computed from.
    """

    title: str
    payload: bytes
    needs: tuple[str, ...] = ()


class Run:
    """Cells on a cluster."""

    def __init__(
        self,
        cluster: Cluster,
        function: Callable[[bytes, Mapping[str, Any]], Any],
        total: int,
        get_cell: Callable[[int], Cell],
        sources: Mapping[str, Source],
        fingerprint: Fingerprint,
        modules: Sequence[str] = (),
    ) -> None:
        """Prepare a run.

        Args:
            cluster: Where.
            function: A function of a module, called with a cell's payload and the values of its sources.
            total: Number of cells.
            get_cell: Returns the cell at a position; called shortly before it is sent.
            sources: What cells share, by a name that stands for its content; read as cells need it.
            fingerprint: A function of a module that returns what a process runs: versions and code hashes.
            modules: Its argument.
        """
        self.cluster, self.function, self.total, self.sources = cluster, function, total, sources
        self.get_cell = get_cell
        self.fingerprint, self.modules = fingerprint, tuple(modules)
        self._token = uuid.uuid4().hex[:8]
        self._made: dict[str, Future] = {}
        self._finished: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._running: dict[Future, int] = {}
        self._submitted = 0
        self._lost: dict[int, int] = {}
        self._lines: dict[str, dict[Future, float]] = {}  # cells sent to each worker, and when
        self._ended, self._seconds = 0, 0.0

    def results(self) -> Iterator[tuple[int, Any]]:
        """Yield (position, result) of every cell, in the order in which they finish.

        Cells whose worker dies are run again, first by Dask, which gives a cell up after
        `distributed.scheduler.allowed-failures` workers; then, after all others, on their own, so that the
        cell that is to blame is known.

        Raises:
            WorkerDiffersError: A worker runs other code, or another version of a library.
            LostCellError: A cell cost the workers that ran it and nothing else; names it.
        """
        self.cluster.wait()
        check_workers(self.cluster, self.fingerprint, self.modules)
        if any(n > 1 for n in self.cluster.threads.values()):
            _log.warning("workers have several threads, of which one is used: start them with --nthreads 1")
        waiting = deque(range(self.total))
        suspects: list[int] = []
        try:
            while waiting or self._running:
                self._fill(waiting)
                yield from self._collect(waiting, suspects)
            for index in suspects:
                _log.warning("%s lost its workers: it is run on its own", self.get_cell(index).title)
                waiting.append(index)
                while waiting or self._running:
                    self._fill(waiting)
                    yield from self._collect(waiting, None)
        finally:
            self.cancel()

    def value(self, name: str) -> Any:  # noqa: ANN401
        """Return the value of a source that some cell needed."""
        return self._made[name].result()

    def cancel(self) -> None:
        """Take back what is queued; cells in progress end without being heard."""
        from contextlib import suppress

        futures = [*self._running, *self._made.values()]
        self._running.clear()
        self._lines.clear()
        self._made.clear()
        with suppress(OSError, TimeoutError, RuntimeError):
            self.cluster.client.cancel(futures, force=False)

    def _collect(self, waiting: deque[int], suspects: list[int] | None) -> Iterator[tuple[int, Any]]:
        """Yield what has finished since the last call; wait a moment if nothing has."""
        try:
            ended = [self._finished.get(timeout=TICK)]
        except queue.Empty:
            if not self.cluster.threads:
                _log.warning("all workers are gone: waiting for others (Ctrl-C to stop)")
                self.cluster.wait()
            return
        while not self._finished.empty():
            ended.append(self._finished.get())
        ended = [future for future in ended if future in self._running]
        well = [future for future in ended if future.status == "finished"]
        results = self.cluster.client.gather(well, errors="raise") if well else []
        for future, result in zip(well, results, strict=True):
            yield self._take_out(future), result
        for future in ended:
            if future in self._running:
                self._handle(future, self._take_out(future), waiting, suspects)

    def _take_out(self, future: Future) -> int:
        """Forget a cell that has ended; return its position."""
        for line in self._lines.values():
            if (sent := line.pop(future, None)) is not None:
                self._ended += 1
                self._seconds += (time.monotonic() - sent) / (len(line) + 1)
                break
        return self._running.pop(future)

    def _fill(self, waiting: deque[int]) -> None:
        """Send cells to the workers that have none, and a second one where cells are short.

        Dask by itself would send them where the table is, at first to one worker. In the end, cells that
        queue behind another one move to workers that have nothing left to do.
        """
        workers = self.cluster.threads
        self._lines = {name: self._lines.get(name, {}) for name in workers}
        short = self._ended > 0 and self._seconds / self._ended < SHORT
        for ahead in (1, 2) if short else (1,):
            for name, line in self._lines.items():
                if waiting and len(line) < ahead:
                    self._submit(waiting.popleft(), name)
        idle = [name for name, line in self._lines.items() if not line]
        queued = [line for line in self._lines.values() if len(line) > 1]
        for name, line in zip(idle, queued, strict=False):
            future = list(line)[-1]
            if not future.done():
                del line[future]
                index = self._running.pop(future)
                self.cluster.client.cancel([future], force=False)
                self._submit(index, name)

    def _handle(self, future: Future, index: int, waiting: deque[int], suspects: list[int] | None) -> None:
        """Decide what becomes of a cell that has no result: run it again, put it aside, or raise."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        if future.status != "error":  # cancelled or lost: its inputs or the scheduler's memory of it are gone
            self._lost[index] = self._lost.get(index, 0) + 1
            if self._lost[index] >= TRIES:
                raise LostCellError(
                    f"{self.get_cell(index).title} was lost {TRIES} times by {self.cluster.name}; finished work "
                    "is kept: run again"
                )
            self._forget(index)
            waiting.append(index)
            return
        error = future.exception()
        if isinstance(error, KilledWorker | FutureCancelledError):
            self._forget(index)
            if suspects is None:
                raise LostCellError(
                    f"{self.get_cell(index).title} ended every worker that ran it (killed, or out of memory?); "
                    "finished work is kept: run again with more memory a worker, or without it"
                ) from error
            suspects.append(index)
            return
        if not isinstance(error, AcerankError) or isinstance(error, WorkerDiffersError):
            check_workers(self.cluster, self.fingerprint, self.modules)  # one that came later may be to blame
        raise error if error is not None else RuntimeError(f"{self.get_cell(index).title} failed without an error")

    def _forget(self, index: int) -> None:
        """Have the sources of a cell made again, if they failed."""
        for name in list(self._made):
            if self._made[name].status in ("error", "cancelled", "lost"):
                del self._made[name]

    def _submit(self, index: int, worker: str) -> None:
        cell = self.get_cell(index)
        future = self.cluster.client.submit(
            work,
            self.function,
            cell.payload,
            {name: self._get_source(name) for name in cell.needs},
            (self.fingerprint, self.modules, digest(self.fingerprint, self.modules)),
            key=self._key("cell"),
            pure=False,
            workers=[worker],
            allow_other_workers=True,
        )
        self._running[future] = index
        self._lines[worker][future] = time.monotonic()
        future.add_done_callback(self._finished.put)

    def _get_source(self, name: str) -> Future:
        if name not in self._made:
            import dask

            source = self.sources[name]
            values = {need: self._get_source(need) for need in source.needs}
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
                self._made[name] = self.cluster.client.submit(
                    make, source.function, source.payload, values, key=self._key(f"acerank_{name}"), pure=False
                )
        return self._made[name]

    def _key(self, prefix: str) -> str:
        self._submitted += 1
        return f"{prefix}-{self._token}-{self._submitted}"


def make(function: Callable[..., Any], payload: bytes, values: Mapping[str, Any]) -> object:
    """In a worker: make a source."""
    with _alone:
        return function(payload, values)


def work(
    function: Callable[..., Any],
    payload: bytes,
    values: Mapping[str, Any],
    expected: tuple[Fingerprint, tuple[str, ...], str],
) -> object:
    """In a worker: run a cell, unless this process runs other code than the client.

    Raises:
        WorkerDiffersError: It does; the client then says in what.
    """
    fingerprint, modules, wanted = expected
    with _alone:
        if digest(fingerprint, modules) != wanted:
            raise WorkerDiffersError("a worker that came later runs other code or libraries than the client")
        return function(payload, values)
