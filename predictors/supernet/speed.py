"""How fast architectures are scored on this machine, with networks of the published size."""

from __future__ import annotations

import time
from typing import cast

import numpy as np
import torch

from data import spaces
from data.spaces.edges import EdgeSpace
from predictors.supernet.alone import build
from predictors.supernet.edges import EdgeNetwork, EdgeSettings, live_edges
from predictors.supernet.evaluate import judge, recalibrate
from predictors.supernet.images import Images, ImageSettings, prepare
from predictors.supernet.network import Plan
from predictors.supernet.raw import Raw
from predictors.supernet.shared import SharedJudge

SIDE = 32
RUN = 20  # cells that stand next to each other in the whole space, as scores are computed


def _noise(images: int, side: int, rng: np.random.Generator) -> Images:
    part = rng.integers(0, 256, (images, side, side, 3), np.uint8), rng.integers(0, 10, images)
    return prepare(Raw(part, part, 10), ImageSettings("noise"))


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
    loaded = _noise(images, SIDE, rng).to(device)
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


def measure_sharing(images: int, runs: int, *, amp: bool) -> tuple[float, float, float]:
    """Compare cells of NAS-Bench-201 scored with what they share computed once, and one by one, on one core.

    Images are 16 × 16 and the network is that of docs/supernets.md, untrained. Both ways take turns on every
    cell, so that other programs slow them alike.

    Args:
        images: Images to evaluate on; a fifth as many give the statistics.
        runs: Runs of twenty cells that stand next to each other.
        amp: Whether to compute in bfloat16.

    Returns:
        Processor seconds of a cell, shared and one by one; and of all 15,625 cells, how many times faster:
        fewer of them are computed, too.
    """
    rng = np.random.default_rng(0)
    loaded = _noise(images, 16, rng)
    space = cast(EdgeSpace, spaces.get("nb201"))
    settings = EdgeSettings(widths=(16, 32, 64), depth=2, stem_stride=2)
    network = cast(EdgeNetwork, build(EdgeNetwork, space, settings, loaded, [0]))
    plans = EdgeNetwork.plans(space.graphs(space.enumerate()))
    before = len({tuple((edge, plan[edge]) for edge in live_edges(space, plan)) for plan in plans})
    first: dict[Plan, int] = {}
    for row, plan in enumerate(plans):
        first.setdefault(EdgeNetwork.computed(space, plan), row)
    rows = np.array(list(first.values()))
    starts = rng.choice(len(rows) // RUN, runs, replace=False) * RUN
    x = loaded.train.x[: images // 5]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        shared, seconds = SharedJudge(network, x, loaded.test, amp=amp), np.zeros(2)
        for row in rows[(starts[:, None] + np.arange(RUN)).ravel()]:
            start = time.process_time()
            shared.judge(plans[row])
            middle = time.process_time()
            recalibrate(network, plans[row], x, amp=amp)
            judge(network, plans[row], loaded.test, amp=amp)
            seconds += middle - start, time.process_time() - middle
    finally:
        torch.set_num_threads(threads)
    each = seconds / (runs * RUN)
    return each[0], each[1], each[1] * before / each[0] / len(rows)
