"""python -m eval.search: look for the best network under a budget of labels, guided by a predictor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eval.command import options as opt
from eval.command.origin import start

DEFAULT_PREDICTORS = "acenas,gcn,random_forest,random_order"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def search(
    bench: opt.Bench = None,
    list_: Annotated[bool, typer.Option("--list", help="List the strategies.")] = False,
    predictors: Annotated[
        str | None,
        typer.Option(
            help=f"Predictors, separated by commas; gcn:loss=mse is one with a hyper-parameter of its own. "
            f"Default: {DEFAULT_PREDICTORS}"
        ),
    ] = None,
    set_: opt.Settings = None,
    strategy: Annotated[
        str, typer.Option(help="How the next batch is chosen; separated by commas, see --list.")
    ] = "half_random",
    budget: Annotated[int, typer.Option(min=1, help="Queries: labels that the search may look at.")] = 100,
    rounds: Annotated[
        int,
        typer.Option(
            min=1,
            help="Batches of the budget; the predictor is trained again before each but the first. Where it "
            "does not come out even, the first rounds are one query larger.",
        ),
    ] = 5,
    explore: Annotated[
        float, typer.Option(min=0, max=1, help="Share of a batch of half_random that is drawn at random.")
    ] = 0.5,
    final_top: Annotated[
        int,
        typer.Option(
            min=0,
            help="Predicted best networks looked at after the last round. Their labels are seen beyond the "
            "budget: 100 queries and a final top 10 are 110 labels. 0 to pick among the queried ones only.",
        ),
    ] = 10,
    twins: Annotated[
        bool,
        typer.Option("--twins", help="Let it query other strings of a network that it has queried already."),
    ] = False,
    dataset: opt.Dataset = None,
    label: Annotated[
        str | None, typer.Option(help="Label that a query shows. Default: the benchmark's, e.g. valid_acc.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="Target that the picked network is judged on. Default: the benchmark's."),
    ] = None,
    weak: opt.Weak = None,
    encoder: opt.Encoder = None,
    regrets: Annotated[
        str | None,
        typer.Option(
            help="Count the queries to these regrets, in the target's unit. Default: 1,0.5,0.2 where the "
            "target is in percent."
        ),
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option(
            help="Column with the training time of each network. Default: the table's one train_time column, "
            "else trainings are counted."
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Repeats, each with its own first batch.")] = 20,
    seed: opt.Seed = 0,
    jobs: opt.Jobs = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for rows and the report. Default: runs/BENCH-search.")
    ] = None,
    format_: opt.FormatOption = opt.Format.table,
    offline: opt.Offline = False,
) -> None:
    """Look for the best network of a table under a budget of labels, guided by a predictor.

    The first batch is drawn at random. Then, round by round, the predictor learns from all labels seen so
    far and scores the table, and the strategy chooses the next batch. The search sees --label only
    (validation accuracy, where the data set has it); of all networks that it looked at, the one with the best
    label is picked, and judged on --target. No network is queried twice, nor a twin of it.

    Example: python -m eval.search --bench nb201 --predictors acenas,random_order --budget 100 --rounds 5

    Example: python -m eval.search --bench nb201 --strategy half_random,greedy,random_search,evolution

    Results go to the folder --out: search_rows.jsonl (a row for each query), settings.json and search.html.
    A run that was stopped goes on where it was when it is started again.
    """
    if list_:
        from eval.search.strategies import describe, names

        for name in names():
            typer.echo(f"{name:15} {describe(name)}")
        return
    from eval.search import session

    session.run(
        session.SearchOptions(
            bench=opt.bench_named(bench),
            predictors=predictors or DEFAULT_PREDICTORS,
            chosen=predictors is not None,
            settings=set_ or [],
            strategies=opt.names_of(strategy) or [],
            budget=budget,
            rounds=rounds,
            explore=explore,
            final_top=final_top,
            twins=twins,
            datasets=opt.names_of(dataset),
            label=label,
            target=target,
            weak=opt.names_of(weak),
            encoder=encoder,
            regrets=_numbers(regrets),
            cost=cost,
            repeats=repeats,
            seed=seed,
            jobs=jobs,
            out=out,
            offline=offline,
        ),
        format_.value,
    )


def _numbers(text: str | None) -> list[float] | None:
    try:
        numbers = [float(number) for number in opt.names_of(text) or []]
    except ValueError:
        numbers = [-1.0]
    if any(not 0 <= number < float("inf") for number in numbers):
        raise typer.BadParameter(f"'{text}' is not a list of numbers from 0 up", param_hint="--regrets")
    return numbers or None


def main() -> None:
    """Run the command line."""
    start(app, prog="python -m eval.search")


if __name__ == "__main__":
    main()
