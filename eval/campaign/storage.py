"""Where a campaign's trials are kept: a journal file, SQLite, or any address that Optuna takes."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from filelock import FileLock
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from data.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.storages import BaseStorage

JOURNAL, SQLITE = "journal", "sqlite"
_BUSY = 120.0  # seconds that SQLite waits for another process


class KernelLock(JournalFileOpenLock):
    """A journal's lock that ends with its process, and that removes what a killed process half wrote.

    Optuna's own locks are files that a killed process leaves behind, for 30 seconds; and a journal with an
    unfinished line would not be read any more once another line follows. Nothing acknowledged is lost: a
    line counts once it is written whole.
    """

    def __init__(self, path: Path) -> None:
        """Lock the journal `path`."""
        super().__init__(str(path))
        self.path = path
        self._lock = FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        """Wait for the lock, then cut off an unfinished last line."""
        self._lock.acquire()
        _cut_unfinished_line(self.path)
        return True

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()


def _cut_unfinished_line(path: Path) -> None:
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if not end:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        start, block = end, b""
        while start and b"\n" not in block:
            start = max(0, start - (1 << 16))
            file.seek(start)
            block = file.read(end - start)
        file.truncate(start + block.rfind(b"\n") + 1)


def open_storage(address: str, folder: Path) -> BaseStorage:
    """Open a storage.

    Args:
        address: "journal" or "sqlite" for a file in the folder; else a database address of Optuna's, e.g.
            "postgresql+psycopg://user@host/name".
        folder: The campaign's folder.

    Raises:
        InputError: The address cannot be opened.
    """
    if address == JOURNAL:
        path = folder / "journal.log"
        return JournalStorage(JournalFileBackend(str(path), lock_obj=KernelLock(path)))
    if address == SQLITE:
        address = f"sqlite:///{(folder / 'campaign.db').resolve()}"
    if "://" not in address:
        raise InputError(f"a storage is '{JOURNAL}', '{SQLITE}' or a database address, not {address!r}")
    connect = {"connect_args": {"timeout": _BUSY}} if address.startswith("sqlite") else {}
    try:
        with quiet():
            rdb = RDBStorage(address, engine_kwargs=connect)
            return optuna.storages.get_storage(rdb)
    except Exception as error:  # drivers raise their own kinds
        hidden = address.partition("://")[0]
        raise InputError(
            f"cannot open the {hidden} storage: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's log lines of studies created and the like off the terminal."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
