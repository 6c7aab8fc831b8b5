"""Cells on a cluster: results as they finish, a few in advance, lost workers' cells done again."""

from __future__ import annotations

import asyncio
import logging
import pickle
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data.cluster.check import Fingerprint, WorkerDiffersError, check_workers, digest
from data.cluster.connect import Cluster
from data.errors import AcerankError

if TYPE_CHECKING:
    from distributed import Future

SHORT = 1.0  # mean seconds of a cell below which a worker gets a second one in advance
TRIES = 3  # workers that a cell may cost
TICK = 1.0  # seconds between two looks at the workers while nothing finishes
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
    """Cells on a cluster.

    The client places cells itself, one a worker (two where they are short). Dask would send them where the
    table is, at first to one worker; and who placed a cell knows what a lost worker was working on.
    """

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
        self.get_cell, self.fingerprint, self.modules = get_cell, fingerprint, tuple(modules)
        self._token = uuid.uuid4().hex[:8]
        self._made: dict[str, Future] = {}
        self._ended: queue.SimpleQueue[_Ended] = queue.SimpleQueue()
        self._waiting = deque(range(total))
        self._lines: dict[str, dict[Future, _Sent]] = {}  # what each worker has, in order
        self._lost: dict[int, int] = {}
        self._given_up: list[int] = []
        self._submitted = self._counted = 0
        self._seconds = 0.0

    def results(self) -> Iterator[tuple[int, Any]]:
        """Yield (position, result) of every cell, in the order in which they finish.

        A cell whose worker dies is run again, after those that wait.

        Raises:
            WorkerDiffersError: A worker runs other code, or another version of a library.
            LostCellError: A cell has cost `TRIES` workers; raised when all others are done, and names it.
        """
        self.cluster.wait()
        check_workers(self.cluster, self.fingerprint, self.modules)
        if any(n > 1 for n in self.cluster.threads.values()):
            _log.warning("workers have several threads, of which one is used: start them with --nthreads 1")
        try:
            while self._waiting or any(self._lines.values()):
                self._follow_workers()
                self._fill()
                self._even_out()
                yield from self._collect()
        finally:
            self.cancel()
        if self._given_up:
            first = self.get_cell(self._given_up[0]).title
            more = f" and {len(self._given_up) - 1} more" if len(self._given_up) > 1 else ""
            raise LostCellError(
                f"{first}{more}: {TRIES} workers died at it (killed, or out of memory?); all other work is "
                "done and kept: run again with more memory a worker, or without it"
            )

    def value(self, name: str) -> Any:  # noqa: ANN401
        """Return the value of a source that some cell needed."""
        return self._made[name].result()

    def cancel(self) -> None:
        """Take back what is queued; cells in progress end without being heard."""
        futures = [*(future for line in self._lines.values() for future in line), *self._made.values()]
        self._lines.clear()
        self._made.clear()
        with suppress(OSError, TimeoutError, RuntimeError):
            self.cluster.client.cancel(futures, force=False)

    def _follow_workers(self) -> None:
        """Take note of workers that came and went; what the latter had is done again."""
        workers = self.cluster.threads
        for name in [name for name in self._lines if name not in workers]:
            line = self._lines.pop(name)
            self.cluster.client.cancel(list(line), force=False)
            for place, sent in enumerate(line.values()):
                if place:  # it had not begun
                    self._waiting.appendleft(sent.index)
                else:
                    _log.warning("a worker was lost: %s is run again", self.get_cell(sent.index).title)
                    self._lose(sent.index)
        for name in workers:
            self._lines.setdefault(name, {})
        if not workers:
            _log.warning("all workers are gone")
            self.cluster.wait()

    def _lose(self, index: int) -> None:
        """Have a cell run again, after those that wait; not for ever."""
        self._lost[index] = self._lost.get(index, 0) + 1
        (self._given_up if self._lost[index] >= TRIES else self._waiting).append(index)

    def _fill(self) -> None:
        """Send each worker a cell if it has none, and a second one where cells are short."""
        short = self._counted > 0 and self._seconds / self._counted < SHORT
        for ahead in (1, 2) if short else (1,):
            for name, line in self._lines.items():
                if self._waiting and len(line) < ahead:
                    self._submit(self._waiting.popleft(), name)

    def _even_out(self) -> None:
        """Move cells that queue behind another one to workers that have nothing left to do."""
        idle = [name for name, line in self._lines.items() if not line]
        queued = [line for line in self._lines.values() if len(line) > 1]
        for name, line in zip(idle, queued, strict=False):
            future, sent = line.popitem()
            self.cluster.client.cancel([future], force=False)
            self._submit(sent.index, name)

    def _collect(self) -> Iterator[tuple[int, Any]]:
        """Yield what has finished since the last call; wait a moment if nothing has."""
        with suppress(queue.Empty):
            timeout: float | None = TICK
            while True:
                ended = self._ended.get(block=timeout is not None, timeout=timeout)
                timeout = None
                line = next((line for line in self._lines.values() if ended.future in line), None)
                if line is None:
                    continue  # it was moved, or its worker was lost
                sent = line.pop(ended.future)
                if ended.error is not None:
                    self._handle(ended.error, sent.index)
                    continue
                self._counted += 1
                self._seconds += (time.monotonic() - sent.time) / (len(line) + 1)
                yield sent.index, ended.result

    def _handle(self, error: BaseException, index: int) -> None:
        """Decide what becomes of a cell that has no result: run it again, or raise."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        if isinstance(error, KilledWorker | FutureCancelledError | CancelledError):
            for name in [name for name, future in self._made.items() if future.status != "pending"]:
                if self._made[name].status != "finished":
                    del self._made[name]  # made again when the cell is
            self._lose(index)
            return
        if not isinstance(error, AcerankError) or isinstance(error, WorkerDiffersError):
            check_workers(self.cluster, self.fingerprint, self.modules)  # one that came later may be to blame
        raise error

    def _submit(self, index: int, worker: str) -> None:
        client = self.cluster.client
        cell = self.get_cell(index)
        future = client.submit(
            work,
            self.function,
            cell.payload,
            {name: self._get_source(name) for name in cell.needs},
            (self.fingerprint, self.modules, digest(self.fingerprint, self.modules)),
            key=self._key("cell"),
            pure=False,
            workers=[worker],
        )
        self._lines[worker][future] = _Sent(index, time.monotonic())
        asyncio.run_coroutine_threadsafe(self._follow(future), client.loop.asyncio_loop)

    async def _follow(self, future: Future) -> None:
        """Fetch a result when it is there."""
        try:
            (result,) = await self.cluster.client.gather([future], asynchronous=True)
        except BaseException as error:
            self._ended.put(_Ended(future, None, error))
        else:
            self._ended.put(_Ended(future, result))

    def _get_source(self, name: str) -> Future:
        if name not in self._made:
            from dask.config import set as configure

            source = self.sources[name]
            values = {need: self._get_source(need) for need in source.needs}
            with configure({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
                self._made[name] = self.cluster.client.submit(
                    make, source.function, source.payload, values, key=self._key(name), pure=False
                )
        return self._made[name]

    def _key(self, prefix: str) -> str:
        self._submitted += 1
        return f"acerank_{prefix}-{self._token}-{self._submitted}"


@dataclass(frozen=True)
class _Sent:
    """A cell that a worker has: its position, and when it was sent."""

    index: int
    time: float


@dataclass(frozen=True)
class _Ended:
    """A cell that has ended, well or with an error."""

    future: Future
    result: Any
    error: BaseException | None = None


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
