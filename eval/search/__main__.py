"""python -m eval.search: look for the best network under a budget of labels, guided by a predictor."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from eval.command.options import ClusterFlags, Format, as_mapping, command, numbers
from eval.command.origin import start

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Options(ClusterFlags):
    """Options of `python -m eval.search`."""

    predictors: Annotated[
        str | None,
        typer.Option(
            help="Predictors, separated by commas: names, ./my_ranker.py, my_package.rankers:Best; "
            "gcn:loss=mse is one with a hyper-parameter of its own. "
            "Default: acenas,gcn,random_forest,random_order."
        ),
    ] = None
    strategy: Annotated[
        str,
        typer.Option(
            help="How the next batch is chosen; separated by commas, see --list. Parameters are written as a "
            "predictor's: half_random:explore=0.3. ./my_strategy.py is one of your own."
        ),
    ] = "half_random"
    budget: Annotated[int, typer.Option(min=1, help="Queries: labels that the search may see.")] = 100
    rounds: Annotated[
        int,
        typer.Option(
            min=1,
            help="Batches of the budget; the predictor is trained again before each but the first. If the "
            "budget does not divide evenly, the first rounds are one query larger.",
        ),
    ] = 5
    final_top: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Predicted best networks whose labels are seen after the last round, beyond the budget: 100 "
            "queries and a final top 10 are 110 labels. 0 to pick among the queried ones only. Default: 10, "
            "or 0 with --objective.",
        ),
    ] = None
    twins: Annotated[
        bool,
        typer.Option("--twins", help="Allow queries of other strings of a network that was queried already."),
    ] = False
    label: Annotated[
        str | None,
        typer.Option(
            help="Label that a query shows; NAME:min where lower is better. Default: the benchmark's, e.g. "
            "valid_acc."
        ),
    ] = None
    target: Annotated[
        str | None,
        typer.Option(
            help="Target that the picked network is evaluated on; NAME:min where lower is better. Default: "
            "the benchmark's, e.g. test_acc."
        ),
    ] = None
    regrets: Annotated[
        list | None,
        typer.Option(
            parser=numbers,
            metavar="LIST",
            help="Count the queries to these regrets, in the target's unit. Default: 1,0.5,0.2 where the "
            "target is in percent.",
        ),
    ] = None
    cost: Annotated[
        str | None,
        typer.Option(
            help="Column with the training time of each network. Default: the table's only train_time "
            "column, else trainings are counted."
        ),
    ] = None
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN:min",
            help="Trade the target against a column, e.g. flops:min or throughput:max; repeatable. What is "
            "looked for is then the Pareto front.",
        ),
    ] = None
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN<NUMBER",
            help="Pick only networks that fulfil it, e.g. 'params<1.0' in quotes; repeatable.",
        ),
    ] = None
    costs: Annotated[
        str,
        typer.Option(
            metavar="known|measured",
            help="Whether the columns of --objective and --constraint are known for every network "
            "beforehand, or only for those that were queried.",
        ),
    ] = "known"
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER",
            help="Earlier search for the same Pareto front, perhaps with another budget, to compare with; "
            "repeatable.",
        ),
    ] = None
    fidelities: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN=SHARE,...",
            help="Labels of shorter trainings, for strategies that query them, and the share of a full "
            "training that each costs: acc_12=12/200. Default: columns called as the label is, with their "
            "epochs at the end.",
        ),
    ] = None
    repeats: Annotated[int, typer.Option(min=1, help="Repeats, each with its own first batch.")] = 20
    list_: Annotated[bool, typer.Option("--list", help="List the strategies and their parameters.")] = False


def search(options: Options) -> None:
    """Look for the best network of a table under a budget of labels, guided by a predictor.

    The first batch is drawn at random. Then, round by round, the predictor learns from all labels seen so
    far and scores the table, and the strategy chooses the next batch. The search sees --label only
    (validation accuracy, where the data set has it); of all networks whose label it saw, the one with the
    best label is picked and evaluated on --target. No network is queried twice, nor is a twin of it.

    Example: python -m eval.search --bench nb201 --predictors acenas,random_order --budget 100 --rounds 5

    Example: python -m eval.search --bench nb201 --strategy half_random:explore=0.3,greedy,evolution

    Example: python -m eval.search --bench nb201_mini --objective flops:min --strategy pareto,random_search

    Results go to the folder --out: search_rows.jsonl (a row for each query), settings.json and search.html;
    with --objective also search_fronts.tsv, the fronts that were found and the true one.
    Interrupted runs resume when restarted.
    """
    if options.list_:
        _print_list()
        return
    from data.cli import to_stderr
    from eval.grid.session import Command
    from eval.search import search as run
    from eval.search.describe import parse_shares
    from eval.search.report import print_search

    results = run(
        predictors=options.predictors,
        strategies=options.strategy,
        budget=options.budget,
        rounds=options.rounds,
        final_top=options.final_top,
        twins=options.twins,
        regrets=options.regrets,
        cost=options.cost,
        objectives=options.objective or (),
        constraints=options.constraint or (),
        costs=options.costs,
        against=options.against or (),
        fidelities=parse_shares(options.fidelities) if options.fidelities else None,
        repeats=options.repeats,
        command=Command(["python", "-m", "eval.search", *sys.argv[1:]], as_mapping(options)),
        **options.arguments(),
    )
    page = results.report()
    if options.format_ is Format.table:
        from rich.console import Console

        print_search(results, Console())
    else:
        sys.stdout.write(results.render(options.format_.value).rstrip("\n") + "\n")
    to_stderr(f"search_rows.jsonl and search.html are in {page.parent}")


def _print_list() -> None:
    from eval.search.strategies import REGISTRY

    for name, kind in REGISTRY.items():
        parameters = "".join(f" [{key}={value}]" for key, value in kind.defaults().items())
        typer.echo(f"{name:18} {REGISTRY.describe(name)}{parameters}")


command(app, search, Options)


if __name__ == "__main__":
    start(app, prog="python -m eval.search")
