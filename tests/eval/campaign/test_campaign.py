"""Campaigns: what is asked, what is told, and what is refused."""

import json
import zlib

import numpy as np
import pandas as pd
import pytest

from data.errors import InputError, MissingTableError, TableError
from data.spaces import get
from eval.campaign import Campaign
from eval.campaign.claims import claim_new
from eval.campaign.rows import read_rows
from eval.campaign.status import export, get_best, get_status
from eval.campaign.telling import Teller

QUICK = "gaussian_process"


def made_up(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(acc=[50 + zlib.crc32(arch.encode()) % 4000 / 100 for arch in frame["arch"]])


def begin(folder, **changes) -> Campaign:
    return Campaign.create(folder, **({"space": "nb201", "predictor": QUICK} | changes))


@pytest.fixture
def campaign(tmp_path) -> Campaign:
    return begin(tmp_path / "c")


def hashes(campaign: Campaign, archs) -> list[int]:
    return campaign.architectures.hashes(np.stack([campaign.architectures.parse(a) for a in archs])).tolist()


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_nothing_is_asked_twice_and_everything_survives_reopening(storage, tmp_path):
    campaign = begin(tmp_path, storage=storage)
    first = campaign.ask(8)
    assert list(first.columns) == ["id", "space", "arch"]
    assert campaign.tell(made_up(first).iloc[::-1]).results == 8
    again = Campaign(tmp_path)
    second, third = again.ask(8), Campaign(tmp_path).ask(8)
    archs = [*first["arch"], *second["arch"], *third["arch"]]
    assert len(set(hashes(campaign, archs))) == 24
    ledger = Campaign(tmp_path).read()
    assert (len(ledger.having("done")), len(ledger.having("pending"))) == (8, 16)
    assert list(again.pending()["id"]) == [*second["id"], *third["id"]]
    told = {again.id(n.number): n.values for n in ledger.having("done")}
    assert told == {row.id: (row.acc,) for row in made_up(first).itertuples()}


def test_a_seed_decides_what_is_asked(tmp_path):
    def archs(name: str, seed: int) -> list[str]:
        campaign = begin(tmp_path / name, seed=seed)
        batches = [made_up(campaign.ask(6))]
        for _ in range(2):
            campaign.tell(batches[-1])
            batches.append(made_up(campaign.ask(6)))
        return [arch for batch in batches for arch in batch["arch"]]

    assert archs("a", 1) == archs("b", 1) != archs("c", 2)


def test_the_ranker_is_better_than_chance(tmp_path):
    campaign = begin(tmp_path, space="proxyless", objectives="size:max")
    means = []
    for _ in range(3):
        batch = campaign.ask(20)
        size = [float(sum(map(int, arch.split(":")))) for arch in batch["arch"]]
        campaign.tell(batch.assign(size=size))
        means.append(np.mean(size))
    assert means[0] + 10 < means[2]


def test_late_partial_failed_and_repeated_results(tmp_path):
    campaign = begin(tmp_path, objectives=["acc", "latency:min"])
    a, b, c, _ = campaign.ask(4)["id"]

    def tell(*rows, **options):
        return campaign.tell(pd.DataFrame(rows), **options)

    told = tell({"id": c, "status": "failed", "seconds": 5}, {"id": a, "acc": 70})
    assert (told.failed, told.partial, told.results) == (1, 1, 0)
    assert campaign.read().networks[0].partial == {"acc": 70}
    assert tell({"id": a, "acc": 70}).repeated == 1
    assert tell({"id": a, "acc": 71}).refused
    assert tell({"id": a, "latency": 3}).results == 1
    assert tell({"id": b, "acc": 80, "latency": 2, "seed": 0}).results == 1
    assert tell({"id": b, "acc": 80, "latency": 2, "seed": 0}).repeated == 1
    assert tell({"id": b, "acc": 84, "latency": 4, "seed": 1}).results == 1
    assert tell({"id": c, "acc": 60, "latency": 1}).results == 1, "a failed training may succeed later"
    networks = Campaign(tmp_path).read().networks
    assert [networks[i].values for i in range(3)] == [(70, 3), (82, 3), (60, 1)]
    assert networks[3].state == "pending"
    assert set(get_best(campaign)["id"]) == {b, c}, "the others are dominated"


def test_corrections(campaign):
    a, b = campaign.ask(2)["id"]

    def tell(acc, seed=None, name=a, **options):
        row = {"id": name, "acc": acc} | ({} if seed is None else {"seed": seed})
        return campaign.tell(pd.DataFrame([row]), **options)

    tell(70, seed=0), tell(80, seed=1)
    assert "corr" in tell(75, seed=0).refused[0][2]
    assert tell(76, seed=0, correct=True).results == 1
    assert campaign.read().networks[0].values == (78,)
    assert tell(76, seed=0, correct=True).repeated == 1
    assert tell(60, correct=True).results == 1
    assert campaign.read().networks[0].values == (60,)
    assert tell(50, name=b, correct=True).results == 1, "there is nothing to correct yet"
    withdrawn = campaign.tell(pd.DataFrame([{"id": b, "status": "failed"}]), correct=True)
    assert withdrawn.failed == 1
    assert campaign.read().networks[1].state == "failed"
    statuses = export(campaign)["status"].tolist()
    assert sorted(statuses) == ["corrected", "corrected", "corrected", "corrected", "done", "failed"]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"acc": "70"}, "no id"),
        ({"id": "", "acc": "70"}, "no id"),
        ({"id": "{id}-99", "acc": "70"}, "unknown id"),
        ({"id": "fffff0-0", "acc": "70"}, "another campaign"),
        ({"id": "zero", "acc": "70"}, "no id of this campaign"),
        ({"id": "{id}-0", "acc": "seventy"}, "not a number"),
        ({"id": "{id}-0", "acc": "nan"}, "is nan"),
        ({"id": "{id}-0", "acc": "inf"}, "is inf"),
        ({"id": "{id}-0", "acc": "170"}, "outside the possible"),
        ({"id": "{id}-0", "acc": "-1"}, "outside the possible"),
        ({"id": "{id}-0", "acc": "70", "seed": "1.5"}, "not a whole number"),
        ({"id": "{id}-0", "acc": "70", "seconds": "-3"}, "negative"),
        ({"id": "{id}-0", "acc": "70", "status": "perhaps"}, "crashed"),
        ({"id": "{id}-0", "acc": "70", "status": "failed"}, "there is a value"),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_a_wrong_row_is_refused_and_the_good_ones_are_kept_or_not(cells, reason, whole, tmp_path, asked_two):
    campaign, path = asked_two, tmp_path / "results.jsonl"
    cells = {key: value.replace("{id}", campaign.settings.id) for key, value in cells.items()}
    good = {"id": campaign.id(1), "acc": 60.5}
    path.write_text(f"{json.dumps(cells)}\n{json.dumps(good)}\n")
    before = len(campaign.read().having("done"))
    told = campaign.tell(path, all_or_nothing=whole)
    assert [place for place, _, _ in told.refused] == ["row 1"]
    assert reason in told.refused[0][2]
    assert told.kept is not whole
    after = campaign.read()
    assert len(after.having("done")) == (before if whole else 1)
    assert after.networks[0].state == "pending"


@pytest.fixture(scope="module")
def asked_two(tmp_path_factory) -> Campaign:
    campaign = begin(tmp_path_factory.mktemp("asked"))
    campaign.ask(2)
    return campaign


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("a.csv", "\ufeffid,acc\nx-1,3\n\nx-2,\n", [{"id": "x-1", "acc": 3}, {"id": "x-2"}]),
        ("a.tsv", "id\tacc\nx-1\t3\n", [{"id": "x-1", "acc": 3}]),
        ("c.csv", "id;arch;acc\nx-1;1,2;3,5\n", [{"id": "x-1", "arch": "1,2", "acc": 3.5}]),
        ("d.csv", 'id,acc,cost\nx-1,"3,5%","1,234"\n', [{"id": "x-1", "acc": 3.5, "cost": "1,234"}]),
        ("a.json", '[{"id": "x-1", "acc": 3}, 4]', [{"id": "x-1", "acc": 3}, {}]),
        ("a.jsonl", '{"id": "x-1", "acc": 3}\n{broken\n', [{"id": "x-1", "acc": 3}, {}]),
        ("b.csv", "id,acc\nx-1,3,4\nx-2,5\n", [{}, {"id": "x-2", "acc": 5}]),
    ],
)
def test_files_are_read_row_by_row(name, text, rows, tmp_path):
    (tmp_path / name).write_text(text, "utf-8")
    read = read_rows(tmp_path / name)
    assert [dict(row.cells) for row in read] == rows
    assert [bool(row.broken) for row in read] == [not row for row in rows]


def test_a_parquet_file_is_read(tmp_path, campaign):
    made_up(campaign.ask(3)).to_parquet(tmp_path / "a.parquet")
    assert campaign.tell(tmp_path / "a.parquet").results == 3


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.csv", b"", TableError),
        ("a.csv", b"id,id\n1,2\n", TableError),
        ("a.csv", b"name,top\n1,2\n", InputError),
        ("a.csv", b"acc\n1\n", InputError),
        ("a.json", b"{", TableError),
        ("a.csv", b"\xff\xfe\x00", TableError),
        ("a.parquet", b"PAR", TableError),
        ("a.txt", b"id,acc\n", TableError),
        ("a.csv", None, MissingTableError),
    ],
)
def test_a_file_that_is_no_table_of_results_is_refused(name, content, error, tmp_path, asked_two):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error):
        asked_two.tell(tmp_path / name)


def test_a_kill_between_the_rows_of_all_or_nothing_leaves_all(campaign, monkeypatch):
    results = made_up(campaign.ask(6))
    write, written = Teller.write, []

    def killed(self, entry):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(entry)
        write(self, entry)

    monkeypatch.setattr(Teller, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        campaign.tell(results, all_or_nothing=True)
    monkeypatch.undo()
    reopened = Campaign(campaign.folder)
    assert reopened.tell(results, all_or_nothing=True).repeated == 6
    assert len(reopened.read().having("done")) == 6


def test_a_half_written_line_is_cut_off(campaign):
    results = made_up(campaign.ask(3))
    with (campaign.folder / "journal.log").open("ab") as file:
        file.write(b'{"op_code": 4, "worker_id": "x", "study')  # a process killed in the middle of a write
    reopened = Campaign(campaign.folder)
    assert reopened.tell(results).results == 3
    assert len(Campaign(campaign.folder).read().having("done")) == 3


def test_of_two_claims_on_one_network_one_is_withdrawn(campaign):
    codes = campaign.architectures.parse(campaign.ask(1)["arch"][0])[None]
    positions, numbers = claim_new(
        campaign.study, campaign.architectures, codes, campaign.architectures.hashes(codes)
    )
    assert (positions, numbers) == ([], [])
    ledger = campaign.read()
    assert (list(ledger.networks), sorted(ledger.withdrawn)) == ([0], [1])
    told = campaign.tell(pd.DataFrame([{"id": campaign.id(1), "acc": 70}]))
    assert "withdrawn" in told.refused[0][2]


def test_old_trainings_are_imported_as_results(campaign):
    pending = campaign.ask(1)["arch"][0]
    space = get("nb201")
    archs = space.format(space.sample(3, np.random.default_rng(0)))
    old = pd.DataFrame(
        {"arch": [*archs, archs[0], pending], "acc": [60.0, 61, 62, 64, 65], "seed": [0, 0, 0, 1, 0]}
    )
    assert campaign.import_results(old).results == 5
    ledger = campaign.read()
    assert [n.values for n in ledger.networks.values()] == [(65,), (62,), (61,), (62,)]
    assert [n.imported for n in ledger.networks.values()] == [False, True, True, True]
    assert campaign.import_results(old).repeated == 5
    wrong = pd.DataFrame({"arch": ["|x|", archs[0]], "acc": [1.0, 2.0]})
    told = campaign.import_results(wrong, all_or_nothing=True)
    assert (len(told.refused), told.kept) == (2, False)
    assert not set(hashes(campaign, archs)) & set(hashes(campaign, campaign.ask(50)["arch"]))
    names = export(campaign)
    other = begin(campaign.folder / "other")
    assert other.import_results(names.dropna(subset="acc")).results == 5, "an export can be imported"


def table_of(n: int, **columns) -> pd.DataFrame:
    space = get("nb201")
    codes = space.enumerate()[:: 15_625 // n][:n]
    return pd.DataFrame({"arch": space.format(codes), **columns})


def test_a_table_of_candidates_without_labels_is_used_up(tmp_path):
    table_of(20).to_csv(tmp_path / "new.csv", index=False)
    campaign = begin(tmp_path / "c", space="", bench=tmp_path / "new.csv")
    distinct = len(set(campaign.architectures.hashes(np.arange(20)[:, None]).tolist()))
    first = campaign.ask(7)
    campaign.tell(made_up(first))
    rest = campaign.ask(100)
    assert len(first) + len(rest) == distinct
    with pytest.raises(InputError, match="no network is left"):
        campaign.ask(1)
    campaign.tell(made_up(rest))
    assert get_status(campaign)["stop"]
    (tmp_path / "c" / "candidates.csv").write_text(table_of(19).to_csv(index=False))
    with pytest.raises(InputError, match="not the one"):
        Campaign(tmp_path / "c").ask(1)


def test_labels_of_a_table_are_results_and_its_weak_labels_choose_first(tmp_path):
    acc = np.where(np.arange(40) < 3, 60.0 + np.arange(40), np.nan)
    table_of(40, acc=acc, flops=np.arange(40.0)).to_csv(tmp_path / "t.csv", index=False)
    campaign = begin(tmp_path / "c", space="", bench=tmp_path / "t.csv")
    assert campaign.settings.weak == ("flops",)
    assert [n.values for n in campaign.read().having("done")] == [(60.5,), (62,)], "two rows are one network"
    asked = campaign.ask(4)["arch"].tolist()
    flops = [campaign.architectures.parse(arch)[0] for arch in asked]
    assert flops[0] >= 37, "the best by the weak label comes first"


def test_weak_labels_from_a_file_pretrain_the_ranker_once(tmp_path):
    table_of(60, supernet_acc=np.linspace(10, 60, 60)).to_csv(tmp_path / "weak.csv", index=False)
    campaign = begin(
        tmp_path / "c", weak=tmp_path / "weak.csv", predictor="ace:epochs=2:folds=2:trees=5:pretrain_steps=5"
    )
    best = table_of(60)["arch"].iloc[-1]
    first = campaign.ask(6)
    assert hashes(campaign, [best])[0] in hashes(campaign, first["arch"])
    campaign.tell(made_up(first))
    campaign.ask(2)
    encoder = campaign.folder / "encoder.safetensors"
    made = encoder.stat().st_mtime_ns
    Campaign(campaign.folder).prepare()
    assert encoder.stat().st_mtime_ns == made


def test_status_says_what_the_ranker_is_worth(campaign, tmp_path):
    campaign.tell(made_up(campaign.ask(4)))
    assert not get_status(campaign)["stop"]
    batch = campaign.ask(20)
    convs = [float(arch.count("nor_conv_3x3") * 10 + arch.count("1x1") * 5) for arch in batch["arch"]]
    campaign.tell(batch.assign(acc=convs, seconds=10, seed=0))
    campaign.tell(batch[:2].assign(acc=np.array(convs[:2]) + 20, seed=1))
    status = get_status(campaign, batch=5)
    assert (status["queried"], status["done"], status["trainings"], status["seconds"]) == (24, 24, 26, 200.0)
    assert len(status["curve"]) == 26
    assert -1 <= status["quality"][0]["low"] <= status["quality"][0]["tau"] <= 1
    assert status["next_batch"]["size"] == 5
    assert status["reason"]
    confirmed = get_best(campaign, 24).set_index("id").loc[batch["id"][0]]
    assert confirmed["trainings"] == 2
    assert confirmed["spread"] == pytest.approx(20 / np.sqrt(2))


def test_two_objectives_are_traded(tmp_path):
    campaign = begin(tmp_path, objectives=["acc:max", "latency:min"])
    for _ in range(2):
        batch = campaign.ask(10)
        count = np.array([arch.count("conv_3x3") for arch in batch["arch"]], float)
        campaign.tell(batch.assign(acc=40 + 8 * count, latency=1 + count))
    front = get_best(campaign)
    assert front["acc"].is_monotonic_decreasing
    assert front["latency"].is_monotonic_decreasing, "more accuracy costs latency on a front"
    status = get_status(campaign, batch=4)
    assert [q["objective"] for q in status["quality"]] == ["acc", "latency"]
    assert np.all(np.diff([point["best"] for point in status["curve"]]) >= 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"space": ""},
        {"bench": "nb201_mini"},
        {"space": "nb2O1"},
        {"predictor": "ases"},
        {"predictor": "ace,mlp"},
        {"predictor": "weak_label:column=synflow"},
        {"objectives": "id:max"},
        {"objectives": "acc:up"},
        {"objectives": ["acc", "acc:min"]},
        {"objectives": "acc:max:1:0"},
        {"acquisition": "magic"},
        {"storage": "nowhere"},
        {"storage": "nosuchsql://host/name"},
    ],
)
def test_settings_that_mean_nothing_are_refused(changes, tmp_path):
    with pytest.raises((InputError, KeyError)):
        begin(tmp_path, **changes)
    assert not (tmp_path / "campaign.json").exists()
    begin(tmp_path)  # nothing is left behind that is in the way


def test_a_folder_holds_one_campaign(campaign, tmp_path):
    with pytest.raises(InputError, match="already"):
        begin(campaign.folder)
    with pytest.raises(InputError, match="no campaign"):
        Campaign(tmp_path / "elsewhere")
