"""AceNAS, our version: a graph encoder pretrained on weak labels, fine-tuned to rank by a few true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from data.encode import path_statistics
from data.graphs import Graphs
from predictors.nn.encoders import make_encoder
from predictors.nn.graph import Head, Inputs, graph_inputs
from predictors.nn.layers import Generators, Standardise
from predictors.nn.pretrained import PretrainedRanker


class Acenas(PretrainedRanker):
    """A head on the encoder's embedding, path statistics and weak labels, known and predicted.

    Source: AceNAS (arXiv 2108.03001) for the idea: lists, LambdaRank, weak supervision. What differs: the
    canonical graph, convolutions in both directions, path statistics, a loss that is mostly RankNet and
    partly LambdaRank, the weak labels as further inputs, and a lower learning rate of the pretrained encoder.
    """

    quick: ClassVar[Mapping[str, Any]] = {"epochs": 20}

    def __init__(
        self,
        *,
        encoder: str = "gcn",
        loss: str = "ranknet+0.1*lambdarank",
        width: int = 48,
        layers: int = 2,
        head_width: int = 96,
        head_layers: int = 2,
        dropout: float = 0.4,
        batch: int = 10,
        epochs: int = 60,
        max_steps: int = 2000,
        lr: float = 3e-3,
        weight_decay: float = 0.1,
        weak_inputs: bool = True,
        pretrain_size: int = 0,
        pretrain_epochs: int = 40,
        pretrain_steps: int = 1600,
        pretrain_batch: int = 128,
        pretrain_lr: float = 3e-3,
        encoder_lr: float = 0.1,
        freeze: float = 0.0,
        start: str = "weak",
    ) -> None:
        """Store the hyper-parameters; the others are described in PretrainedRanker and TorchRanker.

        Hyper-parameters:
            encoder: A name of predictors.nn.encoders.
            width: Features of a node in the encoder.
            layers: Layers of the encoder.
            weak_inputs: Whether the head sees the weak labels, known and predicted, next to the embedding.
        """
        self.encoder = encoder
        self.loss = loss
        self.width = width
        self.layers = layers
        self.head_width = head_width
        self.head_layers = head_layers
        self.dropout = dropout
        self.batch = batch
        self.epochs = epochs
        self.max_steps = max_steps
        self.lr = lr
        self.weight_decay = weight_decay
        self.weak_inputs = weak_inputs
        self.pretrain_size = pretrain_size
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_steps = pretrain_steps
        self.pretrain_batch = pretrain_batch
        self.pretrain_lr = pretrain_lr
        self.encoder_lr = encoder_lr
        self.freeze = freeze
        self.start = start

    def _graph_inputs(self, graphs: Graphs) -> Inputs:
        return graph_inputs(graphs)

    def _inputs(self, graphs: Graphs) -> Inputs:
        inputs = self._graph_inputs(graphs)
        features = [path_statistics(graphs)]
        if self.weak_inputs and hasattr(self, "weak_"):
            features.append(self.weak_features(graphs, inputs))
        return with_features(inputs, features)

    def _encoder(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return make_encoder(self.encoder, inputs, self.width, self.layers, self.dropout, rngs)

    def _scorer(self, encoder: nn.Module, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Scorer(encoder, self, inputs["features"], rngs)


def with_features(inputs: Inputs, features: Sequence[np.ndarray]) -> Inputs:
    """Return the inputs of the network: those of the encoder, and the head's features (n, columns) each."""
    joined = np.concatenate(features, axis=1, dtype=np.float32, casting="same_kind")
    return {**inputs, "features": torch.from_numpy(joined)}


class _Scorer(nn.Module):
    def __init__(self, encoder: nn.Module, params: Acenas, features: Tensor, rngs: Generators) -> None:
        super().__init__()
        self.encoder = encoder
        self.standardise = Standardise(features)
        width = int(encoder.width) + features.shape[-1]  # pyright: ignore[reportArgumentType]
        self.head = Head(width, params.head_width, params.dropout, rngs, layers=params.head_layers)

    def forward(self, inputs: Inputs) -> Tensor:
        features = self.standardise(inputs["features"])
        return self.head(torch.cat([self.encoder(inputs), features], dim=-1))
