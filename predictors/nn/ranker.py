"""TorchRanker: a predictor that is a network, its repeats trained together by a ranking loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from data.errors import InputError
from data.graphs import Graphs
from predictors.base import Predictor, Repeats, ScoresAndStd, Together
from predictors.device import check_device
from predictors.nn.device import move, move_inputs, on_device
from predictors.nn.graph import Inputs
from predictors.nn.layers import Generators, generators
from predictors.nn.lean import AdamW
from predictors.nn.losses import Loss, parse_loss
from predictors.nn.training import Best, Objective, epoch_steps, minimise, one_thread, warm_cosine

CHUNK = 1024  # architectures scored at once


class TorchRanker(Predictor):
    """A network trained on lists of labelled architectures.

    Each step draws a random list of `batch` architectures for every repeat. AdamW; the learning rate warms up
    linearly and then decays along a cosine. A subclass declares its hyper-parameters, including those below,
    turns graphs into tensors and builds the network.

    Attributes:
        loss: A loss of predictors.nn.losses, or a weighted sum such as "ranknet+0.1*lambdarank".
        batch: Architectures in a list.
        epochs: Passes over the training architectures, up to `max_steps` steps in total.
        max_steps: Largest number of optimiser steps.
        patience: Epochs without improvement after which training stops; 0 for no early stopping.
        lr: Peak learning rate.
        weight_decay: AdamW's weight decay.
        dropout: Rate of dropout.
    """

    has_device: ClassVar[bool] = True

    loss: str
    batch: int
    epochs: int
    max_steps: int
    patience: int = 0
    lr: float
    weight_decay: float

    @abstractmethod
    def _inputs(self, graphs: Graphs) -> Inputs:
        """Return the tensors (n, ...) that the network sees of n architectures."""

    @abstractmethod
    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        """Return an untrained network for each generator; it maps inputs (r or 1, b, ...) to scores (r, b).

        Args:
            inputs: Training inputs (r, n, ...), for sizes and scales.
            rngs: One generator for each repeat.
        """

    def fit_repeats(
        self, graphs: Sequence[Graphs], ys: Sequence[np.ndarray], seeds: Sequence[int]
    ) -> Repeats:
        """Train one copy for each (graphs, y, seed), all in one batched program."""
        if len({len(g) for g in graphs}) > 1:
            return super().fit_repeats(graphs, ys, seeds)
        seen, labels, _ = zip(*map(self._prepare, graphs, ys), strict=True)
        with self._naming_errors("_fit"):
            net = self._train(seen, np.stack(labels), seeds)
        return Together(
            self, graphs[0].space, lambda g: self.scores(net, g), lambda g: self.scores_std(net, g)
        )

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.net_ = self._train([graphs], y[None], [seed])

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return self.scores(self.net_, graphs)[0]

    def _predict_std(self, graphs: Graphs) -> ScoresAndStd:
        scores, std = self.scores_std(self.net_, graphs)
        return scores[0], std[0]

    def scores(self, net: nn.Module, graphs: Graphs) -> np.ndarray:
        """Return the scores (r, n) that a trained network gives n architectures."""
        inputs = self._inputs(graphs)
        return apply(net, inputs).double().numpy()

    def scores_std(self, net: nn.Module, graphs: Graphs) -> ScoresAndStd:
        """Return scores (r, n), those of `scores`, and the predictive standard deviations (r, n) of a label.

        A network that says how sure it is sets `has_std` and implements this.
        """
        raise NotImplementedError(f"{type(self).__name__} sets has_std and does not implement scores_std")

    def _train(self, graphs: Sequence[Graphs], labels: np.ndarray, seeds: Sequence[int]) -> nn.Module:
        rngs = generators(seeds)
        with self._computing():
            inputs = self._stack_inputs(graphs)
            y = move(torch.from_numpy(labels.astype(np.float32)))
            net = self._network(inputs, rngs).train()
            self._learn(net, self._objective(net, inputs, y), rngs)
        return net

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Compute on one thread of the CPU, or on the predictor's device."""
        with one_thread(), on_device(check_device(self.device)):
            yield

    def _stack_inputs(self, graphs: Sequence[Graphs]) -> Inputs:
        """Return the inputs (r, n, ...) of n architectures for each repeat, on the device in use."""
        with on_device("cpu"):
            inputs = stack([self._inputs(g) for g in graphs])
        return move_inputs(inputs)

    def _learn(self, net: nn.Module, objective: Objective, rngs: Generators) -> None:
        """Train a network on an objective."""
        steps = self._steps(objective.size)
        optimiser, schedule = self._optimiser(net, steps, epoch_steps(objective.size, self.batch))
        best = Best(net, len(rngs), self.patience) if self.patience else None
        minimise(objective, optimiser, schedule, rngs, steps=steps, batch=self.batch, best=best)

    def _objective(self, net: nn.Module, inputs: Inputs, y: Tensor) -> Objective:
        """Return what a network learns from training inputs (r, n, ...) and labels (r, n)."""
        return _ListLoss(net, inputs, y, parse_loss(self.loss))

    def _optimiser(self, net: nn.Module, steps: int, epoch: int) -> tuple[Optimizer, LRScheduler]:
        """Return the optimiser of all parameters and its learning rate over `steps`, `epoch` to an epoch."""
        del epoch
        optimiser = AdamW(net.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)
        return optimiser, LambdaLR(optimiser, lambda step: warm_cosine(step, steps))

    def _steps(self, n: int) -> int:
        if self.batch < 1 or self.epochs < 1 or self.max_steps < 1:
            raise InputError(f"predictor '{self.name}': batch, epochs and max_steps must be at least 1")
        return min(self.epochs * epoch_steps(n, self.batch), self.max_steps)


class _ListLoss:
    """The objective of a scorer: a ranking loss of random lists."""

    def __init__(self, net: nn.Module, inputs: Inputs, y: Tensor, criterion: Loss) -> None:
        self.net, self.inputs, self.y, self.criterion = net, inputs, y, criterion
        self.size = y.shape[1]
        self.repeat = torch.arange(len(y))[:, None]

    def loss(self, rows: Tensor) -> Tensor:
        scores = self.net({name: x[self.repeat, rows] for name, x in self.inputs.items()})
        return self.criterion(scores, self.y[self.repeat, rows])

    def quality(self) -> Tensor:
        raise NotImplementedError("early stopping needs an objective that measures its epochs")


def apply(net: nn.Module, inputs: Inputs, chunk: int = CHUNK) -> Tensor:
    """Return a network's outputs (r, n, ...) of inputs (n, ...), in evaluation mode, `chunk` at once.

    Inputs and outputs are on the CPU, and move to the network's device and back a chunk at a time.
    """
    net.eval()
    n = len(next(iter(inputs.values())))
    with torch.no_grad(), one_thread(), on_device(next(net.parameters()).device):
        parts = [
            net(move_inputs({name: x[None, i : i + chunk] for name, x in inputs.items()})).cpu()
            for i in range(0, n, chunk)
        ]
    return torch.cat(parts, dim=1)


def stack(inputs: Sequence[Inputs]) -> Inputs:
    """Stack the inputs of repeats, zero-padded to the largest."""
    stacked = {}
    for name in inputs[0]:
        shape = [max(x[name].shape[axis] for x in inputs) for axis in range(inputs[0][name].dim())]
        together = inputs[0][name].new_zeros(len(inputs), *shape)
        for i, x in enumerate(inputs):
            together[(i, *(slice(size) for size in x[name].shape))] = x[name]
        stacked[name] = together
    return stacked
