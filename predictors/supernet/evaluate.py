"""Evaluating a network with its current weights: accuracy and loss, batch-norm statistics recomputed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from predictors.supernet.images import Split
from predictors.supernet.network import Network, Plan

BATCH = 500  # images at once: on a CPU what its caches hold
GPU_BATCH = 5000  # a GPU waits for the next kernel if it is given less


@dataclass(frozen=True)
class Judgement:
    """What a network makes of labelled images.

    Attributes:
        accuracy: (members,) percent.
        loss: (members,) mean cross-entropy.
    """

    accuracy: Tensor
    loss: Tensor


@torch.no_grad()
def judge(network: Network, plan: Plan, split: Split, *, amp: bool = False) -> Judgement:
    """Return accuracy and loss of an architecture on images, with the network's batch-norm statistics.

    Without images both are NaN.
    """
    network.eval()
    device = split.x.device
    batch = BATCH if device.type == "cpu" else GPU_BATCH
    correct, loss = torch.zeros(2, network.members, device=device)
    for start in range(0, len(split), batch):
        part = split.take(slice(start, start + batch))
        with autocast(part.x, amp):
            logits = network(every_member(part.x, network.members), plan)
        target = part.y[:, None].expand(-1, network.members)
        correct += (logits.argmax(-1) == target).sum(0)
        loss += F.cross_entropy(logits.transpose(1, 2), target, reduction="none").sum(0)
    return Judgement((100 * correct / len(split)).cpu(), (loss / len(split)).cpu())


@torch.no_grad()
def recalibrate(network: Network, plan: Plan, x: Tensor, *, amp: bool = False, batch: int = BATCH) -> None:
    """Take an architecture's batch-norm statistics from images: the mean over batches.

    With shared weights the running statistics mix all architectures (Guo et al., SPOS, ECCV 2020, 3.4); after
    a short training they lag behind the weights.

    Args:
        network: Its norms are changed, its weights are not.
        plan: The architecture.
        x: (n, c, h, w) training images.
        amp: Whether to compute in bfloat16.
        batch: Images at once.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
    network.train()
    # In equal parts: one of fewer images would count as much as the others.
    for part in x.tensor_split(-(-len(x) // batch)):
        with autocast(part, amp):
            network(every_member(part, network.members), plan)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()


def every_member(x: Tensor, members: int) -> Tensor:
    """Return images (b, c, h, w) repeated for each member: (b, members · c, h, w), channels last."""
    return x.repeat(1, members, 1, 1).contiguous(memory_format=torch.channels_last)


@contextmanager
def autocast(x: Tensor, amp: bool) -> Iterator[None]:
    """Compute in bfloat16 where that is safe, on the device of `x`, if asked."""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=amp):
        yield
