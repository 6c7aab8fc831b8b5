"""The registry: names from modules, tables, entry points and decorators; places in code; pickling."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cloudpickle
import pytest

from data.errors import AcerankError, InputError, UnknownNameError
from data.places import get_sources
from data.registry import Registry, is_place

SPACE = "data.spaces.edges:NB201"


def is_ranker(value: object) -> bool:
    return isinstance(value, type) and hasattr(value, "rank")


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder; modules imported by a test are forgotten."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(file: str, text: str) -> Path:
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def ranker(name: str, value: object = 1) -> str:
    doc = f'"""Ranks by {value}.\n\n    More."""'
    return f"class {name}:\n    {doc}\n\n    def rank(self):\n        return {value}\n\n"


@pytest.fixture
def rankers() -> Registry[type]:
    return Registry("ranker", table={"first": "helpers.base:First"}, is_member=is_ranker)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[type]:
    """A registry of a package with the members `deep` and `flat`, and a module that is skipped."""
    write("rankers_here/__init__.py", "raise_if_listed = True\n")
    write("rankers_here/flat.py", '"""A flat ranker."""\n\n' + ranker("Flat") + "class _Own:\n    rank = 0\n")
    write("rankers_here/deep.py", '"""A deep ranker.\n\nMore."""\n\n' + ranker("Deep"))
    write("rankers_here/base.py", "1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    return Registry("ranker", package="rankers_here", skip=frozenset({"base"}), is_member=is_ranker)


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *points: str) -> None:
    """Make a package `extra` look installed that declares entry points ("name = module:Attribute")."""
    site = tmp_path / "site"
    write("site/extra_rankers/__init__.py", "")
    write("site/extra_rankers/best.py", '"""The best module."""\n\n' + ranker("Best", 7))
    write("site/extra_rankers/broken.py", "import no_such_module_here\n")
    write("site/extra-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    write("site/extra-1.0.dist-info/entry_points.txt", "[acerank.rankers]\n" + "\n".join(points) + "\n")
    monkeypatch.syspath_prepend(str(site))


def test_modules_of_a_package_are_members_by_file_name(package: Registry[type]) -> None:
    assert list(package) == ["deep", "flat"]
    assert len(package) == 2
    assert [package.describe(name) for name in package] == ["A deep ranker.", "A flat ranker."]
    assert "rankers_here.flat" not in sys.modules
    assert package["flat"]().rank() == 1
    assert package.place("flat") == "rankers_here.flat"
    assert "base" not in package


def test_a_module_defines_exactly_one_member(package: Registry[type]) -> None:
    write("rankers_here/two.py", ranker("A") + ranker("B"))
    write("rankers_here/none.py", "from rankers_here.flat import Flat\n")
    with pytest.raises(AcerankError, match=r"two.py.*A, B"):
        package["two"]
    with pytest.raises(AcerankError, match=r"none.py defines no public ranker"):
        package["none"]


def test_tables_keep_their_order() -> None:
    spaces = Registry("space", table={"z": SPACE, "a": f"{SPACE}.name"})
    assert list(spaces) == ["z", "a"]
    assert spaces["a"] == spaces["z"].name == "nb201"
    assert spaces.place("z") == SPACE
    assert spaces.describe("z")


def test_a_decorator_registers(package: Registry[type]) -> None:
    @package.register("mine")
    class Mine:
        """My own.

        More.
        """

    assert package["mine"] is Mine
    assert list(package) == ["deep", "flat", "mine"]
    assert (package.describe("mine"), package.place("mine")) == ("My own.", "")
    for taken in ("mine", "flat"):
        with pytest.raises(InputError, match=taken):
            package.register(taken)


def test_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        tmp_path,
        monkeypatch,
        "best = extra_rankers.best:Best",
        "module = extra_rankers.best",
        "broken = extra_rankers.broken",
        "gone = extra_rankers.gone:Best",
    )
    found = Registry("ranker", table={"own": SPACE}, group="acerank.rankers", is_member=is_ranker)
    assert list(found) == ["own", "best", "module", "broken", "gone"]
    assert found.describe("best") == "Ranks by 7."
    assert found.describe("module") == "The best module."
    assert found.describe("gone") == ""
    assert found["best"] is found["module"]
    assert found.place("best") == "extra_rankers.best:Best"
    for name, cause in (("broken", "no_such_module_here"), ("gone", "extra_rankers.gone")):
        with pytest.raises(InputError, match=f"'extra'.*{cause}"):
            found[name]


def test_an_entry_point_with_a_taken_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "own = extra_rankers.best:Best")
    found = Registry("ranker", table={"own": SPACE}, group="acerank.rankers")
    with pytest.raises(InputError, match=r"'extra'.*'own'.*extra_rankers.best:Best"):
        list(found)


def test_unknown_names_get_the_closest(package: Registry[type]) -> None:
    for look_up in (package.__getitem__, package.describe, package.place):
        with pytest.raises(UnknownNameError, match="unknown ranker 'flatt'; did you mean flat"):
            look_up("flatt")
    assert package.get("flatt") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("./a.py", True),
        ("a.py:Best", True),
        (r"C:\rankers\a.py:Best", True),
        ("pkg.mod:Best", True),
        ("gcn", False),
        ("gcn:depth=3", False),
        ("pkg.mod", False),
        ("", False),
    ],
)
def test_what_is_a_place(text: str, expected: bool) -> None:
    assert is_place(text) is expected


def test_files_and_modules_from_anywhere(rankers: Registry[type]) -> None:
    path = write("mine/my_ranker.py", "import my_helper\n" + ranker("Mine", "my_helper.VALUE"))
    write("mine/my_helper.py", "VALUE = 3\n")
    write("local_package/rankers.py", ranker("Best", 5) + ranker("Other", 6))
    before = list(sys.path)
    assert rankers["mine/my_ranker.py"]().rank() == 3
    assert rankers[f"{path.resolve()}:Mine"] is rankers["./mine/my_ranker.py"]
    assert rankers["local_package.rankers:Best"]().rank() == 5
    assert "mine/my_ranker.py" not in rankers
    assert sys.path == before


def test_a_file_may_bear_the_name_of_a_module(rankers: Registry[type]) -> None:
    write("json.py", ranker("Best"))
    assert rankers["json.py"]().rank() == 1
    import json

    assert json.loads("1") == 1


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (None, "nowhere.py", "there is no file 'nowhere.py'"),
        (None, "no_such_package_here:Best", "no_such_package_here"),
        ("x = 1\n1 / 0\n", "mine.py", r"importing it failed: ZeroDivisionError: .*line 2"),
        ("x = 1\n\ndef f(:\n", "mine.py", r"SyntaxError: .*line 3"),
        ("import sys\nsys.exit(3)\n", "mine.py", "SystemExit: 3"),
        ("a\0b", "mine.py", "importing it failed"),
        (ranker("Best"), "mine.py:Bset", "unknown ranker in mine.py 'Bset'; did you mean Best"),
        (ranker("A") + ranker("B"), "mine.py", r"2 public rankers \(A, B\)"),
        ("x = 1\n", "mine.py", "no public ranker"),
    ],
)
def test_faults_of_a_place_are_one_line(
    text: str | None, place: str, message: str, rankers: Registry[type]
) -> None:
    if text is not None:
        write("mine.py", text)
    before = set(sys.modules)
    with pytest.raises(AcerankError, match=message) as caught:
        rankers[place]
    assert isinstance(caught.value, InputError | UnknownNameError)
    assert "\n" not in str(caught.value)
    new = {name for name in set(sys.modules) - before if name.startswith("acerank_file_")}
    assert bool(new) is ("Best" in (text or "") or "public" in message)


def test_an_edited_file_is_read_again(rankers: Registry[type]) -> None:
    path = write("mine.py", ranker("Mine", 1))
    first = rankers["mine.py"]
    assert rankers["mine.py"] is first
    write("mine.py", ranker("Mine", 2))
    second = rankers["mine.py"]
    assert (first().rank(), second().rank()) == (1, 2)
    assert b"return 1" in (get_sources(first.__module__) or {})[path.resolve()]
    assert b"return 2" in (get_sources(second.__module__) or {})[path.resolve()]
    assert get_sources("json") is None


def test_an_edited_helper_is_read_again(rankers: Registry[type]) -> None:
    write("mine.py", "from my_own_helper import VALUE\n" + ranker("Mine", "VALUE"))
    helper = write("my_own_helper.py", "VALUE = 1\n")
    first = rankers["mine.py"]
    write("my_own_helper.py", "VALUE = 2\n")
    second = rankers["mine.py"]
    assert (first().rank(), second().rank()) == (1, 2)
    assert (get_sources(first.__module__) or {})[helper.resolve()] == b"VALUE = 1\n"
    assert (get_sources(second.__module__) or {})[helper.resolve()] == b"VALUE = 2\n"
    assert not list(Path().rglob("*.pyc"))


LOAD = "import pickle, sys; print(pickle.load(sys.stdin.buffer).rank())"


def test_members_travel_to_processes_that_cannot_import_them(
    rankers: Registry[type], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("mine.py", "import my_lib\n\nSHIFT = 1\n\n" + ranker("Mine", "my_lib.double(20) + SHIFT"))
    write("my_lib.py", "def double(x):\n    return 2 * x\n")
    write("my_package/rankers.py", ranker("Best", 41))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for place in ("mine.py:Mine", "my_package.rankers:Best"):
        sent = cloudpickle.dumps(rankers[place]())
        done = subprocess.run([sys.executable, "-c", LOAD], input=sent, capture_output=True, cwd=elsewhere)
        assert done.stdout == b"41\n", done.stderr.decode()


def test_what_is_loaded_pickles_within_a_process(rankers: Registry[type]) -> None:
    write("mine.py", ranker("Mine"))
    mine = rankers["mine.py"]
    assert pickle.loads(pickle.dumps(mine)) is mine
