"""acerank: every command under one name."""

from __future__ import annotations

import ast
import sys
from importlib.util import find_spec
from pathlib import Path

COMMANDS = {
    "run": "eval.run",
    "leaderboard": "eval.leaderboard.__main__",
    "rank": "eval.rank.__main__",
    "ablate": "eval.ablate.__main__",
    "curve": "eval.curve.__main__",
    "weak": "eval.weak.__main__",
    "search": "eval.search.__main__",
    "campaign": "eval.campaign.__main__",
    "report": "eval.report.__main__",
    "check": "eval.check",
    "info": "benchmarks.info",
    "fetch": "data.fetch.__main__",
    "convert": "data.convert.__main__",
    "supernet": "predictors.supernet.__main__",
    "speed": "eval.speed.__main__",
}


def main() -> None:
    """Run `acerank COMMAND ...`; without a command, `acerank --list` and the like are those of `run`."""
    from eval.command.origin import check_origin

    check_origin()
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        sys.stdout.write(_help())
        return
    if name == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"acerank {version('acerank')}\n")
        return
    if name.startswith("-"):
        name, arguments = "run", [name, *arguments]
    from importlib import import_module

    from data.cli import fail, run_cli
    from data.errors import UnknownNameError
    from data.names import check_name

    try:
        module = import_module(COMMANDS[check_name("command", name, COMMANDS)])
    except UnknownNameError as error:
        sys.exit(fail(str(error)))
    run_cli(module.app, arguments, prog=f"acerank {name}")


def _help() -> str:
    lines = [
        "Usage: acerank COMMAND [OPTIONS]",
        "",
        "Compare performance predictors as rankers.",
        "",
        "Commands:",
    ]
    for name, module in COMMANDS.items():
        lines.append(f"  {name:11} {_describe(module)}")
    lines += ["", "acerank COMMAND --help shows the options of a command; python -m MODULE runs it, too.", ""]
    return "\n".join(lines)


def _describe(module: str) -> str:
    """Return the first line of a module's docstring, without its name, without importing it."""
    spec = find_spec(module)
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text("utf-8"))) if spec and spec.origin else ""
    return (text or "").partition("\n")[0].partition(": ")[2]
