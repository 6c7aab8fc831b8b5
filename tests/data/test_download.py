"""One file over real HTTP, from a server that cuts, stalls, lies and sends people elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.file_server import Server, serving

from data.download import UnreachableError, download
from data.errors import FetchError


class Blob:
    """One file on a server, and its pinned facts."""

    def __init__(self, server: Server, target: Path) -> None:
        self.content = (server.folder / "blob.bin").read_bytes()
        self.server, self.target = server, target
        self.part = target.with_name("blob.bin.part")
        self.plan = server.plans["blob.bin"]

    def download(
        self,
        timeout: float = 5.0,
        progress: Callable[[int], object] = lambda done: None,
        pinned: bool = True,
    ) -> Path:
        return download(
            f"{self.server.address}/blob.bin",
            self.target,
            sha256=hashlib.sha256(self.content).hexdigest() if pinned else "",
            size=len(self.content) if pinned else 0,
            timeout=timeout,
            pause=0.001,
            progress=progress,
        )

    def assert_good(self) -> None:
        assert self.target.read_bytes() == self.content
        assert not self.part.exists()

    @property
    def ranges(self) -> list[str | None]:
        return self.server.ranges("blob.bin")


@pytest.fixture
def blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Blob]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "blob.bin").write_bytes(np.random.default_rng(0).bytes(300_000))
    with serving(tmp_path / "served") as server:
        yield Blob(server, tmp_path / "got" / "blob.bin")


def test_download(blob: Blob) -> None:
    seen = []
    assert blob.download(progress=seen.append) == blob.target
    blob.assert_good()
    assert seen == sorted(seen)
    assert seen[-1] == 300_000


@pytest.mark.parametrize("plan", ["cut", "silent-cut"])
def test_a_cut_is_resumed_with_a_range_request(blob: Blob, plan: str) -> None:
    blob.plan += [plan]
    blob.download()
    blob.assert_good()
    assert blob.ranges == [None, "bytes=150000-"]


def test_a_part_of_an_earlier_run_is_resumed(blob: Blob) -> None:
    blob.target.parent.mkdir()
    blob.part.write_bytes(blob.content[:1000])
    blob.download()
    blob.assert_good()
    assert blob.ranges == ["bytes=1000-"]


@pytest.mark.parametrize("plan", ["ignore-range", "shifted", "416"])
def test_a_server_that_cannot_resume_sends_it_all(blob: Blob, plan: str) -> None:
    blob.plan += ["cut", plan]
    blob.download()
    blob.assert_good()


def test_passing_faults_are_retried(blob: Blob) -> None:
    blob.plan += ["503", "429", "500"]
    blob.download()
    blob.assert_good()
    assert len(blob.ranges) == 4


def test_retries_are_bounded_and_progress_is_kept(blob: Blob) -> None:
    blob.plan += ["cut"] * 50
    with pytest.raises(FetchError, match=r"gave up after 5 requests.*run again"):
        blob.download()
    assert len(blob.ranges) == 5
    assert not blob.target.exists()
    blob.plan.clear()
    blob.download()
    blob.assert_good()


def test_wrong_bytes_are_refused_and_removed(blob: Blob) -> None:
    blob.plan += ["wrong"]
    with pytest.raises(FetchError, match=r"wrong checksum: expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}"):
        blob.download()
    assert not blob.target.exists()
    assert not blob.part.exists()


def test_wrong_bytes_after_a_resume_are_fetched_once_more_from_the_start(blob: Blob) -> None:
    blob.plan += ["cut", "wrong-end"]
    blob.download()
    blob.assert_good()
    assert blob.ranges == [None, "bytes=150000-", None]


@pytest.mark.parametrize("plans", [[], ["cut"], ["503"], ["redirect"]])
def test_without_pins_the_servers_promise_holds(plans: list[str], blob: Blob) -> None:
    blob.target.parent.mkdir()
    blob.part.write_bytes(b"of another file")  # nothing could tell whether it belongs here
    blob.plan += plans
    blob.download(pinned=False)
    blob.assert_good()
    assert blob.ranges[0] is None


@pytest.mark.parametrize(
    ("plans", "message"),
    [
        (["silent-cut"], "does not announce how many bytes it sends"),
        (["cut", "promise-more"], "the server offers 300,005 bytes; expected 300,000"),
        (["404"], "the server answered 404"),
    ],
)
def test_without_pins_a_server_must_promise(plans: list[str], message: str, blob: Blob) -> None:
    blob.plan += plans
    with pytest.raises(FetchError, match=message):
        blob.download(pinned=False)
    assert not blob.target.exists()


@pytest.mark.parametrize("size", [100, 299_999, 300_000, 300_001, 500_000])
def test_a_corrupt_part_is_thrown_away(blob: Blob, size: int) -> None:
    blob.target.parent.mkdir()
    blob.part.write_bytes(b"x" * size)
    blob.download()
    blob.assert_good()


def test_a_redirect_is_followed(blob: Blob) -> None:
    blob.plan += ["redirect"]
    blob.download()
    blob.assert_good()


@pytest.mark.parametrize(
    ("plans", "message"),
    [
        (["404"], "the server answered 404"),
        (["redirect", "404"], r"redirected to http.*/elsewhere/blob.bin.*answered 404"),
        (["redirect-file"], "blob.bin"),
        (["redirect"] * 30, "redirects"),
        (["promise-more"], "the server offers 300,005 bytes; expected 300,000"),
        (["long"], "more than the expected 300,000 bytes"),
    ],
)
def test_what_no_retry_can_mend_fails_at_once(blob: Blob, plans: list[str], message: str) -> None:
    blob.plan += plans
    with pytest.raises(FetchError, match=message):
        blob.download()
    assert not blob.target.exists()
    assert not blob.part.exists()


def test_a_server_that_says_nothing_is_given_up(blob: Blob) -> None:
    blob.plan += ["hang"] * 5
    with pytest.raises(UnreachableError, match=r"no answer from 127\.0\.0\.1"):
        blob.download(timeout=0.2)
    assert len(blob.ranges) == 2


def test_a_server_that_stalls_is_asked_for_the_rest(blob: Blob) -> None:
    blob.plan += ["stall"]
    blob.download(timeout=0.2)
    blob.assert_good()
    assert blob.ranges == [None, "bytes=150000-"]


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "hw_cifar10.csv"])
def test_only_http_addresses(url: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="only http and https"):
        download(url, tmp_path / "x", sha256="", size=1)
