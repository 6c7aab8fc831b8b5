"""PretrainedRanker: an encoder that learns from many weak labels before it ranks by a few true ones."""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from data.errors import InputError
from data.graphs import Graphs
from predictors.knows_weak import KnowsWeakLabels
from predictors.nn.device import move, move_inputs
from predictors.nn.encoder_file import read_encoder, write_encoder
from predictors.nn.graph import Head, Inputs
from predictors.nn.layers import Generators, generators
from predictors.nn.lean import AdamW
from predictors.nn.ranker import TorchRanker, apply
from predictors.nn.training import epoch_steps, minimise, warm_cosine
from predictors.weak_knowledge import (
    WeakKnowledge,
    check_known,
    check_weak_labels,
    mean_by_network,
    rank_normal,
)


class WeakHeads(nn.Module):
    """An encoder with a head for each weak label: inputs to (r, b, labels)."""

    def __init__(self, encoder: nn.Module, heads: Sequence[nn.Module]) -> None:
        """Put heads on an encoder."""
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(heads)

    def forward(self, inputs: Inputs) -> Tensor:
        """Predict every weak label."""
        embedding = self.encoder(inputs)
        return torch.stack([head(embedding) for head in self.heads], dim=-1)


class WeakRegression:
    """The objective of pretraining: the squared error of each weak label where it is known."""

    def __init__(self, net: Callable[[Inputs], Tensor], inputs: Inputs, targets: Tensor) -> None:
        """Take a network, inputs (n, ...) and targets (n, labels), NaN where unknown."""
        self.net, self.inputs = net, inputs
        self.known = torch.isfinite(targets)
        self.targets = torch.where(self.known, targets, 0.0)
        self.size = len(targets)

    def loss(self, rows: Tensor) -> Tensor:
        """Return the loss (labels,) of a batch (1, b)."""
        error = self.net({name: x[rows] for name, x in self.inputs.items()}) - self.targets[rows]
        return (error.square() * self.known[rows]).mean((0, 1))

    def quality(self) -> Tensor:
        """Pretraining does not stop early."""
        raise NotImplementedError("pretraining does not stop early")


_SHAPE = ("encoder", "width", "layers", "head_width", "head_layers")


class PretrainedRanker(TorchRanker, KnowsWeakLabels):
    """A TorchRanker whose network is an encoder and a head, the encoder pretrained on weak labels.

    Source: AceNAS (arXiv 2108.03001), section 3.3. A subclass gives `_encoder` and `_scorer`.

    Attributes:
        pretrain_size: Networks to pretrain on, drawn at random; 0 for all.
        pretrain_epochs: Passes over these networks, up to `pretrain_steps` steps in total.
        pretrain_steps: Largest number of optimiser steps of the pretraining; 0 for no limit.
        pretrain_batch: Networks in a batch of the pretraining.
        pretrain_lr: Peak learning rate of the pretraining.
        encoder_lr: Learning rate of the pretrained encoder, as a share of the head's.
        freeze: Share of the fine-tuning during which a pretrained encoder is frozen.
        start: Initial ranking head: "new" for random weights, "weak" for the head of the first weak label.
        head_width: Units of a head's hidden layer.
        head_layers: Hidden layers of each head.
    """

    pretrain_size: int
    pretrain_epochs: int
    pretrain_steps: int = 0
    pretrain_batch: int
    pretrain_lr: float
    encoder_lr: float
    freeze: float
    start: str
    head_width: int
    head_layers: int

    @abstractmethod
    def _encoder(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        """Return an untrained encoder for each generator: inputs to embeddings (r, b, width)."""

    @abstractmethod
    def _scorer(self, encoder: nn.Module, inputs: Inputs, rngs: Generators) -> nn.Module:
        """Return the whole ranking network, with its parts named `encoder` and `head`."""

    @abstractmethod
    def _graph_inputs(self, graphs: Graphs) -> Inputs:
        """Return what the encoder sees of n graphs (n, ...)."""

    def pretrain(self, graphs: Graphs, weak_labels: Mapping[str, np.ndarray], *, seed: int = 0) -> Self:
        """Train the encoder and a head for each weak label; see Pretrains.pretrain."""
        start = time.perf_counter()
        names, values = check_weak_labels(self.name, graphs, weak_labels)
        if self.canonical:
            rows, network = graphs.unique()
            graphs, values = graphs.take(rows).effective(), mean_by_network(values, network, len(rows))
        if self.pretrain_size and self.pretrain_size < len(graphs):
            chosen = np.random.default_rng(seed).permutation(len(graphs))[: self.pretrain_size]
            graphs, values = graphs.take(chosen), values[chosen]
            check_known(names, values)
        with self._naming_errors("pretrain"):
            targets = np.stack([self._normalise(column) for column in values.T], axis=1)
            net = self._pretrain(
                self._graph_inputs(graphs), torch.from_numpy(targets.astype(np.float32)), seed
            )
        state = {name: tensor.detach().cpu().clone() for name, tensor in net.state_dict().items()}
        self.weak_ = WeakKnowledge.of(graphs, names, targets, state)
        self.pretrain_seconds_ = time.perf_counter() - start
        return self

    def weak_features(self, graphs: Graphs, inputs: Inputs) -> np.ndarray:
        """Return (n, 2 · labels): weak labels as known, and as the pretrained network predicts them.

        Unknown weak labels are replaced by their predictions, which are less noisy than the labels: they
        share what the networks have in common.
        """
        predicted = apply(self._weak_net(inputs), inputs)[0].double().numpy()
        values = self.weak_.look_up(graphs)
        return np.concatenate([np.where(np.isnan(values), predicted, values), predicted], axis=1)

    def save_encoder(self, path: Path, *, cost: bool = True) -> None:
        """Save the result of `pretrain`; see Pretrains.save_encoder."""
        if not hasattr(self, "weak_"):
            raise InputError(f"predictor '{self.name}' was not pretrained: there is no encoder to save")
        seconds = self.pretrain_seconds_ if cost else None
        write_encoder(path, self.weak_, self.name, self._shape(), seconds)

    def load_encoder(self, path: Path) -> Self:
        """Restore what `save_encoder` saved, for an encoder of the same shape."""
        self.weak_, self.pretrain_seconds_ = read_encoder(path, self.name, self._shape())
        return self

    def pretrain_params(self) -> dict[str, object]:
        """Return the hyper-parameters that what `pretrain` learns depends on."""
        return {
            name: value
            for name, value in self.params().items()
            if name in (*_SHAPE, "dropout", "weight_decay") or name.startswith("pretrain_")
        }

    def _normalise(self, values: np.ndarray) -> np.ndarray:
        """Return a weak label (n,) as pretraining sees it, NaN where unknown."""
        return rank_normal(values)

    def _shape(self) -> str:
        """Return the hyper-parameters that the shape of the encoder depends on, as text."""
        named = {k: v for k, v in self.params().items() if k in _SHAPE}
        return json.dumps(named, sort_keys=True)

    def _weak_net(self, inputs: Inputs) -> WeakHeads:
        """Return the pretraining network with what it learned."""
        with self._computing():
            net = self._new_weak_net(inputs, len(self.weak_.names), generators([0]))
            net.load_state_dict(self.weak_.state)
        return net

    def _new_weak_net(self, inputs: Inputs, labels: int, rngs: Generators) -> WeakHeads:
        encoder = self._encoder({name: x[None] for name, x in inputs.items()}, rngs)
        width = int(encoder.width)  # pyright: ignore[reportArgumentType]
        heads = [Head(width, self.head_width, 0.0, rngs, layers=self.head_layers) for _ in range(labels)]
        return WeakHeads(encoder, heads)

    def _pretrain(self, inputs: Inputs, targets: Tensor, seed: int) -> WeakHeads:
        """Train the encoder and a head for each column of targets (n, labels), NaN where unknown."""
        rngs = generators([seed])
        with self._computing():
            inputs, targets = move_inputs(inputs), move(targets)
            net = self._new_weak_net(inputs, targets.shape[1], rngs).train()
            epoch = epoch_steps(len(targets), self.pretrain_batch)
            steps = self.pretrain_epochs * epoch
            steps = min(steps, self.pretrain_steps or steps)
            optimiser = AdamW(
                net.parameters(), lr=self.pretrain_lr, weight_decay=self.weight_decay, fused=True
            )
            schedule = LambdaLR(optimiser, lambda step: warm_cosine(step, steps))
            objective = WeakRegression(net, inputs, targets)
            minimise(objective, optimiser, schedule, rngs, steps=steps, batch=self.pretrain_batch)
        return net

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        net = self._scorer(self._encoder(inputs, rngs), inputs, rngs)
        if hasattr(self, "weak_"):
            with torch.no_grad():
                _copy_prefix(net, self.weak_.state, "encoder.", "encoder.")
                if self.start == "weak":
                    _copy_prefix(net, self.weak_.state, "heads.0.", "head.")
        return net

    def _optimiser(self, net: nn.Module, steps: int, epoch: int) -> tuple[Optimizer, LRScheduler]:
        if self.start not in ("new", "weak"):
            raise InputError(f"predictor '{self.name}': start is 'new' or 'weak', not '{self.start}'")
        if not hasattr(self, "weak_"):
            return super()._optimiser(net, steps, epoch)
        inside = list(net.encoder.parameters())  # pyright: ignore[reportAttributeAccessIssue]
        ids = {id(p) for p in inside}
        outside = [p for p in net.parameters() if id(p) not in ids]
        groups = [{"params": outside}, {"params": inside, "lr": self.lr * self.encoder_lr}]
        optimiser = AdamW(groups, lr=self.lr, weight_decay=self.weight_decay, fused=True)
        frozen = self.freeze * steps
        courses = [
            lambda step: warm_cosine(step, steps),
            lambda step: warm_cosine(step, steps) if step >= frozen else 0.0,
        ]
        return optimiser, LambdaLR(optimiser, courses)


def _copy_prefix(net: nn.Module, state: Mapping[str, Tensor], source: str, target: str) -> None:
    """Copy pretrained parameters to every repeat; a wider layer gets zeros for its further inputs."""
    own = dict(net.named_parameters())
    for name, tensor in state.items():
        if not name.startswith(source):
            continue
        parameter = own[target + name[len(source) :]]
        if target == "head." and parameter.dim() == 3 and parameter.shape[1] > tensor.shape[1]:
            tensor = F.pad(tensor, (0, 0, 0, parameter.shape[1] - tensor.shape[1]))
        parameter.copy_(tensor.expand_as(parameter))
