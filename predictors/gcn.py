"""Graph convolutional network in both directions, trained by LambdaRank (or any other loss)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from data.graphs import Graphs
from predictors.nn.graph import GraphEncoder, Head, Inputs, feature_inputs, graph_inputs
from predictors.nn.layers import Generators, Standardise
from predictors.nn.ranker import TorchRanker


class Gcn(TorchRanker):
    """A head on GraphEncoder's embedding and the path statistics; trained on the labels alone."""

    quick: ClassVar[Mapping[str, Any]] = {"epochs": 30}

    def __init__(
        self,
        *,
        loss: str = "lambdarank",
        width: int = 48,
        layers: int = 2,
        dropout: float = 0.25,
        batch: int = 20,
        epochs: int = 60,
        max_steps: int = 2000,
        lr: float = 3e-3,
        weight_decay: float = 0.01,
    ) -> None:
        """Store the hyper-parameters; the others are described in TorchRanker.

        Hyper-parameters:
            width: Features of a node, and units of the head's hidden layer.
            layers: Rounds of message passing in GraphEncoder.
        """
        self.loss = loss
        self.width = width
        self.layers = layers
        self.dropout = dropout
        self.batch = batch
        self.epochs = epochs
        self.max_steps = max_steps
        self.lr = lr
        self.weight_decay = weight_decay

    def _inputs(self, graphs: Graphs) -> Inputs:
        return graph_inputs(graphs) | feature_inputs(graphs)

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Scorer(inputs, self, rngs)


class _Scorer(nn.Module):
    def __init__(self, inputs: Inputs, params: Gcn, rngs: Generators) -> None:
        super().__init__()
        ops, features = inputs["ops"], inputs["features"]
        self.encoder = GraphEncoder(ops.shape[-1], params.width, params.layers, params.dropout, rngs)
        self.standardise = Standardise(features)
        self.head = Head(self.encoder.width + features.shape[-1], params.width, params.dropout, rngs)

    def forward(self, inputs: Inputs) -> Tensor:
        features = self.standardise(inputs["features"])
        return self.head(torch.cat([self.encoder(inputs), features], dim=-1))
