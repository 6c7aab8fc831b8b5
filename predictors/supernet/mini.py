"""The embedded table nb201_mini: how it was made, and how it is made again.

A thousand different NAS-Bench-201 cells, each trained from scratch with eight seeds on small CIFAR-10 images;
the same cells evaluated with the weights of one supernet trained on the same images; zero-cost proxies, FLOPs
and parameters of the same networks.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.stats import kendalltau

from data import spaces
from data.table import Column, Table
from predictors.supernet import score, truth
from predictors.supernet.architectures import sample_distinct
from predictors.supernet.edges import EdgeSettings
from predictors.supernet.images import ImageSettings
from predictors.supernet.job import TrainJob
from predictors.supernet.proxies import PROXIES
from predictors.supernet.recipe import Recipe
from predictors.supernet.session import run_training
from predictors.supernet.weights import read_supernet

SPACE = "nb201"
CELLS, SEEDS, SAMPLE = 1000, 8, 0
SIZE = EdgeSettings(widths=(16, 16, 16), depth=1, stem_stride=2, reduction="conv")
IMAGES = ImageSettings("cifar10", size=16, train=5000, valid=2000)
TRUTH = truth.TruthJob(
    SPACE,
    SIZE,
    IMAGES,
    Recipe(epochs=4, batch=128, lr=0.2, warmup=0.1, crop=0.0, amp=True),
    together=6,
)
SUPERNET = TrainJob(
    SPACE,
    SIZE,
    IMAGES,
    Recipe(epochs=40, batch=128, lr=0.1, warmup=0.02, crop=0.0, clip=5.0),
    sampling="fair",
    decay=3.0,
    apart=3,
)


def make(folder: Path, *, cells: int = CELLS, seeds: int = SEEDS, jobs: int = 1) -> Table:
    """Train, score and return the table; what is finished in `folder` is taken from there.

    Args:
        folder: Where finished parts are kept.
        cells: Number of cells; fewer are the first of more.
        seeds: Trainings of each.
        jobs: Processes.
    """
    codes = sample_distinct(spaces.get(SPACE), cells, SAMPLE)
    table = truth.run(TRUTH, codes, seeds, folder / "truth", jobs=jobs)
    path = run_training(SUPERNET, folder / "supernet", device="cpu")
    weak = score.ScoreJob(SPACE, SIZE, IMAGES, read_supernet(path), proxies=tuple(PROXIES))
    weak_table = score.run(weak, codes, folder / "scores", jobs=jobs)
    joined = table.join(weak_table, on="arch")
    own = Column(
        "unique_class", "cifar10", "unique_class", "", kind="weak", note="every cell is another network"
    )
    # All of one space; of a network's own costs once is enough.
    arrow = joined.arrow.drop_columns(["space", "supernet_flops", "supernet_params"]).append_column(
        "unique_class", pa.array(np.arange(cells, dtype=np.int32))
    )
    columns = {name: column for name, column in joined.columns.items() if name in arrow.column_names}
    return Table(_compact(arrow), {**columns, "unique_class": own})


def _compact(arrow: pa.Table) -> pa.Table:
    """Return the table with single-precision numbers: none of them has more digits than that."""
    fields = [pa.field(f.name, pa.float32()) if pa.types.is_floating(f.type) else f for f in arrow.schema]
    return arrow.cast(pa.schema(fields))


def figures(table: Table) -> dict[str, float]:
    """Return what says how far the labels can be trusted.

    Kendall tau between the mean of half the seeds and the mean of the others (mean over all halvings, and
    the worst of them), between two single seeds, and of the supernet, FLOPs and each proxy with the labels.
    """
    n = sum(name.startswith("cifar10_test_acc_") for name in table.names)
    seeds = np.stack([table.values(f"cifar10_test_acc_{seed}") for seed in range(n)])
    halves = [
        _tau(seeds[list(half)].mean(0), np.delete(seeds, half, 0).mean(0))
        for half in combinations(range(n), n // 2)
        if 0 in half
    ]
    pairs = [_tau(seeds[i], seeds[j]) for i, j in combinations(range(n), 2)]
    label = table.values("cifar10_test_acc")
    found = {
        "split_half_tau": float(np.mean(halves)),
        "split_half_tau_worst": min(halves),
        "single_seed_tau": float(np.mean(pairs)),
        "mean_test_acc": float(label.mean()),
        "best_test_acc": float(label.max()),
    }
    for name in ("cifar10_valid_acc", "supernet_acc", "supernet_loss", "flops", "params", *PROXIES):
        found[f"tau_{name}"] = (-1 if name.endswith("loss") else 1) * _tau(table.values(name), label)
    return found


def _tau(a: np.ndarray, b: np.ndarray) -> float:
    return float(kendalltau(a, b)[0])  # pyright: ignore[reportArgumentType]
