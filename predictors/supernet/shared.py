"""Scoring many cells quickly: what they share is computed once, batch norms become part of the weights.

The results are those of `evaluate.recalibrate` and `evaluate.judge`, up to rounding. Cells share the stem
and, in the first cell of the network, every value that comes from the same operations; with cells in
lexicographic order most of these are in the cache. Everywhere else norms are folded into the operations
before them as soon as their statistics are known, and operations on small maps are matrix products
(`linear`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.spaces.edges import EdgeSpace
from predictors.supernet.edges import Cell, EdgeNetwork, Reduction, live_edges
from predictors.supernet.evaluate import BATCH, GPU_BATCH, Judgement, autocast, every_member
from predictors.supernet.images import Split
from predictors.supernet.layers import ReluConvBn
from predictors.supernet.linear import (
    Folded,
    Kernel,
    Linear,
    Shape,
    Statistics,
    flat,
    mean_statistics,
    normalised,
    relu,
)
from predictors.supernet.network import Network, Plan

AT_ONCE = 1000  # images on a CPU: fewer cost calls, more do not stay in its cache
CACHE_BYTES = 512 * 2**20  # a core's share of memory, and room for the values of one prefix

Apply = Callable[[int, Linear, Tensor, Tensor | None], Tensor]
"""Maps (place in a step, operation, rows, rows to add to in place or None) to rows."""


@dataclass(frozen=True)
class Value:
    """What a node or an edge of the first cell holds, as rows.

    Attributes:
        seen: For each batch of images that statistics are taken from.
        held: For the images to evaluate on.
    """

    seen: tuple[Tensor, ...]
    held: Tensor

    def each(self, function: Callable[[Tensor], Tensor]) -> Value:
        """Return a function of the rows."""
        return Value(tuple(map(function, self.seen)), function(self.held))

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(part.nbytes for part in (*self.seen, self.held))


@dataclass(frozen=True)
class CellStep:
    """The operations of a cell other than zero and identity, by (edge, operation)."""

    places: dict[tuple[int, int], Linear]
    space: EdgeSpace

    def run(self, rows: Tensor, plan: Plan, apply: Apply) -> Tensor:
        """Map the rows of the input node to those of the output node."""
        nodes, positive = {0: rows}, dict[int, Tensor]()
        owned = set[int]()  # nodes that share no memory with another
        for edge in live_edges(self.space, plan):
            source, target = self.space.edges[edge]
            linear, value = self.places.get((edge, plan[edge])), nodes[source]
            before = nodes.get(target)
            if linear is None:
                nodes[target] = value if before is None else before + value
            else:
                if linear.norm is not None:
                    value = positive[source] = positive[source] if source in positive else relu(value)
                new = apply(edge, linear, value, before if target in owned else None)
                nodes[target] = new if before is None or target in owned else new.add_(before)
            if before is not None or linear is not None:
                owned.add(target)
        last = self.space.cell_nodes - 1
        return nodes[last] if last in nodes else torch.zeros_like(rows)


@dataclass(frozen=True)
class Between:
    """What is between two stages: operations after a ReLU each, and a shortcut past them.

    Attributes:
        chain: The operations.
        shortcut: What is added, of the same input; None for nothing.
    """

    chain: tuple[Linear, ...]
    shortcut: Linear | None

    def run(self, rows: Tensor, plan: Plan, apply: Apply) -> Tensor:
        """Map the rows of one stage's output to those of the next one's input."""
        del plan
        x = rows
        for place, linear in enumerate(self.chain):
            x = apply(place, linear, relu(x), None)
        return x if self.shortcut is None else apply(len(self.chain), self.shortcut, rows, x)


class Watch:
    """Normalises operations by the statistics of the rows themselves, and remembers these."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[Linear, list[Statistics | None]]] = {}

    def __call__(self, place: int, linear: Linear, rows: Tensor, onto: Tensor | None) -> Tensor:
        """Return the normalised output, added to `onto` in place if that is given."""
        y, statistics = linear.normalise(rows)
        self.seen.setdefault(place, (linear, []))[1].append(statistics)
        return y if onto is None else onto.add_(y)

    def fold(self) -> dict[int, Folded]:
        """Return the operation of each place with the mean of its statistics."""
        return {
            place: linear.fold(mean_statistics(seen) if linear.norm else None)
            for place, (linear, seen) in self.seen.items()
        }


class SharedJudge:
    """Scores cells of one network on the same images.

    Attributes:
        steps: What follows the stem, the first cell first.
    """

    def __init__(self, network: EdgeNetwork, x: Tensor, split: Split, *, amp: bool) -> None:
        """Compute what all cells share.

        Args:
            network: A trained supernet of one member. Its weights stay; the statistics of its norms do not.
            x: (n, c, h, w) images that batch-norm statistics are taken from.
            split: Images to evaluate on.
            amp: Whether to compute in bfloat16.
        """
        self.network, self.split, self.amp = network, split, amp
        self.space: EdgeSpace = network.space  # pyright: ignore[reportAttributeAccessIssue]
        self.dtype = torch.bfloat16 if amp else torch.float32
        self.batch = AT_ONCE if x.device.type == "cpu" else GPU_BATCH
        with torch.no_grad():
            self.stem, side = self._stem(x)
            self.steps = list(self._steps(side))
        first = self.steps[0]
        self.places = first.places if isinstance(first, CellStep) else {}
        self.cache: OrderedDict[Any, Value] = OrderedDict()

    @staticmethod
    def suits(network: Network) -> TypeGuard[EdgeNetwork]:
        """Return whether a network can be scored like this."""
        return isinstance(network, EdgeNetwork) and network.members == 1

    @torch.no_grad()
    def judge(self, plan: Plan) -> Judgement:
        """Return accuracy and loss (1,) of a cell, batch-norm statistics recomputed for it."""
        terms = self._first(plan)
        folded, head = self._recalibrate([self._sum(parts) for parts in _batches(terms)], plan)
        correct, loss = torch.zeros(2, 1, device=self.split.x.device)
        for start in range(0, len(self.split), self.batch):
            part = slice(start, start + self.batch)
            x = self._sum([term.held[part] for term in terms] or [torch.zeros_like(self.stem.held[part])])
            for step, operations in zip(self.steps[1:], folded, strict=True):
                x = step.run(x, plan, lambda place, _, rows, onto, now=operations: now[place](rows, onto))
            logits, y = head(x), self.split.y[part]
            correct += (logits.argmax(-1) == y).sum()
            loss += F.cross_entropy(logits, y, reduction="sum")
        n = len(self.split)
        return Judgement((100 * correct / n).cpu(), (loss / n).cpu())

    def _stem(self, x: Tensor) -> tuple[Value, int]:
        """Return the stem's output for all images, and the side of its maps."""
        stem, parts = self.network.stem, x.tensor_split(-(-len(x) // BATCH))
        with autocast(x, self.amp):
            with cumulative(stem.norm):
                seen = [stem(every_member(part, 1)) for part in parts]
            stem.eval()
            held = [stem(every_member(part, 1)) for part in self.split.x.split(self.batch)]
        return Value(tuple(map(flat, seen)), torch.cat([flat(part) for part in held])), seen[0].shape[-1]

    def _steps(self, side: int) -> Iterator[CellStep | Between]:
        """Yield what follows the stem; `shape` is that of the last output by then."""
        network = self.network
        for i, (stage, width) in enumerate(zip(network.stages, network.settings.widths, strict=True)):
            if i:
                halved = Shape(width, -(-side // 2))
                yield self._between(network.reductions[i - 1], self.shape, halved)
                side = halved.side
            self.shape = Shape(width, side)
            for cell in stage:  # pyright: ignore[reportGeneralTypeIssues]
                yield self._cell_step(cell, self.shape)

    def _linear(self, module: ReluConvBn | Kernel, shape: Shape, out: Shape) -> Linear:
        """Return a kernel, or the linear part of a module, its ReLU left out."""
        if isinstance(module, Kernel):
            return Linear(module, None, shape, out, self.dtype)
        return Linear(Kernel.from_conv(module.conv), module.norm, shape, out, self.dtype)

    def _cell_step(self, cell: Cell, shape: Shape) -> CellStep:
        places = {}
        for edge in range(len(self.space.edges)):
            for op, kind in enumerate(self.space.edge_ops):
                name = f"{edge}_{kind}"
                if name in cell.ops:
                    module = cell.ops[name]
                    own = (
                        module if isinstance(module, ReluConvBn) else Kernel.mean(shape, self.split.x.device)
                    )
                    places[edge, op] = self._linear(own, shape, shape)
        return CellStep(places, self.space)

    def _between(self, module: Any, shape: Shape, halved: Shape) -> Between:  # noqa: ANN401  # one of two
        if not isinstance(module, Reduction):
            return Between((self._linear(module, shape, halved),), None)
        chain = self._linear(module.first, shape, halved), self._linear(module.second, halved, halved)
        return Between(chain, self._linear(Kernel.halving(module.shortcut), shape, halved))

    @staticmethod
    def _sum(terms: Sequence[Tensor]) -> Tensor:
        total = terms[0]
        for i, term in enumerate(terms[1:]):
            total = total.add_(term) if i else total + term
        return total

    def _recalibrate(
        self, batches: list[Tensor], plan: Plan
    ) -> tuple[list[dict[int, Folded]], Callable[[Tensor], Tensor]]:
        """Return the operations of all steps but the first, and the head, with the cell's statistics."""
        batches = batches or [torch.zeros_like(part) for part in self.stem.seen]
        folded = []
        for step in self.steps[1:]:
            watch = Watch()
            batches = [step.run(rows, plan, watch) for rows in batches]
            folded.append(watch.fold())
        return folded, self._head(batches)

    def _head(self, batches: Sequence[Tensor]) -> Callable[[Tensor], Tensor]:
        """Return what maps rows to logits (n, classes), its norm's statistics taken from batches."""
        head: Any = self.network.head
        norm, classifier, positions = head.norm[0], head.classifier, self.shape.positions
        mean, variance = mean_statistics([normalised(norm, rows, self.shape)[1] for rows in batches])
        scale = norm.weight / (variance + norm.eps).sqrt()
        shift = norm.bias - mean * scale
        scale, shift = (x.repeat(positions).to(self.dtype) for x in (scale, shift))
        weight = (classifier.weight[:, :, 0, 0].T / positions).repeat(positions, 1).to(self.dtype)
        bias = classifier.bias.to(self.dtype)
        return lambda rows: torch.addmm(bias, relu(torch.addcmul(shift, rows, scale)), weight).float()

    # The first cell.

    def _first(self, plan: Plan) -> list[Value]:
        """Return the values whose sum the first cell's output is."""
        live = live_edges(self.space, plan)
        last = self.space.cell_nodes - 1
        into = [edge for edge in live if self.space.edges[edge][1] == last]
        if len(into) < 3:
            return [self._edge(edge, plan, live) for edge in into]
        *most, one = into  # cells in order differ in the last edge first
        key = tuple((edge, plan[edge], self._key(self.space.edges[edge][0], plan, live)) for edge in most)
        return [
            self._cached(("sum", key), lambda: self._total([self._edge(edge, plan, live) for edge in most])),
            self._edge(one, plan, live),
        ]

    def _total(self, values: Sequence[Value]) -> Value:
        seen = tuple(self._sum(parts) for parts in _batches(values))
        return Value(seen, self._sum([value.held for value in values]))

    def _key(self, node: int, plan: Plan, live: Sequence[int]) -> Any:  # noqa: ANN401  # nested tuples
        """Return what the value of a node depends on."""
        into = [edge for edge in live if self.space.edges[edge][1] == node]
        return tuple((edge, plan[edge], self._key(self.space.edges[edge][0], plan, live)) for edge in into)

    def _node(self, node: int, plan: Plan, live: Sequence[int]) -> Value:
        if node == 0:
            return self.stem
        into = [edge for edge in live if self.space.edges[edge][1] == node]

        return self._cached(
            ("node", node, self._key(node, plan, live)),
            lambda: self._total([self._edge(edge, plan, live) for edge in into]),
        )

    def _edge(self, edge: int, plan: Plan, live: Sequence[int]) -> Value:
        source = self.space.edges[edge][0]
        linear = self.places.get((edge, plan[edge]))
        if linear is None:
            return self._node(source, plan, live)
        key = self._key(source, plan, live)

        def compute() -> Value:
            value = self._node(source, plan, live)
            if linear.norm is not None:
                value = self._cached(("relu", source, key), lambda value=value: value.each(relu))
            seen, statistics = zip(*map(linear.normalise, value.seen), strict=True)
            folded = linear.fold(mean_statistics(statistics) if linear.norm else None)
            return Value(seen, folded(value.held))

        return self._cached(("edge", edge, plan[edge], key), compute)

    def _cached(self, key: Any, compute: Callable[[], Value]) -> Value:  # noqa: ANN401  # nested tuples
        """Return a value from the cache, or compute it and forget those longest unused."""
        if key not in self.cache:
            self.cache[key] = compute()
            while len(self.cache) > 1 and sum(value.nbytes for value in self.cache.values()) > CACHE_BYTES:
                self.cache.popitem(last=False)
        self.cache.move_to_end(key)
        return self.cache[key]


def _batches(values: Sequence[Value]) -> Iterator[tuple[Tensor, ...]]:
    """Yield, for each batch of images that statistics are taken from, the rows of every value."""
    return zip(*(value.seen for value in values), strict=True)


@contextmanager
def cumulative(norm: nn.BatchNorm2d) -> Iterator[None]:
    """Take a norm's statistics anew: the mean over the batches that pass through it."""
    momentum = norm.momentum
    norm.reset_running_stats()
    norm.momentum = None
    norm.train()
    yield
    norm.momentum = momentum
    norm.eval()
