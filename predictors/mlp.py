"""Multi-layer perceptron on path statistics of the graph, trained by a ranking loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from data.graphs import Graphs
from predictors.nn.graph import Head, Inputs, feature_inputs
from predictors.nn.layers import Generators, Standardise
from predictors.nn.ranker import TorchRanker


class Mlp(TorchRanker):
    """Fully connected layers over standardised features."""

    quick: ClassVar[Mapping[str, Any]] = {"epochs": 40}

    def __init__(
        self,
        *,
        loss: str = "ranknet",
        width: int = 128,
        layers: int = 2,
        dropout: float = 0.1,
        batch: int = 20,
        epochs: int = 120,
        max_steps: int = 2000,
        lr: float = 3e-3,
        weight_decay: float = 0.01,
    ) -> None:
        """Store the hyper-parameters; the others are described in TorchRanker.

        Hyper-parameters:
            width: Units of a hidden layer.
            layers: Hidden layers.
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
        return feature_inputs(graphs)

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Layers(inputs["features"], self, rngs)


class _Layers(nn.Module):
    def __init__(self, features: Tensor, params: Mlp, rngs: Generators) -> None:
        super().__init__()
        self.standardise = Standardise(features)
        self.head = Head(features.shape[-1], params.width, params.dropout, rngs, layers=params.layers)

    def forward(self, inputs: Inputs) -> Tensor:
        return self.head(self.standardise(inputs["features"]))
