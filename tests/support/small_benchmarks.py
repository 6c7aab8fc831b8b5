"""Every registered benchmark on a few dozen rows: real ones where its table is here, else made ones.

Tables in an official format that can only be whole (NATS-Bench sizes, TransNAS-Bench-101) are made here with
the columns that their converters give; all others are converted from files in their official format.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
from support.made_tables import MADE

import benchmarks
from benchmarks.base import Benchmark
from benchmarks.transnas import TASKS
from data.cache import find
from data.spaces import get
from data.table import Table


def _accuracy(codes: np.ndarray, rng: np.random.Generator, noise: float) -> np.ndarray:
    """Return plausible accuracies in percent: a sum over the decisions, and noise."""
    weight = np.linspace(1, 2, codes.shape[1])
    score = (codes * weight).sum(1)
    return 40 + 40 * score / max(score.max(), 1) + rng.normal(0, noise, len(codes))


def _nats_size(rng: np.random.Generator, n: int) -> Table:
    space = get("nats_size")
    codes = space.sample(n, rng)
    columns: dict[str, object] = {"arch": space.format(codes)}
    for dataset in ("cifar10", "cifar100", "imagenet16"):
        for name, noise in (("valid_acc", 1), ("test_acc", 1), ("valid_acc_01", 5), ("valid_acc_12", 3)):
            columns[f"{dataset}_{name}"] = _accuracy(codes, rng, noise)
    return Table(pa.table({**columns, "flops": codes.sum(1) + 1.0, "params": (codes**2).sum(1) + 1.0}))


def _transnas(key: str, rng: np.random.Generator, n: int) -> Table:
    space = get(key)
    codes = space.sample(n, rng)
    columns: dict[str, object] = {"arch": space.format(codes)}
    for task, (metric, _) in TASKS.items():
        for name, noise in ((f"valid_{metric}", 1), (f"test_{metric}", 1), (f"valid_{metric}_ep5", 4)):
            columns[f"{task}_{name}"] = _accuracy(codes, rng, noise)
    return Table(pa.table({**columns, "flops": codes.sum(1) + 1.0, "params": (codes**2).sum(1) + 1.0}))


_MADE = {
    **MADE,
    "nats_size": _nats_size,
    "transnas_micro": lambda rng, n: _transnas("transnas_micro", rng, n),
    "transnas_macro": lambda rng, n: _transnas("transnas_macro", rng, n),
}


@cache
def small(key: str, n: int = 60) -> Benchmark:
    """Return benchmark `key` on n rows, all of its default data set."""
    rng = np.random.default_rng(0)
    kind = benchmarks.get(key)
    made = key in _MADE and find(key) is None
    whole = kind(kind.arrange(_MADE[key](rng, 3 * n))) if made else benchmarks.load(key, offline=True)
    known = np.flatnonzero(np.isfinite(whole.target(whole.info.dataset, whole.info.target)))
    return kind(whole.table.take(np.sort(rng.choice(known, n, replace=False))))
