"""python -m eval.run: compare predictors on a benchmark."""

from __future__ import annotations

from typing import Annotated

import typer

from eval.command import options as opt
from eval.command.origin import start

DEFAULT_PREDICTORS = (
    "acenas,gcn,mlp,lambdamart,random_forest,gaussian_process,weak_label,flops,params,random_order"
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    bench: opt.Bench = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List benchmarks, labels, protocols, predictors, metrics.")
    ] = False,
    predictors: Annotated[
        str | None,
        typer.Option(
            help=f"Predictors, separated by commas; gcn:loss=mse is one with a hyper-parameter of its own. "
            f"Default: {DEFAULT_PREDICTORS}"
        ),
    ] = None,
    set_: opt.Settings = None,
    dataset: opt.Dataset = None,
    label: opt.Label = None,
    target: opt.Target = None,
    weak: opt.Weak = None,
    encoder: opt.Encoder = None,
    save_encoder: opt.SaveEncoder = None,
    protocol: opt.ProtocolName = "leakfree",
    train_size: opt.TrainSize = None,
    repeats: opt.Repeats = 10,
    seed: opt.Seed = 0,
    metrics: opt.Metrics = None,
    jobs: opt.Jobs = 0,
    out: opt.Out = None,
    format_: opt.FormatOption = opt.Format.table,
    offline: opt.Offline = False,
) -> None:
    """Compare performance predictors as rankers.

    Each predictor learns from a few labelled architectures and orders the others; the order is judged.

    Example: python -m eval.run --bench nb201 --predictors gcn,gcn:loss=mse --train-size 50,100,200

    Results go to the folder --out: rows.jsonl, scores.parquet, settings.json and report.html. A run that was
    stopped goes on where it was when it is started again.
    """
    if list_:
        from eval.command.listing import print_list

        print_list()
        return
    bench = opt.bench_named(bench)
    from eval.command import leaderboard

    leaderboard.run(
        opt.Options(
            bench=bench,
            predictors=predictors or DEFAULT_PREDICTORS,
            chosen=predictors is not None,
            settings=set_ or [],
            datasets=opt.names_of(dataset),
            label=label,
            target=target,
            weak=opt.names_of(weak),
            encoder=encoder,
            save_encoder=save_encoder,
            protocols=opt.names_of(protocol) or [],
            train_sizes=opt.sizes_of(train_size),
            repeats=repeats,
            seed=seed,
            metrics=opt.names_of(metrics),
            jobs=jobs,
            out=out,
            offline=offline,
        ),
        format_.value,
    )


def main() -> None:
    """Run the command line."""
    start(app)


if __name__ == "__main__":
    main()
