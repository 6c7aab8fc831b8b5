"""python -m eval.check: check that a predictor keeps the contract."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated

import typer

from eval.command.origin import start

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def check(
    predictor: Annotated[
        str,
        typer.Argument(help="A file with one predictor, FILE.py:NAME, package.module:NAME, or a known name."),
    ],
) -> None:
    """Check a predictor against the contract, on the table that comes with the package.

    Example: python -m eval.check ./my_ranker.py

    Prints a line for each rule: pass, FAIL with the reason, or skip with the reason. The exit code is 0 if no
    rule is broken, 1 if one is, and 2 if the predictor cannot be loaded.
    """
    from benchmarks import load
    from predictors import as_predictor, get
    from predictors.contract import check as findings_of

    kind = get(predictor)
    quick = dict(getattr(kind, "quick", {})) if inspect.isclass(kind) else {}
    bench = load("nb201_mini", offline=True)
    labels = bench.target(bench.info.dataset, bench.info.target)
    failed = 0
    for finding in findings_of(lambda: as_predictor(kind, **quick), bench.graphs, labels):
        failed += finding.outcome == "fail"
        outcome = "FAIL" if finding.outcome == "fail" else finding.outcome
        reason = f": {finding.message}" if finding.message else ""
        typer.echo(f"{outcome}  {finding.rule}{reason}")
    if failed:
        sys.stderr.write(
            f"error: {predictor} breaks {failed} rule{'s' if failed > 1 else ''} of the contract\n"
        )
        raise typer.Exit(1)


def main() -> None:
    """Run the command line."""
    start(app)


if __name__ == "__main__":
    main()
