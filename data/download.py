"""One address to one file: streamed, resumed after a cut, checked, and in place only when whole."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from data.errors import FetchError

if TYPE_CHECKING:
    import httpx

TRIES = 5  # requests for one file, the first included
SILENT_TRIES = 2  # of them, those in a row that may bring no answer at all


class UnreachableError(FetchError):
    """The server does not answer: no network, most likely."""


class _CutError(Exception):
    """The transfer stopped early in a way that another request may mend."""


def download(
    url: str,
    path: Path,
    *,
    sha256: str,
    size: int,
    timeout: float = 20.0,
    pause: float = 0.5,
    progress: Callable[[int], object] = lambda done: None,
) -> Path:
    """Download `url` to `path`, which appears only when all of its bytes are there and the pinned ones.

    Bytes are gathered in `path` + ".part". What an earlier attempt left there is kept and the rest asked
    for; if the whole then has the wrong checksum, it is thrown away and fetched once more from the start.

    Args:
        url: An http or https address.
        path: Where the file goes; its folder is made.
        sha256: Pinned checksum, hex digits; "" if none is known. Then nothing of an earlier attempt is kept.
        size: Pinned number of bytes; 0 if not known: then what the server promises. Not one more is written.
        timeout: Seconds to wait for a connection, and for the next bytes.
        pause: Seconds before the second request; doubled before each further one.
        progress: Called with the number of bytes there are so far.

    Raises:
        UnreachableError: The server does not answer.
        FetchError: The server refused, kept failing or sent something else than the pinned bytes, or the
            file cannot be written.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise FetchError(f"{url}: only http and https addresses are fetched")
    part = path.with_name(path.name + ".part")
    transfer = _Transfer(url, part, size, timeout, pause, progress)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not sha256:
            part.unlink(missing_ok=True)
        pieced = transfer.complete()
        got = checksum(part) if sha256 else ""
        if got != sha256 and pieced:
            part.unlink()
            transfer.complete()
            got = checksum(part)
        if got != sha256:
            part.unlink()
            raise FetchError(f"{url}: wrong checksum: expected SHA-256 {sha256}, got {got}; nothing was kept")
        part.replace(path)
    except FetchError:
        raise
    except OSError as error:
        raise FetchError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def checksum(path: Path, kind: str = "sha256") -> str:
    """Return the checksum of a file, in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


@contextmanager
def locked(path: Path, waiting: Callable[[], object]) -> Iterator[None]:
    """Hold the lock file `path`; call `waiting` if another process has it. A killed holder releases it.

    Where the system has no such locks the checksum alone guards: a wrong mix of bytes is thrown away.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        with suppress(ImportError, OSError):
            _lock(file, waiting)
        yield


def _lock(file: IO[bytes], waiting: Callable[[], object]) -> None:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(file, fcntl.LOCK_EX)


class _Transfer:
    """Requests for one file until its part has all of its bytes."""

    def __init__(
        self,
        url: str,
        part: Path,
        size: int,
        timeout: float,
        pause: float,
        progress: Callable[[int], object],
    ) -> None:
        self.url, self.part, self.size = url, part, size
        self.timeout, self.pause, self.progress = timeout, pause, progress

    @property
    def done(self) -> int:
        """Bytes of the part."""
        return self.part.stat().st_size if self.part.exists() else 0

    def complete(self) -> bool:
        """Ask until the part is complete; return whether it was pieced together from several answers."""
        import httpx

        if self.done > self.size > 0:
            self.part.unlink()
        silent, error = 0, None
        with httpx.Client(follow_redirects=True, timeout=self.timeout) as client:
            for attempt in range(TRIES):
                if attempt:
                    time.sleep(self.pause * 2 ** (attempt - 1))
                before = self.done
                if before == self.size > 0:
                    return True
                error = self._attempt(client)
                if error is None:
                    return before > 0
                no_answer = isinstance(error, httpx.ConnectError | httpx.TimeoutException)
                silent = silent + 1 if no_answer and self.done == before else 0
                if silent == SILENT_TRIES:
                    raise UnreachableError(f"no answer from {urlsplit(self.url).netloc} ({_say(error)})")
        raise FetchError(
            f"{self.url}: gave up after {TRIES} requests with {self.done:,} of {self.size:,} bytes "
            f"({_say(error)}); run again to go on from there"
        )

    def _attempt(self, client: httpx.Client) -> Exception | None:
        """Ask once; return what went wrong if another request may mend it."""
        import httpx

        try:
            self._request(client)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise FetchError(f"{self.url}: {error}") from error
        except (httpx.TransportError, _CutError) as error:
            return error
        except httpx.RequestError as error:
            raise FetchError(f"{self.url}: {error}") from error
        return None

    def _request(self, client: httpx.Client) -> None:
        """Ask once for what is missing; return when the part is complete."""
        headers = {"Accept-Encoding": "identity"}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
        with client.stream("GET", self.url, headers=headers) as response:
            self._judge(response)
            with self.part.open("ab") as file:
                self._receive(response, file.tell(), file.write)
                file.flush()
                os.fsync(file.fileno())
        if self.done < self.size:
            raise _CutError("the connection ended early")

    def _judge(self, response: httpx.Response) -> None:
        """Refuse a wrong answer; drop the part unless the answer goes on exactly where it ends."""
        status = response.status_code
        where = self.url if str(response.url) == self.url else f"{self.url} (redirected to {response.url})"
        if status == 416:
            self.part.unlink(missing_ok=True)
            raise _CutError("the server has nothing beyond the part; starting over")
        if status in (408, 429) or status >= 500:
            raise _CutError(f"status {status}")
        if status not in (200, 206):
            raise FetchError(f"{where}: the server answered {status} {response.reason_phrase}".rstrip())
        content_range = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
        if status == 206 and not (content_range and int(content_range[1]) == self.done):
            self.part.unlink(missing_ok=True)
            raise _CutError("the server sent another range than asked for; starting over")
        if status == 200:
            self.part.unlink(missing_ok=True)
        length = response.headers.get("content-length")
        if not self.size and (length is None or "content-encoding" in response.headers):
            raise FetchError(
                f"{where}: the server does not say how many bytes it sends, and no size is pinned"
            )
        promised = self.done + int(length or self.size - self.done)
        self.size = self.size or promised
        if promised != self.size and "content-encoding" not in response.headers:
            raise FetchError(f"{where}: the server offers {promised:,} bytes; {self.size:,} are expected")

    def _receive(self, response: httpx.Response, done: int, write: Callable[[bytes], object]) -> None:
        for chunk in response.iter_bytes():
            done += len(chunk)
            if done > self.size:
                self.part.unlink()
                raise FetchError(f"{self.url}: the server sends more than the {self.size:,} bytes expected")
            write(chunk)
            self.progress(done)


def _say(error: Exception | None) -> str:
    return str(error) or type(error).__name__
