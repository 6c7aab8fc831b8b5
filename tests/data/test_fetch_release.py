"""Official releases: of several one is taken, few are pinned, none is fetched unasked if it is large."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.file_server import Server, serving
from support.nb101_file import real_cells, runs, write

from data.cache import find, locate
from data.errors import FetchError, MissingTableError, TableError, UnknownNameError
from data.fetch import fetch
from data.sources import Source, SourceFile, source
from data.table import Table

ONLY, FULL = "nasbench_only108.tfrecord", "nasbench_full.tfrecord"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; no other folder is searched."""
    for name in ("ACERANK_DATA", "ACERANK_OFFLINE", "ACERANK_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(data_dir: Path, tmp_path: Path, cache: Path) -> Iterator[Server]:
    """A server of two small files in the official format."""
    cells, folder = real_cells(data_dir)[:5], tmp_path / "served"
    folder.mkdir()
    write(folder / ONLY, runs(cells))
    write(folder / FULL, runs(cells, (4, 12, 36, 108)))
    with serving(folder) as server:
        yield server


def use(monkeypatch: pytest.MonkeyPatch, server: Server, **facts: object) -> Source:
    """Make nb101 a table of these two files; `facts` replace what is known of each."""
    files = []
    for name in (ONLY, FULL):
        content = (server.folder / name).read_bytes()
        known = {
            "url": f"{server.address}/{name}",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }
        files.append(SourceFile(name, **{**known, **facts}))
    table = replace(source("nb101"), releases=tuple(files))
    for module in ("data.cache", "data.fetch"):
        monkeypatch.setattr(f"{module}.source", lambda name: table)
    return table


def test_the_first_release_unless_told_otherwise(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, server)
    path = locate("nb101")
    assert path == cache / "nb101.parquet"
    assert "valid_acc_4" not in Table.read(path).names
    assert fetch("nb101", release=FULL) == path
    assert "valid_acc_4" in Table.read(path).names
    assert [name for name, _ in server.seen] == [ONLY, FULL]
    assert fetch("nb101", release=ONLY) == path  # both originals are there now
    assert "valid_acc_4" not in Table.read(path).names
    assert len(server.seen) == 2
    with pytest.raises(UnknownNameError, match=f"unknown release of nb101 'full'.*{FULL}"):
        fetch("nb101", release="full")


def test_a_release_without_pins(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(monkeypatch, server, sha256="", size=0)
    with pytest.raises(MissingTableError, match=f"{ONLY} has an unknown size; .*10.0 MB"):
        locate("nb101")
    assert not server.seen
    caplog.set_level("INFO", "acerank")
    server.plans[ONLY] += ["cut"]
    path = fetch("nb101")
    assert len(Table.read(path)) == 5
    assert "no checksum known, only its format's own checks" in caplog.messages[0]


def test_a_damaged_release_without_pins_is_found_by_its_format(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, server, sha256="", size=0)
    server.plans[ONLY] += ["wrong-end"]
    with pytest.raises(TableError, match=f"'nb101' cannot be made: {ONLY}, record 14 .*wrong checksum"):
        fetch("nb101")
    assert find("nb101") is None
    assert len(Table.read(fetch("nb101", force=True))) == 5


def test_the_end_of_an_md5(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = hashlib.md5((server.folder / ONLY).read_bytes()).hexdigest()
    use(monkeypatch, server, sha256="", size=0, md5="000000" if digits[-6:] != "000000" else "000001")
    with pytest.raises(FetchError, match=f"expected MD5 00000. at the end, got {digits}; .*discarded"):
        fetch("nb101")
    assert not (cache / "sources" / "nb101" / ONLY).exists()
    use(monkeypatch, server, sha256="", size=0, md5=digits[-6:])
    assert len(Table.read(fetch("nb101"))) == 5


def test_gigabytes_are_not_fetched_unasked(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACERANK_MIRROR", server.address)
    with pytest.raises(MissingTableError, match=r"has 522.8 MB; .*10.0 MB.*data.fetch nb101"):
        locate("nb101")
    assert not server.seen


@pytest.mark.parametrize("name", ["nats_size", "macro", "ofa"])
def test_what_a_person_must_do_is_said(name: str, cache: Path) -> None:
    with pytest.raises(MissingTableError) as caught:
        fetch(name)
    assert source(name).manual in str(caught.value)
    assert f"data.fetch {name}" not in str(caught.value)
    assert not cache.exists()


def test_a_release_that_only_people_can_get(cache: Path) -> None:
    name = "NAS-Bench-201-v1_1-096897.pth"
    with pytest.raises(
        MissingTableError, match=rf"{name} \(.*\) must be downloaded manually; then .*data.convert nb201"
    ):
        fetch("nb201", release=name)


@pytest.mark.parametrize("url", [{}, {"url": ""}])
def test_an_original_put_there_by_hand_is_used(
    url: dict[str, str], server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, server, **url)
    original = cache / "sources" / "nb101" / ONLY
    original.parent.mkdir(parents=True)
    original.write_bytes((server.folder / ONLY).read_bytes())
    assert len(Table.read(locate("nb101", offline=True))) == 5
    assert not server.seen
    fetch("nb101", force=True)
    assert bool(server.seen) is (not url)


def test_a_web_page_in_place_of_an_original_is_named(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = b"<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title>"
    use(monkeypatch, server, url="")
    original = cache / "sources" / "nb101" / ONLY
    original.parent.mkdir(parents=True)
    original.write_bytes(page)
    with pytest.raises(TableError, match=rf"{ONLY}: this is a Google Drive web page"):
        fetch("nb101")
    use(monkeypatch, server, size=0, sha256="0" * 64)
    (server.folder / ONLY).write_bytes(page)
    with pytest.raises(FetchError, match=rf"{ONLY}: this is a Google Drive web page"):
        fetch("nb101", force=True)
    assert not original.exists()


def test_a_wrong_original_put_there_by_hand_is_refused_not_removed(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, server, url="")
    original = cache / "sources" / "nb101" / ONLY
    original.parent.mkdir(parents=True)
    original.write_bytes(b"something else")
    with pytest.raises(TableError, match=f"{ONLY}: wrong checksum: .*; download it again"):
        fetch("nb101")
    assert original.read_bytes() == b"something else"


def test_tables_of_one_original_share_it(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = replace(use(monkeypatch, server), folder="shared")
    other = replace(table, produces="other.parquet")
    for some in (table, other):
        monkeypatch.setattr("data.fetch.source", lambda name, some=some: some)
        assert fetch("nb101") == cache / some.produces
    assert [name for name, _ in server.seen] == [ONLY]
