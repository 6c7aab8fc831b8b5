"""python -m eval.ablate: what each part of a predictor is worth."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from eval.command import options as opt
from eval.command.origin import start


class Mode(StrEnum):
    """How --vary options combine."""

    one = "one"
    grid = "grid"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def ablate(
    bench: opt.Bench = None,
    base: Annotated[
        str, typer.Option(help="The predictor that is changed, e.g. acenas:width=32.")
    ] = "acenas",
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="PARAMETER=VALUE,VALUE,...", help="A hyper-parameter to change; repeatable."),
    ] = None,
    mode: Annotated[
        Mode, typer.Option(help="Change one parameter at a time, or run the grid of all combinations.")
    ] = Mode.one,
    set_: opt.Settings = None,
    dataset: opt.Dataset = None,
    label: opt.Label = None,
    target: opt.Target = None,
    weak: opt.Weak = None,
    protocol: opt.ProtocolName = "leakfree",
    train_size: opt.TrainSize = None,
    repeats: opt.Repeats = 20,
    seed: opt.Seed = 0,
    metrics: opt.Metrics = "ndcg@10,kendall_tau,regret@10",
    jobs: opt.Jobs = 0,
    out: opt.Out = None,
    format_: opt.FormatOption = opt.Format.table,
    offline: opt.Offline = False,
) -> None:
    """Change one predictor in several ways and compare each with the base, paired over repeats.

    Example: python -m eval.ablate --bench nb201 --base acenas --vary loss=lambdarank,ranknet,mse
    --vary weak=none,flops+params,supernet --train-size 50,100

    Weak labels are joined by +; "supernet" is the benchmark's supernet accuracy. The folder --out holds the
    same rows as eval.run writes, and ablation.html; a run that was stopped goes on.
    """
    from eval.ablate.arms import arms_of, compare, figures_of, records_of, sheets_of
    from eval.command.leaderboard import execute, say
    from eval.report.page import write_page
    from eval.report.sheets import show

    options = opt.Options(
        bench=opt.bench_named(bench),
        predictors=",".join(arms_of(base, vary or [], mode.value)),
        settings=set_ or [],
        datasets=opt.names_of(dataset),
        label=label,
        target=target,
        weak=opt.names_of(weak),
        protocols=opt.names_of(protocol) or [],
        train_sizes=opt.sizes_of(train_size),
        repeats=repeats,
        seed=seed,
        metrics=opt.names_of(metrics),
        jobs=jobs,
        out=out,
        offline=offline,
        distinct=True,
    )
    finished = execute(options, "eval.ablate")
    first = finished.rows[0]["predictor"]
    arms = compare(finished.rows, first)
    sheets = sheets_of(arms, first)
    write_page(
        finished.folder / "ablation.html",
        title=f"{finished.bench.info.title}: ablation of {first}",
        notes=finished.notes,
        figures=figures_of(arms, first),
        sheets=sheets,
        settings=finished.settings,
    )
    show(format_.value, sheets, records_of(arms))
    say(f"rows, scores and ablation.html are in {finished.folder}")


if __name__ == "__main__":
    start(app, prog="python -m eval.ablate")
