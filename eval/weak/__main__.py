"""python -m eval.weak: what each weak label is worth, what it costs, where it errs, what it adds."""

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
    """Options of `python -m eval.weak`."""

    weak: Annotated[
        list | None,
        typer.Option(
            parser=names,
            metavar="LIST",
            help="Weak labels, separated by commas: names, sums joined by +, DATASET/TARGET for one of "
            "another data set, tables with a column arch, default for the sum of the benchmark's own, all "
            "for every one, each for one of each kind and noise (random numbers). Default: each.",
        ),
    ] = None
    train_size: Annotated[
        list | None,
        typer.Option(parser=sizes, metavar="LIST", help="Training labels. Default: 10,20,50,100."),
    ] = None
    further: Annotated[
        list | None,
        typer.Option(
            parser=sizes,
            metavar="LIST",
            help="Larger numbers of training labels, at which only the ranker without weak labels runs: "
            "the labels that are saved are read off its curve. Default: 200,400.",
        ),
    ] = None
    metrics: Annotated[
        list | None,
        typer.Option(
            parser=names,
            metavar="LIST",
            help="Metrics, separated by commas; greedy sums are chosen by the first. "
            "Default: kendall_tau,ndcg@10,regret@10.",
        ),
    ] = None
    predictor: Annotated[str, typer.Option(help="The ranker; it must learn from weak labels.")] = "acenas"
    beside: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Weak labels, joined by +, that each one is also added to; none for none.",
        ),
    ] = "default"
    greedy: Annotated[
        int, typer.Option(min=0, help="Choose a sum of up to this many weak labels greedily; 0 for none.")
    ] = 0
    fidelity: Annotated[
        bool,
        typer.Option(
            "--fidelity",
            help="Also train on short trainings in place of true labels, as many as cost the same.",
        ),
    ] = False


def weak(options: Options) -> None:
    """Say what each weak label is worth to a ranker, next to what it costs and where it errs.

    Example: python -m eval.weak --bench nb201 --weak gdas249_acc,flops+params,noise --train-size 10,50

    Example: python -m eval.weak --bench nb201 --greedy 4 --repeats 10

    Gains are over the same ranker without weak labels, paired over repeats. The folder --out also gets
    weak.json (everything) and weak.html (with plots). Interrupted runs resume when restarted.
    """
    from data.cli import to_stderr
    from eval.evaluate import Command
    from eval.report.text import show
    from eval.weak import FURTHER_SIZES, METRICS, TRAIN_SIZES, account
    from eval.weak.records import FILE, get_records, write_json
    from eval.weak.tables import get_tables

    arguments = options.arguments()
    if options.encoder:
        raise typer.BadParameter("an account pretrains on weak labels: leave out --encoder")
    one = {
        "dataset": _get_one(options.dataset, "--dataset"),
        "protocol": _get_one(options.protocol, "--protocol"),
    }
    done = account(
        _get_one(options.bench, "--bench") or "",
        options.weak,
        predictor=options.predictor,
        beside=None if options.beside == "none" else options.beside,
        greedy=options.greedy,
        fidelity=options.fidelity,
        train_sizes=options.train_size or TRAIN_SIZES,
        further_sizes=FURTHER_SIZES if options.further is None else options.further,
        metrics=options.metrics or METRICS,
        command=Command(["python", "-m", "eval.weak", *sys.argv[1:]], as_mapping(options)),
        **one,
        **{
            name: arguments[name]
            for name in (
                "repeats", "target", "label", "trusted_weak", "settings", "seed", "jobs", "cluster", "out",
                "offline", "table", "device",
                "encoders",
            )
        },
    )  # fmt: skip
    folder = done.results.stored_in
    write_json(folder / FILE, done)
    done.report(folder / "weak.html")
    show(options.format_.value, get_tables(done), get_records(done))
    to_stderr(f"rows, scores, {FILE} and weak.html are in {folder}")


def _get_one(values: list[str] | None, flag: str) -> str | None:
    """Return the only value of a list; None for none."""
    if values and len(values) > 1:
        raise typer.BadParameter(f"an account is of one at a time: {flag} names {', '.join(values)}")
    return values[0] if values else None


command(app, weak, Options)


if __name__ == "__main__":
    start(app, prog="python -m eval.weak")
