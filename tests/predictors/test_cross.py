"""Every predictor on every benchmark: whatever an encoder needs is in the graphs."""

from __future__ import annotations

import numpy as np
import pytest
from support.small_benchmarks import small

import predictors
from benchmarks import REGISTRY
from predictors.pretraining import Pretrains

N_TRAIN = 30


@pytest.mark.parametrize("predictor", predictors.names())
@pytest.mark.parametrize("key", REGISTRY)
def test_every_predictor_runs_on_every_benchmark(key: str, predictor: str, real_tables) -> None:
    bench = small(key)
    kind = predictors.get(predictor)
    ranker = kind(**kind.quick)
    if ranker.lacks(bench.weak_names):
        pytest.skip(f"{key} has no weak label {ranker.lacks(bench.weak_names)}")
    weak = [name for name in bench.info.weak if np.isfinite(bench.weak(name)).any()]
    if isinstance(ranker, Pretrains) and weak:
        quick = {name: 2 for name in ("pretrain_epochs", "pretrain_steps") if name in kind.defaults()}
        ranker = kind(**{**kind.quick, **quick})
        assert isinstance(ranker, Pretrains)
        ranker.pretrain(bench.graphs.with_weak({}), {name: bench.weak(name) for name in weak}, seed=0)
    y = bench.target(bench.info.dataset, bench.info.target)
    train = np.arange(N_TRAIN)
    scores = ranker.fit(bench.graphs.take(train), y[train], seed=0).predict(bench.graphs)
    assert scores.shape == (len(bench),)
    assert np.isfinite(scores).all()
    if predictor not in ("random_order", "weak_label", "flops", "params", "acenas_paper"):
        assert np.ptp(scores) > 0
