"""What the tests of supernets share: a tiny job on digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data.spaces.codes import CodeSpace
from data.spaces.edges import NB201
from predictors.supernet import score
from predictors.supernet.architectures import sample_distinct
from predictors.supernet.edges import EdgeSettings
from predictors.supernet.images import ImageSettings
from predictors.supernet.job import TrainJob
from predictors.supernet.proxies import PROXIES
from predictors.supernet.recipe import Recipe

DIGITS = ImageSettings("digits", train=400, valid=200)
SIZE = EdgeSettings((8,), depth=1)
QUICK = Recipe(epochs=2, batch=50, lr=0.1, crop=0, flip=False)
JOB = TrainJob("nb201", SIZE, DIGITS, QUICK)
CODES = sample_distinct(NB201, 6, 0)


def check_scored(path: Path, space: CodeSpace, n: int, folder: Path) -> None:
    """Score n architectures with a supernet of digits and by all proxies: all are listed, nothing lacks."""
    codes = space.sample(n, np.random.default_rng(0))
    job = score.score_job(path, ["all"], "", DIGITS, None, recalibrate=100, proxy_batch=8)
    table = score.run(job, codes, folder, jobs=1)
    assert table.column("arch").to_pylist() == space.format(codes)
    for column in ("supernet_acc", "supernet_loss", "supernet_flops", "supernet_params", *PROXIES):
        assert np.isfinite(table.values(column)).all(), column
