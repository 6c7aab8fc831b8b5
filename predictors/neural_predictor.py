"""Neural predictor: graph convolutions in both directions, a regression of the accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.graphs import Graphs
from predictors.nn.graph import Head, Inputs, graph_inputs
from predictors.nn.layers import Dropout, Generators
from predictors.nn.paper import Glorot, PaperRanker, mean_pool


class NeuralPredictor(PaperRanker):
    """Three bidirectional graph convolutions, the mean of the nodes, and a head of one hidden layer.

    A layer is the mean of two: ReLU of the nodes averaged over their destinations (and themselves), and over
    their sources, each after a linear map without bias. `loss="ranknet"` makes it a RankNet.

    Source: Wen et al., Neural Predictor for Neural Architecture Search, ECCV 2020 (arXiv 1912.00848): the
    one-stage regressor, with learning rate and batch as AceNAS's comparison has them; dropout of 0.1 after
    each layer and in the head as in the reimplementation by AceNAS's authors. Their comparison uses a
    different network under this name: four layers of GraphConv, along the edges only.
    """

    canonical: ClassVar[bool] = False
    costly: ClassVar[bool] = True

    quick: ClassVar[Mapping[str, Any]] = {"epochs": 20}

    def __init__(
        self,
        *,
        loss: str = "mse",
        width: int = 144,
        layers: int = 3,
        head_width: int = 128,
        dropout: float = 0.1,
        batch: int = 10,
        epochs: int = 300,
        patience: int = 0,
        lr: float = 2e-4,
        weight_decay: float = 1e-3,
    ) -> None:
        """Store the hyper-parameters; the others are described in PaperRanker and TorchRanker.

        Hyper-parameters:
            width: Features of a node.
            layers: Bidirectional graph convolutions.
            head_width: Units of the head's hidden layer.
            dropout: Rate of dropout after each layer and in the head.
        """
        self.loss = loss
        self.width = width
        self.layers = layers
        self.head_width = head_width
        self.dropout = dropout
        self.batch = batch
        self.epochs = epochs
        self.patience = patience
        self.lr = lr
        self.weight_decay = weight_decay

    def _inputs(self, graphs: Graphs) -> Inputs:
        inputs = graph_inputs(graphs)
        looped = inputs.pop("edges") + torch.diag_embed(inputs["nodes"])
        ways = torch.stack([looped, looped.transpose(-1, -2)], dim=1)
        return {**inputs, "ways": ways / ways.sum(-1, keepdim=True).clamp_min(1)}

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Network(inputs["ops"].shape[-1], self, rngs)


class _Network(nn.Module):
    def __init__(self, inputs: int, params: NeuralPredictor, rngs: Generators) -> None:
        super().__init__()
        sizes = [inputs, *[params.width] * params.layers]
        self.layers = nn.ModuleList(
            nn.ModuleList(Glorot(a, b, rngs) for _ in range(2)) for a, b in pairwise(sizes)
        )
        self.dropout = Dropout(params.dropout, rngs)
        self.head = Head(params.width, params.head_width, params.dropout, rngs)

    def forward(self, inputs: Inputs) -> Tensor:
        ahead, back = inputs["ways"].unbind(-3)
        hidden = inputs["ops"]
        for layer in self.layers:
            there, and_back = layer  # pyright: ignore[reportGeneralTypeIssues]
            both = F.relu(ahead @ there(hidden)) + F.relu(back @ and_back(hidden))
            hidden = self.dropout(both / 2)
        return self.head(mean_pool(hidden, inputs["nodes"]))
