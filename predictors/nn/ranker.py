"""TorchRanker: a predictor that is a network, its repeats trained together by a ranking loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from data.errors import InputError
from data.graphs import Graphs
from predictors.base import Predictor, Repeats, predict_canonical, standardise
from predictors.nn.graph import Inputs
from predictors.nn.layers import Generators, generators
from predictors.nn.losses import parse_loss

CHUNK = 1024  # architectures scored at once


class TorchRanker(Predictor):
    """A network trained on lists of labelled architectures.

    A step takes a random list of `batch` architectures for each repeat; AdamW, learning rate warmed up and
    then annealed by a cosine. A subclass names its hyper-parameters, those below among them, and says how
    graphs become tensors and what the network is.

    Attributes:
        loss: A loss of predictors.nn.losses, or a weighted sum such as "ranknet+0.1*lambdarank".
        batch: Architectures in a list.
        epochs: Passes over the training architectures, while they take no more than `max_steps`.
        max_steps: Most optimiser steps.
        lr: Peak learning rate.
        weight_decay: AdamW's weight decay.
    """

    loss: str
    batch: int
    epochs: int
    max_steps: int
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
        labels = [standardise(self._check_labels(g, y)) for g, y in zip(graphs, ys, strict=True)]
        for g in graphs:
            self._check_weak(g)
        canonical = [g.effective() if self.canonical else g for g in graphs]
        with self._naming_errors():
            net = self._train(canonical, np.stack(labels), seeds)
        return _Ensemble(self, net, graphs[0])

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.net_ = self._train([graphs], y[None], [seed])

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return self.scores(self.net_, graphs)[0]

    def scores(self, net: nn.Module, graphs: Graphs) -> np.ndarray:
        """Return the scores (r, n) that a trained network gives n architectures."""
        inputs = self._inputs(graphs)
        return apply(net, inputs).double().numpy()

    def _train(self, graphs: Sequence[Graphs], labels: np.ndarray, seeds: Sequence[int]) -> nn.Module:
        loss = parse_loss(self.loss)
        inputs = stack([self._inputs(g) for g in graphs])
        y = torch.from_numpy(labels.astype(np.float32))
        rngs = generators(seeds)
        with one_thread():
            net = self._network(inputs, rngs).train()
            steps = self._steps(y.shape[1])
            optimiser, schedule = self._optimiser(net, steps)
            repeat = torch.arange(len(seeds))[:, None]
            for _, rows in zip(range(steps), random_lists(y.shape[1], self.batch, rngs), strict=False):
                scores = net({name: x[repeat, rows] for name, x in inputs.items()})
                optimiser.zero_grad()
                loss(scores, y[repeat, rows]).sum().backward()
                optimiser.step()
                schedule.step()
        return net

    def _optimiser(self, net: nn.Module, steps: int) -> tuple[Optimizer, LRScheduler]:
        """Return the optimiser of all parameters and the course of its learning rate."""
        optimiser = torch.optim.AdamW(net.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        return optimiser, LambdaLR(optimiser, lambda step: warm_cosine(step, steps))

    def _steps(self, n: int) -> int:
        if self.batch < 1 or self.epochs < 1 or self.max_steps < 1:
            raise InputError(f"predictor '{self.name}': batch, epochs and max_steps must be at least 1")
        return min(self.epochs * max(1, n // self.batch), self.max_steps)


class _Ensemble:
    """Repeats in one network."""

    def __init__(self, predictor: TorchRanker, net: nn.Module, graphs: Graphs) -> None:
        self.predictor, self.net, self.space = predictor, net, graphs.space

    def predict(self, graphs: Graphs) -> np.ndarray:
        self.predictor._check_space(graphs, self.space)
        self.predictor._check_weak(graphs)
        return predict_canonical(self.predictor, lambda g: self.predictor.scores(self.net, g), graphs)


def apply(net: nn.Module, inputs: Inputs) -> Tensor:
    """Return what a network makes of inputs (n, ...), (r, n, ...), in evaluation mode and in chunks."""
    net.eval()
    n = len(next(iter(inputs.values())))
    with torch.no_grad(), one_thread():
        parts = [
            net({name: x[None, i : i + CHUNK] for name, x in inputs.items()}) for i in range(0, n, CHUNK)
        ]
    return torch.cat(parts, dim=1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: sums then have one order, and results do not depend on the machine's cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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


def random_lists(n: int, batch: int, rngs: Generators) -> Iterator[Tensor]:
    """Yield rows (r, min(batch, n)) of the training set, each repeat in its own random order, for ever.

    An epoch's last list is dropped if it is not full.
    """
    size = min(batch, n)
    while True:
        order = torch.stack([torch.randperm(n, generator=rng) for rng in rngs])
        yield from order[:, : n - n % size].split(size, dim=1)


def warm_cosine(step: int, steps: int, warm: float = 0.1) -> float:
    """Return the share of the peak learning rate: linear warm-up, then half a cosine to zero."""
    warm_steps = max(1.0, warm * steps)
    if step < warm_steps:
        return (step + 1) / (warm_steps + 1)
    return 0.5 * (1 + np.cos(np.pi * (step - warm_steps) / max(1.0, steps - warm_steps)))
