"""Download one file: streamed, resumed after interruptions, checked, and in place only when complete."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from data.errors import FetchError
from data.files import checksum
from data.impostors import describe_file

if TYPE_CHECKING:
    import httpx

TRIES = 5  # requests for one file, the first included
SILENT_TRIES = 2  # consecutive requests without any answer before giving up


class UnreachableError(FetchError):
    """The server does not answer: no network, most likely."""


class _CutError(Exception):
    """The transfer ended early; another request may succeed."""


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
    """Download `url` to `path`, which appears only when it is complete and its checksum is right.

    Bytes are collected in `path` + ".part". What an earlier attempt left there is kept and only the rest is
    requested; if the result has the wrong checksum, it is discarded and downloaded once more from the start.

    Args:
        url: An http or https address.
        path: Where the file goes; its folder is created.
        sha256: Expected checksum, hex digits; "" if unknown. Then earlier attempts are discarded.
        size: Expected number of bytes, never exceeded; 0 if unknown: then what the server announces.
        timeout: Seconds to wait for a connection, and for the next bytes.
        pause: Seconds before the second request; doubled before each further one.
        progress: Called with the number of bytes received so far.

    Raises:
        UnreachableError: The server does not answer.
        FetchError: The server refused, kept failing or sent other bytes than expected, or the file cannot be
            written.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise FetchError(f"{url}: only http and https addresses are supported")
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
            impostor = describe_file(part)
            part.unlink()
            wrong = f"wrong checksum: expected SHA-256 {sha256}, got {got}"
            raise FetchError(
                f"{url}: {f'this is {impostor}' if impostor else wrong}; the download was discarded"
            )
        part.replace(path)
    except FetchError:
        raise
    except OSError as error:
        raise FetchError(f"cannot write {path}: {error.strerror or error}") from error
    return path


class _Transfer:
    """Requests for one file until all of its bytes have arrived."""

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
        """Bytes received so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def complete(self) -> bool:
        """Request until the file is complete; return whether it was assembled from several answers."""
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
                    raise UnreachableError(f"no answer from {urlsplit(self.url).netloc} ({_describe(error)})")
        raise FetchError(
            f"{self.url}: gave up after {TRIES} requests with {self.done:,} of {self.size:,} bytes "
            f"({_describe(error)}); run again to resume"
        )

    def _attempt(self, client: httpx.Client) -> Exception | None:
        """Send one request; return what went wrong if another request may succeed."""
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
        """Send one request for what is missing; return when the file is complete."""
        headers = {"Accept-Encoding": "identity"}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
        with client.stream("GET", self.url, headers=headers) as response:
            self._check(response)
            with self.part.open("ab") as file:
                self._receive(response, file.tell(), file.write)
                file.flush()
                os.fsync(file.fileno())
        if self.done < self.size:
            raise _CutError("the connection ended early")

    def _check(self, response: httpx.Response) -> None:
        """Reject a wrong answer; drop what was received unless the answer continues exactly there."""
        status = response.status_code
        where = self.url if str(response.url) == self.url else f"{self.url} (redirected to {response.url})"
        if status == 416:
            self.part.unlink(missing_ok=True)
            raise _CutError("the server has no further bytes; starting over")
        if status in (408, 429) or status >= 500:
            raise _CutError(f"status {status}")
        if status not in (200, 206):
            raise FetchError(f"{where}: the server answered {status} {response.reason_phrase}".rstrip())
        content_range = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
        if status == 206 and not (content_range and int(content_range[1]) == self.done):
            self.part.unlink(missing_ok=True)
            raise _CutError("the server sent a different range than requested; starting over")
        if status == 200:
            self.part.unlink(missing_ok=True)
        length = response.headers.get("content-length")
        if not self.size and (length is None or "content-encoding" in response.headers):
            raise FetchError(
                f"{where}: the server does not announce how many bytes it sends, and the size is not known"
            )
        promised = self.done + int(length or self.size - self.done)
        self.size = self.size or promised
        if promised != self.size and "content-encoding" not in response.headers:
            page = response.headers.get("content-type", "").startswith("text/html")
            offer = f"a web page of {promised:,} bytes" if page else f"{promised:,} bytes"
            raise FetchError(f"{where}: the server offers {offer}; expected {self.size:,}")

    def _receive(self, response: httpx.Response, done: int, write: Callable[[bytes], object]) -> None:
        for chunk in response.iter_bytes():
            done += len(chunk)
            if done > self.size:
                self.part.unlink()
                raise FetchError(f"{self.url}: the server sends more than the expected {self.size:,} bytes")
            write(chunk)
            self.progress(done)


def _describe(error: Exception | None) -> str:
    return str(error) or type(error).__name__
