"""AceNAS as published: sort-pooled graph convolutions, weak pretraining, LambdaRank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from data.errors import InputError
from data.graphs import Graphs
from data.names import check_name
from predictors.nn.device import move, move_inputs, permutations
from predictors.nn.graph import Head, Inputs
from predictors.nn.layers import Generators, generators
from predictors.nn.lean import Adam
from predictors.nn.paper import Lists, PaperRanker, SortPooledGcn, symmetric_inputs
from predictors.nn.pretrained import PretrainedRanker, WeakHeads, WeakRegression
from predictors.nn.training import Objective, epoch_cosine, epoch_steps, minimise


class AcenasPaper(PaperRanker, PretrainedRanker):
    """SortPooledGcn and a head, pretrained on weak labels, then fine-tuned as a whole by LambdaRank.

    Source: AceNAS (arXiv 2108.03001) and its published code: every hyper-parameter is theirs, and the
    architecture is encoded as it is written, so that twins score differently. LambdaRank's discount depends
    on the predicted rank, as in the paper; `rank_by="label"` follows the code.

    Without pretraining many repeats collapse to a constant: the first gradients are small, and weight decay,
    which is a term of Adam's gradient, outweighs them. That is the method as published.
    """

    canonical: ClassVar[bool] = False
    costly: ClassVar[bool] = True
    head_layers = 1

    quick: ClassVar[Mapping[str, Any]] = {"epochs": 30}

    def __init__(
        self,
        *,
        loss: str = "lambdarank",
        rank_by: str = "score",
        width: int = 64,
        layers: int = 4,
        head_width: int = 128,
        dropout: float = 0.5,
        batch: int = 20,
        epochs: int = 300,
        patience: int = 50,
        lr: float = 5e-3,
        weight_decay: float = 5e-4,
        pretrain_size: int = 4000,
        pretrain_epochs: int = 300,
        pretrain_batch: int = 20,
        pretrain_lr: float = 1e-3,
        start: str = "weak",
    ) -> None:
        """Store the hyper-parameters; the others are described in PaperRanker and PretrainedRanker.

        Hyper-parameters:
            rank_by: Which rank discounts an item in LambdaRank: "score" or "label", see
                predictors.nn.losses.lambdarank.
            width: Features of a node.
            layers: Graph convolutions.
            head_width: Features of the embedding, and units of the head's hidden layer.
            dropout: Rate of dropout in the head.
        """
        self.loss = loss
        self.rank_by = rank_by
        self.width = width
        self.layers = layers
        self.head_width = head_width
        self.dropout = dropout
        self.batch = batch
        self.epochs = epochs
        self.patience = patience
        self.lr = lr
        self.weight_decay = weight_decay
        self.pretrain_size = pretrain_size
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_batch = pretrain_batch
        self.pretrain_lr = pretrain_lr
        self.start = start

    def _graph_inputs(self, graphs: Graphs) -> Inputs:
        return symmetric_inputs(graphs)

    def _inputs(self, graphs: Graphs) -> Inputs:
        return self._graph_inputs(graphs)

    def _encoder(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return SortPooledGcn(inputs["ops"].shape[-1], self.width, self.layers, self.head_width, rngs)

    def _scorer(self, encoder: nn.Module, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Scorer(encoder, self._head(rngs))

    def _head(self, rngs: Generators) -> Head:
        return Head(self.head_width, self.head_width, self.dropout, rngs)

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        check_name("start", self.start, ("new", "weak"))
        return super()._network(inputs, rngs)

    def _objective(self, net: nn.Module, inputs: Inputs, y: Tensor) -> Objective:
        check_name("rank_by", self.rank_by, ("score", "label"))
        loss = self.loss
        if self.rank_by == "label":
            terms = [term.rpartition("*") for term in loss.split("+")]
            if not any(name == "lambdarank" for *_, name in terms):
                raise InputError(
                    f"predictor '{self.name}': rank_by='label' applies to lambdarank, not to '{loss}'"
                )
            loss = "+".join(
                weight + star + (f"{name}_by_label" if name == "lambdarank" else name)
                for weight, star, name in terms
            )
        return Lists(net, inputs, y, loss)

    def _normalise(self, values: np.ndarray) -> np.ndarray:
        return (values - np.nanmean(values)) / (np.nanstd(values) or 1.0)

    def _pretrain(self, inputs: Inputs, targets: Tensor, seed: int) -> WeakHeads:
        """Train on four fifths of the networks: the published code only reports the error on the rest.

        The heads are batched along the axis of repeats: a step consists of many small operations, so that
        further heads cost next to nothing.
        """
        rngs = generators([seed])
        chosen = permutations(len(targets), rngs)[0, : max(1, len(targets) * 4 // 5)]
        inputs, targets = {name: x[chosen] for name, x in inputs.items()}, targets[chosen]
        n, labels = targets.shape
        with self._computing():
            inputs, targets = move_inputs(inputs), move(targets)
            net = self._new_weak_net(inputs, labels, rngs).train()
            head = self._head(rngs * labels)
            moving = [*net.encoder.parameters(), *head.parameters()]
            optimiser = Adam(moving, lr=self.pretrain_lr, fused=True)
            epoch = epoch_steps(n, self.pretrain_batch)
            steps = self.pretrain_epochs * epoch
            schedule = LambdaLR(optimiser, lambda step: epoch_cosine(step, steps, epoch))
            objective = _SideBySide(net.encoder, head, inputs, targets)
            minimise(objective, optimiser, schedule, rngs, steps=steps, batch=self.pretrain_batch)
            _copy_heads(head, net.heads)
        return net


class _SideBySide(WeakRegression):
    """WeakRegression with the heads as repeats of one batched head."""

    def __init__(self, encoder: nn.Module, head: nn.Module, inputs: Inputs, targets: Tensor) -> None:
        super().__init__(lambda x: head(encoder(x)), inputs, targets)

    def loss(self, rows: Tensor) -> Tensor:
        predicted = self.net({name: x[rows] for name, x in self.inputs.items()})
        error = (predicted - self.targets[rows[0]].T) * self.known[rows[0]].T
        return error.square().mean(-1)


class _Scorer(nn.Module):
    def __init__(self, encoder: nn.Module, head: Head) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, inputs: Inputs) -> Tensor:
        return self.head(self.encoder(inputs))


def _copy_heads(batched: nn.Module, heads: nn.ModuleList) -> None:
    """Copy the parameters (heads, ...) that were learned side by side to the heads."""
    with torch.no_grad():
        for i, head in enumerate(heads):
            for own, parameter in zip(head.parameters(), batched.parameters(), strict=True):
                own.copy_(parameter[i : i + 1])
