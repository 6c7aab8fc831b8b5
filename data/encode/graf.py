"""GRAF: paths, degrees and counts for every set of operations (Kadlecová et al., ICML 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from data.encode.op_sets import get_op_sets
from data.encode.set_paths import NO_PATH, count_on_paths
from data.graphs import PAD, Graphs
from data.space import INPUT, OUTPUT, SearchSpace
from data.spaces.cells import ADD, CONCAT, CellsSpace
from data.spaces.chains import TransnasMacro
from data.spaces.edges import EdgeSpace

CHUNK = 8_000_000  # numbers of one table of path lengths


def graf(
    graphs: Graphs, *, max_ops: int | None = None, short: bool = False, drop_duplicates: bool = False
) -> np.ndarray:
    """Return GRAF's columns, (n, columns).

    For every non-empty set S of the operations:

    - Shortest path: the fewest edges from input to output over operations of S only; without such a path the
      number of the cell's nodes (one more in a space with operations on edges).
    - Longest path: the most operations on a path over S only; 0 without such a path.
    - Degrees: operations of S right after the input and right before the output; the edges that lead out of
      an operation of S, and those that lead into one, divided by the number of nodes.

    Then the number of nodes of each operation. What a path runs through depends on the space:

    - Operations on edges (NAS-Bench-201: 191 columns; the cells of TransNAS-Bench-101: 94): each operation
      is an edge of the cell, so that both mean degrees are the same number. `none` is an operation.
    - Operations on nodes (NAS-Bench-101: 47, and all spaces that are not named here): the counts include
      input and output.
    - Pairs of cells (DARTS: 1,540): each cell for itself. Operations are on edges, sets leave out `none`. No
      shortest paths, longest paths from each of the two inputs, degrees at each of them and not at the
      output. Sums and concatenations are on every path; edges into the cell's output are counted too.
    - The macro level of TransNAS-Bench-101 (16): the number of modules of each kind; at each of the six
      positions how often channels were doubled and resolution halved so far, 0 after the last module.

    Published code counts a missing longest path as −1, and where operations are on nodes as −4, with all other
    lengths there two less than here, so that it tells no path from a direct edge; so does the shortest path.

    In canonical form (`Graphs.effective`) columns keep their meaning, for the network that is left: paths may
    be without any operation.

    Args:
        graphs: n architectures.
        max_ops: Largest set of operations; the set of all is always there. By default the largest size with
            at most 255 sets, which is every set of up to eight operations.
        short: Whether to leave out degrees over sets of several operations (DARTS: 580 columns).
        drop_duplicates: Whether to leave out the second mean degree where both are the same number.

    Raises:
        InputError: `max_ops` is below 1.
    """
    space = graphs.space
    if isinstance(space, TransnasMacro):
        return _describe_modules(graphs)
    view = _get_view(space)
    sets = get_op_sets(len(view.ops), max_ops)
    step = max(1, CHUNK // (graphs.ops.shape[1] * view.inputs * max(1, len(sets))))
    parts = [
        _describe(graphs.take(slice(start, start + step)), view, sets, short, drop_duplicates)
        for start in range(0, max(1, len(graphs)), step)
    ]
    return np.concatenate(parts)


@dataclass(frozen=True)
class _View:
    """What GRAF sees of a space.

    Attributes:
        ops: Codes of the operations that the sets are made of.
        counted: Codes of the operations that are counted.
        junctions: Codes of the nodes that are on every path and that no path counts.
        nodes: Nodes of a cell whose operations are on its edges; None for operations on nodes.
        cells: Number of cells, each described for itself.
        inputs: Inputs of a cell, each described for itself.
    """

    ops: tuple[int, ...]
    counted: tuple[int, ...]
    junctions: tuple[int, ...] = ()
    nodes: int | None = None
    cells: int = 1
    inputs: int = 1


def _get_view(space: SearchSpace) -> _View:
    if isinstance(space, EdgeSpace):
        ops = tuple(space.codes(*space.edge_ops))
        return _View(ops, ops, nodes=space.cell_nodes)
    if isinstance(space, CellsSpace):
        ops = tuple(space.codes(*(name for name in space.cell_ops if name not in space.zero)))
        junctions = tuple(space.codes(ADD, CONCAT))
        return _View(ops, ops, junctions, space.blocks + 3, cells=2, inputs=2)
    everything = range(len(space.ops))
    ends = space.codes(INPUT, OUTPUT)
    return _View(tuple(code for code in everything if code not in ends), tuple(everything))


def _describe(
    graphs: Graphs, view: _View, sets: np.ndarray, short: bool, drop_duplicates: bool
) -> np.ndarray:
    """Return the columns (n, columns) of a part of the architectures."""
    starts, ends = _get_starts(graphs, view), _get_ends(graphs, view)
    table = _get_steps(graphs.space, view, sets)
    n, on_nodes = len(graphs), view.nodes is None
    width = view.inputs * view.cells * len(sets)
    columns = [_count(graphs, view, ends)]
    if view.cells == 1:
        fewest = count_on_paths(graphs, starts, ends, table, most=False).reshape(n, width).astype(np.float64)
        none = graphs.n_nodes[:, None] if view.nodes is None else view.nodes + 1
        columns.append(np.where(fewest == NO_PATH, none, fewest + on_nodes))
    most = count_on_paths(graphs, starts, ends, table, most=True).reshape(n, width)
    columns.append(np.where(most == NO_PATH, 0, most).astype(np.float64))
    wanted = sets[sets.sum(1) == 1] if short else sets
    degrees = _count_degrees(graphs, view, starts, ends, drop_duplicates)
    columns.extend(by_op @ wanted.T.astype(np.float64) for by_op in degrees)
    return np.concatenate(columns, axis=1)


def _get_starts(graphs: Graphs, view: _View) -> np.ndarray:
    """Return (n, inputs, v): which nodes are the first, second, ... input of a cell; of one, all inputs."""
    is_input = graphs.ops == graphs.space.ops.index(INPUT)
    if view.cells == 1:
        return is_input[:, None]
    number = np.zeros(graphs.ops.shape, np.int64)
    for cell in range(view.cells):
        here = is_input & (graphs.stage == cell)
        number += np.cumsum(here, axis=1) * here
    return number[:, None] == np.arange(1, view.inputs + 1)[:, None]


def _get_ends(graphs: Graphs, view: _View) -> np.ndarray:
    """Return (n, cells, v): which node is the output of each cell."""
    if view.cells == 1:
        return (graphs.ops == graphs.space.ops.index(OUTPUT))[:, None]
    is_concat = graphs.ops == graphs.space.ops.index(CONCAT)
    return is_concat[:, None] & (graphs.stage[:, None] == np.arange(view.cells)[:, None])


def _get_steps(space: SearchSpace, view: _View, sets: np.ndarray) -> np.ndarray:
    """Return (ops, sets): 1 for an operation of the set, 0 for junctions and outputs, else NO_PATH."""
    table = np.full((len(space.ops), len(sets)), NO_PATH, np.int16)
    table[list(view.ops)] = np.where(sets.T, 1, NO_PATH)
    table[[*view.junctions, space.ops.index(OUTPUT)]] = 0
    return table


def _get_members(graphs: Graphs, codes: tuple[int, ...]) -> np.ndarray:
    """Return (n, v, codes): 1 where a node has an operation."""
    return (graphs.ops[:, :, None] == np.array(codes, np.int8)).astype(np.float32)


def _in_cells(graphs: Graphs, view: _View) -> Iterator[np.ndarray]:
    """Yield (n, v) for each cell: which nodes are in use and belong to it."""
    used = graphs.ops != PAD
    for cell in range(view.cells):
        yield used & (graphs.stage == cell) if view.cells > 1 else used


def _count(graphs: Graphs, view: _View, ends: np.ndarray) -> np.ndarray:
    """Return the number of nodes of each operation (n, cells · ops), of edges into each cell's output too."""
    members = _get_members(graphs, view.counted)
    columns = []
    for cell, here in enumerate(_in_cells(graphs, view)):
        columns.append(np.einsum("nv,nvo->no", here.astype(np.float32), members))
        if view.cells > 1:
            into = (graphs.adjacency > 0) & ends[:, cell, None]
            columns.append(into.sum((1, 2))[:, None])
    return np.concatenate(columns, axis=1).astype(np.float64)


def _count_degrees(
    graphs: Graphs, view: _View, starts: np.ndarray, ends: np.ndarray, drop_duplicates: bool
) -> Iterator[np.ndarray]:
    """Yield each degree by operation, (n, ops) float64; the degree over a set is a sum over operations."""
    members = _get_members(graphs, view.ops)
    edges = (graphs.adjacency > 0).astype(np.float32)

    def by_op(weights: np.ndarray) -> np.ndarray:
        return np.einsum("nv,nvo->no", weights.astype(np.float32), members).astype(np.float64)

    for here in _in_cells(graphs, view):
        for k in range(view.inputs):
            yield by_op(np.einsum("nv,nvw->nw", starts[:, k].astype(np.float32), edges) * here)
        if view.cells == 1:
            yield by_op(np.einsum("nw,nvw->nv", ends[:, 0].astype(np.float32), edges))
        yield from _mean_degrees(graphs, view, edges, here, by_op, drop_duplicates)


def _mean_degrees(
    graphs: Graphs,
    view: _View,
    edges: np.ndarray,
    here: np.ndarray,
    by_op: Callable[[np.ndarray], np.ndarray],
    drop_duplicates: bool,
) -> Iterator[np.ndarray]:
    """Yield the two mean degrees by operation, (n, ops); an operation on an edge leaves and enters a node."""
    if view.nodes is None:
        nodes = graphs.n_nodes[:, None]
        yield by_op(edges.sum(2)) / nodes
        yield by_op(edges.sum(1)) / nodes
        return
    mean = by_op(here) / view.nodes
    yield mean
    if not drop_duplicates:
        yield mean


def _describe_modules(graphs: Graphs) -> np.ndarray:
    """Return the 16 columns of the macro level of TransNAS-Bench-101."""
    space = graphs.space
    positions = space.max_nodes - 2
    ops = np.full((len(graphs), positions), PAD, np.int8)
    width = min(positions, graphs.ops.shape[1] - 1)
    ops[:, :width] = graphs.ops[:, 1 : width + 1]
    kinds = [code for code in range(len(space.ops)) if code not in space.codes(INPUT, OUTPUT)]
    there = np.isin(ops, kinds)
    counts = (ops[:, :, None] == np.array(kinds)).sum(1)
    changes = [
        np.isin(ops, [code for code in kinds if word in space.ops[code]]).cumsum(1) * there
        for word in ("double_channels", "halve_size")
    ]
    return np.concatenate([counts, *changes], axis=1).astype(np.float64)
