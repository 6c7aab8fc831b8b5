"""Devices: which there are, and which one is meant."""

from __future__ import annotations

import logging
from functools import cache

from data.errors import InputError

CPU, AUTO = "cpu", "auto"
_log = logging.getLogger("acerank")


@cache
def get_devices() -> tuple[str, ...]:
    """Return the devices that torch can use here, the fastest first: cuda:0, cuda:1, ..., mps, cpu."""
    import torch

    found = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, CPU)


@cache
def check_device(device: str) -> str:
    """Return a device that torch can use here.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps".

    Raises:
        InputError: It is not there; names those that are.
    """
    if device == CPU:
        return device
    found = get_devices()
    if device not in (*found, *(each.partition(":")[0] for each in found)):
        raise InputError(f"device '{device}' is not available here; available: {', '.join(found)}")
    return device


def choose_device(device: str) -> str:
    """Return the device for a name, "auto" being the fastest that there is; logs what it chose.

    Raises:
        InputError: It is not there; names those that are.
    """
    if device != AUTO:
        return check_device(device)
    chosen = get_devices()[0].partition(":")[0]
    _log.info("device auto: %s", f"{chosen} ({describe_device(chosen)})" if chosen != CPU else "cpu, no GPU")
    return chosen


@cache
def describe_device(device: str) -> str:
    """Return what a device is, e.g. "cuda:0, NVIDIA H100"; its name where nothing more is known."""
    if not device.startswith("cuda"):
        return device
    import torch

    return f"{device}, {torch.cuda.get_device_name(device)}" if torch.cuda.is_available() else device


def wait(device: str) -> None:
    """Wait until a device has computed what it was asked to."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()
