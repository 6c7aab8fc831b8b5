"""Searches that trade accuracy against costs: what may be picked, how fronts are evaluated, bad input."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import load
from data.cli import run_cli
from data.errors import InputError
from eval import search
from eval.grid.entries import build_entries, parse
from eval.search import SearchResults
from eval.search import loop as search_loop
from eval.search.__main__ import app
from eval.search.asked import parse_strategies
from eval.search.front_summary import FrontRuns, overtake
from eval.search.fronts import Fronts, TrueFront
from eval.search.goals import Wanted, find_costlier_twins
from eval.search.loop import run_steps
from eval.search.strategies.base import PredictedCosts, View
from eval.search.strategies.pareto import Pareto
from eval.search.strategies.pareto_evolution import ParetoEvolution
from eval.search.trials import Schedule, SearchTrial
from eval.task import Task, Trial
from predictors.label_scale import LabelScale

ROWS = 150
QUICK = [
    "--predictors",
    "gaussian_process",
    "--budget",
    "12",
    "--rounds",
    "3",
    "--jobs",
    "1",
    "--repeats",
    "2",
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of one's own with a latency, an energy that is sometimes missing, and a text."""
    mini = load("nb201_mini")
    rows = np.random.default_rng(3).permutation(len(mini))[:ROWS]
    flops = mini.weak("flops")[rows]
    noise = np.random.default_rng(4).uniform(0, 0.05, ROWS)
    energy = np.where(np.arange(ROWS) % 10 == 0, np.nan, 5 - flops + 3 * noise)
    columns = {
        "arch": [mini.table.column("arch")[int(row)].as_py() for row in rows],
        "valid_acc": mini.target("mini", "valid_acc")[rows],
        "test_acc": mini.target("mini", "test_acc")[rows],
        "latency": 1 + flops + noise,
        "energy": energy,
        "device": np.where(np.arange(ROWS) % 2 == 0, "gpu", "phone"),
        "flops": flops,
    }
    path = tmp_path_factory.mktemp("pareto") / "mine.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def task(table: Path) -> Task:
    return Task(load(str(table), offline=True), "table", "test_acc", "valid_acc", "uniform", 12, 0)


def resolve(task: Task, objectives: Any = (), constraints: Any = (), costs: str = "known") -> Any:
    return Wanted.parse(objectives, constraints, costs).resolve(task)


def call(capfd: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        run_cli(app, args)
    done = capfd.readouterr()
    return int(end.value.code or 0), done.out, done.err


# Constraints.


def test_only_networks_that_keep_to_the_constraints_are_asked_and_picked(table: Path, task: Task) -> None:
    goals = resolve(task, (), ["latency<1.3", "device==gpu"])
    results = search(
        table, "random_order", strategies="greedy", constraints=["latency<1.3", "device==gpu"],
        budget=9, rounds=3, final_top=2, repeats=2, progress=False,
    )  # fmt: skip
    assert all(goals.feasible[row["row"]] for row in results.rows)
    best = np.max(task.truth[goals.feasible])
    for row in results.rows:
        assert row["regret"] == pytest.approx(best - row["best_by_label_target"])
    assert any(f"{goals.feasible.sum()} architectures keep to" in note for note in results.notes)


def test_what_is_measured_restricts_the_pick_alone(table: Path, task: Task) -> None:
    goals = resolve(task, (), ["latency<1.2"], "measured")
    results = search(
        table, strategies="random_search", constraints="latency<1.2", costs="measured",
        budget=20, rounds=2, final_top=0, repeats=3, progress=False,
    )  # fmt: skip
    asked = np.array([row["row"] for row in results.rows])
    assert not goals.feasible[asked].all()
    worst = np.min(task.truth[goals.feasible])
    for row in results.rows:
        if row["best_row"] < 0:
            assert row["best_by_label_target"] == pytest.approx(worst)
        else:
            assert goals.feasible[row["best_row"]]


def test_a_missing_cost_keeps_to_no_constraint(task: Task) -> None:
    goals = resolve(task, (), "energy>0")
    assert goals.feasible.sum() == ROWS - ROWS // 10
    assert resolve(task, "energy:min").feasible.sum() == ROWS - ROWS // 10


def test_costlier_twins_take_no_part(nb201: Any) -> None:
    costs = -np.array([[1.0], [2.0], [1.0], [5.0], [3.0], [0.5]])
    networks, able = np.array([7, 7, 7, 8, 9, 9]), np.array([1, 1, 1, 1, 1, 0], bool)
    assert find_costlier_twins(costs, networks, able).tolist() == [False, True, False, False, False, False]
    both = np.array([[-1.0, -2.0], [-2.0, -1.0], [-2.0, -2.0]])
    assert find_costlier_twins(both, np.zeros(3), np.ones(3, bool)).tolist() == [False, False, True]
    task = Task(nb201, "cifar10", "test_acc", "valid_acc", "uniform", 12, 0)
    wanted = Wanted.parse("flops:min", (), "known")
    goals, all_ = wanted.resolve(task), wanted.resolve(task, twins=True)
    assert all_.feasible.sum() - goals.feasible.sum() == goals.costlier > 0
    assert len(set(nb201.classes[goals.feasible])) == len(set(nb201.classes[all_.feasible]))


# Fronts.


def test_a_hypervolume_worked_out_by_hand() -> None:
    """Accuracies 1, 2, 3 at costs 1, 2, 4: the reference is 0.1 of the range beyond the worst values."""
    task = _ByHand(np.array([1.0, 2.0, 3.0, 1.5]))
    goals = _goals(np.array([1.0, 2.0, 4.0, 3.0]))
    front = TrueFront.find(task, goals)  # pyright: ignore[reportArgumentType]
    assert front.rows.tolist() == [2, 1, 0]
    assert front.reference == pytest.approx([0.8, -4.3])
    by_hand = 0.2 * 3.3 + 1.0 * 2.3 + 1.0 * 0.3
    assert front.volume == pytest.approx(by_hand)
    assert front.share(front.points[[0]]) == pytest.approx(100 * 2.2 * 0.3 / by_hand)
    assert front.share(front.points[:0]) == 0


def test_labels_pick_the_front_and_targets_evaluate_it() -> None:
    """The label takes row 0 for better than row 1, which costs as much: its target counts."""
    task = _ByHand(np.array([1.0, 2.0, 3.0]), labels=np.array([5.0, 4.0, 6.0]))
    goals = _goals(np.array([1.0, 1.0, 2.0]))
    fronts = Fronts(task, goals)  # pyright: ignore[reportArgumentType]
    curve, last = fronts.follow(np.array([1, 0, 2]))
    assert curve[1] < curve[0]
    assert last.tolist() == [False, True, True]
    assert curve[2] == pytest.approx(fronts.with_all_labels)
    assert fronts.true.rows.tolist() == [2, 1]


class _ByHand:
    """As much of a task as fronts need."""

    def __init__(self, truth: np.ndarray, labels: np.ndarray | None = None) -> None:
        self.truth, self.training_labels = truth, truth if labels is None else labels


def _goals(costs: np.ndarray) -> Any:
    from eval.search.goals import Goals, Objective

    return Goals((Objective("cost", -1),), costs=-costs[:, None], feasible=np.ones(len(costs), bool))


def test_every_network_queried_gives_what_all_labels_give(table: Path) -> None:
    results = search(
        table, strategies="random_search", objectives=["latency:min", "energy:max"], budget=100, rounds=2,
        repeats=2, progress=False,
    )  # fmt: skip
    curve = np.array([row["hypervolume"] for row in results.rows]).reshape(2, 100)
    assert (curve >= 0).all()
    assert (curve <= 100 + 1e-9).all()
    found = results.fronts()
    assert {"latency", "energy", "target", "label"} <= set(found.columns)
    assert set(found["strategy"]) == {"true front", "random_search"}
    kept = [row for row in results.rows if row["on_front"]]
    assert len(kept) == (found["strategy"] != "true front").sum()


def test_overtaking_compares_paired_repeats() -> None:
    def make(curve: np.ndarray, seeds: list[int]) -> FrontRuns:
        return FrontRuns({}, [{"seed": seed} for seed in seeds], curve, [], [])

    slow = make(
        np.array([[10.0, 20.0, 30.0, 50.0], [12.0, 22.0, 33.0, 52.0], [11.0, 20.0, 31.0, 51.0]]), [0, 1, 2]
    )
    fast = make(np.array([[49.0, 60.0], [60.0, 62.0], [51.0, 61.0]]), [0, 1, 2])
    found = overtake(fast, slow)
    assert (found.query, found.repeats) == (2, 3)
    assert found.at_end.mean == pytest.approx(10)
    assert overtake(slow, fast).query is None
    with pytest.raises(InputError, match="same seed"):
        overtake(fast, replace(slow, rows=[{"seed": 7}] * 3))


# Strategies.


def make_view(costs: np.ndarray, scores: np.ndarray, std: float, queried: int, **more: Any) -> View:
    """Return a view of n networks of which the last ones were queried; labels are their scores."""
    n = len(scores)
    open_, seen = np.arange(n - queried), np.arange(n - queried, n)
    mini = load("nb201_mini")
    return View(
        mini.graphs.take(np.arange(n)), open_, open_, scores[open_], seen, scores[seen],
        np.full(len(open_), std), scores[seen], n, costs, scale=LabelScale.fit(np.array([-1.0, 1.0])), **more,
    )  # fmt: skip


@pytest.mark.parametrize("acquisition", ["ehvi", "ucb", "ts"])
def test_pareto_prefers_what_is_not_dominated(acquisition: str) -> None:
    """Candidates 0 and 1 extend the front at both ends, the rest is dominated by what was queried."""
    scores = np.array([5.0, 0.5, *np.linspace(0.1, 0.4, 20), 1.0, 2.0])
    costs = -np.array([6.0, 0.5, *np.linspace(4, 5, 20), 2.0, 4.0])[:, None]
    view = make_view(costs, scores, 1e-6, 2)
    chosen = Pareto(acquisition=acquisition).choose(view, 2, np.random.default_rng(0))
    assert set(chosen.tolist()) == {0, 1}


def test_a_batch_spreads_along_the_front() -> None:
    """Two near twins add most alone; after the first of them, the second adds next to nothing."""
    scores = np.array([5.0, 5.0, 3.0, 0.0])
    costs = -np.array([5.0, 5.01, 2.0, 1.0])[:, None]
    chosen = Pareto().choose(make_view(costs, scores, 1e-6, 1), 2, np.random.default_rng(0))
    assert set(chosen.tolist()) == {0, 2}


def test_measured_costs_are_predicted() -> None:
    scores = np.array([1.0, 1.0, 1.0, 0.0])
    costs = np.array([[np.nan], [np.nan], [np.nan], [-3.0]])
    predicted = PredictedCosts(np.array([[-2.9], [-1.0], [-2.9]]), np.zeros((3, 1)))
    view = make_view(costs, scores, 1e-6, 1, predicted_costs=predicted)
    assert Pareto().choose(view, 1, np.random.default_rng(0)).tolist() == [1]


def test_evolution_mutates_what_is_not_dominated() -> None:
    scores = np.zeros(8)
    scores[-3:] = [3.0, 1.0, 2.0]
    costs = np.full((8, 1), -5.0)
    costs[-3:, 0] = [-1.0, -2.0, -3.0]
    view = make_view(costs, scores, 1.0, 3)
    children = ParetoEvolution(population=3, tournament=3).choose(view, 3, np.random.default_rng(0))
    assert len(set(children.tolist())) == 3
    with pytest.raises(InputError, match="tournament"):
        ParetoEvolution(population=3, tournament=4)


@pytest.mark.parametrize("strategy", ["pareto", "pareto_evolution", "optuna_sampler:sampler=nsga2", "bo"])
@pytest.mark.parametrize("costs", ["known", "measured"])
def test_searches_for_a_front_keep_the_rules(strategy: str, costs: str, task: Task) -> None:
    """No network twice, the budget kept, the same seed the same queries; unknown costs stay hidden."""
    trial = make_trial(task, strategy, resolve(task, "latency:min", "flops<0.6", costs))
    first, again = (search_loop.search(trial).traces for _ in range(2))
    for trace, twin in zip(first, again, strict=True):
        assert trace.rows.tolist() == twin.rows.tolist()
        assert len(set(task.bench.classes[trace.rows].tolist())) == 12
        assert costs == "measured" or trial.goals.feasible[trace.rows].all()
    assert first[0].rows.tolist() != first[1].rows.tolist()


def make_trial(task: Task, strategy: str, goals: Any) -> SearchTrial:
    entry = build_entries(parse("gaussian_process"), [task])[0]
    plan = Schedule(rounds=3, final_top=0, twins=False)
    return SearchTrial(Trial(task, entry, (0, 1)), plan, parse_strategies(strategy)[0], goals=goals)


def test_costs_of_what_was_not_queried_are_hidden(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    goals, seen = resolve(task, "latency:min", (), "measured"), []
    choose = Pareto.choose

    def watch(self: Pareto, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        seen.append(view)
        return choose(self, view, size, rng)

    monkeypatch.setattr(Pareto, "choose", watch)
    search_loop.search(make_trial(task, "pareto", goals))
    assert seen
    for view in seen:
        assert view.costs is not None
        assert np.isfinite(view.costs[view.queried]).all()
        assert np.isnan(view.costs[view.candidates]).all()
        assert view.predicted_costs is not None
        assert view.predicted_costs.mean.shape == (len(view.candidates), 1)
    assert run_steps.__kwdefaults__ == {"normal": False}


def test_other_costs_are_another_trial(task: Task) -> None:
    asked = [
        ("latency:min",),
        ("latency:max",),
        ("latency:min", "flops<0.4"),
        ("latency:min", (), "measured"),
    ]
    trials = [make_trial(task, "pareto", resolve(task, *each)) for each in asked]
    assert len({trial.id for trial in trials}) == len(asked)


# The command.


def test_the_command_writes_fronts_and_compares(
    capfd: pytest.CaptureFixture[str], table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ["--bench", str(table), *QUICK, "--objective", "latency:min", "--constraint", "flops<0.6"]
    args += ["--strategy", "pareto,random_search"]
    code, text, err = call(capfd, *args, "--out", str(tmp_path / "a"), "--format", "json")
    assert code == 0, err
    metrics = {record["metric"] for record in json.loads(text)}
    assert metrics >= {"hypervolume", "hypervolume@4", "hypervolume@12", "queries to 95 %", "front"}
    page = (tmp_path / "a" / "search.html").read_text()
    assert "fronts of test_acc against latency" in page
    lines = (tmp_path / "a" / "search_fronts.tsv").read_text().splitlines()
    assert lines[0].split("\t")[-2:] == ["target", "latency"]
    assert any("true front" in line for line in lines)
    loaded = SearchResults.load(tmp_path / "a")
    assert len(loaded.fronts()) == len(lines) - 1

    # Run again, nothing is searched; with fewer queries, it is compared with the first run.
    monkeypatch.setattr(search_loop, "run_steps", None)
    code, again, err = call(capfd, *args, "--out", str(tmp_path / "a"), "--format", "json")
    assert (code, again) == (0, text), err
    monkeypatch.undo()
    args[args.index("12")] = "6"
    code, text, err = call(capfd, *args, "--out", str(tmp_path / "b"), "--against", str(tmp_path / "a"))
    assert code == 0, err
    assert "12 queries" in " ".join(text.split())
    other = [arg.replace("latency:min", "latency:max") for arg in args]
    code, _, err = call(capfd, *other, "--out", str(tmp_path / "c"), "--against", str(tmp_path / "a"))
    assert code == 2
    assert "not for the same Pareto front" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("objective 'latency' needs a direction: latency:min", ["--objective", "latency"]),
        ("needs a direction", ["--objective", "latency:lower"]),
        ("unknown column 'latencyy'.*did you mean latency", ["--objective", "latencyy:min"]),
        ("unknown column 'watts'", ["--constraint", "watts<5"]),
        ("objective listed twice: latency", ["--objective", "latency:min", "--objective", "latency:max"]),
        ("no network of .* keeps to latency<0.*latency goes from 1", ["--constraint", "latency<0"]),
        ("is no constraint", ["--constraint", "latency"]),
        ("'test_acc' is what the search looks for already", ["--objective", "test_acc:max"]),
        ("'valid_acc' is what the search looks for already", ["--constraint", "valid_acc>30"]),
        ("trades accuracy against costs", ["--strategy", "pareto"]),
        ("trades accuracy against costs", ["--strategy", "pareto_evolution", "--constraint", "latency<2"]),
        ("measured costs would have no effect", ["--costs", "measured"]),
        ("unknown way in which costs are known", ["--costs", "free", "--objective", "latency:min"]),
        ("holds string, not numbers", ["--objective", "device:min"]),
        ("with the labels of table for latency<1.2", ["--constraint", "latency<1.2"]),
        ("unknown acquisition", ["--objective", "latency:min", "--strategy", "pareto:acquisition=ei"]),
        ("name an objective", ["--against", "{earlier}"]),
        (
            "does not say how sure",
            ["--objective", "latency:min", "--strategy", "pareto", "--predictors", "gcn"],
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(
    message: str, args: list[str], capfd: pytest.CaptureFixture[str], table: Path, tmp_path: Path
) -> None:
    if "{earlier}" in args:
        search(
            table, strategies="random_search", budget=4, rounds=2, final_top=0, repeats=1, out=tmp_path / "e"
        )
        args = [arg.replace("{earlier}", str(tmp_path / "e")) for arg in args]
    budget = ["--budget", "100", "--rounds", "2", "--jobs", "1", "--predictors", "random_order"]
    code, out, err = call(capfd, "--bench", str(table), *budget, "--out", str(tmp_path / "out"), *args)
    assert (code, out) == (2, "")
    assert re.search(f"^error: .*{message}", err.splitlines()[-1]), err


def test_accuracies_of_other_data_sets_are_not_known_beforehand(nb201: Any) -> None:
    task = Task(nb201, "cifar10", "test_acc", "valid_acc", "uniform", 12, 0)
    with pytest.raises(InputError, match="must be measured"):
        resolve(task, "cifar100_test_acc:max")
    assert resolve(task, "cifar100_test_acc:max", (), "measured").measured
