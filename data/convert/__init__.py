"""Converters: public originals -> Table. The registry holds strings, so that listing imports none."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from data.names import check_name

if TYPE_CHECKING:
    from data.table import Table

CONVERTERS: Mapping[str, str] = {
    "nb201": "data.convert.nb201:accuracies",
    "nb201_zero_cost": "data.convert.nb201:zero_cost",
    "nb201_hardware": "data.convert.nb201:hardware",
}


def convert(key: str, files: Mapping[str, Path]) -> Table:
    """Return the table that the originals `files` (by file name) hold.

    Raises:
        UnknownNameError: There is no converter `key`.
        TableError: A file is not what its format says; the file and the line are named.
    """
    module, _, function = CONVERTERS[check_name("converter", key, CONVERTERS)].partition(":")
    return getattr(import_module(module), function)(files)
