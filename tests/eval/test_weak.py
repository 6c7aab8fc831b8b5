"""Weak supervision: what is pretrained on, that nothing true leaks into it, and what is kept of it."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kendalltau

from data.errors import InputError, TableError, UnknownNameError
from data.graphs import Graphs
from data.space import SearchSpace
from data.table import Table
from eval.evaluator import run_trial
from eval.grid.entries import build_entries, parse
from eval.grid.pretraining import pretrain
from eval.grid.tasks import build_tasks
from eval.grid.weak import take_weak
from eval.scoring import Scorer
from eval.task import Entry, Trial
from predictors import get
from predictors.weak_knowledge import rank_normal

ROWS = np.random.default_rng(5).permutation(15_625)
QUICK = "acenas:pretrain_epochs=2:pretrain_size=200:epochs=5"


@pytest.fixture
def acenas(nb201):
    """A quickly pretrained predictor."""
    graphs = nb201.graphs.take(ROWS[:300])
    labels = {name: nb201.weak(name)[ROWS[:300]] for name in ("gdas249_acc", "flops")}
    return get("acenas")(pretrain_epochs=3, epochs=5).pretrain(graphs.with_weak({}), labels, seed=1)


def fitted_scores(predictor, nb201):
    graphs, y = nb201.graphs, nb201.target("cifar10", "valid_acc")
    return predictor.fit(graphs.take(ROWS[:30]), y[ROWS[:30]], seed=0).predict(graphs.take(ROWS[300:400]))


def test_rank_normal_by_hand():
    ranks = rank_normal(np.array([30.0, np.nan, 10.0, 20.0]))
    assert np.isnan(ranks[1])
    assert ranks[[2, 3, 0]] == pytest.approx(np.sqrt(12) * np.array([-1 / 3, 0.0, 1 / 3]))


def test_pretraining_learns_the_weak_labels(nb201):
    graphs = nb201.graphs.take(ROWS[:400])
    flops = nb201.weak("flops")
    predictor = get("acenas")(pretrain_epochs=40).pretrain(graphs, {"flops": flops[ROWS[:400]]})
    unseen = nb201.graphs.take(ROWS[400:700]).effective()
    predicted = predictor.weak_features(unseen, predictor._graph_inputs(unseen))[:, 1]
    order, true = np.argsort(np.argsort(predicted)), np.argsort(np.argsort(flops[ROWS[400:700]]))
    assert np.corrcoef(order, true)[0, 1] > 0.8


def test_missing_weak_labels_are_allowed_and_filled(nb201):
    values = nb201.weak("synflow")[ROWS[:300]]
    assert np.isnan(values).any()
    graphs = nb201.graphs.take(ROWS[:300])
    predictor = get("acenas")(pretrain_epochs=2, epochs=2).pretrain(graphs, {"synflow": values})
    assert np.isfinite(fitted_scores(predictor, nb201)).all()


def test_a_weak_label_known_for_none_is_refused(nb201):
    graphs = nb201.graphs.take(ROWS[:10])
    with pytest.raises(InputError, match="'empty' is known for none of 10"):
        get("acenas")().pretrain(graphs, {"empty": np.full(10, np.nan)})
    with pytest.raises(InputError, match=r"has shape \(3,\)"):
        get("acenas")().pretrain(graphs, {"short": np.zeros(3)})
    with pytest.raises(InputError, match="at least one weak label"):
        get("acenas")().pretrain(graphs, {})


def test_an_encoder_comes_back_from_its_file(acenas, nb201, tmp_path):
    acenas.save_encoder(tmp_path / "encoder.safetensors")
    again = get("acenas")(**acenas.params()).load_encoder(tmp_path / "encoder.safetensors")
    np.testing.assert_array_equal(fitted_scores(acenas, nb201), fitted_scores(again, nb201))


def test_a_wrong_encoder_file_is_refused(acenas, tmp_path):
    path = tmp_path / "encoder.safetensors"
    with pytest.raises(InputError, match="was not pretrained"):
        get("acenas")().save_encoder(path)
    acenas.save_encoder(path)
    with pytest.raises(InputError, match="does not fit"):
        get("acenas")(width=8).load_encoder(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TableError, match="not a complete encoder file"):
        get("acenas")().load_encoder(path)


def test_twins_score_alike_with_weak_inputs(acenas, nb201):
    graphs = nb201.graphs
    acenas.fit(graphs.take(ROWS[:30]), nb201.target("cifar10", "valid_acc")[ROWS[:30]])
    scores = acenas.predict(graphs.take(ROWS[:2000]))
    classes = nb201.classes[ROWS[:2000]]
    for network in np.unique(classes)[:200]:
        assert np.ptp(scores[classes == network]) == 0


def a_trial(bench, text, weak=("gdas249_acc", "flops"), repeats=(0, 1), **choices):
    tasks = build_tasks(bench, **{"train_sizes": [30], **choices})
    return Trial(tasks[0], build_entries(parse(text), tasks, weak=weak)[0], repeats)


def weak_of(bench, text, weak=None, dataset="cifar10"):
    return build_entries(parse(text), build_tasks(bench, datasets=[dataset]), weak=weak)[0].weak


def test_no_true_label_reaches_pretraining(nb201):
    """Change every true label there is: what is pretrained stays the same, bit for bit."""
    columns = {
        name: pa.array(np.random.default_rng(0).permutation(nb201.table.values(name)))
        if any(c.name == name and c.kind == "label" for c in nb201.columns)
        else nb201.table.column(name)
        for name in nb201.table.names
    }
    shuffled = type(nb201)(Table(pa.table(columns), nb201.table.columns))
    assert not np.array_equal(shuffled.target("cifar10", "test_acc"), nb201.target("cifar10", "test_acc"))
    found = []
    for bench in (nb201, shuffled):
        trial = a_trial(bench, QUICK)
        predictor = trial.entry.predictor.clone()
        pretrain(predictor, trial)
        found.append(predictor.weak_.state)
    for name, tensor in found[0].items():
        assert np.array_equal(tensor.numpy(), found[1][name].numpy()), name


def test_true_labels_are_refused_as_weak_ones(nb201):
    with pytest.raises(InputError, match="true label of the task's own data set"):
        weak_of(nb201, "acenas", ["cifar10/valid_acc"])
    with pytest.raises(UnknownNameError):
        weak_of(nb201, "acenas", ["cifar10_valid_acc"])
    assert weak_of(nb201, "acenas", ["cifar10/valid_acc"], "cifar100") == ("cifar10/valid_acc",)


def test_true_labels_do_not_come_in_by_an_encoder(nb201, tmp_path):
    """An encoder that was pretrained on a data set's true labels is refused for tasks of that data set."""
    path = tmp_path / "encoder.safetensors"
    graphs = nb201.graphs.take(ROWS[:200])
    labels = {"cifar100/test_acc": nb201.target("cifar100", "test_acc")[ROWS[:200]]}
    get("acenas")(pretrain_epochs=1).pretrain(graphs, labels).save_encoder(path)
    for dataset in ("cifar100", "cifar10"):
        tasks = build_tasks(nb201, datasets=[dataset], train_sizes=[30])
        (entry,) = build_entries(parse("acenas"), tasks, encoder=str(path), encoder_hash="x")
        assert (entry.weak, entry.encoder) == ((), str(path))
        predictor = entry.predictor.clone()
        if dataset == "cifar100":
            with pytest.raises(InputError, match="true labels of the task's data set"):
                pretrain(predictor, Trial(tasks[0], entry, (0,)))
        else:
            assert pretrain(predictor, Trial(tasks[0], entry, (0,)))[0] == "x"


def test_an_encoder_of_another_space_is_refused(acenas):
    other = SearchSpace("other", ("a", "b", "input", "output"), 3)
    ops = np.array([[2, 0, 3], [2, 1, 3]], np.int8)
    edges = np.repeat(np.array([[[0, 1, 0], [0, 0, 1], [0, 0, 0]]], np.uint8), 2, axis=0)
    with pytest.raises(InputError, match="was pretrained on graphs of"):
        acenas.fit(Graphs(ops, edges, np.array([3, 3]), other), np.array([1.0, 2.0]))


def test_weak_labels_that_reach_no_predictor_are_refused(nb201):
    tasks = build_tasks(nb201)
    for text in ("gcn,mlp", "random_order,params", "weak_label:column=synflow"):
        with pytest.raises(InputError, match="would have no effect"):
            build_entries(parse(text), tasks, weak=["flops"])
    with pytest.raises(InputError, match="would have no effect"):
        build_entries(parse("weak_label"), tasks, encoder="encoder.safetensors", encoder_hash="x")
    with pytest.raises(InputError, match="would have no effect"):
        build_entries(parse("acenas:weak=none"), tasks, weak=["flops"])
    with pytest.raises(InputError, match="would have no effect"):
        build_entries(parse("acenas:weak=none"), tasks, encoder="encoder.safetensors", encoder_hash="x")
    own = build_entries(parse("acenas:weak=flops,acenas:weak=none"), tasks, weak=["flops", "params"])
    assert [entry.weak for entry in own] == [("flops",), ()]
    off = build_entries(parse("acenas,brp_nas"), tasks, weak=["none"])
    assert [entry.weak for entry in off] == [(), ()]


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("acenas", ("gdas249_acc", "flops", "params")),
        ("acenas:weak=none", ()),
        ("acenas:weak=supernet+flops", ("gdas249_acc", "flops")),
        ("acenas:weak=synflow", ("synflow",)),
        ("brp_nas", ("flops",)),
    ],
)
def test_weak_names_are_written_out(nb201, written, resolved):
    assert weak_of(nb201, written) == resolved


def test_trials_that_differ_in_fine_tuning_share_an_encoder(nb201, tmp_path, monkeypatch):
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path))
    trials = [
        a_trial(nb201, QUICK),
        a_trial(nb201, QUICK + ":loss=mse"),
        a_trial(nb201, QUICK, train_sizes=[20]),
    ]
    scored = [run_trial(trial) for trial in trials]
    assert len({each.weak_hash for each in scored}) == 1
    assert len(list(tmp_path.glob("encoders/*.safetensors"))) == 1
    seconds = {each.pretrain_seconds for each in scored}
    assert len(seconds) == 1  # the cost of pretraining, not the time to load it again
    assert seconds.pop() > 0


@pytest.fixture
def mine(nb201, tmp_path):
    """Write a table of weak labels of the first hundred architectures; return its path."""

    def write(suffix=".parquet", **columns):
        path = tmp_path / f"mine{suffix}"
        table = pa.table({"arch": nb201.table.column("arch").to_pylist()[:100], **columns})
        if suffix == ".parquet":
            Table(table).write(path)
        else:
            table.to_pandas().to_csv(path, index=False)
        return str(path)

    return write


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_table_of_ones_own_weak_labels(nb201, mine, suffix):
    bench, names = take_weak(nb201, ["flops", mine(suffix, my_acc=np.arange(100.0))], {})
    assert names == ["flops", "my_acc"]
    assert bench.weak("my_acc")[:100].tolist() == list(range(100))
    assert np.isnan(bench.weak("my_acc")[100:]).all()
    assert bench.content_hash != nb201.content_hash
    assert any("100 of 15,625" in line for line in bench.notices)  # its cover is said
    assert "my_acc" not in nb201.weak_names


def test_a_weak_label_of_the_same_name_is_replaced(nb201, mine, caplog):
    caplog.set_level("INFO", logger="acerank")
    bench, names = take_weak(nb201, [mine(flops=np.arange(100.0))], {})
    assert names == ["flops"]
    assert bench.weak("flops")[:100].tolist() == list(range(100))


def test_true_labels_in_a_table_are_refused(nb201, mine):
    with pytest.raises(TableError, match="cifar10_test_acc"):
        take_weak(nb201, [mine(cifar10_test_acc=np.arange(100.0))], {})
    truth = nb201.target("cifar100", "test_acc")[:100]
    for cheat in (truth, truth / 100, 100 - truth, np.round(truth, 1)):
        with pytest.raises(InputError, match="cheat"):
            take_weak(nb201, [mine(cheat=cheat)], {})
    bench, names = take_weak(nb201, [mine(cheat=truth)], {"cheat": "to see what a perfect label gives"})
    assert names == ["cheat"]
    assert any("to see what a perfect label gives" in line for line in bench.notices)


def test_weak_tables_that_do_not_exist_or_fit(nb201, tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        take_weak(nb201, ["nowhere.parquet"], {})
    with pytest.raises(UnknownNameError, match="nonexistent"):
        take_weak(nb201, ["nonexistent"], {})
    Table(pa.table({"my_acc": np.arange(3.0)})).write(tmp_path / "bare.parquet")
    with pytest.raises(TableError, match="arch"):
        take_weak(nb201, [str(tmp_path / "bare.parquet")], {})


def test_the_weak_hash_is_in_the_rows(nb201):
    trial = a_trial(nb201, QUICK)
    rows = Scorer(trial.task).rows(trial, run_trial(trial), ["kendall_tau"])
    assert all(len(row["weak_hash"]) == 12 for row in rows)
    assert rows[0]["weak"] == ["gdas249_acc", "flops"]
    json.dumps(rows)


def test_a_floor_ranks_by_the_weak_labels_that_are_named(nb201, real_tables):
    """The 12-epoch accuracies rank with tau .700 (test) and .594 (validation), whatever else there is."""
    path = str(real_tables / "nb201_epoch12.parquet")
    bench, names = take_weak(nb201, [path], {})
    chosen = [name for name in names if name in ("cifar10_test_acc_12", "cifar10_valid_acc_12")]
    tasks = build_tasks(bench, protocols=["acenas"], train_sizes=[100])
    entries = build_entries(parse("weak_label,flops"), tasks, weak=chosen)
    assert {entry.name for entry in entries} == {*(f"weak_label:column={name}" for name in chosen), "flops"}
    taus = {}
    for entry in entries:
        trial = Trial(tasks[0], entry, (0,))
        (row,) = Scorer(tasks[0]).rows(trial, run_trial(trial), ["kendall_tau"])
        taus[entry.name.partition("=")[2]] = row["value"]
    assert taus["cifar10_test_acc_12"] == pytest.approx(0.700, abs=1e-3)
    assert taus["cifar10_valid_acc_12"] == pytest.approx(0.594, abs=1e-3)


def test_a_floor_is_evaluated_where_it_is_known(nb201, mine):
    """A weak label of 100 networks is evaluated on these, not on 15,625 of which it ranks almost none."""
    truth = nb201.target("cifar10", "test_acc")
    noisy = truth[:100] + np.random.default_rng(0).normal(0, 5, 100)
    bench, names = take_weak(nb201, [mine(noisy=noisy)], {})
    tasks = build_tasks(bench, protocols=["acenas"], train_sizes=[10])
    (entry,) = build_entries(parse("weak_label"), tasks, weak=names)
    assert isinstance(entry, Entry)
    trial = Trial(tasks[0], entry, (0,))
    (row,) = Scorer(tasks[0]).rows(trial, run_trial(trial), ["kendall_tau"])
    assert (row["n_test"], row["n_protocol_test"]) == (100, 15_625)
    assert row["value"] == pytest.approx(kendalltau(truth[:100], noisy).statistic)
