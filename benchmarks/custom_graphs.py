"""The forms in which a user's table may give its architectures -> graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from benchmarks.custom_texts import named_texts, texts
from benchmarks.list_graphs import build_at_once
from benchmarks.operations import Rules
from benchmarks.own_features import FEATURES, NAMES, get_feature_names, parse_features, stack_features
from benchmarks.own_rows import column_values
from data.errors import TableError
from data.graphs import PAD, Graphs
from data.readers.nested import parse_list
from data.space import INPUT, OUTPUT, SearchSpace
from data.spaces.cells import UNITS, CellsSpace
from data.table import Table

OPTIONAL = ("stage", FEATURES, NAMES)
MOST_NODES = 1000  # of an architecture
MOST_BLOCKS = 20  # of a cell
MOST_BYTES = 2**32  # of the adjacency matrices of a table
MOST_NAMES = np.iinfo(np.int8).max
R = TypeVar("R")
T = TypeVar("T")
SHOWN = 5  # bad rows that a message spells out


@dataclass(frozen=True)
class Form:
    """A way to write architectures.

    Attributes:
        columns: The columns it needs.
        optional: Columns that it reads if they are there.
        build: A table, and which operations count as what, to its graphs.
    """

    columns: tuple[str, ...]
    optional: tuple[str, ...]
    build: Callable[[Table, Rules], Graphs]


def _graphs(table: Table, rules: Rules) -> Graphs:
    """Return the graphs of `adjacency` and `ops`, and of `stage` and `features` if they are there."""
    names = ["adjacency", "ops", *(n for n in OPTIONAL if n in table.names)]
    if len(names) == 2 and (graphs := build_at_once(table, rules)) is not None:
        return graphs.validate()
    cells = _each(_rows(table, names), lambda row: _cell(**row))
    return _assemble(table, cells, rules, staged="stage" in names)


def _chains(table: Table, rules: Rules) -> Graphs:
    """Return the chains of `ops`, and of `stage` if it is there; else each position is a stage of its own."""
    names = ["ops", *(n for n in OPTIONAL if n in table.names)]
    cells = _each(_rows(table, names), lambda row: _chain(**row))
    if "stage" in names or not rules.position:
        return _assemble(table, cells, rules, staged="stage" in names, chain=True)
    longest = max(len(cell.ops) for cell in cells) - 2
    if longest <= MOST_NAMES:
        placed = [replace(c, stages=[f"block {i}" for i in range(len(c.ops))]) for c in cells]
        return _assemble(table, placed, rules, staged=True, chain=True)
    graphs = _assemble(table, cells, rules, chain=True, placed=True)
    place = np.arange(graphs.ops.shape[1]) / longest * (graphs.ops != PAD)
    place[np.arange(len(graphs)), graphs.n_nodes - 1] = 0
    space = replace(graphs.space, features=(*graphs.space.features, "position"))
    features = np.concatenate([graphs.features, place[:, :, None].astype(np.float32)], axis=2)
    return replace(graphs, space=space, features=features).validate()


def _cells(table: Table, rules: Rules) -> Graphs:
    """Return the pairs of cells of `normal` and `reduce`, with `width` and `depth` if they are there."""
    pair = ("normal", "reduce")
    values = [column_values(table, name) for name in pair]
    try:
        first = _list(values[0][0], "normal")
    except ValueError:
        first = None
    blocks = len(first) // 2 if isinstance(first, list) else 0
    if blocks > MOST_BLOCKS:
        raise TableError(f"row 0: a cell of {blocks} blocks; at most {MOST_BLOCKS} are supported")
    rows = zip(*values, strict=True)
    edges = np.array(
        _each(rows, lambda row: [_edges(_list(*cell), blocks) for cell in zip(row, pair, strict=True)]),
        object,
    )
    names = edges[..., 0].astype(str)
    used = sorted(set(names.ravel().tolist()))
    if len(used) > MOST_NAMES - 4:
        raise TableError(
            f"columns 'normal' and 'reduce' have {len(used)} operations; at most 123 are supported"
        )
    features = [name for name in UNITS if name in table.names]
    space = CellsSpace.make("custom", tuple(used), blocks, distinct=False, features=tuple(features))
    identity, zero = replace(rules, identity=rules.identity or ()).folded(used)
    space = replace(space, identity=identity, zero=zero)
    shape = (len(table), 2, blocks, 2)
    sizes = np.stack([table.values(name) / UNITS[name] for name in features] or [np.empty(0)], axis=1)
    if not np.isfinite(sizes).all():
        row = int(np.flatnonzero(~np.isfinite(sizes).all(1))[0])
        raise TableError(f"row {row}: {' or '.join(features)} is missing or infinite")
    return space.build(
        np.searchsorted(used, names).reshape(shape),
        edges[..., 1].astype(np.int64).reshape(shape),
        features=sizes if features else None,
    ).validate()


FORMS = (
    Form(("adjacency", "ops"), OPTIONAL, _graphs),
    Form(("normal", "reduce"), tuple(UNITS), _cells),
    Form(("ops",), OPTIONAL, _chains),
    Form(("space", "arch"), (), named_texts),
    Form(("arch",), (), texts),
)


def form_of(table: Table) -> Form | None:
    """Return the first form whose columns a table has; None if it has those of none."""
    return next((form for form in FORMS if set(form.columns) <= set(table.names)), None)


def _rows(table: Table, names: Sequence[str]) -> Iterator[dict[str, object]]:
    """Yield the values of each row by name, without the names of features: they are the whole table's."""
    read = [name for name in names if name != NAMES]
    for row in zip(*(column_values(table, name) for name in read), strict=True):
        yield dict(zip(read, row, strict=True))


def _each(rows: Iterable[R], read: Callable[[R], T]) -> list[T]:
    """Return what `read` makes of each row; TableError names the rows for which it raises ValueError."""
    found, bad = [], []
    for number, row in enumerate(rows):
        try:
            found.append(read(row))
        except ValueError as error:
            bad.append(" ".join(f"row {number}: {error}".split()))  # values may hold line breaks
    if bad:
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise TableError(f"{len(bad)} rows are no graphs (rows count from 0): {'; '.join(bad[:SHOWN])}{more}")
    return found


@dataclass(frozen=True)
class _Cell:
    """One architecture: adjacency (v, v), operations from input to output; stage and numbers of each node."""

    adjacency: np.ndarray
    ops: list[str]
    stages: list[str] | None = None
    features: np.ndarray | None = None


def _assemble(
    table: Table,
    cells: Sequence[_Cell],
    rules: Rules,
    *,
    staged: bool = False,
    chain: bool = False,
    placed: bool = False,
) -> Graphs:
    """Return the graphs of cells; `placed` if something else than their stages tells their blocks apart."""
    used = sorted({name for cell in cells for name in cell.ops} - {INPUT, OUTPUT})
    vocabulary = (*used, INPUT, OUTPUT)
    if len(vocabulary) > MOST_NAMES:
        raise TableError(f"column 'ops' has {len(vocabulary)} different names; at most 127 are supported")
    width = max(len(cell.ops) for cell in cells)
    if len(cells) * width**2 > MOST_BYTES:
        raise TableError(f"{len(cells)} architectures of {width} nodes are more than fit in memory")
    stages = _stage_names(cells) if staged else ("cell",)
    identity, zero = rules.folded(used, chain=chain, placed=placed or len(stages) > 1)
    space = SearchSpace("custom", vocabulary, width, identity, zero, stages=stages, fold_equal=False)
    code = {name: i for i, name in enumerate(vocabulary)}
    part = {name: i for i, name in enumerate(stages)}
    ops = np.full((len(cells), width), PAD, np.int8)
    stage = np.zeros((len(cells), width), np.int8)
    edges = np.zeros((len(cells), width, width), np.uint8)
    for row, cell in enumerate(cells):
        v = len(cell.ops)
        ops[row, :v] = [code[name] for name in cell.ops]
        edges[row, :v, :v] = cell.adjacency
        if staged and cell.stages is not None:
            stage[row, 1 : v - 1] = [part[name] for name in cell.stages[1:-1]]  # the ends are of no stage
    n_nodes = np.array([len(cell.ops) for cell in cells], np.int16)
    features = None
    if FEATURES in table.names:
        features, _ = stack_features([c.features for c in cells if c.features is not None], width)
        space = replace(space, features=get_feature_names(table, features.shape[2]))
    return Graphs(ops, edges, n_nodes, space, stage=stage, features=features).validate()  # pyright: ignore[reportArgumentType]


def _stage_names(cells: Sequence[_Cell]) -> tuple[str, ...]:
    """Return the stages in use, in order of first appearance; TableError if there are too many."""
    found: dict[str, None] = {}
    for cell in cells:
        found.update(dict.fromkeys((cell.stages or [])[1:-1]))
    if len(found) > MOST_NAMES:
        raise TableError(f"column 'stage' has {len(found)} different names; at most 127 are supported")
    return tuple(found) or ("cell",)


def _chain(ops: object, **more: object) -> _Cell:
    """Return a chain as a graph; ValueError says what is wrong.

    Args:
        ops: The operations, a list or its text.
        **more: `stage` and `features` if the table has them, for each operation.
    """
    ops = _list(ops, "ops")
    _require(
        isinstance(ops, list) and all(isinstance(name, str) for name in ops),
        f"ops is no list of names: {str(ops)[:40]}",
    )
    names: list[str] = ops  # pyright: ignore[reportAssignmentType]
    _require(not {INPUT, OUTPUT} & set(names), "a chain has no input and output among its ops")
    v = len(names) + 2
    _require(v <= MOST_NODES, f"a chain of {len(names)} blocks; at most {MOST_NODES - 2} are supported")
    stages = features = None
    if "stage" in more:
        stages = ["", *_stage_list(_list(more["stage"], "stage"), len(names)), ""]
    if FEATURES in more:
        inner = parse_features(_list(more[FEATURES], FEATURES), len(names), ends=False)
        features = np.pad(inner, ((1, 1), (0, 0)))
    return _Cell(np.eye(v, k=1, dtype=np.uint8), [INPUT, *names, OUTPUT], stages, features)


def _stage_list(stage: object, size: int) -> list[str]:
    known = isinstance(stage, list) and len(stage) == size and not any(isinstance(s, list) for s in stage)
    _require(known, "'stage' is no list of as many names as there are operations")
    return [str(name) for name in stage]  # pyright: ignore[reportGeneralTypeIssues]


def _edges(cell: object, blocks: int) -> list[tuple[str, int]]:
    """Return the (operation, input) of each edge of a cell; ValueError says what is wrong."""
    size = len(cell) if isinstance(cell, list) else 0
    _require(size == 2 * blocks > 0, f"a cell of {size} edges; all cells need as many as row 0's normal one")
    edges = []
    for number, edge in enumerate(cell):  # pyright: ignore[reportArgumentType, reportGeneralTypeIssues]
        name, colon, source = str(edge).rpartition(":")
        known = colon and name and source.isdecimal() and int(source) < 2 + number // 2
        _require(bool(known), f"edge {number} is no operation:input of an earlier value: {edge!r}")
        edges.append((name, int(source)))
    return edges


def _list(value: object, name: str) -> object:
    """Return the list that a text spells, other values as they are; ValueError if its brackets are wrong."""
    try:
        return parse_list(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _cell(adjacency: object, ops: object, **more: object) -> _Cell:
    """Return one cell in topological order; ValueError says what is wrong.

    Args:
        adjacency: The matrix, a list or its text.
        ops: The operations.
        **more: `stage` and `features` if the table has them, for each node.
    """
    adjacency, ops = _list(adjacency, "adjacency"), _list(ops, "ops")
    _require(
        isinstance(ops, list) and all(isinstance(name, str) for name in ops),
        f"ops is no list of names: {str(ops)[:40]}",
    )
    names: list[str] = ops  # pyright: ignore[reportAssignmentType]
    v = len(names)
    ends = v >= 2 and names[0] == INPUT and names[-1] == OUTPUT
    _require(ends, "ops must begin with input and end with output")
    _require(v <= MOST_NODES, f"a graph of {v} nodes; at most {MOST_NODES} are supported")
    inner = set(names[1:-1])
    _require(not inner & {INPUT, OUTPUT}, "input or output is in the middle of ops")
    try:
        matrix = np.array(adjacency)
    except ValueError as error:
        raise ValueError("adjacency has rows of different lengths") from error
    _require(matrix.size == v * v, f"adjacency has {matrix.size} entries; {v} operations need {v * v}")
    _require(
        matrix.dtype.kind in "biuf" and bool(np.isin(matrix, (0, 1)).all()), "adjacency is not all 0 and 1"
    )
    matrix = matrix.reshape(v, v).astype(np.uint8)
    stages = _stage_list(_list(more["stage"], "stage"), v) if "stage" in more else None
    features = parse_features(_list(more[FEATURES], FEATURES), v, ends=True) if FEATURES in more else None
    if np.tril(matrix).any():
        order = _topological(matrix)
        matrix, names = matrix[np.ix_(order, order)], [names[i] for i in order]
        stages = None if stages is None else [stages[i] for i in order]
        features = None if features is None else features[order]
        _require(names[0] == INPUT and names[-1] == OUTPUT, "an edge enters the input or leaves the output")
    return _Cell(matrix, names, stages, features)


def _topological(matrix: np.ndarray) -> list[int]:
    """Return the nodes sources first, the output last; ValueError if there is a cycle."""
    order: list[int] = []
    waiting = list(range(len(matrix)))
    while waiting:
        ready = next((node for node in waiting if not matrix[waiting, node].any()), None)
        if ready is None:
            raise ValueError("adjacency has a cycle")
        order.append(ready)
        waiting.remove(ready)
    return order


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
