"""The one training loop of all networks: batches of an objective, an optimiser, optional early stopping."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from predictors.nn.device import permutations
from predictors.nn.layers import Generators


class Objective(Protocol):
    """What a network learns from its training set, batch by batch.

    Attributes:
        size: Items of an epoch.
    """

    size: int

    def loss(self, rows: Tensor) -> Tensor:
        """Return the losses (k,) of a batch of items (r, b); their sum is minimised."""
        ...

    def quality(self) -> Tensor:
        """Return (r,) how good the epoch just finished was, higher is better; only early stopping asks."""
        ...


class Best:
    """The best state of each repeat, and which of them have waited too long for a better one."""

    def __init__(self, net: nn.Module, repeats: int, patience: int) -> None:
        """Watch a network in which every parameter (r, ...) has the repeats as its first axis."""
        self.parameters, self.patience = list(net.parameters()), patience
        self.state = [p.detach().clone() for p in self.parameters]
        self.quality = torch.full((repeats,), -torch.inf)
        self.waited = torch.zeros(repeats, dtype=torch.long)

    def update(self, quality: Tensor) -> bool:
        """Keep the state of the repeats that improved (r,); return whether all have stopped.

        A repeat stops when it has not improved `patience` times in a row; its best state is then final.
        """
        better = (quality > self.quality) & (self.waited < self.patience)
        for kept, now in zip(self.state, self.parameters, strict=True):
            kept[better] = now.detach()[better]
        self.quality = torch.where(better, quality, self.quality)
        self.waited = torch.where(better, 0, self.waited + 1)
        return bool((self.waited >= self.patience).all())

    def restore(self) -> None:
        """Put the best state of each repeat back into the network."""
        with torch.no_grad():
            for kept, now in zip(self.state, self.parameters, strict=True):
                now.copy_(kept)


def minimise(
    objective: Objective,
    optimiser: Optimizer,
    schedule: LRScheduler,
    rngs: Generators,
    *,
    steps: int,
    batch: int,
    best: Best | None = None,
) -> None:
    """Minimise the sum of an objective's losses over random batches.

    Args:
        objective: The losses of a batch, and the quality of an epoch.
        optimiser: Moves the parameters.
        schedule: Its learning rate, advanced after every step.
        rngs: A generator for each repeat, which draws the order of the items.
        steps: Optimiser steps.
        batch: Items of a batch.
        best: Stops early and restores the best state of each repeat; None to keep the last state.
    """
    epoch = epoch_steps(objective.size, batch)
    batches = random_lists(objective.size, batch, rngs)
    for step in range(1, steps + 1):
        optimiser.zero_grad()
        objective.loss(next(batches)).sum().backward()
        optimiser.step()
        schedule.step()
        if best is not None and step % epoch == 0 and best.update(objective.quality()):
            break
    if best is not None:
        best.restore()


def epoch_steps(size: int, batch: int) -> int:
    """Return the steps of an epoch of `size` items."""
    return max(1, size // batch)


def random_lists(n: int, batch: int, rngs: Generators) -> Iterator[Tensor]:
    """Yield rows (r, min(batch, n)) of the training set without end, each repeat in its own random order.

    An epoch's last list is dropped if it is not full.
    """
    size = min(batch, n)
    while True:
        order = permutations(n, rngs)
        yield from order[:, : n - n % size].split(size, dim=1)


def warm_cosine(step: int, steps: int, warm: float = 0.1) -> float:
    """Return the share of the peak learning rate: linear warm-up, then half a cosine to zero."""
    warm_steps = max(1.0, warm * steps)
    if step < warm_steps:
        return (step + 1) / (warm_steps + 1)
    return 0.5 * (1 + np.cos(np.pi * (step - warm_steps) / max(1.0, steps - warm_steps)))


def epoch_cosine(step: int, steps: int, epoch: int) -> float:
    """Return the share of the peak learning rate: half a cosine to zero, constant within an epoch."""
    return 0.5 * (1 + math.cos(math.pi * (step - step % epoch) / steps))


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: sums then have one order, and results do not depend on the machine's cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
