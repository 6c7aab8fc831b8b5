"""Several GPUs or machines, started by torchrun: each process takes its share of every batch."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import nn

from data.errors import InputError


def start(device: str) -> str:
    """Join the other processes if torchrun started this one; return this process's device."""
    if not {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR"} <= set(os.environ):
        return device
    if device.startswith("cuda"):
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return device


def finish(*, well: bool) -> None:
    """Leave the other processes; if all went well, not before they are done."""
    if dist.is_initialized():
        if well:
            dist.barrier()
        dist.destroy_process_group()


def is_first() -> bool:
    """Return whether this process is the one that speaks, joined to the others or not."""
    return os.environ.get("RANK", "0") == "0"


def rank() -> int:
    """Return this process's number, 0 if it is alone."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def check_batch(batch: int) -> None:
    """Refuse a batch that the processes cannot share evenly."""
    if batch % world():
        raise InputError(f"a batch of {batch} images cannot be shared by {world()} processes evenly")


def check_step(done: int) -> None:
    """Check that all processes have read the same checkpoint."""
    if world() == 1:
        return
    found = [torch.zeros(1, dtype=torch.int64, device=_device()) for _ in range(world())]
    dist.all_gather(found, torch.tensor([done], device=_device()))
    if len({int(step) for step in found}) > 1:
        raise InputError(
            "processes found different checkpoints: the output folder must be shared by all of them"
        )


def _device() -> str:
    return "cuda" if dist.get_backend() == "nccl" else "cpu"


def any_of(flag_here: bool) -> bool:
    """Return whether the flag is set in any process: the same answer in all."""
    if world() == 1:
        return flag_here
    flag = torch.tensor(int(flag_here), device=_device())
    dist.all_reduce(flag, dist.ReduceOp.MAX)
    return bool(flag)


def average_gradients(network: nn.Module) -> None:
    """Replace the gradients by their mean over the processes.

    All processes compute the same architectures in a step, so the same weights have gradients everywhere;
    that is what DistributedDataParallel would have to find out at every step.
    """
    if world() == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
