"""Pointers, web pages and error messages that were saved under the name of a data file."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.convert import convert_path
from data.errors import TableError
from data.impostors import HEAD_BYTES, describe_file, describe_impostor, find_impostor

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n"
DRIVE = b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>"
FAKES = {
    "Git LFS": LFS,
    "git lfs pull": b"\xef\xbb\xbf" + LFS,
    "git annex get": b"/annex/objects/SHA256E-s100--abc.pth\n",
    "Google Drive": DRIVE,
    "gdown": b"\n  <html><body>https://drive.google.com/uc?id=1",
    "GitHub": b"<!DOCTYPE html>\n<html lang=en><link href='https://github.githubassets.com'>",
    "dl=1": b"<!-- x --><!doctype HTML><title>Dropbox</title>",
    "web page": b"<?xml version='1.0'?><!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0'>",
    "error message": b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>",
    "404": b"404: Not Found",
    "zero bytes": bytes(HEAD_BYTES),
    "empty": b"",
}
REAL = {
    "parquet": b"PAR1\x15\x04\x15",
    "zip": b"PK\x03\x04",
    "pickle": b"\x80\x04\x95",
    "json": b'{"html": "<html>", "version": 1}',
    "csv": b"arch,acc\n<html>,93.1\nversion https://git-lfs.github.com/spec/v1,1\n",
    "short zeros": bytes(8),
}


@pytest.mark.parametrize(("word", "head"), FAKES.items())
def test_impostors_are_named_with_the_next_step(word: str, head: bytes) -> None:
    description = describe_impostor(head)
    assert description
    assert word in description
    assert "\n" not in description


@pytest.mark.parametrize("head", REAL.values(), ids=REAL)
def test_real_files_pass(head: bytes) -> None:
    assert describe_impostor(head) is None


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "good.json").write_bytes(b"{}")
    bad = tmp_path / "deep" / "ENAS.json"
    bad.write_bytes(LFS)
    assert describe_file(tmp_path) is None
    assert describe_file(tmp_path / "good.json") is None
    assert (find_impostor([tmp_path]) or "").startswith(f"{bad} is a Git LFS pointer")
    assert find_impostor([tmp_path / "good.json"]) is None


@pytest.mark.parametrize("fake", [LFS, DRIVE])
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("nb201", "NAS-Bench-201-v1_1-096897.pth"),
        ("nb101", "nasbench_only108.tfrecord"),
        ("nds_enas", "data.zip"),
        ("nds_enas", "nds_data/ENAS.json"),
        ("macro", "nas-bench-macro_cifar10.json"),
        ("channel_macro", "Results_ResNet.json"),
        ("proxyless", "random_architectures.csv"),
        ("proxyless", "tunas/random_architectures.csv"),
        ("nb201_hardware", "HW-NAS-Bench-v1_0.pickle"),
        ("nb301", "results_0.json"),
    ],
)
def test_a_conversion_names_the_impostor(name: str, file: str, fake: bytes, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(fake)
    original = path if path.parent == tmp_path else path.parent
    with pytest.raises(TableError) as caught:
        convert_path(name, original)
    assert ("Git LFS pointer" if fake is LFS else "Google Drive") in str(caught.value)
    assert str(path) in str(caught.value)
