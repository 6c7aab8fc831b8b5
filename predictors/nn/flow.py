"""Information flow through a network as GATES models it: an operation is a gate on what passes through it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from data.graphs import Graphs
from data.space import INPUT, OUTPUT
from data.spaces.edges import EdgeSpace
from predictors.nn.graph import Inputs, graph_inputs
from predictors.nn.layers import Generators, Linear, normal_per_repeat, per_repeat
from predictors.nn.lean import Adam
from predictors.nn.ranker import TorchRanker


def flow_inputs(graphs: Graphs) -> Inputs:
    """Return the tensors of n graphs that information flows along.

    Returns:
        ops (n, v, f) and nodes (n, v) as `graph_inputs` gives them; into (n, v, v), entry (j, i) the edges
        i → j; own (n, v, features) the space's numbers at a node; start and end (n, v), 1 at inputs and
        outputs; shut and skip (n, v), 1 where an operation on an edge is none or the identity; trained
        (n, v), 1 where an operation may have weights; on_edges (n,), 1 if operations are on the edges of
        the cell as it was written (NAS-Bench-201), which are nodes of our graphs.
    """
    inputs = graph_inputs(graphs)
    space, v = graphs.space, graphs.space.max_nodes
    on_edges = isinstance(space, EdgeSpace)
    own = torch.zeros(len(graphs), v, len(space.features))
    own[:, : graphs.ops.shape[1]] = torch.from_numpy(graphs.features.astype(np.float32))

    def mark(*names: str) -> Tensor:
        return inputs["ops"][..., [space.ops.index(name) for name in names]].sum(-1)

    free = (*space.identity, *space.zero, INPUT, OUTPUT)
    weighted = [name for name in space.ops if name not in free and "pool" not in name]
    return {
        "ops": inputs["ops"],
        "nodes": inputs["nodes"],
        "into": inputs["edges"].transpose(-1, -2).contiguous(),
        "own": own,
        "start": mark(INPUT),
        "end": mark(OUTPUT),
        "shut": mark(*space.zero) * on_edges,
        "skip": mark(*space.identity) * on_edges,
        "trained": mark(*weighted) if on_edges else inputs["nodes"].clone(),
        "on_edges": torch.full((len(graphs),), float(on_edges)),
    }


class Flow(nn.Module):
    """One step along the edges: gate(operation) ⊙ (sum of the sources · weight), and a residual.

    Operations on nodes: the sources' information passes the ReLU and is summed. Operations on edges: what
    arrives at a node of the cell is summed and then passes the ReLU; as each of our nodes is an edge of the
    cell, its sources are summed first. The gate is the sigmoid of a linear map of the operation's embedding.

    Source: Ning et al., GATES, ECCV 2020 (arXiv 2004.01899), appendix, section 1.
    """

    def __init__(
        self, inputs: int, outputs: int, embedding: int, rngs: Generators, *, on_edges: bool = False
    ) -> None:
        """Build one layer for each generator: weights uniform within ±1/√outputs; no bias on edges."""
        super().__init__()
        bound = 1 / math.sqrt(outputs)
        self.on_edges = on_edges
        self.weight = nn.Parameter(per_repeat((1, inputs, outputs), rngs, bound=bound))
        self.bias = None if on_edges else nn.Parameter(per_repeat((1, 1, outputs), rngs, bound=bound))
        self.gate = Linear(embedding, outputs, rngs)

    def forward(
        self, x: Tensor, into: Tensor, ops: Tensor, keep: Tensor, masks: Inputs, relu: bool
    ) -> Tensor:
        """Return the information (r, b, v, outputs) that leaves each node.

        Args:
            x: (r, b, v, inputs) information, before the ReLU.
            into: (r or 1, b, v, v) entry (j, i) is the edges that information takes from i to j.
            ops: (r, b, v, embedding) embeddings of the operations.
            keep: (r or 1, b, v, 1) 1 at the nodes whose own information stays.
            masks: shut and skip of `flow_inputs`; skips pass all where `open_skips` is among them.
            relu: Whether information passes a ReLU first; the first layer of a stack has none.
        """
        gate = torch.sigmoid(self.gate(ops)) * (1 - masks["shut"].unsqueeze(-1))
        if "open_skips" in masks:
            gate = torch.lerp(gate, torch.ones(()), masks["skip"].unsqueeze(-1))
        if self.on_edges:
            # An input has no sources and an output, backwards, neither: their own information stands alone.
            arriving = into @ x + keep * x
            return torch.lerp(gate, torch.ones(()), keep) * (
                (F.relu(arriving) if relu else arriving) @ self.weight
            )
        support = (F.relu(x) if relu else x) @ self.weight
        passed = gate * (into @ support) + keep * support
        return passed if self.bias is None else passed + self.bias


class Start(nn.Module):
    """What flows into a network, (r, b, v, width): a learnt vector at inputs, another at all other nodes.

    Numbers of the whole network stand at its input, where no gate reads them; they are added here.
    """

    def __init__(self, inputs: Inputs, embedding: int, width: int, rngs: Generators) -> None:
        """Build one for each generator; on edges only the inputs have a vector, the others are 0."""
        super().__init__()
        self.on_edges = edge_operations(inputs)
        self.source = normal((1, 1, embedding), rngs)
        self.other = nn.Parameter(torch.zeros(len(rngs), 1, 1, embedding))
        self.numbers = (
            Linear(inputs["own"].shape[-1], embedding, rngs, bias=False) if inputs["own"].shape[-1] else None
        )
        self.hidden = Linear(embedding, width, rngs)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return the information before the first layer."""
        start = inputs["start"].unsqueeze(-1)
        x = start * self.source + (1 - start) * (self.other * (not self.on_edges))
        if self.numbers is not None:
            x = x + self.numbers(inputs["own"])
        return self.hidden(x)


class FlowStack(nn.Module):
    """Layers of Flow; information has as many features after each."""

    def __init__(
        self, inputs: int, width: int, layers: int, embedding: int, rngs: Generators, *, on_edges: bool
    ) -> None:
        """Build one stack for each generator."""
        super().__init__()
        sizes = [inputs, *[width] * layers]
        self.layers = nn.ModuleList(
            Flow(a, b, embedding, rngs, on_edges=on_edges) for a, b in pairwise(sizes)
        )

    def forward(self, x: Tensor, into: Tensor, ops: Tensor, keep: Tensor, masks: Inputs) -> Tensor:
        """Return the last layer's information, before a ReLU."""
        for i, layer in enumerate(self.layers):
            x = layer(x, into, ops, keep, masks, i > 0)
        return x


def edge_operations(inputs: Inputs) -> bool:
    """Return whether the graphs of these inputs have their operations on edges."""
    return bool(inputs["on_edges"].any())


def normal(shape: tuple[int, ...], rngs: Generators) -> nn.Parameter:
    """Return standard normal parameters (repeats, *shape), as an embedding's are initialised."""
    return nn.Parameter(normal_per_repeat(shape, rngs))


def gather_flow(x: Tensor, inputs: Inputs) -> Tensor:
    """Return (r, b, f), the embedding of a graph, of the information (r, b, v, f) after the last layer.

    On edges: what arrives at the output. On nodes: the mean over all nodes in use but the inputs.
    """
    if edge_operations(inputs):
        arriving = (inputs["end"].unsqueeze(-2) @ inputs["into"]).squeeze(-2)
        return (arriving.unsqueeze(-2) @ x).squeeze(-2)
    weights = inputs["nodes"] * (1 - inputs["start"])
    return (weights.unsqueeze(-2) @ x).squeeze(-2) / weights.sum(-1, keepdim=True).clamp_min(1)


def gather_end(x: Tensor, inputs: Inputs) -> Tensor:
    """Return (r, b, f), the information (r, b, v, f) that arrives at the output; on nodes, that leaves it."""
    if edge_operations(inputs):
        return gather_flow(x, inputs)
    return (inputs["end"].unsqueeze(-2) @ x).squeeze(-2)


class FlowRanker(TorchRanker):
    """A TorchRanker trained as GATES is: Adam at a constant learning rate, pairs of a list that are hinged.

    The published code draws at most four pairs for each architecture of a batch; here the loss is the mean
    over all pairs of the batch, which is the expectation of the published one.
    """

    loss = "hinge"
    max_steps = 10**9
    weight_decay = 0.0

    def _inputs(self, graphs: Graphs) -> Inputs:
        return flow_inputs(graphs)

    def _steps(self, n: int) -> int:
        super()._steps(n)
        return min(self.epochs * math.ceil(n / self.batch), self.max_steps)

    def _optimiser(self, net: nn.Module, steps: int, epoch: int) -> tuple[Optimizer, LRScheduler]:
        del steps, epoch
        optimiser = Adam(net.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)
        return optimiser, LambdaLR(optimiser, lambda _: 1.0)
