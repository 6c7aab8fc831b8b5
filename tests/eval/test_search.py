"""Search under a budget: what is queried, what stays hidden, what is reported, and that it resumes."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import load
from benchmarks.base import Benchmark
from benchmarks.fidelities import get_fidelities
from data.cli import run_cli
from data.errors import AcerankError, InputError, UnknownNameError
from data.table import Table
from eval import search as search_function
from eval.check import app as check_app
from eval.grid.entries import build_entries, parse
from eval.search import SearchResults
from eval.search import run as search_run
from eval.search.__main__ import app
from eval.search.asked import parse_strategies
from eval.search.contract import RULES, check_strategy
from eval.search.goals import NO_GOALS, Wanted
from eval.search.loop import Trace, batch_sizes, build_pool, search
from eval.search.strategies import describe, get, names
from eval.search.strategies.base import Strategy, View
from eval.search.strategies.evolution import Evolution, find_neighbours
from eval.search.strategies.half_random import HalfRandom
from eval.search.strategies.local_search import LocalSearch
from eval.search.strategies.progressive import Progressive
from eval.search.summary import summarise
from eval.search.trials import Schedule, SearchTrial
from eval.stats import paired_pvalue
from eval.task import Task, Trial

ROWS = 300
SHORT = {"valid_acc_12": 0.06}
JSON_KEYS = {
    "bench", "dataset", "target", "label", "strategy", "predictor", "searcher", "metric", "unit", "direction",
    "mean", "ci_low", "ci_high", "repeats", "reached", "budget", "labels_seen", "best", "tied",
    "full_information",
}  # fmt: skip
ROW_KEYS = {
    "predictor", "strategy", "repeat", "round", "query", "row", "label_value", "target_value", "trial",
    "best_by_label_target", "regret", "labels_seen", "cost", "seconds", "name", "best_name",
    "better", "n_table",
}  # fmt: skip
QUICK = ["--predictors", "random_order", "--budget", "12", "--rounds", "3", "--final-top", "3", "--jobs", "1"]
PERFECT = "weak_label:column=perfect"
OWN = '''"""The candidates whose rows come first; remembers what it chose."""

from eval.search.strategies import Strategy


class FirstRows(Strategy):
    """Chooses by row, every `step`-th network."""

    uses_scores = False

    def __init__(self, *, step: int = 1) -> None:
        self.step = step
        self.chosen = []

    def choose(self, view, size, rng):
        if view.queried[-len(self.chosen) :].tolist() != self.chosen and self.chosen:
            raise RuntimeError("this is a strategy of another repeat")
        found = view.candidates[:: self.step][:size]
        self.chosen += found.tolist()
        return found
'''


def write(path: Path, nb201: Benchmark, **more: np.ndarray) -> Path:
    """Write a user's table of real rows; `flops` follows the validation accuracy, with noise."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(nb201))[:ROWS]
    valid, test = (nb201.target("cifar10", name)[rows] for name in ("valid_acc", "test_acc"))
    arch = [nb201.table.column("arch")[int(row)].as_py() for row in rows]
    early = valid + rng.normal(0, 3, ROWS)
    columns = {"arch": arch, "valid_acc": valid, "test_acc": test, "flops": valid + rng.normal(0, 1, ROWS)}
    columns["valid_acc_12"] = early
    Table(pa.table({**columns, **more})).write(path)
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, nb201: Benchmark) -> Path:
    return write(tmp_path_factory.mktemp("search") / "mine.parquet", nb201)


@pytest.fixture(scope="module")
def mine(table: Path) -> Benchmark:
    """The table, with the validation accuracy as a weak label: PERFECT ranks by it."""
    bench = load(str(table), offline=True)
    values = {"arch": bench.table.column("arch"), "perfect": bench.target("table", "valid_acc")}
    return bench.with_weak(Table(pa.table(values)), trusted={"perfect": "these tests need a perfect ranker"})


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "my_strategy.py"
    path.write_text(OWN)
    return path


def make_trial(
    mine: Benchmark, predictor: str, strategy: object, repeats: int = 3, **schedule: Any
) -> SearchTrial:
    """Return a trial of 24 queries in three rounds and a final top 4."""
    task = Task(mine, "table", "test_acc", "valid_acc", "uniform", 24, 0)
    entry = build_entries(parse(predictor), [task])[0]
    plan = replace(Schedule(rounds=3, final_top=4, twins=False), **schedule)
    asked = parse_strategies(strategy)[0]
    goals = Wanted.parse("flops:min", (), "known").resolve(task) if asked.strategy.uses_costs else NO_GOALS
    low = get_fidelities(mine, "table", "valid_acc", SHORT) if asked.strategy.uses_fidelities else ()
    block = Trial(task, entry, tuple(range(repeats)))
    return SearchTrial(block, plan, asked, goals=goals, fidelities=tuple(low))


def ranker_for(strategy: str) -> str:
    """Return a cheap predictor that a strategy can use."""
    return "gaussian_process" if get(strategy).uses_std else "random_order"


def run_search(mine: Benchmark, predictor: str, strategy: object, *args: Any, **more: Any) -> list[Trace]:
    return search(make_trial(mine, predictor, strategy, *args, **more)).traces


def call(capfd: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """Run the command line in this process; return its code, stdout and stderr."""
    with pytest.raises(SystemExit) as end:
        run_cli(app, args)
    done = capfd.readouterr()
    return int(end.value.code or 0), done.out, done.err


def check_refused(capfd: pytest.CaptureFixture[str], message: str, *args: str) -> None:
    code, out, err = call(capfd, *args)
    assert (code, out) == (2, "")
    assert re.search(f"^error: .*{message}", err.splitlines()[-1]), err


def read_rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "search_rows.jsonl").read_text().splitlines()]


def without_times(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**each, "seconds": 0, "pretrain_seconds": 0} for each in rows]


# What is queried.


FULL = [name for name in names() if not get(name).uses_fidelities]


@pytest.mark.parametrize("twins", [False, True])
@pytest.mark.parametrize("strategy", FULL)
def test_budget_is_kept_and_no_network_queried_twice(mine: Benchmark, strategy: str, twins: bool) -> None:
    traces = run_search(mine, ranker_for(strategy), strategy, twins=twins)
    for trace in traces:
        assert np.bincount(trace.rounds).tolist() == [8, 8, 8, 4]
        assert len(set(trace.rows)) == 28
        assert twins or len(set(mine.classes[trace.rows])) == 28


def test_bayesian_optimisation_needs_a_predictor_that_says_how_sure_it_is(mine: Benchmark) -> None:
    with pytest.raises(InputError, match="does not say how sure it is"):
        run_search(mine, "gcn", "bo")
    courses = [run_search(mine, "gaussian_process", f"bo:acquisition={a}", 1)[0].rows for a in ("ei", "ts")]
    assert courses[0][:8].tolist() == courses[1][:8].tolist()
    assert courses[0].tolist() != courses[1].tolist()


def test_predictors_that_do_not_know_how_sure_they_are_are_left_out(mine: Benchmark) -> None:
    asked = {"strategies": "bo,greedy", "budget": 6, "rounds": 2, "repeats": 2, "progress": False}
    found = search_function(mine, "gaussian_process,random_order", **asked)
    assert {(row["strategy"], row["predictor"]) for row in found.rows} == {
        ("bo", "gaussian_process"), ("greedy", "gaussian_process"), ("greedy", "random_order"),
    }  # fmt: skip
    assert any("bo by random_order is left out" in note for note in found.notes)
    with pytest.raises(InputError, match="does not say how sure it is"):
        search_function(mine, "random_order", **{**asked, "strategies": "bo"})


def test_a_progressive_top_narrows(mine: Benchmark) -> None:
    scores = np.arange(len(mine), dtype=float)
    view = View(mine.graphs, np.arange(len(mine)), np.arange(len(mine)), scores, np.arange(2), np.ones(2))
    lowest = []
    for queried in (2, 20):
        seen = replace(view, queried=np.arange(queried), labels=np.ones(queried), budget=24)
        chosen = Progressive(widest=0.5, narrowest=0.02).choose(seen, 4, np.random.default_rng(0))
        lowest.append(len(mine) - chosen.min())
    assert lowest[1] <= 0.02 * len(mine) + 1 < lowest[0] <= 0.5 * len(mine) + 1


def test_local_search_queries_neighbours_of_the_best(nb201: Benchmark) -> None:
    graphs, n = nb201.graphs, len(nb201)
    queried = np.array([5_000, 9_000])
    open_ = np.setdiff1d(np.arange(n), queried)
    view = View(graphs, open_, nb201.classes[open_], None, queried, np.array([1.0, 2.0]))
    (row,) = LocalSearch().choose(view, 1, np.random.default_rng(0))
    assert (graphs.ops[row] != graphs.ops[9_000]).sum() == 1


def test_twins_count_as_networks_only_if_asked(mine: Benchmark) -> None:
    task = make_trial(mine, "random_order", "greedy").trial.task
    networks = len(set(mine.classes.tolist()))
    assert networks < ROWS
    for twins, expected in ((False, networks), (True, ROWS)):
        assert build_pool(task, twins=twins).n_networks == expected


@pytest.mark.parametrize(
    ("budget", "rounds", "sizes"), [(100, 5, [20] * 5), (11, 4, [3, 3, 3, 2]), (5, 5, [1] * 5), (7, 1, [7])]
)
def test_batches_of_a_budget(budget: int, rounds: int, sizes: list[int]) -> None:
    assert batch_sizes(budget, rounds) == sizes


def test_half_random_takes_half_from_the_top(mine: Benchmark) -> None:
    """With a perfect ranker the first half of a batch is the best of what is left, the rest is not."""
    labels, classes = mine.target("table", "valid_acc"), mine.classes
    traces = run_search(mine, PERFECT, "half_random")
    others = []
    for trace in traces:
        for start in (8, 16):
            left = ~np.isin(classes, classes[trace.rows[:start]])
            best = [labels[left & (classes == name)].max() for name in set(classes[left].tolist())]
            top = labels[trace.rows[start : start + 4]]
            assert top.tolist() == sorted(best, reverse=True)[:4]
            others += [labels[row] < top.min() for row in trace.rows[start + 4 : start + 8]]
        assert labels[trace.rows[:16]].max() == labels.max()
        assert labels[trace.rows[24:]].tolist() == sorted(labels[trace.rows[24:]], reverse=True)
    assert np.mean(others) > 0.9


def test_explore_is_the_random_share(mine: Benchmark) -> None:
    greedy = run_search(mine, PERFECT, "greedy")
    none = run_search(mine, PERFECT, HalfRandom(explore=0.0))
    labels = mine.target("table", "valid_acc")
    for a, b in zip(greedy, none, strict=True):
        assert labels[a.rows].tolist() == labels[b.rows].tolist()


def test_all_strategies_share_the_first_batch(mine: Benchmark) -> None:
    firsts = {
        tuple(tuple(trace.rows[:8]) for trace in run_search(mine, predictor, name))
        for name in FULL
        if not get(name).uses_costs  # the costlier twins take no part there
        for predictor in (("gaussian_process",) if get(name).uses_std else ("random_order", PERFECT))
    }
    assert len(firsts) == 1


def test_a_random_ranker_is_random_search(mine: Benchmark) -> None:
    labels = mine.target("table", "valid_acc")
    best = [
        [labels[trace.rows].max() for trace in run_search(mine, "random_order", name, 40)]
        for name in ("half_random", "random_search")
    ]
    assert paired_pvalue(best[0], best[1]) > 0.05


def test_evolution_mutates_one_operation(nb201: Benchmark) -> None:
    near = find_neighbours(nb201.graphs, 5000)
    assert near.sum() == 6 * 4
    assert ((nb201.graphs.ops[near] != nb201.graphs.ops[5000]).sum(1) == 1).all()
    labels, queried = np.array([1.0, 3.0, 2.0]), np.array([10, 5000, 77])
    rows = np.arange(len(nb201))
    view = View(nb201.graphs, rows, rows, None, queried, labels)
    children = Evolution().choose(view, 10, np.random.default_rng(0))
    assert len(set(children.tolist())) == 10
    assert near[children].all()


# What is not seen.


@pytest.mark.parametrize("strategy", names())
def test_no_test_label_has_an_influence(
    strategy: str, mine: Benchmark, nb201: Benchmark, tmp_path: Path
) -> None:
    """Other test labels, the same queries."""
    shuffled = np.random.default_rng(1).permutation(mine.target("table", "test_acc"))
    other = load(str(write(tmp_path / "other.parquet", nb201, test_acc=shuffled)), offline=True)
    predictor = "random_forest:n_estimators=5"
    for a, b in zip(
        run_search(mine, predictor, strategy),
        run_search(other, predictor, strategy),
        strict=True,
    ):
        assert a.rows.tolist() == b.rows.tolist()


def test_a_view_shows_labels_of_queried_rows_only(mine: Benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, target = mine.target("table", "valid_acc"), mine.target("table", "test_acc")
    greedy, seen = get("greedy"), []

    def choose(self: object, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        seen.append(view)
        return view.best(size, rng)

    monkeypatch.setattr(greedy, "choose", choose)
    run_search(mine, "random_order", "greedy")
    assert len(seen) == 6
    for view in seen:
        assert set(vars(view)) == {
            "graphs", "candidates", "networks", "scores", "queried", "labels", "std", "queried_scores",
            "budget", "costs", "predicted_costs", "scale", "levels", "rung",
        }  # fmt: skip
        assert view.labels.tolist() == labels[view.queried].tolist()
        assert not np.isin(view.candidates, view.queried).any()
        assert not any(np.array_equal(known, target) for known in view.graphs.weak.values())


@pytest.mark.parametrize("fault", ["twice", "queried", "too few"])
def test_a_strategy_that_breaks_the_rules_is_refused(
    fault: str, mine: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = {
        "twice": lambda self, view, size, rng: np.full(size, view.candidates[0]),
        "queried": lambda self, view, size, rng: view.queried[:size],
        "too few": lambda self, view, size, rng: view.candidates[:1],
    }
    monkeypatch.setattr(get("greedy"), "choose", choices[fault])
    with pytest.raises(InputError, match=r"greedy.*8 candidates from distinct networks"):
        run_search(mine, "random_order", "greedy")


def test_scores_must_be_asked_for(mine: Benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get("greedy"), "uses_scores", False)
    with pytest.raises(InputError, match="uses_scores"):
        run_search(mine, "random_order", "greedy")


# The registry.


@pytest.mark.parametrize("name", names())
def test_every_strategy_is_described(name: str) -> None:
    assert describe(name).endswith(".")
    assert get(name).__doc__


@pytest.mark.parametrize("name", names())
def test_parameters_are_stored_and_copied(name: str) -> None:
    strategy = get(name)()
    assert strategy.params() == strategy.defaults() == strategy.clone().params()
    assert strategy.get_name() == name
    assert repr(strategy) == f"{type(strategy).__name__}()"


@pytest.mark.parametrize("name", names())
def test_every_strategy_keeps_the_contract(name: str, mine: Benchmark) -> None:
    findings = check_strategy(name, mine.graphs, mine.target("table", "valid_acc"))
    assert [finding.rule for finding in findings] == list(RULES)
    assert [finding for finding in findings if finding.outcome != "pass"] == []


class ByTheClock(Strategy):
    """Draws from the global random state."""

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return random candidates."""
        return view.random(size, np.random.default_rng(np.random.randint(2**31)))  # noqa: NPY002


class Twins(Strategy):
    """Chooses twins, those of the most frequent network first."""

    def choose(self, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return candidates."""
        times = np.bincount(view.networks)[view.networks]
        return view.candidates[np.lexsort((view.networks, -times))[:size]]


def test_the_contract_finds_what_is_broken(
    mine: Benchmark, own: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def find_faults(strategy: type[Strategy]) -> list[str]:
        findings = check_strategy(strategy, mine.graphs, mine.target("table", "valid_acc"))
        return [finding.rule for finding in findings if finding.outcome == "fail"]

    assert find_faults(ByTheClock) == list(RULES)[-2:]
    assert find_faults(Twins)[0] == list(RULES)[1]
    with pytest.raises(SystemExit) as end:
        run_cli(check_app, [str(own)])
    assert (end.value.code, capfd.readouterr().out.count("pass  ")) == (0, len(RULES))


def test_unknown_strategies_and_parameters_get_the_closest_name() -> None:
    with pytest.raises(UnknownNameError, match="half_random"):
        get("half_randm")
    with pytest.raises(UnknownNameError, match="explore"):
        HalfRandom(explor=0.3)  # pyright: ignore[reportCallIssue]
    with pytest.raises(InputError, match="keyword"):
        HalfRandom(0.3)  # pyright: ignore[reportCallIssue]


def test_a_strategy_must_choose() -> None:
    class Idle(Strategy):
        pass

    with pytest.raises(InputError, match="choose"):
        parse_strategies(Idle)
    with pytest.raises(InputError, match="not a strategy"):
        parse_strategies([len])


def test_parameters_are_part_of_the_name() -> None:
    texts = ["half_random", "half_random:explore=0.5", "half_random:explore=0.25", HalfRandom(explore=0.25)]
    titles = [parse_strategies(text)[0].title for text in texts]
    assert titles == ["half_random", "half_random", "half_random:explore=0.25", "half_random:explore=0.25"]


def test_a_strategy_of_a_file(mine: Benchmark, own: Path) -> None:
    """It is found by its place, takes parameters, and each repeat has a copy of its own."""
    traces = run_search(mine, "random_order", f"{own}:FirstRows:step=2")
    assert [len(set(trace.rows)) for trace in traces] == [28] * 3
    assert make_trial(mine, "random_order", f"{own}:step=2").asked.title == "my_strategy:step=2"


def test_an_edited_strategy_is_another_trial(mine: Benchmark, own: Path) -> None:
    def get_id() -> str:
        return make_trial(mine, "random_order", str(own)).id

    first = get_id()
    assert get_id() == first
    own.write_text(OWN.replace("[:size]", "[1:][:size]"))
    assert get_id() != first


def test_a_strategy_without_a_source_file_is_run_every_time(mine: Benchmark, tmp_path: Path) -> None:
    class Notebook(HalfRandom):
        pass

    trials = [make_trial(mine, "random_order", Notebook) for _ in range(2)]
    assert trials[0].asked.code is None
    assert trials[0].id != trials[1].id
    results = search_function(mine, "random_order", strategies=Notebook(explore=1.0), budget=6, rounds=2)
    assert results.strategies == ["notebook:explore=1.0"]
    assert any("notebook:explore=1.0 has no source file" in note for note in results.notes)


# What is reported.


def row(repeat: int, query: int, regret: float, predictor: str = "a") -> dict[str, Any]:
    return {
        "bench": "b", "dataset": "d", "target": "t", "label": "l", "strategy": "s", "predictor": predictor,
        "target_unit": "%", "direction": 1, "cost_unit": "s", "pretrain_seconds": 0.0, "budget": 4,
        "repeat": repeat, "round": (query - 1) // 2, "query": query, "regret": regret,
        "better": int(10 * regret), "n_table": 3000,
        "best_by_label_target": 10 - regret, "labels_seen": query, "cost": 2.0 * query, "seconds": 0.5,
        "share": 1.0, "full_information": 9.5, "queries": 2, "final_top": 0,
    }  # fmt: skip


def test_summaries_by_hand() -> None:
    courses = {0: [3.0, 1.0, 1.0, 0.5], 1: [4.0, 2.0, 2.0, 1.5]}
    rows = [row(r, q, regret) for r, of in courses.items() for q, regret in enumerate(of, 1)]
    found = {s.metric: s for s in summarise(rows, [2.0, 1.0, 0.1])}
    assert {name: s.mean for name, s in found.items()} == {
        "t": 9.0, "regret": 1.0, "regret@2": 1.5, "regret@4": 1.0, "queries to 2": 2.0, "queries to 1": 3.0,
        "queries to 0.1": 4.0, "queries to the best 0.1 %": 4.0, "queries to the best": 4.0,
        "cost": 8.0, "seconds": 0.5, "pretrain seconds": 0.0,
    }  # fmt: skip
    assert [found[f"queries to {t}"].reached for t in ("2", "1", "0.1")] == [1.0, 0.5, 0.0]
    assert (found["regret"].labels_seen, found["regret"].budget, found["regret"].repeats) == (4, 4, 2)


def test_the_best_is_marked_and_ties_are_tested() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 12)
    rows = [row(r, q, 1 + noise[r], "a") for r in range(12) for q in (1, 2)]
    rows += [row(r, q, 1.01 + noise[-r], "b") for r in range(12) for q in (1, 2)]
    rows += [row(r, q, 3 + noise[r], "c") for r in range(12) for q in (1, 2)]
    marks = {s.predictor: (s.best, s.tied) for s in summarise(rows, []) if s.metric == "regret"}
    assert marks == {"a": (True, True), "b": (False, True), "c": (False, False)}


def test_the_command_on_the_real_table(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, nb201: Benchmark
) -> None:
    out = tmp_path / "out"
    args = ["--predictors", "random_forest:n_estimators=10,weak_label", "--budget", "20", "--rounds", "2"]
    code, text, err = call(
        capfd, "--bench", "nb201", *args, "--repeats", "2", "--out", str(out), "--format", "json"
    )
    assert code == 0, err
    found = json.loads(text)
    assert all(set(s) == JSON_KEYS for s in found)
    assert {s["labels_seen"] for s in found} == {30}
    assert "30 labels seen" in err
    assert "regret 0.077" in err
    rows = read_rows(out)
    assert len(rows) == 2 * 2 * 30
    assert all(set(each) >= ROW_KEYS for each in rows)
    valid, test = (nb201.target("cifar10", name) for name in ("valid_acc", "test_acc"))
    picked = -1
    for predictor in {each["predictor"] for each in rows}:
        seen = [each["row"] for each in rows if (each["predictor"], each["repeat"]) == (predictor, 1)]
        last = [each for each in rows if (each["predictor"], each["repeat"]) == (predictor, 1)][-1]
        picked = seen[int(np.argmax(valid[seen]))]
        assert (last["best_row"], last["regret"]) == (picked, test.max() - test[picked])
        assert (last["cost"], last["labels_seen"]) == (30, 30)
    page = (out / "search.html").read_text("utf-8")
    assert nb201.table.column("arch")[picked].as_py() in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert json.loads((out / "settings.json").read_text())["options"]["budget"] == 20


def test_formats_and_several_strategies(
    capfd: pytest.CaptureFixture[str], table: Path, tmp_path: Path
) -> None:
    args = [
        "--bench",
        str(table),
        *QUICK,
        "--repeats",
        "2",
        "--strategy",
        "greedy,evolution",
        "--regrets",
        "1",
    ]
    args += ["--out", str(tmp_path / "out"), "--format"]
    for format_ in ("table", "markdown", "latex", "csv", "tsv"):
        code, text, err = call(capfd, *args, format_)
        assert code == 0, err
        for strategy in ("greedy", "evolution"):
            assert strategy in text
    lines = list(csv.DictReader(io.StringIO(text), dialect="excel-tab"))
    assert set(lines[0]) == JSON_KEYS
    assert {line["metric"] for line in lines} >= {"test_acc", "regret", "regret@4", "queries to 1", "cost"}


def test_training_times_are_added_up(
    capfd: pytest.CaptureFixture[str], nb201: Benchmark, tmp_path: Path
) -> None:
    times = np.arange(ROWS) + 0.5
    timed = write(tmp_path / "timed.parquet", nb201, train_time=times)
    code, _, err = call(
        capfd, "--bench", str(timed), *QUICK, "--repeats", "1", "--out", str(tmp_path / "out")
    )
    assert code == 0, err
    rows = read_rows(tmp_path / "out")
    assert np.allclose([each["cost"] for each in rows], np.cumsum(times[[each["row"] for each in rows]]))
    times[7] = np.nan
    holed = write(tmp_path / "holed.parquet", nb201, train_time=times)
    check_refused(capfd, "no training time", "--bench", str(holed), *QUICK)


def test_a_data_set_without_validation_says_so(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, nb201: Benchmark
) -> None:
    args = [*QUICK, "--repeats", "1", "--dataset", "cifar100", "--out", str(tmp_path / "out")]
    code, _, err = call(capfd, "--bench", "nb201", *args)
    assert code == 0
    assert "The search sees test_acc itself: cifar100 has no valid_acc" in err
    assert all(each["label_value"] == each["target_value"] for each in read_rows(tmp_path / "out"))


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("look at 310 networks.* has 2", ["--budget", "300"]),
        (r"310 networks.* has 300 ", ["--budget", "300", "--twins"]),
        ("4 queries cannot be spent in 5 rounds", ["--budget", "4"]),
        ("did you mean half_random", ["--strategy", "half_rando"]),
        ("unknown predictor", ["--predictors", "randomorder"]),
        ("not a list of numbers", ["--regrets", "1,x"]),
        ("unknown column 'hours'", ["--cost", "hours"]),
        ("explore must be between 0 and 1", ["--strategy", "half_random:explore=1.5"]),
        ("expected a value like the default, 0.5", ["--strategy", "half_random:explore=half"]),
        ("explor'.*did you mean explore", ["--strategy", "half_random:explor=0.3"]),
        ("parameter of strategy greedy 'explore'", ["--strategy", "greedy:explore=0.3"]),
        ("listed twice: greedy", ["--strategy", "greedy,greedy"]),
        ("no file 'missing.py'", ["--strategy", "missing.py"]),
        ("predictors would have no effect", ["--strategy", "random_search", "--final-top", "0"]),
        ("weak labels would have no effect", ["--weak", "flops"]),
        ("strategy would have no effect", ["--rounds", "1", "--strategy", "greedy,half_random"]),
        ("strategy would have no effect", ["--rounds", "1", "--strategy", "half_random:explore=0.3"]),
    ],
)
def test_what_cannot_be_done_is_one_line(
    message: str, args: list[str], capfd: pytest.CaptureFixture[str], table: Path, tmp_path: Path
) -> None:
    defaults = [] if "--predictors" in args else ["--predictors", "random_order"]
    check_refused(capfd, message, "--bench", str(table), "--out", str(tmp_path / "out"), *defaults, *args)
    assert not (tmp_path / "out").exists()


def test_python_and_the_command_give_the_same(
    capfd: pytest.CaptureFixture[str], table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ["--bench", str(table), *QUICK, "--repeats", "2", "--strategy", "greedy,half_random:explore=0.25"]
    code, text, err = call(capfd, *args, "--out", str(tmp_path / "out"), "--format", "json")
    assert code == 0, err
    monkeypatch.setattr(logging.getLogger("acerank"), "handlers", [])
    results = search_function(
        table,
        "random_order",
        strategies=["greedy", HalfRandom(explore=0.25)],
        budget=12,
        rounds=3,
        final_top=3,
        repeats=2,
    )
    assert capfd.readouterr() == ("", "")
    assert results.folder is None
    assert without_times(results.rows) == without_times(read_rows(tmp_path / "out"))
    loaded = SearchResults.load(tmp_path / "out")
    assert json.loads(text) == loaded.records()
    assert np.isfinite(loaded.summary()["mean"].to_numpy()).all()
    assert len(loaded.picks()) == 4
    assert loaded.to_pandas()["query"].to_list()[-1] == 15


def test_lower_may_be_better(nb201: Benchmark, tmp_path: Path) -> None:
    latency = np.random.default_rng(2).uniform(5, 50, ROWS)
    path = write(tmp_path / "timed.parquet", nb201, latency=latency)
    results = search_function(
        path, "random_order", target="latency:min", label="latency", budget=100, rounds=2, final_top=0
    )
    (best,) = (s for s in results.summaries() if s.metric == "latency")
    assert best.direction == -1
    assert latency.min() <= best.mean < np.median(latency)
    picked = results.picks()
    assert np.allclose(picked["best_by_label_target"] - latency.min(), picked["regret"])


def test_several_benchmarks_are_one_table(table: Path) -> None:
    results = search_function([table, "nb201"], "random_order", budget=4, rounds=2, repeats=2)
    assert {each.bench for each in results.summaries()} == {str(table), "nb201"}


# Resuming.


def test_any_number_of_jobs_gives_the_same_rows(
    capfd: pytest.CaptureFixture[str], table: Path, own: Path, tmp_path: Path
) -> None:
    found = []
    for jobs in ("1", "2"):
        args = ["--bench", str(table), *QUICK, "--predictors", "random_forest:n_estimators=5,weak_label"]
        args += ["--jobs", jobs, "--repeats", "11", "--out", str(tmp_path / jobs)]
        args += ["--strategy", f"half_random,{own}:step=2"]
        code, _, err = call(capfd, *args)
        assert code == 0, err
        rows = read_rows(tmp_path / jobs)
        assert len({each["trial"] for each in rows}) == 8
        found.append(without_times(rows))
    assert found[0] == found[1]


def test_an_interrupted_run_resumes(
    capfd: pytest.CaptureFixture[str], table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ["--bench", str(table), *QUICK, "--repeats", "21", "--out", str(tmp_path / "out")]
    run, calls = search_run.search, []

    def counted(trial: SearchTrial) -> Any:
        calls.append(trial.trial.repeats[0])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(trial)

    monkeypatch.setattr(search_run, "search", counted)
    assert call(capfd, *args)[0] == 130
    assert {each["repeat"] for each in read_rows(tmp_path / "out")} == set(range(10))
    code, _, err = call(capfd, *args)
    assert code == 0, err
    assert calls == [0, 10, 10, 20]
    again = tmp_path / "again"
    assert call(capfd, *args[:-1], str(again))[0] == 0
    assert without_times(read_rows(again)) == without_times(read_rows(tmp_path / "out"))


def test_an_incomplete_search_is_not_summarised(
    capfd: pytest.CaptureFixture[str], table: Path, tmp_path: Path
) -> None:
    args = ["--bench", str(table), *QUICK, "--predictors", "random_order,flops", "--repeats", "2"]
    assert call(capfd, *args, "--out", str(tmp_path))[0] == 0
    kept = [row for row in read_rows(tmp_path) if (row["predictor"], row["repeat"]) != ("flops", 1)]
    (tmp_path / "search_rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    with pytest.raises(InputError, match=r"incomplete.*flops"):
        SearchResults.load(tmp_path).summary()


def test_another_search_does_not_replace_the_first(
    capfd: pytest.CaptureFixture[str], table: Path, tmp_path: Path
) -> None:
    args = ["--bench", str(table), *QUICK, "--repeats", "1", "--out", str(tmp_path)]
    assert call(capfd, *args)[0] == 0
    first = read_rows(tmp_path)
    check_refused(capfd, "another run", *args, "--final-top", "2")
    assert call(capfd, *args, "--repeats", "2", "--strategy", "half_random,greedy")[0] == 0
    both = read_rows(tmp_path)
    assert [row for row in both if row["strategy"] == "half_random" and row["repeat"] == 0][-1]["row"] == (
        first[-1]["row"]
    )
    assert {(row["strategy"], row["repeat"]) for row in both} == {
        (strategy, repeat) for strategy in ("half_random", "greedy") for repeat in (0, 1)
    }


def test_a_damaged_file_is_named(capfd: pytest.CaptureFixture[str], table: Path, tmp_path: Path) -> None:
    args = ["--bench", str(table), *QUICK, "--repeats", "1", "--out", str(tmp_path / "out")]
    assert call(capfd, *args)[0] == 0
    stored = next((tmp_path / "out" / "trials").iterdir())
    stored.write_text("{")
    check_refused(capfd, f"{stored.name} is damaged.*delete it", *args)


def test_list_and_help(capfd: pytest.CaptureFixture[str]) -> None:
    code, text, _ = call(capfd, "--list")
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()] == names()
    code, text, _ = call(capfd, "--help")
    assert code == 0
    assert "110 labels" in " ".join(text.replace("│", "").split())


def test_errors_are_of_one_family() -> None:
    with pytest.raises(AcerankError):
        parse_strategies("nothing")
