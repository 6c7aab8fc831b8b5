"""Corrections: what counts afterwards, and which contradictions are refused."""

import pandas as pd
import pytest

from eval.campaign import Campaign
from eval.campaign.status import get_best, get_status


def begin(folder, *objectives: str) -> Campaign:
    return Campaign.create(folder, space="nb201", predictor="gaussian_process", objectives=objectives)


@pytest.fixture
def campaign(tmp_path) -> Campaign:
    made = begin(tmp_path / "c", "acc")
    made.ask(3)
    return made


@pytest.fixture
def traded(tmp_path) -> Campaign:
    made = begin(tmp_path / "t", "acc", "latency:min")
    made.ask(2)
    return made


def tell(campaign: Campaign, *rows: dict, **options):
    named = [{"id": campaign.id(0)} | row for row in rows]
    return campaign.tell(pd.DataFrame(named), **options)


def test_counts_and_the_curve_know_what_was_corrected(campaign):
    tell(campaign, {"acc": 99, "seconds": 10}, {"id": campaign.id(1), "acc": 70, "seconds": 20})
    tell(campaign, {"acc": 60}, correct=True)
    tell(campaign, {"id": campaign.id(2), "status": "failed", "seconds": 5})
    status = get_status(campaign, quick=True)
    assert [point["best"] for point in status["curve"]] == [70, 70]
    assert (status["trainings"], status["seconds"]) == (3, 35), "a correction is no further training"
    assert get_best(campaign)["seconds"].tolist() == [20, 10]


def test_a_correction_may_give_one_of_several_objectives(traded):
    tell(traded, {"acc": 70, "latency": 3, "seconds": 4})
    assert tell(traded, {"acc": 60}, correct=True).results == 1
    assert traded.read().networks[0].values == (60, 3)
    assert tell(traded, {"acc": 60}, correct=True).repeated == 1
    tell(traded, {"acc": 80, "latency": 5, "seed": 1})
    assert "seed" in tell(traded, {"latency": 4}, correct=True).refused[0][2], "of which training?"
    assert tell(traded, {"latency": 7, "seed": 1}, correct=True).results == 1
    assert traded.read().networks[0].values == (70, 5)
    assert "needs latency" in tell(traded, {"acc": 1, "seed": 2}, correct=True).refused[0][2]
    assert get_status(traded, quick=True)["seconds"] == 4


def test_two_rows_that_contradict_each_other_are_no_correction(campaign, traded):
    tell(campaign, {"acc": 70})
    told = tell(campaign, {"acc": 60}, {"acc": 61}, {"acc": 60}, {"status": "failed"}, correct=True)
    assert (told.results, told.repeated, told.failed) == (1, 1, 0)
    assert [place for place, _, reason in told.refused if "earlier row" in reason] == ["row 2", "row 4"]
    assert campaign.read().networks[0].values == (60,)
    seeds = tell(campaign, {"acc": 50}, {"acc": 52, "seed": 1}, {"acc": 53, "seed": 1}, correct=True)
    assert (seeds.results, [place for place, _, _ in seeds.refused]) == (2, ["row 3"])
    assert campaign.read().networks[0].values == (51,)
    partial = tell(traded, {"acc": 60}, {"acc": 61}, {"latency": 2}, correct=True)
    assert (partial.partial, partial.results, [p for p, _, _ in partial.refused]) == (1, 1, ["row 2"])
