"""Rows and columns of a user's table as benchmarks want them: names, blocks, repeated trainings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.columns import is_numeric
from benchmarks.lists import lists
from benchmarks.target_choice import counts_rows, is_setting
from data.arrow import floats
from data.column import Column
from data.errors import TableError
from data.readers.numbers import ARCHITECTURE, BLOCK, MISSING, NAMES, holds_architecture
from data.table import Table

ROW_NAMES = (
    "id", "name", "arch_id", "arch_name", "model_id", "model_name", "model", "network", "uid", "uuid", "key",
    "hash", "config_id", "config", "architecture", "index", "unnamed_0", "unnamed: 0",
)  # fmt: skip
"""Columns whose values name rows, by lower-case name, the first one there counts."""


def with_form_names(table: Table) -> Table:
    """Return a table whose columns of architectures have their lower-case names: "Ops" is "ops"."""
    names = list(table.names)
    for at, name in enumerate(names):
        plain = name.strip().lower()
        if plain in ARCHITECTURE and plain not in names:
            names[at] = plain
    columns = {new: replace(table.columns[old], name=new) for old, new in zip(table.names, names, strict=True)
               if old in table.columns}  # fmt: skip
    return Table(table.arrow.rename_columns(names), columns)


def append_rows(table: Table, more: Table, source: str) -> Table:
    """Return a table with the rows of another one after its own; columns that one of them lacks are missing.

    Raises:
        TableError: The other table has other columns of architectures, or texts where this one has numbers.
    """
    known, given = (
        {name for name in names if holds_architecture(name)} for names in (table.names, more.names)
    )
    if known != given:
        raise TableError(
            f"{source} writes its architectures in {', '.join(sorted(given)) or 'no column'}, the labelled "
            f"table in {', '.join(sorted(known)) or 'no column'}"
        )
    parts = [table.arrow, more.arrow]
    for name in set(table.names) & set(more.names):
        kinds = {part.schema.field(name).type for part in parts}
        if len(kinds) > 1 and (name in known or pa.string() in kinds):
            if name not in known and any(is_numeric(kind) for kind in kinds) and not names_rows(name):
                raise TableError(
                    f"{source}: column '{name}' holds numbers in one of the tables and text in the other"
                )
            for i, part in enumerate(parts):
                texts = [
                    v if v is None or isinstance(v, str) else json.dumps(v) for v in part[name].to_pylist()
                ]
                at = part.schema.get_field_index(name)
                parts[i] = part.set_column(at, name, pa.array(texts, pa.string()))
    try:
        rows = pa.concat_tables(parts, promote_options="permissive")
    except pa.ArrowException as error:
        raise TableError(
            f"the columns of {source} do not fit those of the labelled table: {error}"
        ) from error
    return Table(rows, {**more.columns, **table.columns})


def names_rows(name: str) -> bool:
    """Return whether a column of this name says what rows are called."""
    return name.strip().lower() in (*ROW_NAMES, *NAMES)


def block_columns(names: Sequence[str]) -> list[str]:
    """Return the columns block0, block1, ... in order; none unless there are two with consecutive numbers."""
    by_prefix: dict[str, dict[int, str]] = {}
    for name in names:
        match = BLOCK.fullmatch(name.strip())
        if match:
            by_prefix.setdefault(match[1].lower(), {})[int(match[2])] = name
    for found in by_prefix.values():
        first = min(found)
        if len(found) > 1 and first in (0, 1) and set(found) == set(range(first, first + len(found))):
            return [found[number] for number in sorted(found)]
    return []


def with_blocks(table: Table, *, position: bool = True) -> tuple[Table, list[str]]:
    """Return a table of one column for each block as chains, `ops` and `stage`, and a line that says so.

    A missing block is none: the blocks after it keep their position, which is their stage, if it matters.

    Raises:
        TableError: A row has no block at all.
    """
    names = block_columns(table.names)
    texts = [[_block(v) for v in column_values(table, name)] for name in names]
    ops, stages = [], []
    for row, blocks in enumerate(zip(*texts, strict=True)):
        there = [(block, name) for block, name in zip(blocks, names, strict=True) if block is not None]
        if not there:
            raise TableError(f"row {row}: {names[0]} to {names[-1]} are all missing: no architecture")
        ops.append([block for block, _ in there])
        stages.append([name for _, name in there])
    absent = len(table) * len(names) - sum(map(len, ops))
    arrow = table.arrow.drop_columns([*names, *({"stage"} & set(table.names))])
    for name, blocks in zip(names, texts, strict=True):
        arrow = arrow.append_column(name, pa.array(blocks, pa.string()))
    kind = pa.list_(pa.string())
    arrow = arrow.append_column("ops", pa.array(ops, kind))
    if position:
        arrow = arrow.append_column("stage", pa.array(stages, kind))
    line = f"columns {names[0]} to {names[-1]} are read as chains of {len(names)} blocks"
    return Table(arrow, table.columns), [f"{line}; {absent} blocks are missing" if absent else line]


def _block(value: object) -> str | None:
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return None if text.lower() in MISSING - {"none"} else text


def column_values(table: Table, name: str) -> list[object]:
    """Return a column of texts, numbers, lists or nothing as Python values; TableError for other types."""
    column = table.column(name)
    kind = column.type
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
    known = (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    )
    if not known:
        raise TableError(f"column '{name}' holds {column.type}: expected texts, numbers or lists of them")
    return column.to_pylist()


@dataclass(frozen=True)
class Rows:
    """A table with one row for each architecture that was trained.

    Attributes:
        table: The table; single trainings are in columns of their own.
        numbers: (n,) the row of the file, from 0, that each row is; the first of several.
        trainings: Columns of single trainings, by the label that is their mean.
        notices: What a reader must be told.
    """

    table: Table
    numbers: np.ndarray
    trainings: Mapping[str, tuple[str, ...]]
    notices: tuple[str, ...] = ()


def merge_trainings(table: Table, architecture: Sequence[str], labels: Sequence[Column]) -> Rows:
    """Return a table in which several labelled rows of one architecture are one row of their means.

    Rows without any label stay as they are. Numbers are means, but settings and texts those of the first row.

    Args:
        table: The table.
        architecture: Columns that say what an architecture is.
        labels: Descriptions of its labels.
    """
    everything = Rows(table, np.arange(len(table)), {})
    labelled = np.zeros(len(table), bool)
    for label in labels:
        labelled |= _known(table, label)
    if not labelled.any() or not architecture:
        return everything
    group = _groups(table, architecture)
    group[~labelled] = group.max() + 1 + np.arange((~labelled).sum())
    _, first, group, count = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    if (count == 1).all():
        return everything
    order = np.argsort(first)
    numbers, count = first[order], count[order]
    group = np.argsort(order)[group]
    return _merged(table, labels, group, numbers, count)


def _merged(
    table: Table, labels: Sequence[Column], group: np.ndarray, numbers: np.ndarray, count: np.ndarray
) -> Rows:
    arrow, trainings = table.arrow.take(pa.array(numbers)), {}
    repeated = count[count > 1]
    sizes, uses = np.unique(repeated, return_counts=True)
    kept = int(sizes[uses.argmax()])  # how many trainings most repeated architectures have
    by_name = {label.name: label for label in labels}
    for at, field in enumerate(table.arrow.schema):
        numeric = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        if not numeric or is_setting(field.name) or counts_rows(field.name):
            continue
        values = table.values(field.name)
        if field.name in by_name:
            values = np.where(_known(table, by_name[field.name]), values, np.nan)
        means = _means(values, group, len(numbers))
        arrow = arrow.set_column(at, field.name, pa.array(means, mask=np.isnan(means)))
        if field.name in by_name:
            single = _single(values, group, len(numbers), kept)
            names = tuple(f"{field.name}#{k + 1}" for k in range(kept))
            if not set(names) & set(table.names):
                trainings[field.name] = names
                for name, one in zip(names, single.T, strict=True):
                    arrow = arrow.append_column(name, pa.array(one, mask=np.isnan(one)))
    many = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    line = (
        f"repeated trainings: {repeated.sum():,} rows of {len(repeated):,} different architectures "
        f"({many} rows each) are replaced by their means"
    )
    return Rows(Table(arrow, table.columns), numbers, trainings, (line,))


def _known(table: Table, label: Column) -> np.ndarray:
    values = table.values(label.name)
    return np.isfinite(values) & (values != (np.nan if label.failed is None else label.failed))


def _means(values: np.ndarray, group: np.ndarray, size: int) -> np.ndarray:
    known = np.isfinite(values)
    total = np.bincount(group[known], values[known], size)
    count = np.bincount(group[known], minlength=size)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _single(values: np.ndarray, group: np.ndarray, size: int, kept: int) -> np.ndarray:
    """Return (size, kept) the first trainings of each group that has that many, NaN for the others."""
    found = np.full((size, kept), np.nan)
    place = np.zeros(size, np.int64)
    for row in np.flatnonzero(np.isfinite(values)):
        at = group[row]
        if place[at] < kept:
            found[at, place[at]] = values[row]
        place[at] += 1
    found[place < kept] = np.nan
    return found


def _groups(table: Table, architecture: Sequence[str]) -> np.ndarray:
    """Return (n,) equal numbers for rows whose columns of architectures say the same."""
    place: dict[tuple[object, ...], int] = {}
    keys = zip(*(_keys(table, name) for name in architecture), strict=True)
    return np.array([place.setdefault(key, len(place)) for key in keys])


def _keys(table: Table, name: str) -> list[object]:
    """Return a value for each row, equal for equal architectures, in JSON, Python or Arrow."""
    kind = table.column(name).type
    flat = pa.types.is_list(kind) and (is_numeric(kind.value_type) or pa.types.is_string(kind.value_type))
    if not flat or table.column(name).null_count:
        return [_key(value) for value in column_values(table, name)]
    values, lengths = lists(table, name)
    numbers = _shorten(values if is_numeric(values.type) else values.dictionary_encode().indices)
    content = numbers.tobytes()
    ends = (numbers.itemsize * np.cumsum(lengths)).tolist()
    return [content[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _shorten(values: pa.Array) -> np.ndarray:
    """Return numbers (m,), in a byte each where they are whole and small: a large table has many."""
    if pa.types.is_integer(values.type) and len(values) and not values.null_count:
        low, high = (each.as_py() for each in pc.min_max(values).values())  # pyright: ignore[reportAttributeAccessIssue]
        if low >= 0 and high <= np.iinfo(np.uint8).max:
            return np.asarray(values.cast(pa.uint8()))
    return floats(values)


def _key(value: object) -> str:
    text = value.strip() if isinstance(value, str) else json.dumps(value)
    return text.replace(", ", ",").replace("'", '"') if text.startswith(("[", "(")) else text


def row_names(table: Table, numbers: Iterable[int]) -> list[str]:
    """Return the name of each row: a column that names rows, else `arch`, else its number in the file."""
    by_plain = {name.strip().lower(): name for name in reversed(table.names)}
    chosen = next((by_plain[name] for name in (*ROW_NAMES, "arch") if name in by_plain), None)
    values = [None] * len(table)
    if chosen is not None:
        kind = table.column(chosen).type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
            values = table.column(chosen).to_pylist()
    return [
        str(number) if value is None or not str(value).strip() else str(value)
        for value, number in zip(values, numbers, strict=True)
    ]
