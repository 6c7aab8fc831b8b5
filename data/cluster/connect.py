"""The cluster that a user names: an address, a scheduler file, or processes of this machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

LOCAL = "local:"
TIMEOUT = 20  # seconds in which a scheduler has to answer
START = 120  # seconds in which the processes of local:N have to start
FRESH = 1  # seconds for which a count of the workers holds
_log = logging.getLogger("acerank")


class Cluster:
    """A connection to a scheduler, and what is known of its workers.

    Attributes:
        client: The connection.
        name: What messages call the cluster.
    """

    def __init__(self, client: Client, name: str) -> None:
        """Use a connection."""
        self.client: Any = client  # its methods are typed as coroutines as well
        self.name = name
        self._workers: dict[str, int] = {}
        self._counted = -float("inf")

    @property
    def threads(self) -> dict[str, int]:
        """Threads of each worker by its address; read again every few seconds.

        Raises:
            InputError: The scheduler is gone.
        """
        now = time.monotonic()
        if now - self._counted > FRESH:
            if self.client.status not in ("running", "connecting"):
                raise InputError(
                    f"the scheduler at {self.name} is gone; finished work is kept: start it and run again"
                )
            try:
                self._workers = dict(self.client.nthreads())
            except (OSError, TimeoutError) as error:
                raise InputError(
                    f"the scheduler at {self.name} does not answer ({error}); finished work is kept"
                ) from error
            self._counted = now
        return self._workers

    def wait(self) -> None:
        """Wait for the first worker, which a queue may hold back for hours; say so."""
        self._counted = -float("inf")
        if not self.client.nthreads():
            _log.warning("no workers at %s yet: waiting for the first (Ctrl-C to stop)", self.name)
            while not self.client.nthreads():
                time.sleep(0.5)


@contextmanager
def connect(address: str | Client) -> Iterator[Cluster]:
    """Connect to a cluster; processes that `local:N` starts end with it.

    Args:
        address: "tcp://host:8786" or "host:8786", the path of a scheduler file (.json), "local:N" for N
            processes of this machine, or a connected `distributed.Client`.

    Raises:
        InputError: `distributed` is not installed, the address is not of this form, or nothing answers there.
    """
    try:
        import distributed
    except ImportError as error:
        raise InputError("a cluster needs Dask: pip install 'acerank[cluster]'") from error
    if not isinstance(address, str):
        if not isinstance(address, distributed.Client):
            raise InputError(f"a cluster must be an address or a distributed.Client, not {address!r}")
        yield Cluster(address, _scheduler_address(address))
    elif address.startswith(LOCAL):
        with _local(_count(address)) as cluster:
            yield cluster
    else:
        client = _open(address)
        try:
            yield Cluster(client, address)
        finally:
            client.close(timeout=5)


def check_address(address: str) -> str:
    """Return an address, a path of a scheduler file or "local:N" if it is of that form.

    Raises:
        InputError: It is not, or there is no such file.
    """
    if address.startswith(LOCAL):
        _count(address)
    elif address.endswith(".json"):
        if not Path(address).is_file():
            raise InputError(
                f"there is no scheduler file '{address}'; dask scheduler --scheduler-file {address} writes it"
            )
    elif not address.rpartition(":")[2].isdigit():
        raise InputError(f"cluster '{address}' is not of the form tcp://host:8786, scheduler.json or local:2")
    return address


def _count(address: str) -> int:
    text = address.removeprefix(LOCAL)
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"cluster '{address}': local:N takes a number of processes, e.g. local:2")
    return int(text)


def _scheduler_address(client: Client) -> str:
    scheduler: Any = client.scheduler
    return scheduler.address if scheduler is not None else "the cluster"


def _open(address: str) -> Client:
    from distributed import Client

    check_address(address)
    where: dict[str, Any] = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
    try:
        return Client(**where, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"no Dask scheduler answers at '{address}' within {TIMEOUT} s; start one with dask scheduler"
        ) from error


@contextmanager
def _local(n: int) -> Iterator[Cluster]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=n,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            preload="data.cluster.preload",
            silence_logs=logging.CRITICAL,
        ) as local,
        Client(local, set_as_default=False) as client,
    ):
        client.wait_for_workers(n, timeout=START)
        yield Cluster(client, f"{LOCAL}{n}")
