"""python -m eval.curve: quality against the number of true labels, with and without weak supervision."""

from __future__ import annotations

from typing import Annotated

import typer

from eval.command import options as opt
from eval.command.origin import start

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def curve(
    bench: opt.Bench = None,
    predictor: Annotated[str, typer.Option(help="The predictor, with its weak labels.")] = "acenas",
    reference: Annotated[
        str | None, typer.Option(help="What it is compared with. Default: the same without weak labels.")
    ] = None,
    set_: opt.Settings = None,
    dataset: opt.Dataset = None,
    label: opt.Label = None,
    target: opt.Target = None,
    weak: opt.Weak = None,
    protocol: opt.ProtocolName = "leakfree",
    train_size: opt.TrainSize = "10,20,30,50,100,200,500",
    repeats: opt.Repeats = 20,
    seed: opt.Seed = 0,
    metrics: opt.Metrics = "ndcg@10,kendall_tau,regret@10",
    jobs: opt.Jobs = 0,
    out: opt.Out = None,
    format_: opt.FormatOption = opt.Format.table,
    offline: opt.Offline = False,
) -> None:
    """Draw few-shot curves and say how many trainings weak supervision saves at equal quality.

    Example: python -m eval.curve --bench nb201 --train-size 10,30,100,300

    "saved" is the number of labels that the reference needs for the same quality (read off its own curve)
    over the number that the predictor had. The folder --out also gets curve.html.
    """
    from eval.command.leaderboard import execute, say
    from eval.curve.savings import figures_of, records_of, sheets_of
    from eval.report.page import write_page
    from eval.report.sheets import show

    if "," in predictor or "," in (reference or ""):
        raise typer.BadParameter("a curve compares one predictor with one reference")
    finished = execute(
        opt.Options(
            bench=opt.bench_named(bench),
            predictors=f"{predictor},{reference or predictor + ':weak=none'}",
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
        ),
        "eval.curve",
    )
    subject, other = dict.fromkeys(row["predictor"] for row in finished.rows)
    sheets = sheets_of(finished.summaries, subject, other)
    write_page(
        finished.folder / "curve.html",
        title=f"{finished.bench.info.title}: few-shot curves of {subject}",
        notes=finished.notes,
        figures=figures_of(finished.summaries),
        sheets=sheets,
        settings=finished.settings,
    )
    show(format_.value, sheets, records_of(finished.summaries, subject, other))
    say(f"rows, scores and curve.html are in {finished.folder}")


if __name__ == "__main__":
    start(app, prog="python -m eval.curve")
