"""GATES: information flows through the cell, and operations gate it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from predictors.nn.flow import FlowRanker, FlowStack, Start, edge_operations, gather_flow, normal
from predictors.nn.graph import Head, Inputs
from predictors.nn.layers import Generators


class Gates(FlowRanker):
    """Layers of gated flow from the input on, then a head on what arrives; pairs with a hinge of margin 0.1.

    Cells are encoded as they are written, twins apart. On NAS-Bench-201 and TransNAS's micro cells,
    information flows from cell node to cell node through the operations on the edges (none passes nothing),
    starts at the input alone, and the embedding is what arrives at the output. Elsewhere operations are on
    nodes, every node keeps its own information, and the embedding is the mean over nodes.

    Source: Ning et al., ECCV 2020 (arXiv 2004.01899); the settings are those of the published code for
    NAS-Bench-201; NAS-Bench-101's are `layers=4,head_width=200,head_layers=1`.
    """

    canonical: ClassVar[bool] = False

    costly: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"epochs": 5, "width": 16, "head_width": 16, "head_layers": 1}

    def __init__(
        self,
        *,
        embedding: int = 48,
        hidden: int = 96,
        width: int = 128,
        layers: int = 5,
        head_width: int = 300,
        head_layers: int = 5,
        dropout: float = 0.1,
        batch: int = 512,
        epochs: int = 200,
        lr: float = 1e-3,
    ) -> None:
        """Store the hyper-parameters; the others are described in TorchRanker.

        Hyper-parameters:
            embedding: Features of an operation's and of a node's embedding.
            hidden: Features of the information before the first layer.
            width: Features of the information after each layer.
            layers: Layers of gated flow.
            head_width: Units of the head's hidden layers.
            head_layers: Hidden layers of the head.
            dropout: Rate of dropout in the head.
        """
        self.embedding = embedding
        self.hidden = hidden
        self.width = width
        self.layers = layers
        self.head_width = head_width
        self.head_layers = head_layers
        self.dropout = dropout
        self.batch = batch
        self.epochs = epochs
        self.lr = lr

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Network(inputs, self, rngs)


class _Network(nn.Module):
    def __init__(self, inputs: Inputs, params: Gates, rngs: Generators) -> None:
        super().__init__()
        self.on_edges = edge_operations(inputs)
        self.ops = normal((1, inputs["ops"].shape[-1], params.embedding), rngs)
        self.start = Start(inputs, params.embedding, params.hidden, rngs)
        self.flow = FlowStack(
            params.hidden, params.width, params.layers, params.embedding, rngs, on_edges=self.on_edges
        )
        self.head = Head(params.width, params.head_width, params.dropout, rngs, layers=params.head_layers)

    def forward(self, inputs: Inputs) -> Tensor:
        keep = (inputs["start"] if self.on_edges else inputs["nodes"]).unsqueeze(-1)
        ops = inputs["ops"] @ self.ops
        x = self.flow(self.start(inputs), inputs["into"], ops, keep, inputs)
        return self.head(gather_flow(x, inputs))
