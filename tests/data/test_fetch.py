"""Tables: where they are looked for, fetched from and what the command line says, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.file_server import Server, serving

from data.cache import find, locate
from data.download import UnreachableError
from data.errors import AcerankError, FetchError, MissingTableError, TableError, UnknownNameError
from data.fetch import fetch
from data.sources import source, sources
from data.table import Table

ROOT = Path(__file__).resolve().parents[2]
SMALL = "nb201_hardware"  # a table of one original
ORIGINAL = "hw_cifar10.csv"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; no other folder is searched."""
    for name in ("ACERANK_DATA", "ACERANK_OFFLINE", "ACERANK_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def mirror(data_dir: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of the real originals that fetch takes them from."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(data_dir / "sources" / "nb201") as server:
        monkeypatch.setenv("ACERANK_MIRROR", server.address + "/originals/")
        yield server


@pytest.mark.parametrize("name", ["nb201", "nb201_zero_cost", "nb201_hardware"])
def test_locate_downloads_and_converts(
    name: str, mirror: Server, cache: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "acerank")
    path = locate(name)
    assert path == cache / f"{name}.parquet" == find(name)
    assert len(caplog.messages) == 1
    announced = rf"{name}: downloading [\d.]+ MB in \d files? from http://127.*SHA-256"
    assert re.search(announced, caplog.messages[0])
    made, published = Table.read(path), Table.read(data_dir / f"{name}.parquet")
    assert made.names == published.names
    for column in made.names:
        if column in ("flops", "params"):
            np.testing.assert_allclose(made.values(column), published.values(column), rtol=1e-12)
        else:
            assert made.column(column).equals(published.column(column))
    requests = len(mirror.seen)
    assert locate(name) == path
    assert len(mirror.seen) == requests == len(source(name).files)


def test_search_order(mirror: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setenv("ACERANK_DATA", f"{first}{os.pathsep}{os.pathsep}{second}")
    for folder in (cache, second, first):
        folder.mkdir()
        (folder / "nb201.parquet").touch()
        assert locate("nb201", offline=True) == folder / "nb201.parquet"
    assert not mirror.seen


def test_only_what_is_missing_or_wrong_is_downloaded(mirror: Server, cache: Path) -> None:
    originals = cache / "sources" / "nb201"
    path = locate("nb201")
    mirror.seen.clear()
    path.unlink()
    (originals / "ta_gates_test.csv").unlink()
    (originals / "ta_gates_train.csv").write_text("net,val_accs\n")
    locate("nb201")
    assert {name for name, _ in mirror.seen} == {"ta_gates_test.csv", "ta_gates_train.csv"}
    path.unlink()
    assert locate("nb201", offline=True) == path  # the originals are all there


def test_force_fetches_again(mirror: Server, cache: Path) -> None:
    path = locate(SMALL)
    path.write_bytes(b"spoilt")
    assert fetch(SMALL, force=True) == path
    assert len(Table.read(path)) == 15_625
    assert len(mirror.seen) == 2


@pytest.mark.parametrize("by", ["parameter", "environment"])
def test_offline(by: str, mirror: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACERANK_OFFLINE", "1" if by == "environment" else "0")
    with pytest.raises(MissingTableError) as caught:
        locate("nb201", offline=by == "parameter")
    for part in (str(cache), "python -m data.fetch nb201", "ACERANK_DATA", "12.6 MB", "offline"):
        assert part in str(caught.value)
    assert not mirror.seen
    assert not cache.exists()


def test_no_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACERANK_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(MissingTableError, match=r"no answer from 127.0.0.1:9.*python -m data.fetch"):
        locate(SMALL)


def test_large_originals_are_not_downloaded_unasked(mirror: Server, cache: Path) -> None:
    with pytest.raises(MissingTableError, match=r"has 2.7 MB; .*1.0 MB.*python -m data.fetch"):
        locate(SMALL, max_bytes=1_000_000)
    assert not mirror.seen


def test_unknown_names(cache: Path) -> None:
    for search in (locate, find, fetch):
        with pytest.raises(UnknownNameError, match="did you mean nb201"):
            search("nb210")


def test_a_table_that_cannot_be_made_leaves_none(
    mirror: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.convert.nb201.N_CELLS", 15_624)
    with pytest.raises(TableError, match=f"'{SMALL}' cannot be made: {ORIGINAL}: 15,625 rows"):
        locate(SMALL)
    assert not list(cache.glob("*.parquet*"))


def test_every_source_is_pinned() -> None:
    for table in sources().values():
        assert table.title
        assert table.licence
        assert table.citation
        assert table.produces == f"{table.name}.parquet"
        for file in table.files:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert file.size > 0
            assert re.fullmatch(rf"https://[^/]+/.*/[0-9a-f]{{40}}/.*{re.escape(file.name)}", file.url)
        for file in table.releases:
            assert re.fullmatch("([0-9a-f]{64})?", file.sha256)
            assert re.fullmatch("([0-9a-f]{5,32})?", file.md5)
            assert file.name.rpartition("-")[2].removesuffix(".pth").endswith(file.md5[-6:]) or not file.md5
            assert re.fullmatch(rf"(https://.*/{re.escape(file.name)})?", file.url)
        assert table.files or table.manual or all(file.url for file in table.releases)


def test_pins_are_those_of_the_originals(data_dir: Path) -> None:
    found = {path.name: path for path in (data_dir / "sources").glob("*/*")}
    pinned = {
        file.name: file
        for table in sources().values()
        for file in (*table.files, *table.releases)
        if file.sha256
    }
    at_hand = pinned.keys() & found.keys()
    assert len(at_hand) == 9
    for name in at_hand:
        content, file = found[name].read_bytes(), pinned[name]
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)


def cli(*args: str, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "data.fetch", *args]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, preexec_fn=before)


def run(*args: str) -> tuple[int, str, str]:
    process = cli(*args)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def stalled(mirror: Server, part: Path) -> subprocess.Popen[str]:
    """Start a fetch and return it when half of the original has arrived and no more comes."""
    mirror.plans[ORIGINAL] += ["stall"]
    process = cli(SMALL)
    wait_for(lambda: part.exists() and part.stat().st_size > 1_000_000)
    return process


def test_a_killed_fetch_leaves_nothing_wrong_and_is_resumed(mirror: Server, cache: Path) -> None:
    part = cache / "sources" / SMALL / f"{ORIGINAL}.part"
    process = stalled(mirror, part)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert part.exists()
    assert not part.with_suffix("").exists()
    assert find(SMALL) is None
    locate(SMALL)
    assert re.fullmatch(r"bytes=\d{7}-", mirror.ranges(ORIGINAL)[1] or "")
    assert len(Table.read(cache / f"{SMALL}.parquet")) == 15_625


def test_an_interrupted_fetch_says_so(mirror: Server, cache: Path) -> None:
    process = stalled(mirror, cache / "sources" / SMALL / f"{ORIGINAL}.part")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_full_disk(mirror: Server, cache: Path) -> None:
    import resource

    process = cli(SMALL, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)))
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert re.match(f"error: cannot write .*{ORIGINAL}: ", err.splitlines()[-1])
    assert find(SMALL) is None
    locate(SMALL)


def test_two_at_once(mirror: Server, cache: Path) -> None:
    processes = [cli("nb201") for _ in range(2)]
    ends = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert {out for out, _ in ends} == {f"{cache / 'nb201.parquet'}\n"}
    assert len(mirror.seen) == len(source("nb201").files)
    assert len(Table.read(cache / "nb201.parquet")) == 15_625


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nb210"], "unknown table 'nb210'; did you mean nb201"),
        (["nb201", "--offline"], "table 'nb201' not found.*python -m data.fetch nb201"),
        ([SMALL], f"{ORIGINAL}: the server answered 404 Not Found"),
        ([], "name a table, or .*--list; tables: nb201"),
        (["--list", "--format", "xml"], "xml"),
        (["--lisst"], "--lisst"),
    ],
)
def test_errors_on_the_command_line_are_one_line(args: list[str], message: str, mirror: Server) -> None:
    mirror.plans[ORIGINAL] += ["404"]
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert re.match(f"error: .*{message}", last)
    assert len(err.splitlines()) == 1 + last.endswith("Not Found")  # after the line that announces a download


def test_the_command_line_fetches_and_lists(mirror: Server, cache: Path) -> None:
    code, out, err = run(SMALL)
    assert (code, out) == (0, f"{cache / SMALL}.parquet\n")
    assert re.fullmatch(rf"{SMALL}: downloading 2.7 MB .*\n", err)
    listed = json.loads(run("--list", "--format", "json")[1])
    assert {row["name"]: row["found"] for row in listed} == {
        name: f"{cache / SMALL}.parquet" if name == SMALL else None for name in sources()
    }
    for row in listed:
        assert row["licence"]
        assert row["citation"]
        assert row["looked_in"] == [str(cache)]
        assert all(file["size"] and file["sha256"] and file["url"] for file in row["files"])
    header, *rows = run("--list", "--format", "tsv")[1].splitlines()
    assert header.split("\t") == list(listed[0])
    assert len(rows) == len(listed)
    assert all(len(row.split("\t")) == len(listed[0]) for row in rows)
    code, table, err = run("--list")
    assert (code, err) == (0, "")
    for part in ("nb201_zero_cost", "python -m data.fetch nb201", "12.6 MB", "Apache-2.0", "Li et al."):
        assert part in table


def test_help_is_light() -> None:
    heavy = ("pandas", "httpx", "torch", "pyarrow")
    code = f"import sys, data.fetch.__main__; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
    assert run("--help")[0] == 0


def test_errors_belong_to_the_family() -> None:
    assert issubclass(UnreachableError, FetchError)
    assert issubclass(FetchError, AcerankError)
