"""rank(): architectures without a label ranked by those with one; names and columns stay."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks import load
from data.errors import InputError
from data.graphs import Graphs
from data.spaces.edges import NB201
from eval import rank
from eval.rank.ranker import Ranker
from predictors import Predictor, get

OPERATIONS = {"conv3": 1.0, "conv5": 1.3, "pool": 0.3, "skip": 0.1}
QUICK = "random_forest:n_estimators=5"


def write_chains(path: Path, labelled: int, unlabelled: int) -> Path:
    """Write distinct chains of five blocks, each with an id and a comment; the first ones have a label."""
    draw = np.random.default_rng(0)
    chains = draw.choice(4**5, labelled + unlabelled, replace=False)
    with path.open("w", newline="", encoding="utf-8") as stream:
        lines = csv.writer(stream)
        lines.writerow(["id", *(f"block{i}" for i in range(5)), "acc", "comment"])
        for i, code in enumerate(chains):
            blocks = [list(OPERATIONS)[code // 4**b % 4] for b in range(5)]
            label = f"{80 + sum(OPERATIONS[block] for block in blocks):.2f}" if i < labelled else ""
            lines.writerow([f"net{i}", *blocks, label, f"note{i}"])
    return path


def test_every_row_without_a_label_is_ranked_with_its_columns(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = write_chains(tmp_path / "own.csv", 30, 12)
    frame = rank(table, QUICK, target="acc", repeats=2)
    assert capfd.readouterr() == ("", "")
    assert list(frame["rank"]) == list(range(1, 13))
    assert set(frame["name"]) == {f"net{i}" for i in range(30, 42)}
    assert all(
        comment == f"note{name[3:]}" for name, comment in zip(frame["name"], frame["comment"], strict=True)
    )
    assert frame["score"].is_monotonic_decreasing
    assert frame.attrs["predictor"] == QUICK
    assert frame.attrs["estimate"]
    assert ("std" in frame) is get(QUICK.partition(":")[0]).has_std


def test_candidates_of_a_second_file_and_the_labelled_networks_among_them(tmp_path: Path) -> None:
    table = write_chains(tmp_path / "own.csv", 30, 12)
    lines = table.read_text("utf-8").splitlines()
    (tmp_path / "trained.csv").write_text("\n".join(lines[:31]) + "\n", "utf-8")
    new = [line.split(",") for line in [*lines[1:4], *lines[31:], lines[31]]]
    head = [name for name in lines[0].split(",") if name != "acc"]
    text = [head, *([*row[:6], *row[7:]] for row in new)]
    (tmp_path / "new.csv").write_text("\n".join(map(",".join, text)) + "\n", "utf-8")
    frame = rank(tmp_path / "trained.csv", QUICK, candidates=tmp_path / "new.csv", target="acc", repeats=2)
    assert set(frame["name"]) == {f"net{i}" for i in [0, 1, 2, *range(30, 42)]}
    known = frame[frame["trained"]]
    assert sorted(known["name"]) == ["net0", "net1", "net2"]
    assert (known["chosen"] == 0).all()
    assert known["top_probability"].isna().all()
    label = float(lines[1].split(",")[6])
    assert known.set_index("name").loc["net0", "note"] == f"same network as net0, whose label is {label:g}"
    assert (known["distance"] < 1e-6).all()
    assert sorted(frame["chosen"]) == [0, 0, 0, *range(1, 13)]


def test_labels_to_expect_are_in_the_unit_of_the_table(tmp_path: Path) -> None:
    table = write_chains(tmp_path / "own.csv", 60, 300)
    codes = np.random.default_rng(0).choice(4**5, 360, replace=False)[60:]
    value = np.array(list(OPERATIONS.values()))
    truth = 80 + sum(value[codes // 4**b % 4] for b in range(5))
    frame = rank(table, "gaussian_process", target="acc", repeats=1).set_index("name")
    frame = frame.loc[[f"net{i}" for i in range(60, 360)]]
    assert np.abs(frame["expected"] - truth).mean() < 0.5 * truth.std()
    assert ((frame["low"] <= truth) & (truth <= frame["high"])).mean() > 0.6
    assert frame["top_probability"].sum() == pytest.approx(20)


class _Exact(Predictor):
    """Knows the distribution of each label: its normal score is that of its number, plus noise."""

    has_std = True
    normal_labels = True

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        del graphs, y, seed

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return np.array([MEANS[tuple(ops)] for ops in graphs.ops.tolist()])

    def _predict_std(self, graphs: Graphs) -> tuple[np.ndarray, np.ndarray]:
        return self._predict(graphs), np.full(len(graphs), 0.6)


MEANS: dict[tuple[int, ...], float] = {}


def test_intervals_of_normal_scores_hold_four_of_five_labels() -> None:
    graphs = NB201.graphs(NB201.enumerate()[::2])
    graphs = graphs.take(graphs.unique()[0])
    draw = np.random.default_rng(0)
    means = 0.8 * draw.standard_normal(len(graphs))
    MEANS.update(zip(map(tuple, graphs.effective().ops.tolist()), means, strict=True))
    means = np.array([MEANS[tuple(ops)] for ops in graphs.effective().ops.tolist()])
    labels = 95 - np.exp(1 - (means + 0.6 * draw.standard_normal(len(means))))  # skewed, as accuracies are
    ranker = Ranker.__new__(Ranker)
    ranker.direction = 1
    ranker.predictor = _Exact().fit(graphs.take(slice(0, 1000)), labels[:1000])
    rated = ranker.rate(graphs.take(slice(1000, None)))
    assert rated.low is not None
    assert rated.high is not None
    truth = labels[1000:]
    assert ((rated.low <= truth) & (truth <= rated.high)).mean() == pytest.approx(0.8, abs=0.03)
    assert (truth < rated.low).mean() == pytest.approx(0.1, abs=0.03)


def test_a_label_of_which_less_is_better(tmp_path: Path) -> None:
    table = write_chains(tmp_path / "own.csv", 40, 10)
    frame = rank(table, "gaussian_process", target="acc:min", repeats=1)
    assert frame["expected"].is_monotonic_increasing
    assert (frame["low"] < frame["expected"]).all()
    assert (frame["expected"] < frame["high"]).all()
    assert frame["expected"].between(75, 90).all()


def write_costs(path: Path, labelled: int, unlabelled: int) -> Path:
    """Write chains with a cost for every network but one, and a latency for the labelled ones."""
    lines = write_chains(path, labelled, unlabelled).read_text("utf-8").splitlines()
    costs = [f"{1 + i % 4}" if i != labelled else "" for i in range(len(lines) - 1)]
    speeds = [
        f"{10 * float(line.split(',')[6]) - 780:.2f}" if i < labelled else ""
        for i, line in enumerate(lines[1:])
    ]
    text = [f"{lines[0]},hours,latency", *map(",".join, zip(lines[1:], costs, speeds, strict=True))]
    path.write_text("\n".join(text) + "\n", "utf-8")
    return path


def test_constraints_and_a_budget(tmp_path: Path) -> None:
    table = write_costs(tmp_path / "own.csv", 30, 20)
    frame = rank(table, QUICK, target="acc", repeats=1, constraints="hours<=2", top=5)
    chosen = frame[frame["chosen"] > 0]
    assert len(chosen) == 5
    assert (chosen["hours"] <= 2).all()
    able = frame[frame["hours"] <= 2]
    assert list(able["chosen"][:5]) == [1, 2, 3, 4, 5]
    assert "1 have no hours" in frame.attrs["selection"][0]
    frame = rank(table, QUICK, target="acc", repeats=1, budget=7, cost="hours")
    chosen = frame[frame["chosen"] > 0]
    assert chosen["hours"].sum() <= 7
    left = frame[(frame["chosen"] == 0) & frame["hours"].notna()]
    assert (left["hours"] > 7 - chosen["hours"].sum()).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"constraints": "hours<0"}, "no candidate keeps to hours<0"),
        ({"constraints": "hour<2"}, "did you mean hours"),
        ({"constraints": "hours"}, "is no constraint"),
        ({"budget": 3.0}, "a budget needs the column of costs"),
        ({"budget": 0.5, "cost": "hours"}, "buys no candidate: the cheapest costs 1"),
        ({"n": 5}, "name the space"),
        ({"space": "nb201"}, "labelled networks are of the space"),
        ({"space": "nb20"}, "did you mean nb201"),
    ],
)
def test_selections_that_cannot_be(options: dict, message: str, tmp_path: Path) -> None:
    table = write_costs(tmp_path / "own.csv", 12, 8)
    with pytest.raises((InputError, KeyError), match=message):
        rank(table, "gaussian_process", target="acc", repeats=1, **options)


def test_a_cost_below_zero_is_named(tmp_path: Path) -> None:
    table = write_costs(tmp_path / "own.csv", 12, 8)
    table.write_text(table.read_text("utf-8").replace(",note15,4", ",note15,-4"), "utf-8")
    with pytest.raises(InputError, match="above 0 for every candidate; it is -4 for net15"):
        rank(table, "gaussian_process", target="acc", repeats=1, budget=5.0, cost="hours")


def test_two_targets_put_what_no_other_candidate_beats_first(tmp_path: Path) -> None:
    table = write_costs(tmp_path / "own.csv", 40, 25)
    frame = rank(table, "gaussian_process", target=["acc", "latency:min"], repeats=1)
    points = frame[["score_acc", "score_latency"]].to_numpy()
    beaten = [((points >= p).all(1) & (points > p).any(1)).any() for p in points]
    assert list(frame["front"] > 1) == beaten
    assert frame["front"].is_monotonic_increasing
    for target in ("acc", "latency"):
        low, middle, high = (frame[f"{name}_{target}"] for name in ("low", "expected", "high"))
        assert (low < middle).all()
        assert (middle < high).all()
    assert len(frame.attrs["verdicts"]) == 2


def test_columns_of_the_table_named_like_results_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = write_costs(tmp_path / "own.csv", 30, 10)
    table.write_text(table.read_text("utf-8").replace("comment", "rank", 1), "utf-8")
    with caplog.at_level("INFO", logger="acerank"):
        frame = rank(table, QUICK, target="acc", repeats=1)
    assert list(frame["rank"]) == list(range(1, 11))
    assert "column 'rank' of the candidates is left out" in caplog.text


@pytest.mark.parametrize(("shuffled", "answer"), [(False, "yes"), (True, "not")])
def test_whether_to_trust_the_front(shuffled: bool, answer: str, tmp_path: Path) -> None:
    table = write_chains(tmp_path / "own.csv", 60, 8)
    if shuffled:
        lines = [line.split(",") for line in table.read_text("utf-8").splitlines()]
        labels = np.random.default_rng(1).permutation([line[6] for line in lines[1:61]])
        for line, label in zip(lines[1:61], labels, strict=True):
            line[6] = str(label)
        table.write_text("\n".join(map(",".join, lines)) + "\n", "utf-8")
    verdict = rank(table, "gaussian_process", target="acc", repeats=4, top=5).attrs["verdict"]
    assert f"Trust this for the top 5: {answer}" in verdict
    assert ("do not trust the order" not in verdict) or answer == "not"


def test_too_few_labels_for_an_estimate(tmp_path: Path) -> None:
    frame = rank(write_chains(tmp_path / "own.csv", 6, 8), target="acc")
    assert "too few to say" in frame.attrs["verdict"]
    assert frame.attrs["estimate"] == []
    assert len(frame) == 8


def test_a_space_is_searched_for_what_the_table_does_not_hold() -> None:
    frame = rank("nb201_mini", "random_forest:n_estimators=5", space="nb201", keep=50, repeats=1, top=4)
    assert len(frame) == 50
    assert frame["score"].is_monotonic_decreasing
    mini = load("nb201_mini")
    found = NB201.graphs(NB201.parse(list(frame["name"]))).canonical_hash()
    assert len(np.unique(found)) == 50
    assert not np.isin(found, mini.graphs.canonical_hash()).any()
    assert list(frame["chosen"][:4]) == [1, 2, 3, 4]
    assert list(frame["arch"]) == list(frame["name"])
    assert set(frame["space"]) == {"nb201"}


def test_a_top_of_more_than_there_are(tmp_path: Path) -> None:
    frame = rank(write_chains(tmp_path / "own.csv", 30, 6), "gaussian_process", target="acc", repeats=2)
    assert frame.attrs["top"] == 6
    assert "for the top 6:" in frame.attrs["verdict"]
    assert frame.attrs["selection"] == ["all 6 candidates are chosen; a smaller top chooses among them"]


def test_what_is_said_of_twins_and_names(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = write_chains(tmp_path / "own.csv", 30, 6)
    lines = table.read_text("utf-8").splitlines()
    again, twin = lines[31].split(","), lines[1].split(",")
    twin[0], twin[6], twin[7] = "twin", "80.1", "measured again"
    lines += [",".join(["again", *again[1:]]), ",".join(twin), lines[32].replace("skip", "pool", 1)]
    table.write_text("\n".join(lines) + "\n", "utf-8")
    with caplog.at_level("INFO", logger="acerank"):
        frame = rank(table, QUICK, target="acc", repeats=1)
    assert "30 labelled networks; " in caplog.text
    assert "without a label:" not in caplog.text
    assert len(frame) == 7
    assert "different candidates have one name: net31 (2)" in caplog.text


def test_no_weak_labels_for_a_ranker_that_learns_from_none(tmp_path: Path) -> None:
    table = write_chains(tmp_path / "own.csv", 30, 6)
    frames = [rank(table, QUICK, target="acc", repeats=1, weak=weak) for weak in (None, "none")]
    assert frames[0]["score"].tolist() == frames[1]["score"].tolist()


def test_a_table_without_candidates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        rank(write_chains(tmp_path / "own.csv", 30, 0), QUICK, target="acc", repeats=2)
