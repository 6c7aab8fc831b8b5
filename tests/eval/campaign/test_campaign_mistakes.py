"""Mistakes of users: each is named, at the latest when a result comes."""

import logging

import pandas as pd
import pytest

from data.errors import InputError
from data.spaces import get
from eval.campaign import Campaign
from eval.campaign.engine import ACQUISITIONS


def begin(folder, **changes) -> Campaign:
    return Campaign.create(folder, **({"space": "nb201", "predictor": "gaussian_process"} | changes))


@pytest.fixture
def campaign(tmp_path) -> Campaign:
    made = begin(tmp_path / "c")
    made.ask(4)
    return made


def table(path, **columns):
    space = get("nb201")
    pd.DataFrame({"arch": space.format(space.enumerate()[1000:1008]), **columns}).to_csv(path, index=False)
    return path


@pytest.fixture
def notices(caplog):
    caplog.set_level(logging.INFO, "acerank")
    return caplog


@pytest.mark.parametrize(
    ("columns", "objectives", "nearest"),
    [
        ({"acc": 70.5}, "accc", "acc"),
        ({"top": 70.5, "flops": 1.5}, "acc", "known: top"),
        ({"acc": 70.5, "latency": 1.5}, ["acc", "latenzy:min"], "latency"),
        ({"latency": 1.5}, "latenzy:min", "latency"),
    ],
)
def test_an_objective_that_the_table_spells_otherwise_is_refused(columns, objectives, nearest, tmp_path):
    with pytest.raises(InputError, match=nearest):
        begin(tmp_path / "c", space="", bench=table(tmp_path / "t.csv", **columns), objectives=objectives)
    assert not (tmp_path / "c" / "campaign.json").exists()


@pytest.mark.parametrize(
    ("columns", "objectives"),
    [
        ({}, "acc"),
        ({"flops": 1.5, "latency": 2.5, "train_seconds": 100}, "acc"),
        ({"acc": 70.5}, ["acc", "latency:min"]),
        ({"latency": 2.5}, "energy:min"),
        ({"proxy": 0.5, "acc": None}, "acc"),
    ],
)
def test_candidates_need_not_be_measured(columns, objectives, tmp_path, notices):
    path = table(tmp_path / "t.csv", **columns)
    campaign = begin(tmp_path / "c", space="", bench=path, objectives=objectives)
    assert not campaign.read().networks
    assert any("no result is known" in line for line in notices.messages)
    assert len(Campaign(tmp_path / "c").ask(3)) == 3


def test_objectives_leave_nothing_to_guess_about_the_labels_of_a_table(tmp_path, notices):
    path = table(tmp_path / "t.csv", acc=70.5, latency=1.5, f1=0.5)
    begin(tmp_path / "c", space="", bench=path, objectives=["acc", "latency:min"])
    assert not [line for line in notices.messages if "target" in line]
    assert any("results in the table" in line for line in notices.messages)


def test_a_table_is_called_the_same_from_everywhere(tmp_path, monkeypatch):
    path = table(tmp_path / "t.csv", acc=None)
    campaign = begin(tmp_path / "c", space="", bench=path)
    asked = campaign.ask(2)
    monkeypatch.chdir(tmp_path)
    again = Campaign("c")
    assert {*asked["space"], *again.ask(2)["space"]} == {"candidates.csv"}
    assert again.engine.key == campaign.engine.key
    assert again.import_results(asked.assign(acc=[60, 61])).results == 2


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_a_ranker_that_is_never_unsure_has_no_upper_bound(acquisition, tmp_path, notices):
    def make():
        return begin(tmp_path, predictor="gcn", acquisition=acquisition)

    if acquisition == "ucb":
        with pytest.raises(InputError, match="how sure"):
            make()
    else:
        make()
    said = any("how sure" in line for line in notices.messages)
    assert said == (acquisition in ("mixed", "ts"))


def test_semicolons_and_decimal_commas_are_read_as_in_tables(campaign, tmp_path):
    rows = [(0, "82,5", "1,5"), (1, "83", "2")]
    text = "".join(f"{campaign.id(i)};{acc};{seconds}\n" for i, acc, seconds in rows)
    (tmp_path / "r.csv").write_text(f"id;acc;seconds\n{text}")
    assert campaign.tell(tmp_path / "r.csv").results == 2
    networks = campaign.read().networks
    assert [(networks[i].values, networks[i].seconds) for i in (0, 1)] == [((82.5,), 1.5), ((83,), 2)]


def test_what_was_found_is_named_even_if_no_row_can_be_read(campaign, tmp_path):
    (tmp_path / "r.csv").write_text("identity,score\n1,2,3\n")
    with pytest.raises(InputError, match="found identity, score"):
        campaign.tell(tmp_path / "r.csv")
    (tmp_path / "r.csv").write_text(f"id,acc\n{campaign.id(0)},\n")
    assert campaign.tell(tmp_path / "r.csv").empty == 1
    (tmp_path / "r.jsonl").write_text("{broken\n")
    assert "not JSON" in campaign.tell(tmp_path / "r.jsonl").refused[0][2]


def test_columns_that_nobody_reads_are_named(campaign):
    row = {"id": campaign.id(0), "acc": 70, "space": "nb201", "asked": "x", "hash": "y"}
    assert campaign.tell(pd.DataFrame([row])).notices == []
    told = campaign.tell(pd.DataFrame([row | {"id": campaign.id(1), "secnds": 5, "Seed": 3, "gpu": "a"}]))
    assert told.results == 1
    (line,) = told.notices
    assert all(text in line for text in ("'secnds' (did you mean seconds?)", "mean seed?", "'gpu'"))


def test_a_value_of_another_order_of_magnitude_is_named(campaign):
    def tell(number, acc):
        return campaign.tell(pd.DataFrame([{"id": campaign.id(number), "acc": acc}])).notices

    assert tell(0, 70) == tell(1, 99) == []
    (line,) = tell(2, 0.71)
    assert "0.71" in line
    assert campaign.id(2) in line
    assert tell(3, 0.75) == [], "it is no news any more"
