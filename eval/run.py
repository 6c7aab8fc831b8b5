"""python -m eval.run: compare predictors on a benchmark."""

from __future__ import annotations

import sys
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_PREDICTORS = (
    "acenas,gcn,mlp,lambdamart,random_forest,gaussian_process,weak_label,flops,params,random_order"
)


class Format(StrEnum):
    """What is printed on stdout."""

    table = "table"
    json = "json"
    tsv = "tsv"
    markdown = "markdown"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    bench: Annotated[
        str | None,
        typer.Option(help="Benchmark, e.g. nb201, or the path of your own table (parquet, CSV, JSON lines)."),
    ] = None,
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
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PREDICTOR.PARAMETER=VALUE", help="Set a hyper-parameter; repeatable."),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Data sets, separated by commas.")] = None,
    label: Annotated[
        str | None, typer.Option(help="Label to train on. Default: the benchmark's, e.g. valid_acc.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Target to be judged on. Default: the benchmark's, e.g. test_acc.")
    ] = None,
    weak: Annotated[
        str | None,
        typer.Option(
            help="Weak labels to pretrain on: names separated by commas, DATASET/TARGET for one of another "
            "data set, a parquet table of your own with a column arch, or none. Default: the benchmark's."
        ),
    ] = None,
    encoder: Annotated[
        Path | None, typer.Option(help="Pretrained encoder to use, from --save-encoder.")
    ] = None,
    save_encoder: Annotated[
        Path | None, typer.Option(help="Where to save the encoder that was pretrained.")
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="How training and test rows are chosen; separated by commas, see --list.")
    ] = "leakfree",
    train_size: Annotated[
        str | None, typer.Option(help="Training labels; separated by commas for a curve. Default: 100.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Repeats, each with its own split and seed.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first repeat; repeat r uses seed + r.")] = 0,
    metrics: Annotated[
        str | None, typer.Option(help="Metrics, separated by commas, e.g. ndcg@10,kendall_tau.")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=0, help="Processes; 0 for one a core. Any number gives the same rows.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for rows, scores and the report. Default: runs/BENCH.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="What to print on stdout.")] = Format.table,
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network.")] = False,
) -> None:
    """Compare performance predictors as rankers.

    Each predictor learns from a few labelled architectures and orders the others; the order is judged.

    Example: python -m eval.run --bench nb201 --predictors gcn,gcn:loss=mse --train-size 50,100,200

    Results go to the folder --out: rows.jsonl, scores.parquet, settings.json and report.html. A run that was
    stopped goes on where it was when it is started again.
    """
    if list_:
        from eval.listing import print_list

        print_list()
        return
    if bench is None:
        raise typer.BadParameter("name a benchmark, e.g. --bench nb201; --list shows what there is")
    from eval import leaderboard

    leaderboard.run(
        leaderboard.Options(
            bench=bench,
            predictors=predictors or DEFAULT_PREDICTORS,
            chosen=predictors is not None,
            settings=set_ or [],
            datasets=_names(dataset),
            label=label,
            target=target,
            weak=_names(weak),
            encoder=encoder,
            save_encoder=save_encoder,
            protocols=_names(protocol) or [],
            train_sizes=_sizes(train_size),
            repeats=repeats,
            seed=seed,
            metrics=_names(metrics),
            jobs=jobs,
            out=out,
            format=format_.value,
            offline=offline,
        )
    )


def _names(text: str | None) -> list[str] | None:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    return list(dict.fromkeys(names)) or None


def _sizes(text: str | None) -> list[int] | None:
    try:
        return [int(size) for size in _names(text) or []] or None
    except ValueError as error:
        message = f"'{text}' is not a list of whole numbers"
        raise typer.BadParameter(message, param_hint="--train-size") from error


def check_origin() -> None:
    """Refuse to run when another package took the place of one of ours: the names are common words."""
    home = Path(__file__).resolve().parent.parent
    for name in ("data", "benchmarks", "predictors", "eval"):
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec and spec.origin else None
        if found is None or found.parent.parent != home:
            sys.exit(
                f"error: package '{name}' comes from {found or 'nowhere'}, not from {home}; run from another "
                "folder, or use the command `acerank`"
            )


def main() -> None:
    """Run the command line."""
    check_origin()
    from data.cli import run_cli

    run_cli(app)


if __name__ == "__main__":
    main()
