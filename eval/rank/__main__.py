"""python -m eval.rank: rank the architectures that have no label by those that have one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eval.command.options import BenchFlags, Format, command
from eval.command.origin import start

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Options(BenchFlags):
    """Options of `python -m eval.rank`."""

    candidates: Annotated[
        Path | None,
        typer.Option(help="Table of architectures to rank. Default: the rows of --bench without a label."),
    ] = None
    space: Annotated[
        str | None,
        typer.Option(help="Search space whose networks are the candidates, e.g. nb201 or proxyless."),
    ] = None
    n: Annotated[
        int | None,
        typer.Option(
            "--n", min=1, help="Networks of --space to draw. Default: all of a small space, else 1,000,000."
        ),
    ] = None
    keep: Annotated[
        int | None, typer.Option(min=1, help="Best networks of --space to keep. Default: 10,000.")
    ] = None
    predictor: Annotated[
        str | None,
        typer.Option(
            help="Predictor. Several, separated by commas: the best in cross-validation. Default: ace."
        ),
    ] = None
    top: Annotated[int, typer.Option(min=1, help="Candidates to choose; --out gets all of them.")] = 20
    diverse: Annotated[bool, typer.Option("--diverse", help="Choose no two near twins.")] = False
    constraint: Annotated[
        list[str] | None,
        typer.Option(help="What a chosen candidate must fulfil, e.g. 'latency<5'; repeatable."),
    ] = None
    budget: Annotated[
        float | None, typer.Option(help="Choose until the costs reach this, in place of --top.")
    ] = None
    cost: Annotated[str, typer.Option(help="Column with the cost of each candidate, for --budget.")] = ""
    repeats: Annotated[int, typer.Option(min=1, help="Repeats of the cross-validation.")] = 10
    out: Annotated[
        Path | None, typer.Option(help="File for all candidates, best first: .csv, .tsv, .json or .parquet.")
    ] = None


def rank(options: Options) -> None:
    """Train on all labelled architectures of a table, and rank those without a label.

    Example: python -m eval.rank --bench trained.csv --target acc --candidates new.csv --top 20 --out next.csv

    Example: python -m eval.rank --bench trained.csv --target acc,latency:min --constraint 'params<5'

    Before the list it says what the ranker is worth at this many labels, by cross-validation, next to chance
    and floors. Each candidate gets the label to expect with its 80 % interval, how probable it is among the
    best --top, and the nearest labelled network. With several targets, those that no other candidate beats in
    all of them come first. Names and columns of the candidates are kept.
    """
    from data.cli import to_stderr
    from eval.grid.plan import as_list
    from eval.rank import rank as run

    arguments = options.arguments()
    datasets = arguments.pop("datasets") or [None]
    if len(arguments["bench"]) > 1 or len(datasets) > 1:
        raise typer.BadParameter("candidates are ranked on one benchmark and one data set at a time")
    for name in ("label", "encoder", "out"):
        if arguments.pop(name) is not None and name != "out":
            raise typer.BadParameter(f"--{name} has no effect here: a ranker learns from --target")
    arguments["bench"] = arguments["bench"][0]
    targets = as_list(arguments.pop("target"))
    for name in ("candidates", "space", "n", "keep", "predictor", "top", "diverse", "budget", "cost"):
        arguments[name] = getattr(options, name)
    if options.out is not None:
        check_suffix(options.out)
    ranked = run(
        dataset=datasets[0],
        target=targets,
        constraints=options.constraint or (),
        repeats=options.repeats,
        **arguments,
    )
    for line in (*ranked.attrs["verdicts"], *ranked.attrs["selection"]):
        to_stderr(line)
    show(ranked, options.format_, options.top)
    if options.out is not None:
        write(ranked, options.out)
        to_stderr(f"all {len(ranked):,} candidates are in {options.out}")


def show(ranked: pd.DataFrame, format_: Format, top: int) -> None:
    """Print the first candidates, and for people the estimate before them."""
    import json

    from eval.rank.tables import take_first

    first = take_first(ranked, top)
    if format_ is Format.json:
        attrs = {
            name: ranked.attrs[name]
            for name in ("predictor", "verdict", "verdicts", "estimate", "notes", "selection")
        }
        records = json.loads(str(first.to_json(orient="records")))
        sys.stdout.write(json.dumps(attrs | {"candidates": records}, indent=2) + "\n")
    elif format_ in (Format.tsv, Format.csv):
        sys.stdout.write(first.to_csv(index=False, sep="\t" if format_ is Format.tsv else ","))
    else:
        from eval.rank.tables import build_tables
        from eval.report.text import show as show_tables

        show_tables(format_.value, build_tables(ranked, top), [])


def check_suffix(path: Path) -> None:
    """Refuse a file that `write` cannot write."""
    from data.errors import InputError

    if path.suffix.lower() not in (".csv", ".tsv", ".json", ".parquet"):
        raise InputError(f"'{path}': candidates are written to a .csv, .tsv, .json or .parquet file")


def write(ranked: pd.DataFrame, path: Path) -> None:
    """Write all candidates, whole or not at all."""
    from data.files import atomic_path

    frame = ranked.copy()
    frame.attrs = {}
    with atomic_path(path) as part:
        match path.suffix.lower():
            case ".parquet":
                frame.to_parquet(part, index=False)
            case ".json":
                frame.to_json(part, orient="records", indent=2)
            case suffix:
                frame.to_csv(part, index=False, sep="\t" if suffix == ".tsv" else ",")


command(app, rank, Options)


if __name__ == "__main__":
    start(app, prog="python -m eval.rank")
