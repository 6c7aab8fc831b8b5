"""FLOPs and parameters of a network, counted on its modules without computing anything.

A multiply-accumulate of a convolution or of the classifier counts as 1 (biases as 0), batch norm as 2 per
value, ReLU and h-swish as 1, pooling as its window per value, and a mean over the image as a window one
larger than the image. Sums and products of values count as 0, and so does the gate of squeeze-excitation: its
mean, its two convolutions and its ReLU count. This is the convention behind the published table of
NAS-Bench-201, with which these counts agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from predictors.supernet.layers import RECTIFIERS, AvgPool, Conv, GlobalMean, without_norms

MILLION = 1e6


@dataclass(frozen=True)
class ImageShape:
    """What the counts depend on apart from the network.

    Attributes:
        channels: Channels of an image.
        size: Side in pixels.
        classes: Number of classes.
    """

    channels: int = 3
    size: int = 32
    classes: int = 10


@dataclass(frozen=True)
class Counts:
    """Costs of n architectures.

    Attributes:
        flops: (n,) M.
        params: (n,) M.
    """

    flops: np.ndarray
    params: np.ndarray

    @classmethod
    def of(cls, costs: Sequence[Any]) -> Self:
        """Take FLOPs and parameters (2,) of each of n architectures."""
        flops, params = np.reshape(costs, (-1, 2)).T / MILLION
        return cls(flops, params)


def count_each(
    build: Callable[..., nn.Module],
    space: Any,  # noqa: ANN401  # the family's own class of space
    settings: Any,  # noqa: ANN401
    plans: Sequence[tuple[Any, ...]],
    shape: ImageShape,
) -> Counts:
    """Return FLOPs and parameters of n architectures, each built as a network of its own.

    Args:
        build: A family of networks, called as `predictors.supernet.network.Network` is.
        space: The search space.
        settings: Depth, width and the like.
        plans: The n architectures, as the family's forward pass reads them.
        shape: The images.
    """
    flops, params = np.zeros(len(plans)), np.zeros(len(plans))
    image = torch.empty(1, shape.channels, shape.size, shape.size, device="meta")
    for i, plan in enumerate(plans):
        with torch.device("meta"):
            network = build(space, settings, channels=shape.channels, classes=shape.classes, only=[plan])
        params[i] = sum(p.numel() for p in network.parameters()) / MILLION
        flops[i] = count_flops(network, image, plan) / MILLION
    return Counts(flops, params)


def count_flops(network: nn.Module, *inputs: Any) -> int:  # noqa: ANN401  # an image, and the plan if any
    """Return the FLOPs of a network, or of a part of one, for one image (1, c, h, w) on the meta device."""
    total = 0

    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += _cost(module, inputs[0], output)

    handles = [module.register_forward_hook(hook) for module in network.modules()]
    network.eval()
    with torch.no_grad(), without_norms(network):  # by far the slowest operation of the meta device
        network(*inputs)
    for handle in handles:
        handle.remove()
    return total


def part_cost(
    build: Callable[[], nn.Module], channels: int, side: int, plan: tuple[Any, ...]
) -> tuple[int, int]:
    """Return FLOPs and parameters of a part of a network.

    Args:
        build: Returns the part, a module called with (x, plan).
        channels: Channels of its input.
        side: Side of its input.
        plan: The rest of its input.
    """
    with torch.device("meta"):
        module = build()
        x = torch.empty(1, channels, side, side)
    return module_cost(module, x, plan)


def module_cost(module: nn.Module, *inputs: Any) -> tuple[int, int]:  # noqa: ANN401  # as for count_flops
    """Return FLOPs and parameters of a network, or of a part of one, on the meta device."""
    return count_flops(module, *inputs), sum(p.numel() for p in module.parameters())


def _cost(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """Return the FLOPs of one module; containers cost nothing apart from their parts."""
    for kind, cost in _COSTS.items():
        if isinstance(module, kind):
            return cost(module, x, y)
    return 0


def _window(module: Any, x: Tensor, y: Tensor) -> int:  # noqa: ANN401
    size = module.kernel_size
    return y.numel() * (size**2 if isinstance(size, int) else size[0] * size[1])


_COSTS: dict[type[nn.Module] | tuple[type[nn.Module], ...], Callable[[Any, Tensor, Tensor], int]] = {
    Conv: lambda module, x, y: y.numel() * module.weight[0].numel(),
    nn.BatchNorm2d: lambda module, x, y: 2 * y.numel(),
    RECTIFIERS: lambda module, x, y: y.numel(),
    AvgPool: lambda module, x, y: 9 * y.numel(),
    (nn.AvgPool2d, nn.MaxPool2d): _window,
    GlobalMean: lambda module, x, y: y.numel() * (x.shape[2] + 1) * (x.shape[3] + 1),
}
