"""Training an architecture from scratch, all its seeds in one program: where true labels come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from data.errors import InputError
from predictors.supernet.evaluate import Judgement, autocast, judge, recalibrate
from predictors.supernet.images import Images
from predictors.supernet.layers import initialise
from predictors.supernet.network import Network, Plan
from predictors.supernet.recipe import Recipe, augment, batches, set_lr, side_by_side

RECALIBRATION = 1000  # training images that the final batch-norm statistics are taken from


@dataclass(frozen=True)
class Result:
    """An architecture trained with several seeds.

    Attributes:
        test: What the networks make of the test images.
        valid: The same for the held-out images; NaN without any.
    """

    test: Judgement
    valid: Judgement


def build(
    kind: type[Network],
    space: Any,  # noqa: ANN401  # the family's own class of space
    settings: Any,  # noqa: ANN401
    images: Images,
    seeds: Sequence[int],
    only: Sequence[Plan] | None = None,
) -> Network:
    """Return an initialised network on the images' device, one member for each seed.

    Args:
        kind: The family's network.
        space: The search space.
        settings: An instance of `kind.Settings`.
        images: Give channels, classes and the device.
        seeds: Seed of each member.
        only: Architectures to hold; None for the whole space, a supernet.
    """
    with torch.device("meta"):
        network = kind(
            space, settings, channels=images.channels, classes=images.classes, members=len(seeds), only=only
        )
    network = network.to_empty(device=images.train.x.device)
    initialise(network, seeds)
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def check_fits(kind: type[Network], space: Any, settings: Any, images: Images, plan: Plan) -> None:  # noqa: ANN401
    """Refuse images that are too small for a network, or sizes that make none.

    Raises:
        InputError: An architecture cannot be computed.
    """
    side = images.train.x.shape[-1]
    try:
        with torch.device("meta"):
            network = kind(space, settings, channels=images.channels, classes=images.classes, only=[plan])
            network(torch.empty(2, images.channels, side, side), plan)
    except (RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"no network of this size for images of {side} pixels ({first})") from error


def train(network: Network, plan: Plan, images: Images, recipe: Recipe, seeds: Sequence[int]) -> Result:
    """Train every member of a network on one architecture and evaluate it.

    The same seeds give the same result, whatever else runs at the same time.

    Args:
        network: An initialised network that holds the architecture.
        plan: The architecture.
        images: Images to train and evaluate on.
        recipe: How to train.
        seeds: Seed of each member: the order of its images and what is done to them.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    optimiser = recipe.optimiser(network.parameters(), shared=False)
    x, y = images.train.x, images.train.y
    steps = recipe.epochs * recipe.steps_per_epoch(len(y))
    network.train()
    step = 0
    for _ in range(recipe.epochs):
        for rows in batches(len(y), recipe, generators):
            set_lr(optimiser, recipe.lr_at(step, steps))
            drawn = augment(x[rows], recipe, generators)
            with autocast(drawn, recipe.amp):
                logits = network(side_by_side(drawn), plan)
            loss = F.cross_entropy(logits.flatten(0, 1), y[rows].flatten(), label_smoothing=recipe.smoothing)
            optimiser.zero_grad()
            (loss * len(seeds)).backward()  # each member's gradient is that of its own mean loss
            optimiser.step()
            step += 1
    recalibrate(network, plan, x[:RECALIBRATION], amp=recipe.amp)
    return Result(
        judge(network, plan, images.test, amp=recipe.amp), judge(network, plan, images.valid, amp=recipe.amp)
    )
