"""python -m eval.curve: quality against the number of true labels, with and without weak supervision."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from eval.command.options import GridFlags, as_mapping, command, names, sizes
from eval.command.origin import start

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Options(GridFlags):
    """Options of `python -m eval.curve`."""

    train_size: Annotated[
        list | None,
        typer.Option(parser=sizes, metavar="LIST", help="Training labels. Default: 10,20,30,50,100,200,500."),
    ] = None
    repeats: Annotated[int, typer.Option(min=1, help="Repeats, each with its own split and seed.")] = 20
    metrics: Annotated[
        list | None,
        typer.Option(
            parser=names,
            metavar="LIST",
            help="Metrics, separated by commas. Default: ndcg@10,kendall_tau,regret@10.",
        ),
    ] = None
    predictor: Annotated[str, typer.Option(help="The predictor, with its weak labels.")] = "acenas"
    reference: Annotated[
        str | None,
        typer.Option(help="What it is compared with. Default: the same predictor without weak labels."),
    ] = None


def curve(options: Options) -> None:
    """Draw few-shot curves, and count the trainings that weak supervision saves at equal quality.

    Example: python -m eval.curve --bench nb201 --train-size 10,30,100,300

    "saved" is the number of labels that the reference needs for the same quality (read off its own curve)
    over the number that the predictor had. The folder --out also gets curve.html.
    """
    from data.cli import to_stderr
    from eval.curve import METRICS, TRAIN_SIZES
    from eval.curve import curve as run
    from eval.curve.savings import get_tables, records_of
    from eval.evaluate import Command
    from eval.report.text import show

    arguments = options.arguments()
    arguments["metrics"] = arguments["metrics"] or METRICS
    arguments["train_sizes"] = arguments["train_sizes"] or TRAIN_SIZES
    done = run(
        predictor=options.predictor,
        reference=options.reference,
        command=Command(["python", "-m", "eval.curve", *sys.argv[1:]], as_mapping(options)),
        **arguments,
    )
    summaries = done.results.summaries()
    folder = done.results.stored_in
    done.report(folder / "curve.html")
    show(
        options.format_.value,
        get_tables(summaries, done.subject, done.reference),
        records_of(summaries, done.subject, done.reference),
    )
    to_stderr(f"rows, scores and curve.html are in {folder}")


command(app, curve, Options)


if __name__ == "__main__":
    start(app, prog="python -m eval.curve")
