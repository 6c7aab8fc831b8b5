"""List columns of a table -> arrays, without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.arrow import floats
from data.errors import InputError, TableError
from data.graphs import Graphs
from data.spaces import get
from data.spaces.cells import CellsSpace
from data.spaces.codes import CodeSpace
from data.table import Table


def lists(table: Table, name: str) -> tuple[pa.Array, np.ndarray]:
    """Return (values, lengths) of a list column: all its values in one array, and each row's number of them.

    Raises:
        TableError: It is no list column, or a row is null.
    """
    column = table.column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        raise TableError(f"column '{name}' holds {column.type}, not lists")
    if column.null_count:
        row = int(np.flatnonzero(np.asarray(column.is_null()))[0])
        raise TableError(f"row {row}: '{name}' is missing ({column.null_count} such rows)")
    return column.flatten(), floats(pc.list_value_length(column)).astype(np.int64)  # pyright: ignore[reportAttributeAccessIssue]


def equal_lists(table: Table, name: str, length: int) -> pa.Array:
    """Return the values of a list column whose rows all have `length` values; TableError for another row."""
    values, lengths = lists(table, name)
    if (lengths != length).any():
        row = int(np.flatnonzero(lengths != length)[0])
        raise TableError(f"row {row}: '{name}' has {lengths[row]} values; expected {length}")
    return values


def numbers(table: Table, name: str, length: int) -> np.ndarray:
    """Return a list column of numbers as (n, length) float64."""
    return floats(equal_lists(table, name, length)).reshape(-1, length)


def padded(table: Table, name: str, width: int) -> np.ndarray:
    """Return a list column of numbers as (n, width) float64, 0 beyond the end of a row's list."""
    values, lengths = lists(table, name)
    if lengths.max(initial=0) > width:
        row = int(lengths.argmax())
        raise TableError(f"row {row}: '{name}' has {lengths[row]} values; at most {width} are possible")
    out = np.zeros((len(lengths), width))
    out[np.arange(width) < lengths[:, None]] = floats(values)
    return out


def codes_of(values: pa.Array, place: Mapping[str, int], what: str) -> np.ndarray:
    """Return the code of each text (m,); TableError names the first text that has none."""
    found = values.cast(pa.string()).dictionary_encode()
    known = found.dictionary.to_pylist()
    unknown = [text for text in known if text not in place]
    if unknown or found.null_count:
        text = unknown[0] if unknown else None
        raise TableError(f"{what} {text!r} is none of {', '.join(list(place)[:20])}")
    table = np.array([place[text] for text in known], np.int64)
    return table[floats(found.indices).astype(np.int64)] if len(known) else np.empty(0, np.int64)


def parsed(table: Table, name: str, space: CodeSpace) -> np.ndarray:
    """Return the codes (n, places) of a column of architecture texts; TableError names the first bad one."""
    texts: Sequence[str] = table.column(name).cast(pa.string()).to_pylist()
    try:
        return space.parse(texts)
    except InputError as error:
        raise TableError(f"column '{name}': {error}") from error


def graphs_of_texts(table: Table) -> Graphs:
    """Return the graphs of a column `arch` of texts of the space that column `space` names.

    Raises:
        TableError: The rows are of several spaces, or a text is no architecture of theirs.
        UnknownNameError: There is no such space.
    """
    names = table.column("space").unique().to_pylist()
    if len(names) != 1 or not isinstance(names[0], str):
        raise TableError(f"column 'space' names {len(names)} spaces; a table is of one: {names[:5]}")
    space = get(names[0])
    codes = parsed(table, "arch", space)
    if not (valid := space.valid(codes)).all():
        row = int(np.flatnonzero(~valid)[0])
        raise TableError(f"row {row}: no architecture of space '{space.name}' ({(~valid).sum()} such rows)")
    return space.graphs(codes)


def cells(table: Table, space: CellsSpace) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return (ops, sources, concat) as `CellsSpace.build` takes them, of columns `normal` and `reduce`.

    Each is a list of two "operation:input" for each block; `normal_concat` and `reduce_concat`, if the table
    has them, list what the cell's output has.
    """
    blocks, n = space.blocks, len(table)
    place = {
        f"{op}:{source}": code * (2 + blocks) + source
        for code, op in enumerate(space.cell_ops)
        for source in range(2 + blocks)
    }
    found = [
        codes_of(equal_lists(table, name, 2 * blocks), place, f"{name}: edge").reshape(n, blocks, 2)
        for name in ("normal", "reduce")
    ]
    edges = np.stack(found, axis=1)
    ops, sources = edges // (2 + blocks), edges % (2 + blocks)
    late = sources >= 2 + np.arange(blocks)[:, None]
    if late.any():
        raise TableError(f"row {np.argwhere(late)[0][0]}: a block takes its input from itself or a later one")
    if "normal_concat" not in table.names:
        return ops, sources, None
    concat = np.stack([_chosen(table, f"{name}_concat", 2 + blocks) for name in ("normal", "reduce")], axis=1)
    return ops, sources, concat


def _chosen(table: Table, name: str, size: int) -> np.ndarray:
    """Return (n, size) whether each row's list has each of the numbers 0 to size − 1."""
    values, lengths = lists(table, name)
    at = floats(values).astype(np.int64)
    if ((at < 0) | (at >= size)).any():
        raise TableError(f"'{name}' has a value outside 0 to {size - 1}")
    chosen = np.zeros((len(lengths), size), bool)
    chosen[np.repeat(np.arange(len(lengths)), lengths), at] = True
    return chosen
