"""The canonical form of the networks that a batch of graphs computes.

An operation is applied to the *sum* of its inputs, so operand order does not matter; an identity passes its
sum on, so nested sums are one sum; a zero, and anything that has only zeros to work on, contributes nothing;
what does not reach the output is dead. An operation is told apart by its name, its stage and its features.

A space then says what parallel nodes that compute one expression are. Where it folds them they are one node:
two graphs with one canonical form compute the same function once equal sub-expressions have equal weights
(the published NAS-Bench-201 "unique string" takes this view of repeated branches). Where it does not, each
has weights of its own, and networks are equal if their graphs are isomorphic (NAS-Bench-101's view).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from data.errors import InputError

if TYPE_CHECKING:
    from data.graphs import Graphs

PAD = -1
PART = 65_536  # graphs whose canonical form is computed at once
SWEEPS = 3  # rounds of colour refinement, each through the whole graph both ways
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_BACK = np.uint64(0xD1B54A32D192ED03)


def network_hash(graphs: Graphs) -> np.ndarray:
    """Return (n,) uint64, equal for graphs that are the same effective network."""
    if len(graphs) <= PART:
        return _hash_part(graphs)
    return np.concatenate([_hash_part(part) for part in _split(graphs)])


def _hash_part(graphs: Graphs) -> np.ndarray:
    nodes = _Nodes(graphs)
    out, live = nodes.expressions()
    if not graphs.space.fold_equal:
        colours, kept = nodes.colours(live)
        with np.errstate(over="ignore"):
            return mix((mix(colours) * kept).sum(1, dtype=np.uint64))
    place = np.cumsum(nodes.is_output, axis=1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        return mix((mix(out + place) * nodes.is_output).sum(1, dtype=np.uint64))


def effective(graphs: Graphs) -> Graphs:
    """Return the canonical form of each graph; see `Graphs.effective`."""
    if len(graphs) <= PART:
        return _effective_part(graphs)
    parts = [_effective_part(part) for part in _split(graphs)]
    width = max(part.ops.shape[1] for part in parts)
    return replace(
        graphs,
        ops=np.concatenate([_widen(part.ops, width, 1, PAD) for part in parts]),
        adjacency=np.concatenate([_widen(part.adjacency, width, 2) for part in parts]),
        n_nodes=np.concatenate([part.n_nodes for part in parts]),
        stage=np.concatenate([_widen(part.stage, width, 1) for part in parts]),
        features=np.concatenate([_widen(part.features, width, 1) for part in parts]),
    )


def _split(graphs: Graphs) -> Iterator[Graphs]:
    """Yield parts that intermediate results of fit into memory."""
    bare = graphs.with_weak({})
    for start in range(0, len(graphs), PART):
        yield bare.take(slice(start, start + PART))


def _widen(values: np.ndarray, width: int, axes: int, fill: int = 0) -> np.ndarray:
    """Return values (n, v, ...) with room for `width` nodes along the first `axes` axes after n."""
    missing = width - values.shape[1]
    room = [(0, missing if 0 < axis <= axes else 0) for axis in range(values.ndim)]
    return np.pad(values, room, constant_values=fill) if missing else values


def _effective_part(graphs: Graphs) -> Graphs:
    nodes = _Nodes(graphs)
    v = graphs.ops.shape[1]
    out, live = nodes.expressions()
    content = out if graphs.space.fold_equal else nodes.colours(live)[0]
    sources = _sources(nodes, out, live)
    kept = nodes.is_output.copy()
    for j in range(v - 1, -1, -1):
        kept |= kept[:, j, None] & (sources[:, j] > 0)
    kept |= nodes.is_input
    order = _order(nodes, sources, kept, content)
    n_nodes = kept.sum(1)
    width = int(n_nodes.max(initial=2))
    order = order[:, :width]
    used = np.arange(width) < n_nodes[:, None]
    edges = np.take_along_axis(sources.transpose(0, 2, 1), order[:, :, None], 1)
    edges = np.take_along_axis(edges, order[:, None, :], 2)
    edges = edges * (used[:, :, None] & used[:, None, :])
    if edges.max(initial=0) > np.iinfo(np.uint8).max:
        raise InputError(f"graphs: a term enters a sum {edges.max()} times; at most 255 are supported")
    return replace(
        graphs,
        ops=np.where(used, np.take_along_axis(graphs.ops, order, 1), PAD).astype(np.int8),
        adjacency=edges.astype(np.uint8),
        n_nodes=n_nodes.astype(np.int16),
        stage=np.take_along_axis(graphs.stage, order, 1) * used,
        features=np.take_along_axis(graphs.features, order[:, :, None], 1) * used[:, :, None],
    )


class _Nodes:
    """What kind each node is, and its salt: a number that stands for its operation, stage and features."""

    def __init__(self, graphs: Graphs) -> None:
        space = graphs.space
        self.graphs = graphs
        self.is_input = graphs.ops == space.ops.index("input")
        self.is_output = graphs.ops == space.ops.index("output")
        self.identity = np.isin(graphs.ops, space.codes(*space.identity))
        self.links = graphs.adjacency.max(0, initial=0) > 0  # (v, v) whether any graph has the edge
        self.has_identity = np.asarray(self.identity.any(0))
        self.zero = np.isin(graphs.ops, [PAD, *space.codes(*space.zero)])
        with np.errstate(over="ignore"):
            table = mix(np.arange(1, len(space.ops) + 1, dtype=np.uint64) * GOLDEN)
            salts = table[graphs.ops]
            if len(space.stages) > 1:
                salts = mix(salts + graphs.stage.astype(np.uint64))
            for f in range(len(space.features)):
                # Adding 0 turns -0.0 into 0.0: equal numbers must have equal bits.
                bits = (graphs.features[:, :, f].astype(np.float32) + np.float32(0)).view(np.uint32)
                salts = mix(salts + bits.astype(np.uint64) * GOLDEN)
            inputs = mix(salts + np.cumsum(self.is_input, axis=1, dtype=np.uint64))
        self.salts = np.where(self.is_input, inputs, salts)

    def expressions(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (hash, live): a hash (n, v) of what each node computes, and whether it is not zero.

        The hash of a sum is the sum of its terms' hashes, so an identity has nothing to do but pass it on.
        """
        n, v = self.salts.shape
        out = np.zeros((n, v), np.uint64)
        live = np.zeros((n, v), bool)
        for j in range(v):
            before = np.flatnonzero(self.links[:j, j])
            edges = self.graphs.adjacency[:, before, j]
            fed = ((edges > 0) & live[:, before]).any(1)
            live[:, j] = self.is_input[:, j] | self.is_output[:, j] | (fed & ~self.zero[:, j])
            out[:, j] = (
                self._apply(j, (edges * out[:, before]).sum(1, dtype=np.uint64), self.salts[:, j])
                * live[:, j]
            )
        return out, live

    def colours(self, live: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (colour, kept): what each node is in its whole graph (n, v), and whether it matters.

        Colour refinement (Weisfeiler & Leman 1968) along the edges and against them, in sweeps through the
        topological order. Identities, zeros and dead nodes are not kept.
        """
        v = self.salts.shape[1]
        # Nodes along the first axis: sums over a few nodes then run along the architectures in memory.
        adjacency = np.ascontiguousarray(self.graphs.adjacency.transpose(1, 2, 0))
        salts, live = np.ascontiguousarray(self.salts.T), np.ascontiguousarray(live.T)
        is_output, identity = self.is_output.T, self.identity.T
        colour, ahead, back = salts, np.zeros_like(salts), np.zeros_like(salts)
        for _ in range(SWEEPS):
            for j in range(v):
                total = (adjacency[:j, j] * ahead[:j]).sum(0, dtype=np.uint64)
                ahead[j] = self._apply(j, total, colour[j]) * live[j]
            for j in range(v - 1, -1, -1):
                total = (adjacency[j, j + 1 :] * back[j + 1 :]).sum(0, dtype=np.uint64)
                reaches = live[j] & (is_output[j] | (total != 0))
                back[j] = self._apply(j, total, colour[j], back=True) * reaches
            with np.errstate(over="ignore"):
                colour = mix(salts + mix(ahead) + mix(back ^ _BACK))
        kept = (self.is_input.T | is_output | (back != 0)) & ~identity
        return np.ascontiguousarray(colour.T), np.ascontiguousarray(kept.T)

    def _apply(self, j: int, total: np.ndarray, salts: np.ndarray, *, back: bool = False) -> np.ndarray:
        """Return what node j makes of the sum of its neighbours; an input looks at none ahead of it."""
        with np.errstate(over="ignore"):
            applied = mix(mix(total) + salts)
        if self.has_identity[j]:
            applied = np.where(self.identity[:, j], total, applied)
        return applied if back else np.where(self.is_input[:, j], salts, applied)


def _sources(nodes: _Nodes, out: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Return (n, v, v) int32: entry (j, i) says how often node i's output enters node j's sum."""
    adjacency = nodes.graphs.adjacency
    n, v = out.shape
    folds = nodes.graphs.space.fold_equal
    # terms[:, i] says of which nodes node i's output is the sum.
    terms = np.zeros((n, v, v), np.int32)
    sources = np.zeros((n, v, v), np.int32)
    for j in range(v):
        before = np.flatnonzero(nodes.links[:j, j])
        sources[:, j] = np.einsum("ni,nik->nk", adjacency[:, before, j], terms[:, before])
        node = np.zeros((n, v), np.int16)
        if folds:
            same = (out[:, : j + 1] == out[:, j, None]) & live[:, : j + 1] & ~nodes.identity[:, : j + 1]
            node[np.arange(n), same.argmax(1)] = same.any(1)
        else:
            node[:, j] = 1
        own = np.where(nodes.identity[:, j, None], sources[:, j], node)
        terms[:, j] = np.where(live[:, j, None], own, 0)
    return sources


def _order(nodes: _Nodes, sources: np.ndarray, kept: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return (n, v) a canonical topological order: inputs, the rest by depth and content, outputs; then dead.

    Nodes of equal content are ordered by the places of their sources.
    """
    n, v = content.shape
    depth = np.zeros((n, v), np.int16)
    for j in range(v):
        depth[:, j] = ((depth[:, :j] + 1) * (sources[:, j, :j] > 0)).max(1, initial=0)
    layer = np.where(nodes.is_input, -1, np.where(nodes.is_output, v, depth)) + 2 * v * ~kept
    ends = nodes.is_input | nodes.is_output
    content = np.where(ends, np.arange(v, dtype=np.uint64), content)
    order = np.lexsort((content, layer), axis=1)
    if nodes.graphs.space.fold_equal:
        return order
    linked = sources > 0
    for _ in range(v):
        place = np.empty_like(order)
        np.put_along_axis(place, order, np.broadcast_to(np.arange(v), (n, v)), 1)
        with np.errstate(over="ignore"):
            named = mix((place + 1).astype(np.uint64) * GOLDEN)
            fed_from = (linked * named[:, None, :]).sum(2, dtype=np.uint64)
        better = np.lexsort((fed_from, content, layer), axis=1)
        if (better == order).all():
            break
        order = better
    return order


def mix(x: np.ndarray) -> np.ndarray:
    """Scramble 64-bit integers one to one (the splitmix64 finaliser, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))
