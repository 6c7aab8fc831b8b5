"""Numbers on the nodes of a user's architectures: the column `features`, its names and its scales."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.own_rows import column_values
from data.errors import TableError
from data.readers.nested import parse_list
from data.table import Table

FEATURES, NAMES = "features", "feature_names"
LARGEST = 1e30
MOST_FEATURES = 1000


def parse_features(value: object, size: int, *, ends: bool) -> np.ndarray:
    """Return the numbers (size, f) of each node; ValueError says what is wrong.

    Args:
        value: A list of f numbers for each node, or one number for each.
        size: Number of nodes.
        ends: Whether the nodes begin with the input and end with the output, which may have an empty list
            or null: all 0.
    """
    if not isinstance(value, list) or len(value) != size:
        found = f"{len(value)} entries" if isinstance(value, list) else f"{str(value)[:40]!r}"
        raise ValueError(f"'features' must be a list of numbers for each of {size} nodes, not {found}")
    nodes = [node if isinstance(node, list) else [] if node is None else [node] for node in value]
    may_lack = {0, size - 1} if ends else set()
    lengths = {len(node) for i, node in enumerate(nodes) if node or i not in may_lack}
    if len(lengths) > 1 or 0 in lengths:
        raise ValueError(f"'features' has nodes of {' and '.join(map(str, sorted(lengths)))} numbers")
    width = max(lengths, default=0)
    if width > MOST_FEATURES:
        raise ValueError(f"'features' has {width} numbers a node; at most {MOST_FEATURES} are supported")
    for number, node in enumerate(nodes):
        bad = [x for x in node if not _is_number(x)]
        if bad:
            raise ValueError(f"'features' of node {number} has {str(bad[0])[:40]!r}: expected finite numbers")
    return np.array([node or [0.0] * width for node in nodes], np.float64).reshape(size, width)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= LARGEST  # False for NaN


def stack_features(rows: Sequence[np.ndarray], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, width, f) divided by their scales, 0 beyond the last node, and the scales (f,).

    The scale of a feature is its largest absolute value in the table, so that features are of order one.

    Args:
        rows: The features (v, f) of each architecture.
        width: Most nodes of an architecture.

    Raises:
        TableError: Architectures have different numbers of features.
    """
    f = max(row.shape[1] for row in rows)
    other = next((i for i, row in enumerate(rows) if row.shape[1] != f), None)
    if other is not None:
        raise TableError(
            f"row {other}: 'features' has {rows[other].shape[1]} numbers a node, other rows have {f}; every "
            "node needs as many"
        )
    stacked = np.zeros((len(rows), width, f))
    for i, row in enumerate(rows):
        stacked[i, : len(row)] = row
    largest = np.abs(stacked).max((0, 1), initial=0)
    scales = np.where(largest > 0, largest, 1.0)
    return (stacked / scales).astype(np.float32), scales


def get_feature_names(table: Table, count: int) -> tuple[str, ...]:
    """Return the names of `count` features: of the column `feature_names`, else as described, else numbered.

    Raises:
        TableError: There are more or fewer names, two are equal, or rows name features differently.
    """
    described = table.columns.get(FEATURES)
    names = described.feature_names if described else None
    if NAMES in table.names:
        names = _names_in_column(table)
    if names is None:
        return tuple(f"feature_{i}" for i in range(count))
    if len(names) != count or len(set(names)) != count:
        raise TableError(f"'feature_names' must be {count} different names, not {', '.join(names)[:200]!r}")
    return names


def _names_in_column(table: Table) -> tuple[str, ...]:
    first: object = None
    for row, value in enumerate(column_values(table, NAMES)):
        try:
            found = parse_list(value) if isinstance(value, str) else value
        except ValueError as error:
            raise TableError(f"row {row}: '{NAMES}': {error}") from error
        first = found if first is None else first
        if found is not None and found != first:
            raise TableError(f"row {row}: '{NAMES}' differs from an earlier row's; all rows need the same")
    if not isinstance(first, list) or not all(isinstance(name, str) for name in first):
        raise TableError(f"'{NAMES}' must be a list of names, not {str(first)[:80]!r}")
    return tuple(first)


def describe_features(table: Table) -> str:
    """Return a line that says which features a table that was read has, and by what they were divided."""
    values = [parse_list(v) if isinstance(v, str) else v for v in column_values(table, FEATURES)]
    rows = [parse_features(v, len(v), ends=True) for v in values if isinstance(v, list)]
    _, scales = stack_features(rows, max(map(len, rows)))
    names = get_feature_names(table, len(scales))
    parts = ", ".join(f"{name} / {scale:g}" for name, scale in zip(names, scales, strict=True))
    return f"features of nodes, divided by their largest absolute values: {parts}"
