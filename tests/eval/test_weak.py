"""Weak supervision: what is pretrained on, that nothing true leaks into it, and what is kept of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from eval.command.specs import parse

from benchmarks import load
from data.errors import InputError, TableError, UnknownNameError
from data.graphs import Graphs
from data.space import SearchSpace
from data.table import Table
from eval.evaluator import make, run_cell
from eval.grid.weak import prepare, resolve, weak_option
from eval.task import Cell, Task
from predictors import get
from predictors.nn.pretrained import rank_normal

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
    with pytest.raises(InputError, match="'empty' is known for none"):
        get("acenas")().pretrain(graphs, {"empty": np.full(10, np.nan)})
    with pytest.raises(InputError, match=r"has shape \(3,\)"):
        get("acenas")().pretrain(graphs, {"short": np.zeros(3)})
    with pytest.raises(InputError, match="at least one weak label"):
        get("acenas")().pretrain(graphs, {})
    with pytest.raises(InputError, match="'gcn' does not learn from weak labels"):
        get("gcn")().pretrain(graphs, {"flops": np.zeros(10)})


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
    with pytest.raises(TableError, match="not a whole encoder file"):
        get("acenas")().load_encoder(path)


def test_twins_score_alike_with_weak_inputs(acenas, nb201):
    graphs = nb201.graphs
    acenas.fit(graphs.take(ROWS[:30]), nb201.target("cifar10", "valid_acc")[ROWS[:30]])
    scores = acenas.predict(graphs.take(ROWS[:2000]))
    classes = nb201.classes[ROWS[:2000]]
    for network in np.unique(classes)[:200]:
        assert np.ptp(scores[classes == network]) == 0


def a_cell(nb201, spec_text, **changes):
    table = nb201.table.content_hash
    task = Task("nb201", "cifar10", "test_acc", "valid_acc", "leakfree", 30, 0, table)
    spec = resolve(parse(spec_text), nb201, ["cifar10"], "gdas249_acc+flops")[0]
    return Cell(replace(task, **changes), spec, (0, 1))


def test_no_true_label_reaches_pretraining(nb201):
    """Change every true label there is: what is pretrained stays the same, bit for bit."""
    cell = a_cell(nb201, QUICK)
    first = make(cell.spec)
    prepare(first, cell, nb201)
    columns = {
        name: pa.array(np.random.default_rng(0).permutation(nb201.table.values(name)))
        if any(c.name == name and c.kind == "label" for c in nb201.columns)
        else nb201.table.column(name)
        for name in nb201.table.names
    }
    shuffled = type(nb201)(Table(pa.table(columns), nb201.table.columns))
    assert not np.array_equal(shuffled.target("cifar10", "test_acc"), nb201.target("cifar10", "test_acc"))
    second = make(cell.spec)
    other = replace(cell, task=replace(cell.task, table_hash=shuffled.table.content_hash))
    prepare(second, other, shuffled)
    for name, tensor in first.weak_.state.items():
        assert np.array_equal(tensor.numpy(), second.weak_.state[name].numpy()), name


def test_true_labels_are_refused_as_weak_ones(nb201):
    with pytest.raises(InputError, match="true label of the task's own data set"):
        resolve(parse("acenas"), nb201, ["cifar10"], "cifar10/valid_acc")
    with pytest.raises(UnknownNameError):
        resolve(parse("acenas"), nb201, ["cifar10"], "cifar10_valid_acc")
    transfer = resolve(parse("acenas"), nb201, ["cifar100"], "cifar10/valid_acc")
    assert dict(transfer[0].params)["weak"] == "cifar10/valid_acc"


def test_true_labels_do_not_come_in_by_an_encoder(nb201, tmp_path):
    """An encoder that was pretrained on a data set's true labels is refused for tasks of that data set."""
    path = tmp_path / "encoder.safetensors"
    graphs = nb201.graphs.take(ROWS[:200])
    labels = {"cifar100/test_acc": nb201.target("cifar100", "test_acc")[ROWS[:200]]}
    get("acenas")(pretrain_epochs=1).pretrain(graphs, labels).save_encoder(path)
    cell = a_cell(nb201, "acenas", dataset="cifar100", label="test_acc", encoder=str(path), encoder_hash="x")
    cell = replace(cell, spec=resolve(parse("acenas"), nb201, ["cifar100"], None, str(path))[0])
    with pytest.raises(InputError, match="true labels of the task's data set"):
        prepare(make(cell.spec), cell, nb201)
    elsewhere = replace(cell, task=replace(cell.task, dataset="cifar10"))
    assert prepare(make(cell.spec), elsewhere, nb201) == "x"


def test_an_encoder_of_another_space_is_refused(acenas):
    other = SearchSpace("other", ("a", "b", "input", "output"), 3)
    ops = np.array([[2, 0, 3], [2, 1, 3]], np.int8)
    edges = np.repeat(np.array([[[0, 1, 0], [0, 0, 1], [0, 0, 0]]], np.uint8), 2, axis=0)
    with pytest.raises(InputError, match="its encoder was pretrained on graphs of"):
        acenas.fit(Graphs(ops, edges, np.array([3, 3]), other), np.array([1.0, 2.0]))


def test_weak_options_that_reach_no_predictor_are_refused(nb201):
    with pytest.raises(InputError, match="for predictors that pretrain"):
        resolve(parse("gcn,mlp"), nb201, ["cifar10"], "flops")
    off = resolve(parse("acenas,brp_nas"), nb201, ["cifar10"], "none")
    assert [dict(spec.params)["weak"] for spec in off] == ["none", "none"]


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("acenas", "gdas249_acc+flops+params"),
        ("acenas:weak=none", "none"),
        ("acenas:weak=supernet+flops", "gdas249_acc+flops"),
        ("acenas:weak=synflow", "synflow"),
    ],
)
def test_weak_names_are_written_out(nb201, written, resolved):
    assert dict(resolve(parse(written), nb201, ["cifar10"], None)[0].params)["weak"] == resolved


def test_cells_that_differ_in_fine_tuning_share_an_encoder(nb201, tmp_path, monkeypatch):
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path))
    cells = [a_cell(nb201, QUICK), a_cell(nb201, QUICK + ":loss=mse"), a_cell(nb201, QUICK, train_size=20)]
    hashes = {run_cell(cell).weak_hash for cell in cells}
    assert len(hashes) == 1
    assert len(list(tmp_path.glob("encoders/*.safetensors"))) == 1


def test_a_table_of_ones_own_weak_labels(nb201, tmp_path, capsys):
    bench = load("nb201", offline=True)
    arch = nb201.table.column("arch").to_pylist()[:100]
    mine = tmp_path / "mine.parquet"
    Table(pa.table({"arch": arch, "my_acc": np.arange(100.0)})).write(mine)
    names, path, bench = weak_option(["flops", str(mine)], bench)
    assert (names, path) == ("flops+my_acc", mine)
    assert bench.weak("my_acc")[:100].tolist() == list(range(100))
    assert np.isnan(bench.weak("my_acc")[100:]).all()
    assert bench.table.content_hash != nb201.table.content_hash
    Table(pa.table({"arch": arch, "flops": np.arange(100.0)})).write(mine)
    bench = load("nb201", offline=True)
    names, path, bench = weak_option([str(mine)], bench)
    assert (names, path) == ("flops", mine)
    assert bench.weak("flops")[:100].tolist() == list(range(100))
    assert "replaces flops of nb201" in capsys.readouterr().err
    Table(pa.table({"arch": arch, "cifar10_test_acc": np.arange(100.0)})).write(mine)
    with pytest.raises(TableError, match="cifar10_test_acc: columns of nb201 that are no weak labels"):
        weak_option([str(mine)], load("nb201", offline=True))
    truth = nb201.target("cifar100", "test_acc")[:100]
    Table(pa.table({"arch": arch, "cheat": truth})).write(mine)
    with pytest.raises(
        InputError, match="'cheat' orders 100 rows as does the true label 'cifar100_test_acc'"
    ):
        weak_option([str(mine)], load("nb201", offline=True))
    with pytest.raises(InputError, match="there is no file"):
        weak_option(["nowhere.parquet"], nb201)
    Table(pa.table({"my_acc": np.arange(3.0)})).write(mine)
    with pytest.raises(TableError, match="needs the column 'arch'"):
        weak_option([str(mine)], load("nb201", offline=True))


def test_the_weak_hash_is_in_the_rows(nb201):
    from eval.results import rows_of

    cell = a_cell(nb201, QUICK)
    rows = rows_of(cell, run_cell(cell), ["kendall_tau"])
    assert all(len(row["weak_hash"]) == 12 for row in rows)
    json.dumps(rows)


def test_a_floor_may_be_a_weak_label_of_ones_own(nb201):
    (spec,) = parse("weak_label:column=mine")
    assert resolve([spec], nb201, ["cifar10"], "flops") == [spec]
    with pytest.raises(InputError, match="none of these does"):
        resolve(parse("random_order"), nb201, ["cifar10"], "flops")
    with pytest.raises(InputError, match="none of these does"):
        resolve([spec], nb201, ["cifar10"], None, "encoder.safetensors")
