"""Fixtures that every test file may use."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import load
from benchmarks.base import Benchmark

if TYPE_CHECKING:
    from predictors.supernet.images import Images

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the real tables (nb201.parquet, ...) and their originals in sources/nb201/."""
    named = [folder for folder in os.environ.get("ACERANK_DATA", "").split(os.pathsep) if folder.strip()]
    folders = [Path(folder) for folder in named] or [ROOT / ".." / "shared" / "data"]
    for folder in folders:
        if (folder / "nb201.parquet").is_file() and (folder / "sources" / "nb201").is_dir():
            return folder.resolve()
    looked = ", ".join(str(folder) for folder in folders)
    pytest.fail(f"set ACERANK_DATA to a folder with nb201.parquet and sources/nb201/; looked in {looked}")


@pytest.fixture(scope="session")
def real_tables(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment in which benchmarks find the real tables, for this process and its children.

    The cache is a new one, so that a test never meets what another version of the code has left there.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACERANK_DATA", str(data_dir))
        patch.setenv("ACERANK_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("ACERANK_OFFLINE", "1")
        yield data_dir


@pytest.fixture(scope="session")
def nb201(real_tables: Path) -> Benchmark:
    """NAS-Bench-201, the whole table."""
    return load("nb201")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that no process works on one alone at the end."""
    items.sort(key=lambda item: "slow" not in item.keywords)


@pytest.fixture(autouse=True)
def quiet_library() -> None:
    """Take back what a command does to show the library's messages, which stays for its whole process."""
    log = logging.getLogger("acerank")
    log.handlers.clear()
    log.setLevel(logging.NOTSET)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread: several only wait for each other at the sizes of tests."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def digits() -> Images:
    """A few hundred of scikit-learn's digits."""
    from support.small_supernet import DIGITS

    from predictors.supernet.images import load

    return load(DIGITS)
