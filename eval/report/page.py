"""The base of every HTML page: one file that needs no network and from which nothing leaves.

plotly.js, the data and the scripts lie inside the file. The content security policy names the hashes of these
scripts, so that no other runs, and forbids every connection, whatever a predictor or a note is called. Plots
have no tool bar, so there is no button that would upload them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from data.files import atomic_path
from eval.report.plots import Plot
from eval.report.table import UNICODE, TextTable

_TEMPLATES = Path(__file__).parent / "templates"


def write_page(
    path: Path,
    *,
    title: str,
    conclusions: Sequence[str],
    notes: Sequence[str],
    plots: Sequence[Plot],
    tables: Sequence[TextTable],
    settings: dict[str, Any],
    notices: Sequence[str] = (),
    legend: str = "",
) -> None:
    """Write a page of plots and tables.

    Args:
        path: File to write, whole or not at all.
        title: Headline.
        conclusions: What was found, a sentence each.
        notes: What a reader has to know, a sentence each.
        plots: What is drawn.
        tables: Tables below the plots.
        settings: What reproduces the results; printed as JSON.
        notices: Warnings, in a box at the top.
        legend: What the signs of the tables mean.
    """
    render_page(
        path,
        "page.html.j2",
        "page.js",
        title=title,
        conclusions=conclusions,
        notes=notes,
        notices=notices,
        plots=plots,
        tables=tables,
        legend=legend,
        settings=settings,
        data={"plots": [plot.to_dict() for plot in plots]},
    )


def render_page(
    path: Path,
    template: str,
    script: str,
    *,
    settings: dict[str, Any],
    data: dict[str, Any],
    **context: object,
) -> None:
    """Write a page from a template that extends base.html.j2.

    Args:
        path: File to write, whole or not at all.
        template: Name of the template.
        script: Name of the script that draws `data`; it follows plotly.js and plots.js.
        settings: What reproduces the results.
        data: What the script draws.
        **context: What the template shows.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    page = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    scripts = [_plotly(), *(_read(name) for name in ("plots.js", script))]
    html = page.get_template(template).render(
        **context,
        data=data,
        marks=UNICODE,
        settings=json.dumps(settings, indent=2, ensure_ascii=False, default=str),
        scripts=[Markup(each) for each in scripts],
        hashes=" ".join(f"'{_csp_hash(each)}'" for each in scripts),
        style=Markup(_read("report.css")),
    )
    with atomic_path(path) as part:
        part.write_text(html, "utf-8")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


def _csp_hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
