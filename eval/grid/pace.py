"""How a run on a cluster goes: workers, cells a minute, time left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

EVERY = 60  # seconds between two lines of a log
_log = logging.getLogger("acerank")


class Pace:
    """Counts finished trials; what was stored before says nothing of the pace."""

    def __init__(
        self, total: int, get_workers: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to count.

        Args:
            total: Trials in all.
            get_workers: Returns the number of workers now.
            clock: Returns the time in seconds.
        """
        self._total, self._get_workers, self._clock = total, get_workers, clock
        self._done = self._stored = 0
        self._start = clock()
        self._logged = self._start

    def count(self, *, was_stored: bool) -> str:
        """Count a finished trial, and return how the run goes.

        The first trial starts the clock: before it, workers start and read the table.
        """
        self._done += 1
        self._stored += was_stored
        workers, fresh = self._get_workers(), self._done - self._stored
        if fresh <= 1:
            self._start = self._clock()
        line = f"{workers:,} {'worker' if workers == 1 else 'workers'}"
        seconds = self._clock() - self._start
        if fresh <= 1 or seconds <= 0:
            return line
        pace = (fresh - 1) / seconds
        return f"{line}, {60 * pace:,.0f} cells a minute, {_say((self._total - self._done) / pace)} left"

    def log(self, *, was_stored: bool) -> None:
        """Count a finished trial, and log now and then how the run goes."""
        line = self.count(was_stored=was_stored)
        now = self._clock()
        if now - self._logged >= EVERY:
            self._logged = now
            _log.info("%s of %s cells; %s", f"{self._done:,}", f"{self._total:,}", line)


def _say(seconds: float) -> str:
    """Return a duration: "40 s", "12 min", "3.5 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
