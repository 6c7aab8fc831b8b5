"""python -m eval.run: compare predictors on one benchmark or several."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from eval.command.options import Format, GridFlags, as_mapping, command
from eval.command.origin import start

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Options(GridFlags):
    """Options of `python -m eval.run`."""

    predictors: Annotated[
        str | None,
        typer.Option(
            help="Predictors, separated by commas: names, ./my_ranker.py, my_package.rankers:Best; "
            "gcn:loss=mse is one with a hyper-parameter of its own. Default: the ten of --list marked with *."
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
    describe: Annotated[
        str | None,
        typer.Option("--describe", metavar="PREDICTOR", help="Show a predictor's hyper-parameters."),
    ] = None


def run(options: Options) -> None:
    """Compare performance predictors as rankers.

    Each predictor learns from a few labelled architectures and ranks the others; the ranking is evaluated.

    Example: python -m eval.run --bench nb201 --predictors gcn,gcn:loss=mse --train-size 50,100,200

    Example: python -m eval.run --bench mine.csv --target acc --predictors ./my_ranker.py,random_forest

    Results go to the folder --out: rows.jsonl, scores.parquet, settings.json and report.html. Interrupted runs
    resume when restarted.
    """
    if options.list_ or options.describe:
        from eval.command.listing import print_list, print_parameters

        print_parameters(options.describe) if options.describe else print_list()
        return
    from eval.command.messages import say, show_messages
    from eval.evaluate import build_plan, name_folder, run_plan
    from eval.grid.entries import PREDICTORS, parse
    from eval.grid.folder import claim_folder

    show_messages()
    arguments = options.arguments()
    asked = parse(PREDICTORS if options.predictors is None else options.predictors, options.set_ or ())
    plan = build_plan(asked=asked, chosen=options.predictors is not None, **arguments)
    plan.options.update(as_mapping(options))
    if options.baseline:
        plan.check_predictor(options.baseline)
    folder = claim_folder(options.out, name_folder(plan), "run", plan.signature)
    results = run_plan(
        plan,
        folder,
        jobs=options.jobs,
        save_encoder_to=options.save_encoder,
        command=["python", "-m", "eval.run", *sys.argv[1:]],
    )
    results.report(folder / "report.html", baseline=options.baseline)
    if options.format_ is Format.table:
        from rich.console import Console

        from eval.report.table import render_table

        render_table(results.summaries(options.baseline), Console())
    else:
        sys.stdout.write(results.render(options.format_.value, baseline=options.baseline).rstrip("\n") + "\n")
    say(f"rows, scores and report.html are in {folder}")


command(app, run, Options)


def main() -> None:
    """Run the command line."""
    start(app)


if __name__ == "__main__":
    main()
