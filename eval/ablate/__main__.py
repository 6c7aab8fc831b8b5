"""python -m eval.ablate: what each part of a predictor is worth."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from eval.command.options import GridFlags, as_mapping, command, names
from eval.command.origin import start


class Mode(StrEnum):
    """How --vary options combine."""

    one = "one"
    grid = "grid"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Options(GridFlags):
    """Options of `python -m eval.ablate`."""

    repeats: Annotated[int, typer.Option(min=1, help="Repeats, each with its own split and seed.")] = 20
    metrics: Annotated[
        list | None,
        typer.Option(
            parser=names,
            metavar="LIST",
            help="Metrics, separated by commas. Default: ndcg@10,kendall_tau,regret@10.",
        ),
    ] = None
    base: Annotated[str, typer.Option(help="The predictor that is changed, e.g. acenas:width=32.")] = "acenas"
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="PARAMETER=VALUE,VALUE,...", help="A hyper-parameter to change; repeatable."),
    ] = None
    mode: Annotated[
        Mode, typer.Option(help="Change one parameter at a time, or run the grid of all combinations.")
    ] = Mode.one


def ablate(options: Options) -> None:
    """Change one predictor in several ways and compare each with the base, paired over repeats.

    Example: python -m eval.ablate --bench nb201 --base acenas --vary loss=lambdarank,ranknet,mse
    --vary weak=none,flops+params,supernet --train-size 50,100

    Weak labels are joined by +; "supernet" is the benchmark's supernet accuracy. The folder --out holds the
    same rows as eval.run writes, and ablation.html. Interrupted runs resume when restarted.
    """
    from data.cli import to_stderr
    from eval.ablate import METRICS
    from eval.ablate import ablate as run
    from eval.ablate.arms import get_tables, records_of
    from eval.evaluate import Command
    from eval.report.text import show

    arguments = options.arguments()
    arguments["metrics"] = arguments["metrics"] or METRICS
    done = run(
        base=options.base,
        vary=options.vary or [],
        mode=options.mode.value,
        command=Command(["python", "-m", "eval.ablate", *sys.argv[1:]], as_mapping(options)),
        **arguments,
    )
    folder = done.results.stored_in
    done.report(folder / "ablation.html")
    show(options.format_.value, get_tables(done.arms, done.base), records_of(done.arms))
    to_stderr(f"rows, scores and ablation.html are in {folder}")


command(app, ablate, Options)


if __name__ == "__main__":
    start(app, prog="python -m eval.ablate")
