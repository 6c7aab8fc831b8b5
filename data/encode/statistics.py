"""Statistics of the operations on the paths of a network."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from data.graphs import Graphs
from data.space import INPUT, OUTPUT

PART = 50_000  # architectures at once; of fewer, statistics are kept as long as the graphs
_known: WeakKeyDictionary[Graphs, np.ndarray] = WeakKeyDictionary()


def path_statistics(graphs: Graphs) -> np.ndarray:
    """Return statistics of the operations on the paths from input to output, (n, columns).

    A group is one operation of the vocabulary, or all operations, or the operations whose names share the
    text before their last part ("nor_conv" of nor_conv_1x1 and nor_conv_3x3). For each group: the number
    of its nodes, that number summed over all paths, the most and the fewest on any one path. Then: paths,
    edges, distinct edges, edges out of the input and into the output, edges straight from input to output. A
    network without a path has −1 for the most and the fewest. In a space of several stages, the nodes of each
    group in each stage; in a space with features, the sum of each over all nodes, and its sum in each stage.

    Those of one object are computed once, as several predictors ask for them; those of many, in parts.
    """
    if len(graphs) > PART:
        parts = (graphs.take(slice(i, i + PART)) for i in range(0, len(graphs), PART))
        return np.concatenate([_compute(part) for part in parts])
    if graphs not in _known:
        _known[graphs] = _compute(graphs)
    return _known[graphs].copy()


def _compute(graphs: Graphs) -> np.ndarray:
    n, v = graphs.ops.shape
    weights = _group_weights(graphs)
    edges = graphs.adjacency.astype(np.float64)
    links = graphs.adjacency.max(0, initial=0) > 0
    is_input = graphs.ops == graphs.space.ops.index(INPUT)
    is_output = graphs.ops == graphs.space.ops.index(OUTPUT)
    groups = weights.shape[2]
    paths = np.zeros((n, v))
    total = np.zeros((n, v, groups))
    most = np.full((n, v, groups), -np.inf)
    fewest = np.full((n, v, groups), np.inf)
    for j in range(v):
        before = np.flatnonzero(links[:j, j])  # in a chain one node, not all earlier ones
        into, own, first = edges[:, before, j], weights[:, j], is_input[:, j]
        paths[:, j] = np.where(first, 1, (into * paths[:, before]).sum(1))
        total[:, j] = np.einsum("ni,nig->ng", into, total[:, before]) + own * paths[:, j, None]
        linked = (into > 0)[:, :, None]
        longest = np.where(linked, most[:, before], -np.inf).max(1, initial=-np.inf) + own
        shortest = np.where(linked, fewest[:, before], np.inf).min(1, initial=np.inf) + own
        most[:, j] = np.where(first[:, None], 0, longest)
        fewest[:, j] = np.where(first[:, None], 0, shortest)
    ends = is_output[:, :, None]
    by_group = [
        weights.sum(1),
        (total * ends).sum(1),
        np.where(ends, most, -np.inf).max(1),
        np.where(ends, fewest, np.inf).min(1),
    ]
    whole = [
        (paths * is_output).sum(1),
        edges.sum((1, 2)),
        (edges > 0).sum((1, 2)),
        (edges * is_input[:, :, None]).sum((1, 2)),
        (edges * is_output[:, None, :]).sum((1, 2)),
        (edges * is_input[:, :, None] * is_output[:, None, :]).sum((1, 2)),
    ]
    table = np.concatenate([*by_group, np.stack(whole, axis=1), *_by_stage(graphs, weights)], axis=1)
    return np.where(np.isfinite(table), table, -1.0)


def _by_stage(graphs: Graphs, weights: np.ndarray) -> list[np.ndarray]:
    """Return the columns of `path_statistics` for stages and features, (n, columns) each."""
    n, stages = len(graphs), len(graphs.space.stages)
    columns = [graphs.features.sum(1)]
    if stages > 1:
        in_stage = graphs.stage[:, :, None] == np.arange(stages)
        summed = np.concatenate([weights, graphs.features], axis=2)
        columns.append(np.einsum("nvs,nvg->nsg", in_stage, summed).reshape(n, stages * summed.shape[2]))
    return columns


def _group_weights(graphs: Graphs) -> np.ndarray:
    """Return (n, v, groups): 1 where a node belongs to a group of operations."""
    space = graphs.space
    skipped = {INPUT, OUTPUT, *space.identity, *space.zero}
    names = [name for name in space.ops if name not in skipped]
    stems: dict[str, list[str]] = {}
    for name in names:
        stem = name.rpartition("_")[0]
        if stem:
            stems.setdefault(stem, []).append(name)
    groups = [[name] for name in names]
    groups += [members for members in stems.values() if 1 < len(members) < len(names)]
    groups.append(names)
    return np.stack([np.isin(graphs.ops, space.codes(*group)) for group in groups], axis=2).astype(float)
