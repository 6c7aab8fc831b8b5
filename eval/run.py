"""python -m eval.run: compare predictors on one benchmark or several."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from eval.command.options import Format, GridFlags, as_mapping, command
from eval.command.origin import start

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Options(GridFlags):
    """Options of `python -m eval.run`."""

    predictors: Annotated[
        str | None,
        typer.Option(
            help="Predictors, separated by commas: names, ./my_ranker.py, my_package.rankers:Best; "
            "gcn:loss=mse is one with a hyper-parameter of its own. Default: those of --list marked with *."
        ),
    ] = None
    save_encoder: Annotated[
        Path | None, typer.Option(help="Where to save the encoder that is pretrained.")
    ] = None
    baseline: Annotated[
        str | None,
        typer.Option(help="Predictor that the others are compared with. Default: the best of each metric."),
    ] = None
    list_: Annotated[
        bool, typer.Option("--list", help="List benchmarks, labels, protocols, predictors, metrics.")
    ] = False
    name: Annotated[
        str | None,
        typer.Argument(metavar="[PREDICTOR]", help="With --list: show the hyper-parameters of this one."),
    ] = None


def run(options: Options) -> None:
    """Compare performance predictors as rankers.

    Each predictor learns from a few labelled architectures and ranks the others; the ranking is evaluated.

    Example: python -m eval.run --bench nb201 --predictors gcn,gcn:loss=mse --train-size 50,100,200

    Example: python -m eval.run --bench mine.csv --target acc --predictors ./my_ranker.py,random_forest

    Results go to the folder --out: rows.jsonl, scores.parquet, settings.json and report.html. Interrupted
    runs resume when restarted.
    """
    if options.name and not options.list_:
        raise typer.BadParameter(f"'{options.name}' stands alone; predictors are named by --predictors")
    if options.list_:
        from eval.command.listing import print_list, print_parameters

        print_parameters(options.name) if options.name else print_list()
        return
    from data.cli import to_stderr
    from eval.evaluate import Command, evaluate

    results = evaluate(
        predictors=options.predictors,
        save_encoder_to=options.save_encoder,
        baseline=options.baseline,
        command=Command(["python", "-m", "eval.run", *sys.argv[1:]], as_mapping(options)),
        **options.arguments(),
    )
    folder = results.stored_in
    results.report(folder / "report.html")
    if options.format_ is Format.table:
        from eval.report.text import print_results

        print_results(results)
    else:
        sys.stdout.write(results.render(options.format_.value).rstrip("\n") + "\n")
    to_stderr(f"rows, scores and report.html are in {folder}")


command(app, run, Options)


def main() -> None:
    """Run the command line."""
    start(app)


if __name__ == "__main__":
    main()
