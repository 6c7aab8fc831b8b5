"""FLAN: gated flow and graph attention side by side, in both directions, with zero-cost proxies if wanted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from data.graphs import Graphs
from predictors.nn.flow import Flow, FlowRanker, Start, gather_end, gather_flow, normal
from predictors.nn.graph import Head, Inputs
from predictors.nn.layers import Dropout, Generators, LayerNorm, Linear, Standardise
from predictors.nn.lean import AdamW
from predictors.nn.op_updates import Backwards, OpUpdate
from predictors.nn.training import epoch_cosine


class Flan(FlowRanker):
    """Layers that average a gated flow and a gated attention; operations are updated once, as TA-GATES does.

    The graph has its operations on nodes in every space, also on NAS-Bench-201. The embedding is the mean
    over nodes without the inputs. Named weak labels (zero-cost proxies) are further inputs of the head,
    through layers of their own; where one is unknown, it counts as the mean of the training architectures.

    Source: Akhauri & Abdelfattah, ICML 2024 (arXiv 2403.02484), settings of the published code. Learnt
    encodings of Arch2Vec and CATE, its other supplements, and transfer between spaces are not here.
    """

    canonical: ClassVar[bool] = False

    costly: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {
        "epochs": 3, "width": 16, "layers": 2, "head_width": 16, "batch": 16
    }  # fmt: skip

    def __init__(
        self,
        *,
        proxies: str = "none",
        steps: int = 2,
        embedding: int = 48,
        hidden: int = 96,
        width: int = 128,
        layers: int = 5,
        scale: float = 0.1,
        head_width: int = 200,
        head_layers: int = 3,
        dropout: float = 0.1,
        batch: int = 8,
        epochs: int = 150,
        lr: float = 1e-3,
        weight_decay: float = 1e-5,
    ) -> None:
        """Store the hyper-parameters; the others are described in TorchRanker.

        Hyper-parameters:
            proxies: Weak labels that the head sees, joined by "+", e.g. "flops+params"; "none" for none.
            steps: Forward flows; 1 for no update of the operations.
            embedding: Features of an operation's, of a node's and of the proxies' embedding.
            hidden: Features of the information before the first layer.
            width: Features of the information after each layer, forwards and backwards.
            layers: Layers in each direction.
            scale: Share of the update by which an operation's embedding moves.
            head_width: Units of the head's hidden layers.
            head_layers: Hidden layers of the head.
            dropout: Rate of dropout in the head and in the proxies' layers.
        """
        self.proxies = proxies
        self.steps = steps
        self.embedding = embedding
        self.hidden = hidden
        self.width = width
        self.layers = layers
        self.scale = scale
        self.head_width = head_width
        self.head_layers = head_layers
        self.dropout = dropout
        self.batch = batch
        self.epochs = epochs
        self.lr = lr
        self.weight_decay = weight_decay

    def lacks(self, weak: Collection[str]) -> tuple[str, ...]:
        """Return the named proxies that are not among `weak`."""
        return tuple(name for name in self._proxies() if name not in weak)

    def _proxies(self) -> list[str]:
        return [] if self.proxies == "none" else self.proxies.split("+")

    def _inputs(self, graphs: Graphs) -> Inputs:
        inputs = super()._inputs(graphs)
        inputs["shut"] = inputs["skip"] = torch.zeros_like(inputs["nodes"])
        inputs["on_edges"] = torch.zeros_like(inputs["on_edges"])
        names = self._proxies()
        values = np.stack([graphs.weak[name] for name in names], 1) if names else np.empty((len(graphs), 0))
        return {**inputs, "proxies": torch.from_numpy(values.astype(np.float32))}

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Network(inputs, self, rngs)

    def _optimiser(self, net: nn.Module, steps: int, epoch: int) -> tuple[Optimizer, LRScheduler]:
        optimiser = AdamW(net.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)
        return optimiser, LambdaLR(optimiser, lambda step: max(epoch_cosine(step, steps, epoch), 1e-3))


class _Network(nn.Module):
    def __init__(self, inputs: Inputs, params: Flan, rngs: Generators) -> None:
        super().__init__()
        width, embedding = params.width, params.embedding
        self.steps = params.steps
        self.ops = normal((1, inputs["ops"].shape[-1], embedding), rngs)
        self.start = Start(inputs, embedding, params.hidden, rngs)
        self.flow = _Stack([params.hidden, *[width] * params.layers], embedding, rngs)
        self.backwards = Backwards(_Stack([width] * (params.layers + 1), embedding, rngs), width, rngs)
        self.update = OpUpdate(width, embedding, params.scale, rngs)
        known = inputs["proxies"].shape[-1] > 0
        self.proxies = _Proxies(inputs["proxies"], params, rngs) if known else None
        size = width + embedding * known
        self.head = Head(size, params.head_width, params.dropout, rngs, layers=params.head_layers)

    def forward(self, inputs: Inputs) -> Tensor:
        into, ops, start = inputs["into"], inputs["ops"] @ self.ops, self.start(inputs)
        used = inputs["nodes"].unsqueeze(-1)
        x = self.flow(start, into, ops, used, inputs)
        for _ in range(self.steps - 1):
            back = self.backwards(gather_end(x, inputs), inputs, into, ops, inputs)
            ops = self.update(ops, x, back, inputs["nodes"])
            x = self.flow(start, into, ops, used, inputs)
        x = gather_flow(x, inputs)
        if self.proxies is not None:
            x = torch.cat([x, self.proxies(inputs["proxies"])], dim=-1)
        return self.head(x)


class _Stack(nn.Module):
    """Layers that average a gated flow, every node of which keeps its own information, and an attention."""

    def __init__(self, sizes: list[int], embedding: int, rngs: Generators) -> None:
        super().__init__()
        self.flows = nn.ModuleList(Flow(a, b, embedding, rngs) for a, b in pairwise(sizes))
        self.attentions = nn.ModuleList(Attention(a, b, embedding, rngs) for a, b in pairwise(sizes))

    def forward(self, x: Tensor, into: Tensor, ops: Tensor, keep: Tensor, masks: Inputs) -> Tensor:
        del keep
        all_stay = masks["nodes"].unsqueeze(-1)
        for i, (flow, attention) in enumerate(zip(self.flows, self.attentions, strict=True)):
            x = F.relu(x) if i else x
            x = (flow(x, into, ops, all_stay, masks, False) + attention(x, into, ops, masks["nodes"])) / 2
        return x


class Attention(nn.Module):
    """Graph attention gated by the operation, layer-normalised: (r, b, v, inputs) to (r, b, v, outputs).

    How much node j attends to node i is the leaky ReLU of a weighted product of their features, times the
    edges i → j; a softmax over all nodes in use follows. As published, no edge counts as a 0 and is not left
    out. Source: Akhauri & Abdelfattah, ICML 2024, for attention Veličković et al., ICLR 2018.
    """

    def __init__(self, inputs: int, outputs: int, embedding: int, rngs: Generators) -> None:
        """Build one layer for each generator."""
        super().__init__()
        self.gate = Linear(embedding, outputs, rngs)
        self.values = Linear(inputs, outputs, rngs, bias=False)
        self.weigh = Linear(outputs, 1, rngs, bias=False)
        self.norm = LayerNorm(outputs, len(rngs))

    def forward(self, x: Tensor, into: Tensor, ops: Tensor, nodes: Tensor) -> Tensor:
        """Return the features of nodes (r or 1, b, v) 1 if in use; the others get what nothing counts on."""
        values = self.values(x)
        weighted = values * self.weigh.weight.transpose(-1, -2).unsqueeze(-2)
        strength = F.leaky_relu(weighted @ values.transpose(-1, -2)) * into
        unused = (nodes == 0).unsqueeze(-2)
        attention = strength.masked_fill(unused, -torch.inf).softmax(-1)
        return self.norm(torch.sigmoid(self.gate(ops)) * (attention @ values))


class _Proxies(nn.Module):
    """Weak labels (r or 1, b, k), NaN where unknown, to an embedding: two hidden layers with dropout."""

    def __init__(self, proxies: Tensor, params: Flan, rngs: Generators) -> None:
        super().__init__()
        known = proxies.isfinite()
        mean = proxies.where(known, torch.zeros(())).sum(1, keepdim=True) / known.sum(
            1, keepdim=True
        ).clamp_min(1)
        self.standardise = Standardise(torch.where(known, proxies, mean))
        self.first = Linear(proxies.shape[-1], 128, rngs)
        self.second = Linear(128, 128, rngs)
        self.out = Linear(128, params.embedding, rngs)
        self.dropout = Dropout(params.dropout, rngs)

    def forward(self, proxies: Tensor) -> Tensor:
        x = self.standardise(proxies)
        x = torch.where(x.isfinite(), x, 0.0)
        x = self.dropout(F.relu(self.first(x)))
        return self.out(self.dropout(F.relu(self.second(x))))
