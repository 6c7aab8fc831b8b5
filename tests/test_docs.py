"""The documentation: its Python runs, its recipes work as pasted, its commands and options exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from data.convert import FORMATS
from data.sources import sources
from data.split import PROTOCOLS
from eval.command.main import COMMANDS as SUBCOMMANDS
from eval.grid.entries import parse
from eval.metrics import METRICS

ROOT = Path(__file__).resolve().parents[1]
PATHS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SHELL = ("bash", "sh", "shell", "console")


@dataclass
class Document:
    """A page: its files (```python NAME), and what is run in their folder, in order.

    Attributes:
        name: File name.
        files: Text of each file by its name.
        steps: ("python", code) and ("bash", commands); commands only of blocks marked "run".
        shell: All shell blocks.
    """

    name: str
    files: dict[str, str] = field(default_factory=dict)
    steps: list[tuple[str, str]] = field(default_factory=list)
    shell: list[str] = field(default_factory=list)


def read(path: Path) -> Document:
    page = Document(path.name)
    for kind, mark, text in re.findall(
        r"^```(\w+)(?: +(\S+))?\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S
    ):
        if kind in SHELL:
            page.shell.append(text)
        if "." in mark:
            page.files[mark] = text
            page.steps.append(("file", mark))
        elif (kind == "python" and mark != "slow") or (kind in SHELL and mark == "run"):
            page.steps.append((kind, text))
    return page


PAGES = [read(path) for path in PATHS]
RUN = [page for page in PAGES if any(kind != "file" for kind, _ in page.steps)]


def commands(text: str) -> list[list[str]]:
    """Every `python -m MODULE ...` and `acerank COMMAND ...` of a shell block, from the module on."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words: list[list[str]] = [[]]
        for word in shlex.split(line.removeprefix("$ "), comments=True):
            if word in ("&&", ";", "|"):
                words.append([])
            else:
                words[-1].append(word)
        for part in words:
            if part[:2] == ["python", "-m"]:
                found.append(part[2:])
            elif part[:1] == ["acerank"]:
                found.append([SUBCOMMANDS[part[1]].removesuffix(".__main__"), *part[2:]])
    return [part for part in found if part[0] not in ("venv", "build")]


def inline(path: Path) -> list[str]:
    """Commands in backticks within the text."""
    found = re.findall(r"`((?:python -m|acerank) [^`]+)`", path.read_text("utf-8"))
    return [text for text in found if not re.search(r"\b[A-Z]{3,}\b", text)]  # COMMAND, FOLDER: not real ones


TEXTS = [text for page in PAGES for text in page.shell] + [text for path in PATHS for text in inline(path)]
COMMANDS = [
    list(words) for words in dict.fromkeys(tuple(words) for text in TEXTS for words in commands(text))
]


def test_there_is_something_to_test() -> None:
    assert {page.name for page in RUN} >= {"README.md", "CONTRIBUTING.md", "own-data.md", "python-api.md"}
    assert {words[0] for words in COMMANDS} >= {"eval.run", "eval.rank", "eval.report", "data.fetch"}
    assert len(EXAMPLES) >= 2


def call(command: list[str], folder: Path) -> None:
    paths = os.pathsep.join([str(folder), str(ROOT)])  # from a prompt, Python finds modules of its folder
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_what_a_page_says_runs_in_order(page: Document, tmp_path: Path, real_tables: Path) -> None:
    for kind, text in page.steps:
        if kind == "file":
            (tmp_path / text).write_text(page.files[text], "utf-8")
        elif kind == "python":
            call([sys.executable, "-W", "error", "-c", text], tmp_path)
        else:
            for words in commands(text):
                call([sys.executable, "-m", *words], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_run_without_tables(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACERANK_DATA", "")
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ACERANK_OFFLINE", "1")
    short = ["--short"] if '"--short"' in path.read_text("utf-8") else []
    call([sys.executable, "-W", "error", str(path), *short], tmp_path)


@cache
def help_of(module: str, *commands: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *commands, "--help"],
        cwd=ROOT,
        env={"COLUMNS": "250"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def values(words: list[str], option: str) -> list[str]:
    """What an option is given, each time it is."""
    return [value for word, value in pairwise(words) if word == option]


def names(words: list[str], option: str) -> list[str]:
    return [name for value in values(words, option) for name in value.split(",")]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_commands_exist(words: list[str]) -> None:
    module, *rest = words
    text = help_of(module, *(rest[:1] if module in ("predictors.supernet", "eval.campaign") else []))
    for word in rest:
        if word.startswith("--"):
            assert re.search(rf"(?<![\w-]){re.escape(word.partition('=')[0])}(?![\w-])", text), word
    assert all(name in METRICS for name in names(words, "--metrics"))
    assert all(name in PROTOCOLS for name in names(words, "--protocol"))
    specs = ",".join([*values(words, "--predictors"), *values(words, "--base")])
    if specs and "./" not in specs:
        assert parse(specs, values(words, "--set"))


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_is_the_command_of_its_module(name: str) -> None:
    code = f"import sys; sys.argv[1:] = ['{name}', '--help']; from eval.command.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "Usage: acerank" in done.stdout) == (0, True), done.stderr


def test_every_public_table_is_named() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    for name, table in sources().items():
        if any(file.url for file in table.originals()):
            assert f"python -m data.fetch {name}" in text
            assert not table.size or table.amount.rpartition(", ")[2] in text
        else:
            assert f"python -m data.convert {name}" in text or name not in FORMATS
            assert f"| {name} |" in text


def _prose(path: Path) -> str:
    return re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.M | re.S)


def test_links_lead_somewhere() -> None:
    for path in PATHS:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", _prose(path)):
            assert target.startswith("http") or (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200
