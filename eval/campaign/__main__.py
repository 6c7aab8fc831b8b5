"""python -m eval.campaign: ask what to train next, tell how it went, on as many machines as there are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eval.command.options import Format
from eval.command.origin import start

if TYPE_CHECKING:
    import pandas as pd

    from eval.campaign.telling import Told

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, rich_markup_mode=None
)
Dir = Annotated[Path, typer.Option("--dir", help="Folder of the campaign.")]
HERE = Path("campaign")
Out = Annotated[Path | None, typer.Option(help="File to write: .csv, .tsv, .json or .parquet.")]
Results = Annotated[
    str, typer.Argument(help="Results: .csv, .tsv, .json, .jsonl or .parquet; - for CSV on stdin.")
]
Correct = Annotated[bool, typer.Option("--correct", help="Replace what was told before of these networks.")]
BATCH = 20  # networks whose expected gain `status` shows
Whole = Annotated[bool, typer.Option("--all-or-nothing", help="Keep nothing if any row is refused.")]


@app.callback()
def campaign() -> None:
    """Choose real trainings by a ranker: ask for networks, train them anywhere, tell the results.

    \b
    A typical campaign:
        acerank campaign init --space proxyless --objective acc:max --dir c1
        acerank campaign ask 20 --dir c1 > todo.csv
        acerank campaign tell results.csv --dir c1
        acerank campaign status --dir c1

    Any number of processes and machines may ask and tell at the same time; see docs/campaigns.md.
    """  # noqa: D301 - the mark that keeps lines as they are, not a backslash


@app.command()
def init(
    dir_: Dir = HERE,
    space: Annotated[str, typer.Option(help="Search space, e.g. proxyless, darts, nb201.")] = "",
    bench: Annotated[
        str, typer.Option(help="In place of a space: a table of candidates, or a benchmark's key.")
    ] = "",
    objective: Annotated[
        list[str] | None,
        typer.Option(help="NAME:max, NAME:min or NAME:max:LOW:HIGH; repeatable. Default: acc:max."),
    ] = None,
    weak: Annotated[
        str | None, typer.Option(help="Table of weak labels with a column arch; none to use none.")
    ] = None,
    predictor: Annotated[str, typer.Option(help="Ranker.")] = "ace",
    acquisition: Annotated[
        str, typer.Option(help="How a batch is chosen: mixed, greedy, ts (Thompson sampling) or ucb.")
    ] = "mixed",
    refit: Annotated[
        float, typer.Option(min=0, help="Share of new results up to which the last fit is used again.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    storage: Annotated[
        str, typer.Option(help="journal, sqlite, or a database address, e.g. postgresql+psycopg://...")
    ] = "journal",
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network.")] = False,
) -> None:
    """Begin a campaign in a folder."""
    from data.cli import to_stderr
    from eval.campaign import Campaign

    made = Campaign.create(
        dir_, space=space, bench=bench, objectives=objective or ["acc:max"], weak=weak, predictor=predictor,
        acquisition=acquisition, refit=refit, seed=seed, storage=storage, offline=offline,
    )  # fmt: skip
    _ = made.engine.pretrained
    to_stderr(f"campaign {made.settings.id} in {dir_}; next: acerank campaign ask 20 --dir {dir_}")


@app.command()
def ask(
    n: Annotated[int, typer.Argument(min=1, help="Networks to train next.")] = 20,
    dir_: Dir = HERE,
    out: Out = None,
) -> None:
    """Print networks to train, as CSV; nobody is given them again."""
    from eval.campaign import Campaign

    _write(out, lambda: Campaign(dir_).ask(n))


@app.command()
def tell(results: Results, dir_: Dir = HERE, correct: Correct = False, all_or_nothing: Whole = False) -> None:
    """Take results: id, the objectives, and optionally seed, seconds and status=failed.

    Results may come late, in any order, in parts, and twice. Of a network told again with another seed, the
    mean counts. Separators and decimal commas are recognised. Rows that are refused are printed with the
    reason, and the exit code is then 2.
    """
    from eval.campaign import Campaign

    _report(Campaign(dir_).tell(results, correct=correct, all_or_nothing=all_or_nothing))


@app.command("import")
def import_(
    results: Results, dir_: Dir = HERE, correct: Correct = False, all_or_nothing: Whole = False
) -> None:
    """Take trainings from elsewhere: like tell, with the architecture's text (arch) in place of an id.

    A row gives all objectives, unless its network was asked for.
    """
    from eval.campaign import Campaign

    _report(Campaign(dir_).import_results(results, correct=correct, all_or_nothing=all_or_nothing))


@app.command()
def pending(dir_: Dir = HERE, out: Out = None) -> None:
    """Print the networks that were asked for and not told yet: what a lost worker or a killed ask left."""
    from eval.campaign import Campaign

    _write(out, lambda: Campaign(dir_).pending())


@app.command()
def prepare(
    dir_: Dir = HERE,
    size: Annotated[int, typer.Option("--for", min=1, help="Size of the next batch.")] = 20,
) -> None:
    """Fit the ranker to the results now, so that the next ask need not."""
    from eval.campaign import Campaign

    Campaign(dir_).prepare(size)


@app.command()
def status(
    dir_: Dir = HERE,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Size of the next batch, for its expected gain.", show_default=str(BATCH)),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Best networks to show.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what needs the ranker.")] = False,
    html: Annotated[Path | None, typer.Option(help="File for a page.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.table,
) -> None:
    """Print where a campaign stands: counts, best, the ranker's quality, expected gain, whether to stop."""
    import json

    from eval.campaign import Campaign
    from eval.campaign.page import build_tables, write_status_page
    from eval.campaign.status import get_status
    from eval.report.text import show

    if quick and batch is not None:
        raise typer.BadParameter("--batch has no effect with --quick")
    found = get_status(Campaign(dir_), batch=batch or BATCH, top=top, quick=quick)
    if html is not None:
        write_status_page(found, html)
    if format_ is Format.json:
        sys.stdout.write(json.dumps(_finite(found), indent=2, allow_nan=False) + "\n")
    else:
        show(format_.value, build_tables(found), found["best"])


@app.command()
def best(
    dir_: Dir = HERE,
    top: Annotated[int, typer.Option(min=1, help="How many; of several objectives the Pareto front.")] = 5,
    out: Out = None,
) -> None:
    """Print the best networks, as CSV, with how many seeds confirm them."""
    from eval.campaign import Campaign
    from eval.campaign.status import get_best

    _write(out, lambda: get_best(Campaign(dir_), top))


@app.command()
def export(dir_: Dir = HERE, out: Out = None) -> None:
    """Print everything that was asked and told, as CSV."""
    from eval.campaign import Campaign
    from eval.campaign.status import export as build

    _write(out, lambda: build(Campaign(dir_)))


def _write(out: Path | None, build: Callable[[], pd.DataFrame]) -> None:
    """Print a table as CSV, or write it to a file, whose name is checked before the table is made."""
    from eval.campaign.status import check_written, write

    if out is not None:
        check_written(out)
    frame = build()
    if out is None:
        sys.stdout.write(frame.to_csv(index=False))
    else:
        write(frame, out)


def _report(told: Told) -> None:
    from data.cli import to_stderr

    for line in told.notices:
        to_stderr(line)
    for place, name, reason in told.refused:
        to_stderr(f"refused: {place}{f' ({name})' if name else ''}: {reason}")
    to_stderr(told.sentence)
    if told.refused:
        raise typer.Exit(2)


def _finite(value: object) -> object:
    """Return JSON values with null for what is not a finite number."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


if __name__ == "__main__":
    start(app, prog="python -m eval.campaign")
