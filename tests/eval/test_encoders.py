"""Several pretrained encoders, so that intervals include the chance of the pretraining."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.base import Benchmark
from data.errors import InputError
from eval import evaluate
from eval.grid.entries import build_entries, parse
from eval.grid.pretraining import cached_encoder
from eval.grid.tasks import build_tasks
from eval.task import build_trials


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path))
    return load("nb201_mini", offline=True)


def test_encoders_have_seeds_of_their_own(mini: Benchmark) -> None:
    (task,) = build_tasks(mini, train_sizes=[20], seed=3)
    entries = build_entries(parse("acenas,random_forest"), [task])
    trials = build_trials([task], entries, 5, "", encoders=2)
    assert [(t.entry.name, t.repeats, t.pretrain_seed) for t in trials] == [
        ("acenas", (0, 2, 4), 3), ("acenas", (1, 3), 4), ("random_forest", (0, 1, 2, 3, 4), 3),
    ]  # fmt: skip
    assert len({cached_encoder(t.entry.predictor, t) for t in trials[:2]}) == 2
    alone = build_trials([task], entries, 5, "")
    assert [t.identity.get("encoder") for t in (*alone, *trials)] == [None, None, None, 1, None]


def test_intervals_with_several_encoders(mini: Benchmark) -> None:
    quick = "acenas:pretrain_steps=5:epochs=2"
    found = evaluate(mini, quick, train_sizes=20, repeats=3, encoders=3, progress=False)
    assert sorted(row["repeat"] for row in found.rows if row["metric"] == "kendall_tau") == [0, 1, 2]
    assert len({row["trial"] for row in found.rows}) == 3
    with pytest.raises(InputError, match="3 repeats can share 1 to 3 encoders, not 4"):
        evaluate(mini, quick, repeats=3, encoders=4, progress=False)
    with pytest.raises(InputError, match="2 encoders would have no effect"):
        evaluate(mini, "random_forest", repeats=3, encoders=2, progress=False)
