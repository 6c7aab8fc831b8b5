"""python -m eval.leaderboard: every predictor on every benchmark at hand, on one page."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from eval.command.options import GridFlags, as_mapping, command, names
from eval.command.origin import start

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Options(GridFlags):
    """Options of `python -m eval.leaderboard`."""

    bench_required: ClassVar[bool] = False
    bench: Annotated[
        list | None,
        typer.Option(
            parser=names,
            metavar="LIST",
            help="Benchmarks or paths of tables, separated by commas. Default: every benchmark whose table "
            "is on this machine.",
        ),
    ] = None
    predictors: Annotated[
        str | None,
        typer.Option(
            help="Predictors, separated by commas, as eval.run takes them. Default: all but the costly ones."
        ),
    ] = None
    metrics: Annotated[
        list | None,
        typer.Option(
            parser=names,
            metavar="LIST",
            help="Metrics, separated by commas. Default: kendall_tau,ndcg@10,precision_top@5,regret@10.",
        ),
    ] = None


def leaderboard(options: Options) -> None:
    """Compare every predictor on every benchmark at hand, and show where each stands on one page.

    Example: python -m eval.leaderboard --out runs/leaderboard

    Example: python -m eval.leaderboard --bench nb201,macro --predictors gcn,random_forest --train-size 50,100

    The folder --out gets leaderboard.html, its figures as SVG and PDF, rows.jsonl, scores.parquet and
    bencheval.parquet, a frame for TabArena's engine. Interrupted runs resume when restarted.
    """
    from data.cli import to_stderr
    from eval.evaluate import Command
    from eval.leaderboard import leaderboard as run
    from eval.leaderboard.page import write_outputs
    from eval.leaderboard.tables import get_records, get_tables
    from eval.report.text import show

    results = run(
        predictors=options.predictors,
        command=Command(["python", "-m", "eval.leaderboard", *sys.argv[1:]], as_mapping(options)),
        **options.arguments(),
    )
    write_outputs(results)
    tables, legend = get_tables(results)
    show(options.format_.value, tables, get_records(results), legend)
    to_stderr(f"leaderboard.html, figures, rows and scores are in {results.stored_in}")


command(app, leaderboard, Options)


if __name__ == "__main__":
    start(app, prog="python -m eval.leaderboard")
