"""Predictors on a device: which of them can use it, and whether it is there."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from data.errors import InputError
from eval.grid.entries import Asked
from predictors.base import Predictor
from predictors.device import CPU, check_device, choose_device

_log = logging.getLogger("acerank")


def place(asked: Sequence[Asked], device: str) -> list[Asked]:
    """Return predictors on a device; one that names its own stays there, one that has no use for it is named.

    Args:
        asked: The predictors.
        device: "cpu", "cuda", "cuda:1", "mps", or "auto" for the fastest of this machine.

    Raises:
        InputError: None of them can use a device.
    """
    if device == CPU:
        return list(asked)
    able = [each for each in asked if each.predictor.has_device]
    others = ", ".join(each.title for each in asked if not each.predictor.has_device)
    if not able:
        raise InputError(f"device '{device}' would have no effect: {others} always compute on the CPU")
    if others:
        _log.info("on the CPU all the same: %s", others)
    chosen = choose_device(device) if device == "auto" else device
    return [
        replace(each, predictor=each.predictor.on(chosen))
        if each.predictor.has_device and each.predictor.device == CPU
        else each
        for each in asked
    ]


def check_devices(predictors: Iterable[Predictor]) -> None:
    """Check that the devices that predictors compute on are there.

    Raises:
        InputError: One is not; names those that are.
    """
    for device in dict.fromkeys(each.device for each in predictors if each.has_device):
        check_device(device)
