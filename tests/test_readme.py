"""The README: its Python runs, and its commands are ones that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from data.convert import FORMATS
from data.sources import sources
from data.split import PROTOCOLS
from eval.command.specs import parse
from eval.metrics import METRICS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(*languages: str) -> list[str]:
    """The fenced blocks of the README in any of these languages."""
    return [
        text for kind, text in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S) if kind in languages
    ]


def commands() -> list[list[str]]:
    """Every `python -m ...` in the shell blocks, as words."""
    found = []
    for line in "\n".join(blocks("bash", "console", "sh", "shell")).replace("\\\n", " ").splitlines():
        words: list[list[str]] = [[]]
        for word in shlex.split(line.removeprefix("$ "), comments=True):
            if word in ("&&", ";", "|"):
                words.append([])
            else:
                words[-1].append(word)
        found += [
            part[at:]
            for part in words
            for at in range(len(part))
            if part[at : at + 2] == ["python", "-m"] and all("=" in word for word in part[:at])
        ]
    return found


PYTHON, COMMANDS = blocks("python"), commands()


def test_there_is_something_to_test() -> None:
    assert PYTHON
    assert any(words[2] == "eval.run" for words in COMMANDS)
    assert any(words[2] == "data.fetch" for words in COMMANDS)


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_the_python_runs(code: str, tmp_path: Path, real_tables: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@cache
def help_of(module: str, *commands: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *commands, "--help"],
        cwd=ROOT,
        env={"COLUMNS": "250"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def values(words: list[str], option: str) -> list[str]:
    """What an option is given, each time it is."""
    return [value for word, value in pairwise(words) if word == option]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_commands_exist(words: list[str]) -> None:
    commands = words[3:4] if words[2] == "predictors.supernet" else []
    text = help_of(words[2], *commands)
    for word in words[3:]:
        if word.startswith("--"):
            assert re.search(rf"(?<![\w-]){re.escape(word.partition('=')[0])}(?![\w-])", text), word
    if words[2] == "eval.run":
        predictors = values(words, "--predictors")
        settings = values(words, "--set")
        specs = ",".join(predictors or dict.fromkeys(setting.partition(".")[0] for setting in settings))
        assert not specs or parse(specs, settings)
        for name in ",".join(values(words, "--metrics")).split(","):
            assert not name or name in METRICS
        for name in ",".join(values(words, "--protocol")).split(","):
            assert not name or name in PROTOCOLS


def test_every_public_table_is_named() -> None:
    for name, table in sources().items():
        if any(file.url for file in table.originals()):
            assert f"python -m data.fetch {name}" in README
            assert not table.size or table.amount.rpartition(", ")[2] in README
        else:
            assert f"python -m data.convert {name}" in README or name not in FORMATS
            assert f"| {name} |" in README
