"""One HTML file of plots and tables that needs no network: the page of ablations and curves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.files import atomic_path
from eval.report.sheets import Sheet

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_TEMPLATES = Path(__file__).parent / "templates"


def write_page(
    path: Path,
    *,
    title: str,
    notes: Sequence[str],
    figures: Sequence[tuple[str, Figure]],
    sheets: Sequence[Sheet],
    settings: dict[str, Any],
) -> None:
    """Write a page.

    Args:
        path: File to write, whole or not at all.
        title: Headline.
        notes: What a reader has to know, a sentence each.
        figures: (caption, plotly figure) each.
        sheets: Tables below the figures.
        settings: What reproduces the results; printed as JSON.
    """
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup
    from plotly.io import to_html
    from plotly.offline import get_plotlyjs

    page = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    drawn = [
        (caption, Markup(to_html(figure, full_html=False, include_plotlyjs=False)))
        for caption, figure in figures
    ]
    html = page.get_template("page.html.j2").render(
        title=title,
        notes=notes,
        figures=drawn,
        sheets=sheets,
        settings=json.dumps(settings, indent=2, default=str),
        style=Markup((_TEMPLATES / "report.css").read_text("utf-8")),
        plotly=Markup(get_plotlyjs()),
    )
    with atomic_path(path) as part:
        part.write_text(html, "utf-8")
