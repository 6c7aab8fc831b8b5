"""Which files are tables, by their names."""

from __future__ import annotations

from pathlib import Path

TEXT_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
SUFFIXES = (".parquet", *TEXT_SUFFIXES, *(f"{suffix}.gz" for suffix in TEXT_SUFFIXES), ".xlsx")


def table_suffix(path: Path) -> str:
    """Return the suffix by which a table is read, in lower case, e.g. ".csv.gz"; "" for other files."""
    name = path.name.lower()
    return next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), "")
