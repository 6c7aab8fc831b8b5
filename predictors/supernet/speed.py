"""How fast architectures are scored on this machine, with networks of the published size."""

from __future__ import annotations

import time

import numpy as np
import torch

from data import spaces
from predictors.supernet.alone import build
from predictors.supernet.edges import EdgeNetwork, EdgeSettings
from predictors.supernet.evaluate import judge, recalibrate
from predictors.supernet.images import ImageSettings, prepare
from predictors.supernet.raw import Raw

SIDE = 32


def judged_per_second(images: int, cells: int, *, amp: bool, device: str) -> float:
    """Return how many NAS-Bench-201 cells are scored per second, batch-norm statistics recomputed for each.

    Weights are untrained and images are noise, which takes as long as any others.

    Args:
        images: Images to evaluate on, 32 × 32; a tenth as many give the statistics.
        cells: Random cells that are timed.
        amp: Whether to compute in bfloat16.
        device: "cuda", or "cpu" for one core.
    """
    rng = np.random.default_rng(0)
    part = rng.integers(0, 256, (images, SIDE, SIDE, 3), np.uint8), rng.integers(0, 10, images)
    loaded = prepare(Raw(part, part, 10), ImageSettings("noise")).to(device)
    space = spaces.get("nb201")
    network = build(EdgeNetwork, space, EdgeSettings(), loaded, [0])
    plans = EdgeNetwork.plans(space.graphs(space.sample(cells + 1, rng)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = []
        for plan in plans:
            start = time.perf_counter()
            recalibrate(network, plan, loaded.train.x[: images // 10], amp=amp)
            judge(network, plan, loaded.test, amp=amp)  # ends with a copy to the CPU: a GPU is done by then
            seconds.append(time.perf_counter() - start)
        return cells / sum(seconds[1:])  # the first one warms up
    finally:
        torch.set_num_threads(threads)
