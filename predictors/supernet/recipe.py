"""How weights are trained: the recipe, the course of the learning rate, augmentation, batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import SGD

from data.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """SGD with Nesterov momentum, learning rate warmed up linearly and annealed to zero by a cosine.

    Attributes:
        epochs: Passes over the training images.
        batch: Images in a step.
        lr: Peak learning rate.
        momentum: Momentum.
        weight_decay: Weight decay of all parameters.
        warmup: Share of the steps in which the learning rate rises.
        flip: Whether images are mirrored at random.
        crop: Share of the side by which images are shifted at random, at most; zeros come in. 1/8 is the
            usual 4 of 32 pixels.
        smoothing: Label smoothing.
        clip: Largest norm of the gradient of all weights; 0 for no limit.
        amp: Whether to compute in bfloat16 where that is safe (autocast).
    """

    epochs: int = 200
    batch: int = 256
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup: float = 0.0
    flip: bool = True
    crop: float = 0.125
    smoothing: float = 0.0
    clip: float = 0.0
    amp: bool = False

    def __post_init__(self) -> None:
        """Refuse values that train nothing."""
        if self.epochs < 1 or self.batch < 2:
            raise InputError(f"epochs must be at least 1 and batch 2, not {self.epochs} and {self.batch}")
        for name in ("lr", "momentum", "weight_decay", "crop", "smoothing", "clip"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must be a number of at least 0, not {getattr(self, name)}")
        if self.momentum >= 1 or self.smoothing >= 1 or self.crop > 1:
            raise InputError("momentum and smoothing must be below 1, crop at most 1")
        if not 0 <= self.warmup < 1:
            raise InputError(f"warmup is a share of the steps in [0, 1), not {self.warmup}")

    def steps_per_epoch(self, images: int) -> int:
        """Return the steps of an epoch; InputError if there are fewer images than a batch."""
        if images < self.batch:
            raise InputError(f"{images} training images are fewer than a batch of {self.batch}")
        return images // self.batch

    def lr_at(self, step: int, steps: int, *, linear: bool = False) -> float:
        """Return the learning rate of a step, counted from 0; `linear` for a straight line to zero."""
        rising = min(1.0, (step + 1) / (self.warmup * steps)) if self.warmup else 1.0
        falling = 1 - step / steps if linear else 0.5 * (1 + math.cos(math.pi * step / steps))
        return self.lr * rising * falling

    def optimiser(self, parameters: Iterable[nn.Parameter], *, shared: bool) -> SGD:
        """Return the optimiser of these parameters.

        Args:
            parameters: What is trained.
            shared: Whether a step may leave some without a gradient; the fused kernel cannot do that.
        """
        return SGD(
            parameters,
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.momentum > 0,
            weight_decay=self.weight_decay,
            fused=not shared,
        )


def set_lr(optimiser: SGD, lr: float) -> None:
    """Set the learning rate of every parameter."""
    for group in optimiser.param_groups:
        group["lr"] = lr


def batches(images: int, recipe: Recipe, generators: Sequence[torch.Generator]) -> Iterable[Tensor]:
    """Yield the rows (b, members) of each step of an epoch, in an order of each member's own."""
    orders = torch.stack([torch.randperm(images, generator=g) for g in generators], 1)
    for step in range(recipe.steps_per_epoch(images)):
        yield orders[step * recipe.batch : (step + 1) * recipe.batch]


def augment(x: Tensor, recipe: Recipe, generators: Sequence[torch.Generator]) -> Tensor:
    """Mirror and shift images at random, each member's with its own generator.

    Args:
        x: (b, members, c, h, w) images.
        recipe: Says what is done.
        generators: One for each member, on the CPU.
    """
    b = len(x)
    if recipe.flip:
        mirrored = torch.stack([torch.rand(b, generator=g) < 0.5 for g in generators], 1).to(x.device)
        x = torch.where(mirrored[:, :, None, None, None], x.flip(-1), x)
    if pad := round(recipe.crop * x.shape[-1]):
        drawn = [torch.randint(2 * pad + 1, (b, 2), generator=g) for g in generators]
        x = shifted(x, torch.stack(drawn, 1).to(x.device), pad)
    return x


def shifted(x: Tensor, by: Tensor, pad: int) -> Tensor:
    """Return images (b, m, c, h, w) padded by zeros and cut at the corners `by` (b, m, 2)."""
    b, m, c, h, w = x.shape
    padded = nn.functional.pad(x, (pad,) * 4)
    rows = by[:, :, 0, None] + torch.arange(h, device=x.device)
    columns = by[:, :, 1, None] + torch.arange(w, device=x.device)
    image = torch.arange(b, device=x.device)[:, None, None, None]
    member = torch.arange(m, device=x.device)[None, :, None, None]
    cut = padded.permute(0, 1, 3, 4, 2)[image, member, rows[:, :, :, None], columns[:, :, None, :]]
    return cut.permute(0, 1, 4, 2, 3).reshape(b, m, c, h, w)


def side_by_side(x: Tensor) -> Tensor:
    """Return images (b, members, c, h, w) as a network takes them: (b, members · c, h, w), channels last."""
    return x.flatten(1, 2).contiguous(memory_format=torch.channels_last)
