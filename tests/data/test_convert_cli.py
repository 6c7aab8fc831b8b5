"""python -m data.convert, as a user starts it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.nb101_file import real_cells, runs, write
from support.official_formats import channel_json, write_json

from data.convert import FORMATS
from data.table import Table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ACERANK_DATA", raising=False)
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def official(data_dir: Path, tmp_path: Path) -> Path:
    return write(tmp_path / "nasbench_only108.tfrecord", runs(real_cells(data_dir)[:5]))


def run(*args: object) -> tuple[int, str, list[str]]:
    command = [sys.executable, "-m", "data.convert", *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr.splitlines()


def test_it_converts_into_the_cache(official: Path, cache: Path) -> None:
    made = cache / "nb101.parquet"
    code, out, said = run("nb101", official)
    assert (code, out) == (0, f"{made}\n")
    assert re.fullmatch(r"nb101: 5 rows, 17 columns, \d+ kB", said[0])
    assert said[1:] == ["next: python -m eval.run --bench nb101"]
    assert len(Table.read(made)) == 5


def test_it_replaces_a_table_only_if_told_to(official: Path, cache: Path) -> None:
    run("nb101", official)
    before = (cache / "nb101.parquet").stat()
    code, out, said = run("nb101", official)
    assert (code, out) == (2, "")
    assert re.fullmatch("error: .*nb101.parquet exists; --force replaces it, --out .*", said[0])
    assert (cache / "nb101.parquet").stat() == before
    assert run("nb101", official, "--force")[0] == 0
    assert (cache / "nb101.parquet").stat().st_ino != before.st_ino


def test_another_folder(official: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "tables"
    _, path, said = run("nb101", official, "--out", out)
    assert path == f"{out / 'nb101.parquet'}\n"
    assert said[-1] == f"next: ACERANK_DATA={out} python -m eval.run --bench nb101"
    monkeypatch.setenv("ACERANK_DATA", str(out))
    assert run("nb101", official, "--out", out, "--force")[2][-1] == "next: python -m eval.run --bench nb101"
    assert run("nb101", official)[2][-1].startswith(f"{out / 'nb101.parquet'} is found before it: remove it")


@pytest.mark.parametrize(
    ("name", "files", "options"),
    [
        ("channel_macro", ["Results_MobileNet.json", "Results_ResNet.json"], ""),
        ("channel_macro", ["Results_MobileNet.json"], " --dataset mobilenet"),
        ("nb101", ["short.tfrecord"], None),
    ],
)
def test_the_next_command_works_for_a_part_of_the_files(
    name: str,
    files: list[str],
    options: str | None,
    cache: Path,
    tmp_path: Path,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for file in files:
        if name == "nb101":
            write(tmp_path / file, runs(real_cells(data_dir)[:5], (4, 12)))
        else:
            write_json(tmp_path / file, channel_json(np.random.default_rng(0)))
    path = tmp_path / files[0] if len(files) == 1 else tmp_path
    code, _, said = run(name, path)
    assert code == 0
    if options is None:
        assert "no labels" in said[-1]
    else:
        assert said[-1] == f"next: python -m eval.run --bench {name}{options}"


def test_a_wrong_file_leaves_what_was_there(official: Path, cache: Path) -> None:
    run("nb101", official)
    before = (cache / "nb101.parquet").read_bytes()
    official.write_bytes(official.read_bytes()[:-1])
    code, out, said = run("nb101", official, "--force")
    assert (code, out, len(said)) == (2, "", 1)
    assert re.fullmatch(rf"error: {official.name}, record 14 \(byte [\d,]+\): the file ends in it.*", said[0])
    assert [path.name for path in cache.iterdir()] == ["nb101.parquet"]
    assert (cache / "nb101.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "name a table and its official file, or .*--list; tables: .*nb101"),
        (["nb101"], "name a table and its official file"),
        (["nb10", "x"], "unknown table with official formats 'nb10'; did you mean nb101"),
        (["nb101", "nowhere.tfrecord"], "there is no file or folder 'nowhere.tfrecord'"),
        (["nb101", "README.md"], "README.md is in no official format of nb101; known: nasbench_only108"),
        (["nb101", "tests"], "tests is in no official format of nb101"),
        (["--lisst"], "--lisst"),
    ],
)
def test_errors_are_one_line(args: list[str], message: str, cache: Path) -> None:
    code, out, said = run(*args)
    assert (code, out, len(said)) == (2, "", 1)
    assert re.match(f"error: .*{message}", said[0])
    assert not cache.exists()


def test_a_file_whose_name_carries_another_md5(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    path.write_bytes(b"not that file")
    expected = r"expected MD5 [0-9a-f]{26}096897, got [0-9a-f]{32}; download it again, or .* --unchecked"
    code, _, said = run("nb201", path)
    assert code == 2
    assert re.match(f"error: {path}: wrong checksum: {expected}", said[0])
    code, _, said = run("nb201", path, "--unchecked")
    assert code == 2
    assert "checksum" not in said[0]


def test_the_list_names_every_format(cache: Path) -> None:
    code, out, said = run("--list")
    assert (code, said) == (0, [])
    for name, form in FORMATS.items():
        assert name in out
        assert form.title.split(",")[0].split()[0] in out


def test_help_teaches_and_is_light() -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "python -m data.convert nb101" in out
    light = (
        "import sys, data.convert.__main__; print({'pandas', 'torch', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", light], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
