"""How NAR-Former and NN-Former train: two views of each network, three losses, averaged weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from predictors.nn.device import permutations
from predictors.nn.graph import Inputs
from predictors.nn.layers import Dropout, Generators, LayerNorm
from predictors.nn.lean import AdamW
from predictors.nn.ranker import TorchRanker
from predictors.nn.training import Objective

UNIT = 0.1  # deviation of the labels that the network sees: accuracies are fractions in the papers


class TwoViews:
    """The objective of a regressor that sees two views of each network.

    The loss is the mean squared error, plus the absolute error of differences (each item paired with another
    at random), plus the absolute difference of the two views' predictions.
    Source: Yi et al., NAR-Former, CVPR 2023, equations 5 to 7 and published code.
    """

    def __init__(
        self,
        net: nn.Module,
        inputs: Inputs,
        y: Tensor,
        rngs: Generators,
        *,
        difference: float,
        consistency: float,
        view: Callable[[Inputs, Generators], Inputs] | None = None,
    ) -> None:
        """Take a network, its training inputs (r, n, ...), labels (r, n) and the weights of two losses.

        Args:
            net: The network.
            inputs: Training inputs.
            y: Labels.
            rngs: A random generator for each repeat.
            difference: Weight of the loss of differences.
            consistency: Weight of the loss of consistency; 0 shows each network once.
            view: Returns another view of inputs; by default the same, so that views differ by dropout only.
        """
        self.net, self.inputs, self.y, self.rngs = net, inputs, UNIT * y, rngs
        self.difference, self.consistency, self.view = difference, consistency, view
        self.size = y.shape[1]
        self.repeat = torch.arange(len(y))[:, None]

    def loss(self, rows: Tensor) -> Tensor:
        """Return the loss (r,) of the networks `rows` (r, b)."""
        inputs = {name: x[self.repeat, rows] for name, x in self.inputs.items()}
        y = self.y.gather(1, rows)
        if self.consistency > 0:
            other = inputs if self.view is None else self.view(inputs, self.rngs)
            inputs = {name: torch.cat([x, other[name]], dim=1) for name, x in inputs.items()}
            y = torch.cat([y, y], dim=1)
        scores = self.net(inputs)
        loss = ((scores - y) ** 2).mean(-1)
        if self.difference > 0:
            partner = permutations(y.shape[1], self.rngs)
            error = scores - y
            loss = loss + self.difference * (error - error.gather(1, partner)).abs().mean(-1)
        if self.consistency > 0:
            one, two = scores.chunk(2, dim=1)
            loss = loss + self.consistency * (one - two).abs().mean(-1)
        return loss

    def quality(self) -> Tensor:
        """Early stopping is not part of the method."""
        raise NotImplementedError("training with averaged weights has no early stopping")


class Averaged:
    """An objective that keeps a running average of the weights, which replaces them in the end."""

    def __init__(self, objective: Objective, net: nn.Module, decay: float) -> None:
        """Average with weight 1 − decay of each step's weights."""
        self.objective, self.size, self.decay = objective, objective.size, decay
        self.parameters = list(net.parameters())
        self.average: list[Tensor] = []

    def loss(self, rows: Tensor) -> Tensor:
        """Return the objective's loss; the weights of the step before enter the average."""
        self._update()
        return self.objective.loss(rows)

    def quality(self) -> Tensor:
        """Return the objective's quality."""
        return self.objective.quality()

    def restore(self) -> None:
        """Put the average into the network."""
        self._update()
        with torch.no_grad():
            for p, average in zip(self.parameters, self.average, strict=True):
                p.copy_(average)

    def _update(self) -> None:
        now = [p.detach() for p in self.parameters]
        if not self.average:
            self.average = [p.clone() for p in now]
        for average, p in zip(self.average, now, strict=True):
            average.lerp_(p, 1 - self.decay)


class AveragedRanker(TorchRanker):
    """A TorchRanker with two views, AdamW, warm-up over a tenth of the steps, and averaged weights.

    Attributes:
        difference: Weight of the loss of differences.
        consistency: Weight of the loss between the two views.
        decay: Decay of the running average of the weights.
        floor: Share of the peak learning rate at the end.
        cosine: Whether the learning rate decays along a cosine; otherwise linearly.
    """

    difference: float
    consistency: float
    decay: float
    floor: ClassVar[float] = 0.0
    cosine: ClassVar[bool] = False

    def _objective(self, net: nn.Module, inputs: Inputs, y: Tensor) -> Objective:
        rngs = next(m.rngs for m in net.modules() if isinstance(m, Dropout))
        return TwoViews(
            net,
            inputs,
            y,
            rngs,
            difference=self.difference,
            consistency=self.consistency,
            view=self._view(),
        )

    def _view(self) -> Callable[[Inputs, Generators], Inputs] | None:
        """Return what shows a network differently; None if views differ by dropout only."""
        return None

    def _learn(self, net: nn.Module, objective: Objective, rngs: Generators) -> None:
        averaged = Averaged(objective, net, self.decay)
        super()._learn(net, averaged, rngs)
        averaged.restore()

    def _optimiser(self, net: nn.Module, steps: int, epoch: int) -> tuple[Optimizer, LRScheduler]:
        del epoch
        optimiser = AdamW(decayed(net, self.weight_decay), lr=self.lr, fused=True)
        return optimiser, LambdaLR(optimiser, lambda step: self._share(step, steps))

    def _share(self, step: int, steps: int) -> float:
        warm = max(1.0, steps / 10)
        if step < warm:
            return step / warm
        done = min(1.0, (step - warm) / max(1.0, steps - warm))
        left = 0.5 * (1 + math.cos(math.pi * done)) if self.cosine else 1 - done
        return self.floor + (1 - self.floor) * left


def decayed(net: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Return AdamW's groups of parameters: those of layer normalisation and biases do not decay."""
    free = {id(p) for m in net.modules() if isinstance(m, LayerNorm) for p in m.parameters()}
    free |= {id(p) for name, p in net.named_parameters() if name.endswith("bias")}
    own = list(net.parameters())
    return [
        {"params": [p for p in own if id(p) not in free], "weight_decay": weight_decay},
        {"params": [p for p in own if id(p) in free], "weight_decay": 0.0},
    ]
