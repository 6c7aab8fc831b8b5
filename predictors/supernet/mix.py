"""One weak label of several: the mean of their ranks, over networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from data import spaces
from data.errors import InputError
from data.names import check_name
from data.table import Column, Table


def mix(files: Sequence[Path], names: Sequence[str]) -> Table:
    """Return a table with a column "mix": the mean over columns of the share of networks that rank lower.

    Labels of different kinds err in different ways, and ranks put them on one scale. Each column is first
    averaged over the architectures that are one network. A column of which less is better, such as a loss,
    counts the other way round.

    Args:
        files: Tables that `score` wrote, of the same space; only architectures in all of them are mixed.
        names: Columns, from any of the files; one that is named twice counts twice.

    Raises:
        InputError: Nothing to mix, tables of different spaces, or no architecture in all of them.
        UnknownNameError: No table has such a column.
    """
    tables = [Table.read(path) for path in files]
    if not tables or not names:
        raise InputError("name at least one table and one column to mix")
    found = {value for table in tables for value in table.column("space").unique().to_pylist()}
    if len(found) > 1:
        raise InputError(f"tables are of different spaces: {', '.join(sorted(found))}")
    (name,) = found
    rows = [{arch: i for i, arch in enumerate(table.column("arch").to_pylist())} for table in tables]
    archs = [arch for arch in rows[0] if all(arch in others for others in rows[1:])]
    if not archs:
        raise InputError("no architecture is in all of the tables")
    space = spaces.get(name)
    _, networks = space.graphs(space.parse(archs)).unique()
    home = {column: i for i, table in reversed(list(enumerate(tables))) for column in table.names}
    total = np.zeros(len(archs))
    for column in names:
        table = home[check_name("column", column, sorted(home.keys() - {"space", "arch"}))]
        values = tables[table].values(column)[[rows[table][arch] for arch in archs]]
        described = tables[table].columns.get(column)
        total += _ranks(values * (described.direction if described else 1), networks)
    note = f"mean rank of {', '.join(names)}; mean over the codes of a network"
    columns = {"space": [name] * len(archs), "arch": archs, "mix": total / len(names)}
    return Table(pa.table(columns), {"mix": Column("mix", "", "mix", "", 1, "weak", note)})


def _ranks(values: np.ndarray, networks: np.ndarray) -> np.ndarray:
    """Return each architecture's share of lower-ranked networks, in (0, 1]; ties share a mean rank."""
    means = np.bincount(networks, values) / np.bincount(networks)
    return (rankdata(means) / len(means))[networks]
