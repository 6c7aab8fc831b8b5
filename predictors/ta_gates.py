"""TA-GATES: information flows forwards and backwards in turn, as in training, and operations change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from predictors.nn.flow import FlowRanker, FlowStack, Start, edge_operations, gather_end, gather_flow, normal
from predictors.nn.graph import Head, Inputs
from predictors.nn.layers import Generators
from predictors.nn.op_updates import Backwards, OpUpdate


class TaGates(FlowRanker):
    """GATES, time step by time step: forward flow, backward flow, an update of each operation's embedding.

    What arrives at the output is turned into what flows back from it; an operation's embedding moves by a
    tenth of a function of itself and of the information at it in either direction, no gradient passing
    through the first two. On edges only operations with weights move (neither pooling nor skips nor none),
    and skips pass everything. The embedding of the last forward flow is scored.

    Equal operations differ from the start, as weights drawn at random do: the published configuration
    appends seven zero-cost values of each operation's own weights, which no table has. Here each place of the
    graph has a fixed random vector of deviation `noise`, that code's other choice, drawn once and not at each
    pass, so that a score is a function of the architecture.

    Source: Ning et al., TA-GATES, NeurIPS 2022; the settings are those of the published code for
    NAS-Bench-201; NAS-Bench-101's are `layers=5,steps=3,head_width=200,head_layers=1`.
    """

    canonical: ClassVar[bool] = False

    costly: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {
        "epochs": 4, "width": 16, "steps": 2, "head_width": 16, "head_layers": 1
    }  # fmt: skip

    def __init__(
        self,
        *,
        steps: int = 4,
        embedding: int = 48,
        hidden: int = 96,
        width: int = 128,
        layers: int = 3,
        scale: float = 0.1,
        noise: float = 0.1,
        head_width: int = 300,
        head_layers: int = 5,
        dropout: float = 0.1,
        batch: int = 512,
        epochs: int = 200,
        lr: float = 1e-3,
    ) -> None:
        """Store the hyper-parameters; the others are described in TorchRanker.

        Hyper-parameters:
            steps: Forward flows; 1 is GATES.
            embedding: Features of an operation's and of a node's embedding.
            hidden: Features of the information before the first layer.
            width: Features of the information after each layer, forwards and backwards.
            layers: Layers of gated flow, in each direction.
            scale: Share of the update by which an operation's embedding moves.
            noise: Deviation of what tells equal operations at different places apart; 0 for nothing.
            head_width: Units of the head's hidden layers.
            head_layers: Hidden layers of the head.
            dropout: Rate of dropout in the head.
        """
        self.steps = steps
        self.embedding = embedding
        self.hidden = hidden
        self.width = width
        self.layers = layers
        self.scale = scale
        self.noise = noise
        self.head_width = head_width
        self.head_layers = head_layers
        self.dropout = dropout
        self.batch = batch
        self.epochs = epochs
        self.lr = lr

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Network(inputs, self, rngs)


class _Network(nn.Module):
    places: Tensor

    def __init__(self, inputs: Inputs, params: TaGates, rngs: Generators) -> None:
        super().__init__()
        self.on_edges = edge_operations(inputs)
        self.steps = params.steps
        self.ops = normal((1, inputs["ops"].shape[-1], params.embedding), rngs)
        places = normal((1, inputs["ops"].shape[-2], params.embedding), rngs)
        self.register_buffer("places", params.noise * places.detach())
        self.start = Start(inputs, params.embedding, params.hidden, rngs)

        def stack(width: int) -> FlowStack:
            return FlowStack(
                width, params.width, params.layers, params.embedding, rngs, on_edges=self.on_edges
            )

        self.flow = stack(params.hidden)
        self.backwards = Backwards(stack(params.width), params.width, rngs)
        self.update = OpUpdate(params.width, params.embedding, params.scale, rngs)
        self.head = Head(params.width, params.head_width, params.dropout, rngs, layers=params.head_layers)

    def forward(self, inputs: Inputs) -> Tensor:
        masks = {name: inputs[name] for name in ("shut", "skip")}
        into = inputs["into"]
        if self.on_edges:
            masks["open_skips"] = masks["skip"]
        else:
            into = into + inputs["nodes"].diag_embed()
        ops = inputs["ops"] @ self.ops + self.places
        start = self.start(inputs)
        x = self.flow(start, into, ops, inputs["start"].unsqueeze(-1), masks)
        for _ in range(self.steps - 1):
            back = self.backwards(gather_end(x, inputs), inputs, into, ops, masks)
            ops = self.update(ops, x, back, inputs["trained"])
            x = self.flow(start, into, ops, inputs["start"].unsqueeze(-1), masks)
        return self.head(gather_flow(x, inputs))
