"""python -m eval.report: show finished runs again, merged, in any format, with figures for papers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from eval.command.options import names
from eval.command.origin import start


class ReportFormat(StrEnum):
    """How results are shown."""

    table = "table"
    html = "html"
    latex = "latex"
    markdown = "markdown"
    tsv = "tsv"
    csv = "csv"
    json = "json"


class FigureFormat(StrEnum):
    """File types of figures."""

    pdf = "pdf"
    svg = "svg"
    png = "png"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of finished runs; several are merged.")
    ],
    format_: Annotated[
        ReportFormat, typer.Option("--format", help="How to show the results.")
    ] = ReportFormat.table,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write. Default: stdout; with --format html, the page in the folder RUN."),
    ] = None,
    figures: Annotated[
        FigureFormat | None,
        typer.Option(help="Also save every figure as a file, in the folder figures/ next to --out."),
    ] = None,
    metrics: Annotated[
        list | None,
        typer.Option(parser=names, metavar="LIST", help="Metrics to show; the first orders the predictors."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Predictor that differences are taken from. Default: the best of each metric."),
    ] = None,
) -> None:
    """Show finished runs again: as a table, a page, or LaTeX for a paper; several runs become one.

    Example: python -m eval.report runs/nb201 runs/nb101 --format latex --out table.tex

    Example: python -m eval.report runs/nb201 --metrics ndcg@10,kendall_tau --figures pdf

    Nothing is trained or evaluated again, and no benchmark is loaded.
    """
    from data.cli import to_stderr
    from eval.report.runs import open_runs
    from eval.report.text import show, to_text

    shown = open_runs(runs, metrics, baseline)
    if format_ is ReportFormat.html:
        if out is None and len(runs) > 1:
            raise typer.BadParameter("name the page of merged runs with --out FILE")
        page = out or runs[0] / shown.page
        shown.write_page(page)
        to_stderr(f"the page is {page}")
    elif out is None:
        show(format_.value, shown.tables, shown.records, shown.legend)
    else:
        _write(to_text(format_.value, shown.tables, shown.records, shown.legend), out)
    if figures is not None:
        from eval.report.figures import save_figures

        folder = (out.parent if out else Path()) / "figures"
        paths = save_figures(folder, figures.value, *shown.get_plots())
        to_stderr(f"{len(paths)} figures are in {folder}")


def _write(text: str, out: Path) -> None:
    from data.files import atomic_path

    with atomic_path(out) as part:
        part.write_text(text.rstrip("\n") + "\n", "utf-8")


if __name__ == "__main__":
    start(app, prog="python -m eval.report")
