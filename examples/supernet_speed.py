"""Score the same cells one by one and with what they share computed once: seconds, agreement, tau.

    python examples/supernet_speed.py supernet/supernet.safetensors --runs 10 --amp

Each run is twenty cells that stand next to each other in the whole space, as `score` computes them. Both
ways take turns on every cell, so that other programs slow them alike; seconds are of processor time.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import kendalltau

from benchmarks import load
from data import spaces
from predictors.supernet.edges import EdgeNetwork, live_edges
from predictors.supernet.evaluate import judge, recalibrate
from predictors.supernet.images import load as load_images
from predictors.supernet.network import Plan
from predictors.supernet.shared import SharedJudge
from predictors.supernet.weights import load_network, read_supernet

RUN, STATISTICS = 20, 1000


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("supernet", type=Path)
    parser.add_argument("--runs", type=int, default=10, help="runs of twenty cells")
    parser.add_argument("--amp", action="store_true", help="compute in bfloat16")
    options = parser.parse_args()
    torch.set_num_threads(1)

    weights = read_supernet(options.supernet)
    images = load_images(weights.job.images)
    network = load_network(weights, images)
    if not isinstance(network, EdgeNetwork):
        parser.error("only cells with an operation on every edge share anything")
    space = spaces.get(weights.job.space)
    plans = EdgeNetwork.plans(space.graphs(space.enumerate()))
    before = len({tuple((e, plan[e]) for e in live_edges(space, plan)) for plan in plans})
    first: dict[Plan, int] = {}
    for row, plan in enumerate(plans):
        first.setdefault(EdgeNetwork.computed(space, plan), row)
    rows = list(first.values())
    starts = np.random.default_rng(0).choice(len(rows) // RUN, options.runs, replace=False) * RUN

    x = images.train.x[:STATISTICS]
    shared = SharedJudge(network, x, images.valid, amp=options.amp)
    chosen = [rows[start + i] for start in starts for i in range(RUN)]
    seconds, scores = np.zeros(2), np.zeros((2, len(chosen)))
    for i, row in enumerate(chosen):
        start = time.process_time()
        scores[0, i] = float(shared.judge(plans[row]).accuracy)
        middle = time.process_time()
        recalibrate(network, plans[row], x, amp=options.amp)
        scores[1, i] = float(judge(network, plans[row], images.valid, amp=options.amp).accuracy)
        seconds += middle - start, time.process_time() - middle

    each = seconds / len(chosen)
    print(f"seconds a cell: {each[0]:.3f} shared, {each[1]:.3f} one by one: {each[1] / each[0]:.2f} times")
    print(f"computations: {len(rows):,} of {len(plans):,} cells; {before:,} with the same live edges")
    print(f"all cells: {each[1] * before / each[0] / len(rows):.2f} times")
    print(f"largest difference: {np.abs(scores[0] - scores[1]).max():.2f} points")
    print(f"tau between the two: {kendalltau(*scores)[0]:.4f}")
    bench = load("nb201")
    place = {
        tuple(code): i for i, code in enumerate(space.parse(bench.table.column("arch").to_pylist()).tolist())
    }
    where = [place[plans[row]] for row in chosen]
    for name in ("cifar10_test_acc", "cifar100_test_acc"):
        taus = [kendalltau(own, bench.table.values(name)[where])[0] for own in scores]
        print(f"tau with {name}: {taus[0]:.4f} shared, {taus[1]:.4f} one by one")


if __name__ == "__main__":
    main()
