"""Where networks compute: new tensors on a device, random numbers from the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def on_device(device: str | torch.device) -> Iterator[None]:
    """Create new tensors on a device; tensors of numpy arrays stay on the CPU until they are moved."""
    if torch.device(device) == torch.get_default_device():
        yield
        return
    with torch.device(device):
        yield


def move(x: Tensor) -> Tensor:
    """Return a tensor on the device that new tensors are created on; the tensor itself if it is there."""
    return x.to(torch.get_default_device())


def move_inputs(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the inputs of a network on the device that new tensors are created on."""
    return {name: move(x) for name, x in inputs.items()}


def permutations(n: int, rngs: Sequence[torch.Generator]) -> Tensor:
    """Return a random order (r, n) of n items for each generator, drawn on the CPU."""
    return move(torch.stack([torch.randperm(n, generator=rng, device="cpu") for rng in rngs]))
