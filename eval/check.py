"""python -m eval.check: check that a predictor or a search strategy keeps its contract."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from eval.command.origin import start

if TYPE_CHECKING:
    from predictors.contract import Finding

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def check(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A file with one predictor or strategy, FILE.py:NAME, package.module:NAME, or a known name.",
        ),
    ],
) -> None:
    """Check a predictor or a search strategy against its contract, on the table that comes with the package.

    Example: python -m eval.check ./my_ranker.py

    Prints a line for each rule: pass, FAIL with the reason, or skip with the reason. The exit code is 0 if no
    rule is broken, 1 if one is, and 2 if the predictor cannot be loaded.
    """
    failed = 0
    for finding in _get_findings(name):
        failed += finding.outcome == "fail"
        outcome = "FAIL" if finding.outcome == "fail" else finding.outcome
        reason = f": {finding.message}" if finding.message else ""
        typer.echo(f"{outcome}  {finding.rule}{reason}")
    if failed:
        sys.stderr.write(f"error: {name} breaks {failed} rule{'s' if failed > 1 else ''} of the contract\n")
        raise typer.Exit(1)


def _get_findings(name: str) -> list[Finding]:
    from benchmarks import load
    from eval.search import strategies
    from eval.search.contract import check_strategy
    from predictors import as_predictor, get
    from predictors.contract import check as check_predictor

    bench = load("nb201_mini", offline=True)
    labels = bench.target(bench.info.dataset, bench.info.target)
    if name in strategies.REGISTRY or strategies.is_at(name):
        return check_strategy(name, bench.graphs, labels)
    kind = get(name)
    quick = dict(getattr(kind, "quick", {})) if inspect.isclass(kind) else {}
    return check_predictor(lambda: as_predictor(kind, **quick), bench.graphs, labels)


def main() -> None:
    """Run the command line."""
    start(app)


if __name__ == "__main__":
    main()
