"""The forms in which a user's table may give its architectures -> graphs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from benchmarks.lists import graphs_of_texts
from benchmarks.nb201 import parse_strings
from data.errors import InputError, TableError
from data.graphs import PAD, Graphs
from data.space import INPUT, OUTPUT, SearchSpace
from data.spaces import get
from data.spaces.cells import UNITS, CellsSpace
from data.spaces.edges import NB201
from data.table import Table

IDENTITY = ("skip_connect", "identity", "skip")
ZERO = ("none", "zero", "zeroize")
TEXT_SPACES = ("transnas_micro", "transnas_macro", "nats_size", "macro", "proxyless")  # beside nb201
R = TypeVar("R")
T = TypeVar("T")
SHOWN = 5  # bad rows that a message spells out


@dataclass(frozen=True)
class Form:
    """A way to write architectures.

    Attributes:
        columns: The columns it needs.
        optional: Columns that it reads if they are there.
        build: A table to its graphs.
    """

    columns: tuple[str, ...]
    optional: tuple[str, ...]
    build: Callable[[Table], Graphs]


def _texts(table: Table) -> Graphs:
    """Return the graphs of the texts of the space that the first row's text is of."""
    texts = table.column("arch").to_pylist()
    if isinstance(texts[0], str) and "|" in texts[0]:
        return NB201.graphs(parse_strings(table.column("arch")))
    for name in TEXT_SPACES:
        space = get(name)
        try:
            space.parse(texts[:1])
        except (InputError, AttributeError, TypeError):
            continue
        try:
            return space.graphs(space.parse(texts))
        except (InputError, AttributeError, TypeError) as error:
            raise TableError(f"column 'arch': {error}") from error
    rng = np.random.default_rng(0)
    known = [(name, get(name).format(get(name).sample(1, rng))[0]) for name in ("nb201", *TEXT_SPACES)]
    examples = ", ".join(f"{text} ({name})" for name, text in known)
    raise TableError(
        f"row 0: arch {texts[0]!r:.200} is of no space that can be told from the text; texts look like "
        f"{examples}; texts of other spaces need a column 'space' with its name"
    )


def _graphs(table: Table) -> Graphs:
    """Return the graphs of `adjacency` and `ops`, and of `stage` if it is there."""
    stages = _lists(table, "stage") if "stage" in table.names else None
    rows = list(zip(_lists(table, "adjacency"), _lists(table, "ops"), strict=True))
    cells = _each(rows, lambda row: _cell(*row))
    return _assemble(cells, stages)


def _chains(table: Table) -> Graphs:
    """Return the chains of `ops`, and of `stage` if it is there."""
    stages = _lists(table, "stage") if "stage" in table.names else None
    cells = _each(_lists(table, "ops"), _chain)
    if stages is not None:
        stages = [[INPUT, *s, OUTPUT] if isinstance(s, list) else s for s in stages]
    return _assemble(cells, stages)


def _cells(table: Table) -> Graphs:
    """Return the pairs of cells of `normal` and `reduce`, with `width` and `depth` if they are there."""
    rows = list(zip(_lists(table, "normal"), _lists(table, "reduce"), strict=True))
    blocks = len(rows[0][0]) // 2 if isinstance(rows[0][0], list) else 0
    edges = np.array(_each(rows, lambda row: [_edges(cell, blocks) for cell in row]), object)
    names = edges[..., 0].astype(str)
    used = sorted(set(names.ravel().tolist()))
    features = [name for name in UNITS if name in table.names]
    space = CellsSpace.make("custom", tuple(used), blocks, distinct=False, features=tuple(features))
    shape = (len(rows), 2, blocks, 2)
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
    Form(("adjacency", "ops"), (), _graphs),
    Form(("normal", "reduce"), tuple(UNITS), _cells),
    Form(("ops",), (), _chains),
    Form(("space", "arch"), (), graphs_of_texts),
    Form(("arch",), (), _texts),
)


def form_of(table: Table) -> Form | None:
    """Return the first form whose columns a table has; None if it has those of none."""
    return next((form for form in FORMS if set(form.columns) <= set(table.names)), None)


def _each(rows: Iterable[R], read: Callable[[R], T]) -> list[T]:
    """Return what `read` makes of each row; TableError names the rows for which it raises ValueError."""
    found, bad = [], []
    for number, row in enumerate(rows):
        try:
            found.append(read(row))
        except ValueError as error:
            bad.append(f"row {number}: {error}")
    if bad:
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise TableError(f"{len(bad)} rows are no graphs (rows count from 0): {'; '.join(bad[:SHOWN])}{more}")
    return found


def _assemble(
    cells: Sequence[tuple[np.ndarray, Sequence[str], Sequence[int]]], stages: Sequence[object] | None
) -> Graphs:
    """Return graphs of (adjacency, operations, order of the given nodes), and of the given nodes' stages."""
    used = sorted({name for _, ops, _ in cells for name in ops} - {INPUT, OUTPUT})
    vocabulary = (*used, INPUT, OUTPUT)
    if len(vocabulary) > np.iinfo(np.int8).max:
        raise TableError(f"column 'ops' has {len(vocabulary)} different names; at most 127 are supported")
    width = max(len(ops) for _, ops, _ in cells)
    parts = _stage_names(cells, stages) if stages is not None else ("cell",)
    space = SearchSpace(
        "custom",
        vocabulary,
        width,
        tuple(name for name in IDENTITY if name in used),
        tuple(name for name in ZERO if name in used),
        stages=parts,
        fold_equal=False,
    )
    code = {name: i for i, name in enumerate(vocabulary)}
    part = {name: i for i, name in enumerate(parts)}
    ops_array = np.full((len(cells), width), PAD, np.int8)
    stage_array = np.zeros((len(cells), width), np.int8)
    edges = np.zeros((len(cells), width, width), np.uint8)
    for row, (adjacency, ops, order) in enumerate(cells):
        ops_array[row, : len(ops)] = [code[name] for name in ops]
        edges[row, : len(ops), : len(ops)] = adjacency
        if stages is not None:
            given: list[object] = stages[row]  # pyright: ignore[reportAssignmentType]
            inner = order[1:-1]  # the ends are of no stage
            stage_array[row, 1 : len(ops) - 1] = [part[str(given[i])] for i in inner]
    n_nodes = np.array([len(ops) for _, ops, _ in cells], np.int16)
    return Graphs(ops_array, edges, n_nodes, space, stage=stage_array).validate()


def _stage_names(
    cells: Sequence[tuple[np.ndarray, Sequence[str], Sequence[int]]], stages: Sequence[object]
) -> tuple[str, ...]:
    """Return the stages in use, in order of first appearance; TableError for a list of another length."""
    found: dict[str, None] = {}
    for row, ((_, ops, _), given) in enumerate(zip(cells, stages, strict=True)):
        if not isinstance(given, list) or len(given) != len(ops):
            raise TableError(f"row {row}: 'stage' is no list of as many names as there are operations")
        found.update(dict.fromkeys(str(name) for name in given[1:-1]))
    if len(found) > np.iinfo(np.int8).max:
        raise TableError(f"column 'stage' has {len(found)} different names; at most 127 are supported")
    return tuple(found) or ("cell",)


def _chain(ops: object) -> tuple[np.ndarray, list[str], list[int]]:
    """Return a chain as a graph; ValueError says what is wrong."""
    _require(isinstance(ops, list) and all(isinstance(name, str) for name in ops), "ops is no list of names")
    names: list[str] = ops  # pyright: ignore[reportAssignmentType]
    _require(not {INPUT, OUTPUT} & set(names), "a chain has no input and output among its ops")
    v = len(names) + 2
    return np.eye(v, k=1, dtype=np.uint8), [INPUT, *names, OUTPUT], list(range(v))


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


def _lists(table: Table, name: str) -> list[object]:
    values = table.column(name).to_pylist()
    return [_from_json(v) if isinstance(v, str) else v for v in values]


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _cell(adjacency: object, ops: object) -> tuple[np.ndarray, list[str], list[int]]:
    """Return one cell in topological order, and that order; ValueError says what is wrong."""
    _require(isinstance(ops, list) and all(isinstance(name, str) for name in ops), "ops is no list of names")
    names: list[str] = ops  # pyright: ignore[reportAssignmentType]
    v = len(names)
    ends = v >= 2 and names[0] == INPUT and names[-1] == OUTPUT
    _require(ends, "ops must begin with input and end with output")
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
    order = list(range(v))
    if np.tril(matrix).any():
        order = _topological(matrix)
        matrix, names = matrix[np.ix_(order, order)], [names[i] for i in order]
        _require(names[0] == INPUT and names[-1] == OUTPUT, "an edge enters the input or leaves the output")
    return matrix, names, order


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
