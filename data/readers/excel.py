"""Sheets of Excel files -> columns of values."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from data.errors import InputError, TableError
from data.names import check_name


def read_sheet(path: Path, sheet: str = "") -> tuple[list[str], list[list[object]], list[str]]:
    """Return (names, rows, notices) of a sheet whose first row has the names.

    Args:
        path: An .xlsx file.
        sheet: Name of the sheet; "" for the first.

    Raises:
        InputError: openpyxl is not installed.
        TableError: The file cannot be read, or the sheet is empty.
        UnknownNameError: There is no such sheet.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise InputError(
            f"{path}: Excel files need openpyxl: pip install 'acerank[excel]' (or pip install openpyxl), "
            "or save the sheet as CSV"
        ) from error
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        names = book.sheetnames
    except Exception as error:  # a broken archive makes openpyxl raise errors of a dozen libraries
        raise TableError(f"{path} is not a whole Excel file: {error}") from error
    try:
        chosen = check_name("sheet", sheet, names) if sheet else names[0]
        found = [list(row) for row in book[chosen].iter_rows(values_only=True)]
    except (TypeError, KeyError, IndexError, AttributeError, OSError, SyntaxError) as error:
        if isinstance(error, (InputError, KeyError)) and sheet and sheet not in names:
            raise
        raise TableError(f"{path}: sheet '{sheet or names[:1]}' cannot be read: {error}") from error
    finally:
        book.close()
    rows = [[_value(value) for value in row] for row in found if any(value is not None for value in row)]
    if not rows:
        raise TableError(f"{path}: sheet '{chosen}' is empty")
    width = max(len(row) for row in rows)
    filled = [row + [None] * (width - len(row)) for row in rows]
    others = [name for name in names if name != chosen]
    notices = [f"{path.name}: sheet '{chosen}' is read; others: {', '.join(others)}"] if others else []
    return ["" if name is None else str(name).strip() for name in filled[0]], filled[1:], notices


def _value(value: object) -> object:
    """Return numbers, texts and truth values as they are, whole numbers as integers; others as text."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
