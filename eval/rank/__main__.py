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
    predictor: Annotated[
        str | None,
        typer.Option(help="Predictor. Default: the best in cross-validation on the labelled rows."),
    ] = None
    top: Annotated[int, typer.Option(min=1, help="Candidates to print; --out gets all of them.")] = 20
    repeats: Annotated[int, typer.Option(min=1, help="Repeats of the cross-validation.")] = 10
    out: Annotated[
        Path | None, typer.Option(help="File for all candidates, best first: .csv, .tsv, .json or .parquet.")
    ] = None


def rank(options: Options) -> None:
    """Train on all labelled architectures of a table, and rank those without a label.

    Example: python -m eval.rank --bench trained.csv --target acc --candidates new.csv --top 20 --out next.csv

    Before the list it says what the ranker is worth at this many labels, by cross-validation, next to chance
    and floors. Candidates that are the same network as a labelled one, or as each other, are left out. Names
    and columns of the candidates are kept.
    """
    from data.cli import to_stderr
    from eval.rank import rank as run

    arguments = options.arguments()
    datasets = arguments.pop("datasets") or [None]
    if len(arguments["bench"]) > 1 or len(datasets) > 1:
        raise typer.BadParameter("candidates are ranked on one benchmark and one data set at a time")
    for name in ("label", "encoder", "out"):
        if arguments.pop(name) is not None and name != "out":
            raise typer.BadParameter(f"--{name} has no effect here: a ranker learns from --target")
    arguments["bench"] = arguments["bench"][0]
    if options.out is not None:
        check_suffix(options.out)
    ranked = run(
        predictor=options.predictor,
        candidates=options.candidates,
        dataset=datasets[0],
        repeats=options.repeats,
        **arguments,
    )
    to_stderr(ranked.attrs["verdict"])
    show(ranked, options.format_, options.top)
    if options.out is not None:
        write(ranked, options.out)
        to_stderr(f"all {len(ranked):,} candidates are in {options.out}")


def show(ranked: pd.DataFrame, format_: Format, top: int) -> None:
    """Print the first candidates, and for people the estimate before them."""
    import json

    first = ranked.head(top)
    if format_ is Format.json:
        attrs = {name: ranked.attrs[name] for name in ("predictor", "verdict", "estimate", "notes")}
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
