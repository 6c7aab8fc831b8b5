"""Searches that query shorter trainings: plans, budget, promotion, what is reported, and that they resume."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import load
from benchmarks.base import Benchmark
from benchmarks.fidelities import get_fidelities, list_benchmarks
from data.cli import run_cli
from data.errors import InputError, UnknownNameError
from data.table import Table
from eval import search
from eval.search import SearchResults
from eval.search.__main__ import app
from eval.search.describe import parse_shares
from eval.search.report import get_plots
from eval.search.strategies import get, names
from eval.search.strategies.hyperband import Hyperband
from eval.search.strategies.multi_fidelity import MultiFidelity, Rung, plan_bracket
from eval.search.strategies.successive_halving import SuccessiveHalving

ROWS, SHARES = 300, (4 / 108, 12 / 108, 36 / 108, 1.0)
PLANNED = [name for name in names() if get(name).uses_fidelities]
QUICK: dict[str, Any] = {"budget": 12, "final_top": 0, "repeats": 3, "progress": False}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, nb201: Benchmark) -> Path:
    """A user's table with two shorter trainings, of which the longer ranks better, and training times."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(nb201))[:ROWS]
    label, test = (nb201.target("cifar10", name)[rows] for name in ("valid_acc", "test_acc"))
    arch = [nb201.table.column("arch")[int(row)].as_py() for row in rows]
    columns: dict[str, Any] = {"arch": arch, "acc_100": label, "test_acc": test}
    columns |= {"acc_5": label + rng.normal(0, 4, ROWS), "acc_25": label + rng.normal(0, 1, ROWS)}
    columns["train_time_100"] = np.arange(ROWS) + 100.0
    path = tmp_path_factory.mktemp("fidelities") / "mine.parquet"
    Table(pa.table(columns)).write(path)
    return path


def run(table: Path, strategies: object = "successive_halving", **more: Any) -> SearchResults:
    kwargs = {"label": "acc_100", "target": "test_acc", **QUICK, **more}
    return search(table, strategies=strategies, **kwargs)  # pyright: ignore[reportArgumentType]


def run_frame(table: Path, strategies: object = "successive_halving", **more: Any) -> Any:
    """Return the rows of a search as a frame; pandas' types are of no help with its columns."""
    return run(table, strategies, **more).to_pandas()


# Which labels are of shorter trainings.


def test_registered_benchmarks_know_their_shorter_trainings(nb201: Benchmark) -> None:
    assert list_benchmarks() == ["nb101", "nb201", "nats_size", "oncenas_darts"]
    (low,) = get_fidelities(nb201, "cifar10", "valid_acc")
    assert (low.name, low.share) == ("cifar10_valid_acc_12", 0.06)
    (low,) = get_fidelities(nb201, "cifar100", "test_acc")
    assert low.name == "cifar100_test_acc_12"


def test_a_users_columns_are_found_by_their_epochs(table: Path) -> None:
    bench = load(str(table), offline=True)
    found = get_fidelities(bench, "table", "acc_100")
    assert [(low.name, low.share) for low in found] == [("acc_5", 0.05), ("acc_25", 0.25)]
    assert get_fidelities(bench, "table", "test_acc") == []
    (low,) = get_fidelities(bench, "table", "test_acc", {"acc_25": 0.3})
    assert low.share == 0.3
    for shares in ({"acc_25": 1.0}, {"acc_25": 0.3, "acc_5": 0.3}, {"test_acc": 0.3}):
        with pytest.raises(InputError):
            get_fidelities(bench, "table", "test_acc", shares)
    with pytest.raises(UnknownNameError, match="acc_25"):
        get_fidelities(bench, "table", "test_acc", {"acc_2": 0.3})


def test_shares_are_numbers_or_fractions() -> None:
    assert parse_shares("acc_12=12/200, acc_50=0.25") == {"acc_12": 0.06, "acc_50": 0.25}
    for text in ("acc_12", "acc_12=1/0", "acc_12=many"):
        with pytest.raises(InputError, match="COLUMN=SHARE"):
            parse_shares(text)


# Plans.


def test_a_bracket_spends_the_same_on_each_length() -> None:
    rungs = plan_bracket(SHARES, 0, 100, 20_000)
    assert [(rung.level, rung.size, rung.fresh) for rung in rungs] == [
        (0, 675, True), (1, 225, False), (2, 75, False), (3, 25, False)
    ]  # fmt: skip


def test_what_a_rung_cannot_spend_goes_to_the_next() -> None:
    sizes = [rung.size for rung in plan_bracket(SHARES, 0, 100, 300)]
    assert sizes == [300, 266, 89, 29]


@pytest.mark.parametrize("budget", [1, 2, 5, 50, 400])
@pytest.mark.parametrize("strategy", [SuccessiveHalving(), Hyperband()])
def test_plans_keep_to_the_budget(strategy: MultiFidelity, budget: int) -> None:
    rungs = strategy.plan(SHARES, budget, 500)
    assert sum(rung.size * SHARES[rung.level] for rung in rungs) <= budget + 1e-9
    assert rungs[-1].level == len(SHARES) - 1
    for before, after in pairwise(rungs):
        assert after.fresh or (after.size <= before.size and after.level > before.level)
    if budget == 50:
        assert sum(rung.fresh for rung in rungs) == (4 if isinstance(strategy, Hyperband) else 1)


# What is queried.


@pytest.mark.parametrize("strategy", PLANNED)
def test_no_network_is_trained_twice_for_one_length(strategy: str, table: Path) -> None:
    bench, frame = load(str(table), offline=True), run_frame(table, strategy)
    networks = bench.classes[frame["row"]]
    for _, repeat in frame.assign(network=networks).groupby("repeat"):
        assert not repeat.duplicated(["network", "share"]).any()
        assert 11 < repeat["share"].sum() <= 12 + 1e-9
        assert np.allclose(repeat["labels_seen"], repeat["share"].cumsum())


def test_the_best_of_a_rung_are_promoted(table: Path) -> None:
    frame = run_frame(table, repeats=1)
    rungs = [rung for _, rung in frame.groupby("share")]
    for before, after in pairwise(rungs):
        best = before.sort_values("label_value", ascending=False)["row"][: len(after)]
        assert set(after["row"]) == set(best)


def test_a_longer_table_of_strategies_shares_the_first_networks(table: Path) -> None:
    """The first rung draws as the first batch of the other searches does, so repeats are paired."""
    frame = run_frame(table, "successive_halving,random_search", rounds=3)
    first = [rows["row"].to_list()[:4] for _, rows in frame.groupby(["repeat", "strategy"])]
    assert first[::2] == first[1::2]


# What is reported.


def test_only_networks_trained_in_full_are_picked(table: Path) -> None:
    frame = run_frame(table, repeats=1)
    full = frame["share"] == 1
    first = int(np.flatnonzero(full)[0])
    assert frame["best_row"][:first].isna().all()
    assert frame["regret"][:first].isna().all()
    assert frame["best_row"][first:].notna().all()
    picked = frame[full].sort_values("label_value")["row"].to_list()[-1]
    assert frame["best_row"].to_list()[-1] == picked


def test_shorter_trainings_cost_their_share_of_the_time(table: Path) -> None:
    frame = run_frame(table, repeats=1)
    assert frame["cost_unit"].unique().tolist() == ["s"]
    assert np.allclose(frame["cost"], (frame["share"] * (frame["row"] + 100)).cumsum())


def test_searches_of_several_lengths_are_compared(table: Path) -> None:
    results = run(table, "successive_halving,hyperband,random_search", rounds=3)
    summary: Any = results.summary()
    found = summary.set_index(["metric", "strategy"])["mean"]
    assert np.isfinite(found.to_numpy()).all()
    assert "regret@12" in found
    assert found["queries to the best"].max() <= 12
    plots = get_plots(results.rows)
    assert [plot.x_title for plot in plots] == ["queries, in full trainings"] * 2 + [
        "training time of all queries, hours"
    ] * 2
    for plot in plots:
        assert len(plot.series) == 3
        for series in plot.series:
            assert len(series.x) == len(series.y) == len(series.low) > 0
    assert any("hyperband, successive_halving: acc_5 (0.05 of a query)" in note for note in results.notes)
    assert "every acc_100 known" in results.to_markdown()


def test_a_final_top_is_picked_by_a_predictor(table: Path) -> None:
    frame = run_frame(table, "hyperband", predictors="random_forest:n_estimators=5", final_top=2)
    tail = frame.groupby("repeat").tail(2)
    assert (tail["share"] == 1).all()
    assert (tail["round"] == frame["round"].max()).all()


# What is refused.


def test_benchmarks_without_shorter_trainings_are_refused(table: Path) -> None:
    with pytest.raises(InputError, match=r"nb201_mini mini has none.*nb101, nb201, nats_size, oncenas_darts"):
        search("nb201_mini", strategies="successive_halving", **QUICK)
    with pytest.raises(InputError, match="would have no effect: no strategy uses them"):
        run(table, "random_search", fidelities={"acc_5": 0.05})


class Overspends(MultiFidelity):
    """Plans twice what it has."""

    def plan(self, shares: Any, budget: float, networks: int) -> list[Rung]:
        """Return one rung of full trainings."""
        return [Rung(len(shares) - 1, 2 * int(budget), fresh=True)]


class NeverInFull(MultiFidelity):
    """Plans no full training."""

    def plan(self, shares: Any, budget: float, networks: int) -> list[Rung]:
        """Return one rung of short trainings."""
        return [Rung(0, 2, fresh=True)]


@pytest.mark.parametrize("strategy", [Overspends, NeverInFull])
def test_plans_beyond_the_rules_are_refused(strategy: type[MultiFidelity], table: Path) -> None:
    with pytest.raises(InputError, match="must train at least one network in full"):
        run(table, strategy)


# Resuming.


def test_the_command_resumes_and_gives_the_same(
    table: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    args = ["--bench", str(table), "--label", "acc_100", "--target", "test_acc", "--strategy", "hyperband"]
    args += ["--fidelities", "acc_25=1/4", "--budget", "12", "--final-top", "0", "--out", str(tmp_path)]

    def call(repeats: int) -> list[dict[str, Any]]:
        with pytest.raises(SystemExit) as end:
            run_cli(app, [*args, "--repeats", str(repeats)])
        assert not end.value.code, capfd.readouterr().err
        rows = [json.loads(line) for line in (tmp_path / "search_rows.jsonl").read_text().splitlines()]
        return [{**row, "seconds": 0} for row in rows]

    first, both = call(10), call(12)
    assert [row for row in both if row["repeat"] < 10] == first
    assert {row["share"] for row in first} == {0.25, 1.0}
    next((tmp_path / "trials").iterdir()).unlink()
    assert call(12) == both
    assert {each.repeats for each in SearchResults.load(tmp_path).summaries()} == {12}
