"""Small tables of text: to a terminal, Markdown, tab-separated values or JSON, from one description."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

Value = str | float | int | None


@dataclass(frozen=True)
class Sheet:
    """A titled table.

    Attributes:
        title: What it shows.
        header: Names of the columns.
        rows: Cells as they are read.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def show(format_: str, sheets: Sequence[Sheet], records: Sequence[dict[str, Any]]) -> None:
    """Print on stdout.

    Args:
        format_: "table" or "markdown" for the sheets; "json" or "tsv" for the records.
        sheets: For people.
        records: For scripts, all with the same keys.
    """
    if format_ == "table":
        for sheet in sheets:
            Console().print(_rich(sheet))
    elif format_ == "markdown":
        sys.stdout.write("\n".join(_markdown(sheet) for sheet in sheets))
    elif format_ == "json":
        sys.stdout.write(json.dumps(records, indent=2) + "\n")
    else:
        lines = ["\t".join(records[0])] if records else []
        lines += ["\t".join("" if v is None else str(v) for v in record.values()) for record in records]
        sys.stdout.write("\n".join(lines) + "\n")


def _rich(sheet: Sheet) -> Table:
    table = Table(title=sheet.title, title_justify="left")
    for i, name in enumerate(sheet.header):
        table.add_column(name, justify="left" if i == 0 else "right", no_wrap=i == 0)
    for row in sheet.rows:
        table.add_row(*row)
    return table


def _markdown(sheet: Sheet) -> str:
    lines = [list(sheet.header), ["---", *["---:"] * (len(sheet.header) - 1)], *map(list, sheet.rows)]
    body = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"**{sheet.title}**\n\n{body}\n"
