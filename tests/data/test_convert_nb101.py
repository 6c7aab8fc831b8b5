"""NAS-Bench-101's official files: real cells come back record by record; whatever is wrong is named."""

from __future__ import annotations

import json
from base64 import b64decode, encodebytes
from collections.abc import Callable, Iterable
from math import inf, isqrt, nan
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.nb101_file import REPEATS, real_cells, runs, write

from data.convert import convert_path, nb101
from data.convert.nb101_record import Run, decode, encode
from data.convert.protobuf import fields, message
from data.convert.tfrecord import write_records
from data.errors import TableError
from data.module_hash import OPS, module_hashes
from data.table import Table

quick = settings(derandomize=True, deadline=None)

BUDGETS = (4, 12, 36, 108)
OFFICIAL = "needs the extra: pip install 'acerank[official]'"


@pytest.fixture(scope="module")
def cells(data_dir: Path) -> list[dict]:
    return real_cells(data_dir)


@pytest.fixture(scope="module")
def written(cells: list[dict]) -> list[Run]:
    """The runs of sixty cells, in no order."""
    rows = list(runs(cells[:60], BUDGETS))
    return [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]


@pytest.fixture(scope="module")
def official(written: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("official") / "nasbench_full.tfrecord", written)


@pytest.fixture(scope="module")
def table(official: Path) -> Table:
    return convert_path("nb101", official)


def test_cells_are_the_real_ones(table: Table, cells: list[dict], data_dir: Path) -> None:
    published = pq.read_table(data_dir / "nb101.parquet").slice(0, 60)
    assert table.column("hash").to_pylist() == sorted(cell["hash"] for cell in cells[:60])
    for name in ("hash", "num_vertices", "num_edges", "adjacency", "ops", "params"):
        assert table.column(name).to_pylist() == published[name].to_pylist()
        assert table.column(name).type.id == published[name].type.id
    for epochs in BUDGETS:
        ours = table.values(f"valid_acc_{epochs}_0")[:, None]
        other = np.stack([table.values(f"valid_acc_{epochs}_{r}") for r in range(REPEATS)], 1)
        published_acc = published[f"valid_acc_{epochs}"].to_numpy()[:, None]
        assert ((ours == published_acc) | (other == published_acc).any(1, keepdims=True)).all()


def test_every_run_comes_back_in_the_order_of_the_file(table: Table, written: list[Run]) -> None:
    row = {name: r for r, name in enumerate(table.column("hash").to_pylist())}
    seen: dict[tuple[str, int], list[Run]] = {}
    for run in written:
        seen.setdefault((run.hash, run.epochs), []).append(run)
    assert len(seen) == 60 * len(BUDGETS)
    value = {name: table.values(name) for name in table.names if name.startswith(("valid", "test", "train"))}
    assert len(value) == len(BUDGETS) * (5 + 2 * REPEATS)
    for (name, epochs), group in seen.items():
        r, ends = row[name], np.array([run.evaluations[2] for run in group])
        for k in range(REPEATS):
            assert value[f"valid_acc_{epochs}_{k}"][r] == ends[k, 3]
            assert value[f"test_acc_{epochs}_{k}"][r] == ends[k, 4]
        assert value[f"valid_acc_{epochs}"][r] == ends[:, 3].mean()
        assert value[f"test_acc_{epochs}"][r] == ends[:, 4].mean()
        assert value[f"train_acc_{epochs}"][r] == ends[:, 2].mean()
        assert value[f"train_time_{epochs}"][r] == ends[:, 1].mean()
        half = np.mean([run.evaluations[1][3] for run in group])
        assert value[f"valid_acc_{epochs}_half"][r] == half


def test_only_108_epochs(cells: list[dict], tmp_path: Path) -> None:
    table = convert_path("nb101", write(tmp_path / "nasbench_only108.tfrecord", runs(cells[:3])))
    assert [name for name in table.names if "_4" in name or "_12" in name] == []
    assert len(table) == 3


def test_many_cells_are_hashed_by_other_processes(
    cells: list[dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nb101, "HASHED_AT_ONCE", 50)
    path = write(tmp_path / "x.tfrecord", runs(cells[:220]))
    assert len(convert_path("nb101", path)) == 220
    wrong = cells[70]["hash"]
    spoilt = [run._replace(hash="0" * 32) if run.hash == wrong else run for run in runs(cells[:220])]
    with pytest.raises(TableError, match=rf"record 210 .*the module hash of this cell is {wrong}"):
        convert_path("nb101", write(path, spoilt))


def test_progress_rises(official: Path) -> None:
    shares = []
    convert_path("nb101", official, shares.append)
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] <= 1


def edited(**changes: object) -> Callable[[list[Run]], Iterable[Run]]:
    """Change fields of the second record."""

    def edit(rows: list[Run]) -> list[Run]:
        return [rows[0], rows[1]._replace(**changes), *rows[2:]]

    return edit


def evaluation(point: int, place: int, value: float) -> Callable[[list[Run]], Iterable[Run]]:
    """Change one value of one evaluation of the second record."""

    def edit(rows: list[Run]) -> Iterable[Run]:
        points = [list(values) for values in rows[1].evaluations]
        points[point][place] = value
        return edited(evaluations=tuple(map(tuple, points)))(rows)

    return edit


V = 7  # nodes of the first real cells
CUT = "0" * (V * V - 1)
NO_PATH = "0100000" + "0010000" + "0001000" + "0000100" + "0000001" + "0000001" + "0000000"
FULL = "".join("0" * (i + 1) + "1" * (V - 1 - i) for i in range(V))
WRONG = [
    (edited(epochs=0), "record 1 .*0 epochs; expected 1 to 1,000"),
    (edited(epochs=10**1000), "epochs; expected"),
    (edited(hash="0" * 32), "record 1 .*cell 0{32}: the module hash of this cell is 00005c142e"),
    (edited(hash="../../etc/passwd"), "record 1 .*'../../etc/passwd' is not a module hash"),
    (edited(params=5), "record 1 .*5 parameters; in record 0, of the same cell, 8,555,530"),
    (edited(operations="input,conv5x5,output"), "record 1 .*unknown operation 'conv5x5'; known: input"),
    (edited(operations="output,conv3x3-bn-relu,input"), "record 1 .*expected input, ..., output"),
    (edited(operations="input,output,output"), "record 1 .*expected input, ..., output"),
    (edited(operations="input"), "record 1 .*1 operations; expected 2 to 7"),
    (edited(operations=",".join(["input"] * 100_000)), "record 1 .*operations; expected 2 to 7"),
    (edited(operations="input,maxpool3x3,output", hash="1" * 32), "record 1 .*3 operations for the 7 nodes"),
    (edited(operations="input," + "maxpool3x3," * 5 + "output"), "record 1 .*another cell than in record 0"),
    (edited(adjacency=CUT), "record 1 .*an adjacency of 48 digits"),
    (edited(adjacency="0" * 10_000), "record 1 .*an adjacency of 10,000 digits"),
    (edited(adjacency=""), "record 1 .*an adjacency of 0 digits"),
    (edited(adjacency=CUT + "2"), "record 1 .*something else than 0 and 1"),
    (edited(adjacency=CUT + "\n"), "record 1 .*something else than 0 and 1"),
    (edited(adjacency=CUT + "\ud800"), "record 1 .*something else than 0 and 1"),
    (edited(hash="\n" * 1000), "record 1 .*is not a module hash"),
    (edited(operations="input,\ud800,output"), "record 1 .*unknown operation"),
    (edited(adjacency="1" * V * V), "record 1 .*not upper triangular"),
    (edited(adjacency="1" + CUT), "record 1 .*not upper triangular"),
    (edited(adjacency=FULL), "record 1 .*21 edges; a cell has at most 9"),
    (edited(adjacency=NO_PATH), "record 1 .*on no path from input to output"),
    (edited(evaluations=()), "record 1 .*0 evaluations; expected 3: start, halfway, end"),
    (evaluation(2, 3, nan), "record 1 .*at the end: the validation accuracy is nan; expected 0 to 1"),
    (evaluation(2, 4, 1.0001), "record 1 .*at the end: the test accuracy is 1.0001"),
    (evaluation(2, 2, -0.1), "record 1 .*at the end: the training accuracy is -0.1"),
    (evaluation(1, 3, 93.0), "record 1 .*halfway: the validation accuracy is 93.0"),
    (evaluation(2, 1, inf), "record 1 .*at the end: the training time is inf s"),
    (evaluation(2, 1, nan), "record 1 .*at the end: the training time is nan s"),
    (lambda rows: rows[:-1], r"record 6 .*cell 00\w+: 2 runs of 108 epochs; the other cells have 3"),
    (lambda rows: [*rows, rows[0]], "record 0 .*4 runs of 108 epochs; the other cells have 3"),
    (lambda rows: rows * 4, "12 runs of each cell; at most 10 are read"),
]


@pytest.mark.parametrize(("edit", "why"), WRONG, ids=lambda value: None)
def test_wrong_records_are_refused_with_their_place(
    edit: Callable[[list[Run]], Iterable[Run]], why: str, cells: list[dict], tmp_path: Path
) -> None:
    path = write(tmp_path / "spoilt.tfrecord", edit(list(runs(cells[:3]))))
    with pytest.raises(TableError, match=f"^spoilt.tfrecord.*{why}") as caught:
        convert_path("nb101", path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value).encode()) < 400


def test_a_missing_budget_of_one_cell(cells: list[dict], tmp_path: Path) -> None:
    rows = [*runs(cells[:3], (4, 108)), *runs(cells[3:4], (108,))]
    with pytest.raises(TableError, match=r"record 18 .*0 runs of 4 epochs; the other cells have 3"):
        convert_path("nb101", write(tmp_path / "x.tfrecord", rows))


JSON = [
    (b"", "not JSON"),
    (b"\xff\xfe", "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"{}", "not a list of hash"),
    (b"[1, 2, 3, 4, 5]", "not a list of hash"),
    (b'["h", 108, "01", "input,output"]', "not a list of hash"),
    (b'["h", true, "01", "input,output", ""]', "not a list of hash"),
    (b'["h", 108.0, "01", "input,output", ""]', "not a list of hash"),
    (b'["h", 108, "0100", "input,output", "?"]', "the metrics are not base64"),
    (b'["h", 108, "0100", "input,output", "CgAK"]', "protobuf: no integer at byte 3"),
    (b'["h", 108, "0100", "input,output", "CgA="]', "1 evaluations; expected 3"),
    (b'["h", 108, "0100", "input,output", "/////////////w=="]', "protobuf: no integer at byte 0"),
]


@pytest.mark.parametrize(("data", "why"), JSON, ids=lambda value: None)
def test_what_is_no_record(data: bytes, why: str, cells: list[dict], tmp_path: Path) -> None:
    rows = [encode(run) for run in runs(cells[:1])]
    path = write_records(tmp_path / "x.tfrecord", [*rows, data])
    offset = sum(16 + len(row) for row in rows)
    with pytest.raises(TableError, match=rf"^x.tfrecord, record 3 \(byte {offset:,}\): {why}"):
        convert_path("nb101", path)


def test_other_files_are_no_official_file(tmp_path: Path) -> None:
    path = tmp_path / "nasbench_only108.tfrecord"
    for content in (b"some text", b"\0" * 100, b"PK\x03\x04 a zip"):
        path.write_bytes(content)
        with pytest.raises(TableError, match="in no official format of nb101; known: nasbench_only108"):
            convert_path("nb101", path)


def test_a_file_without_records(tmp_path: Path) -> None:
    path = write_records(tmp_path / "x.tfrecord", [])
    with pytest.raises(TableError, match="holds no record"):
        nb101.read(path)


def test_every_truncation_is_refused(cells: list[dict], tmp_path: Path) -> None:
    path = write(tmp_path / "x.tfrecord", runs(cells[:1]))
    whole = path.read_bytes()
    ends = [len(whole) // REPEATS * k for k in range(REPEATS)]
    for size in range(12, len(whole), 7):
        path.write_bytes(whole[:size])
        if size not in ends:
            with pytest.raises(TableError, match="the file ends in it"):
                convert_path("nb101", path)


def test_a_record_is_read_as_it_was_written(written: list[Run]) -> None:
    for run in written[:50]:
        assert decode(encode(run)) == run


def test_metrics_on_one_line_are_read_too(written: list[Run]) -> None:
    *head, metrics = json.loads(encode(written[0]))
    assert metrics.count("\n") == 3
    assert decode(json.dumps([*head, metrics.replace("\n", "")]).encode()) == written[0]


def test_fields_in_another_order_and_fields_that_are_not_known(written: list[Run]) -> None:
    run = written[0]
    points = [message([(6, b"/a/path"), *reversed(list(enumerate(values, 1)))]) for values in run.evaluations]
    metrics = message([(3, run.seconds), (9, b"new"), (2, run.params), *((1, point) for point in points)])
    assert decode(json.dumps([*run[:4], encodebytes(metrics).decode()]).encode()) == run


def test_a_missing_value_is_not_a_zero(written: list[Run]) -> None:
    points = [message(list(enumerate(values, 1))[:-1]) for values in written[0].evaluations]
    metrics = message([*((1, point) for point in points), (2, 7)])
    run = decode(json.dumps([*written[0][:4], encodebytes(metrics).decode()]).encode())
    assert np.isnan(run.evaluations[2][4])


VALUES = st.lists(
    st.tuples(
        st.integers(1, 2**20), st.one_of(st.integers(0, 2**64 - 1), st.floats(allow_nan=False), st.binary())
    ),
    max_size=8,
)


@quick
@given(VALUES)
def test_fields_are_read_as_they_were_written(values: list[tuple[int, int | float | bytes]]) -> None:
    data = message(values)
    assert list(fields(data)) == values
    for size in range(len(data)):
        try:
            assert list(fields(data[:size])) == values[: len(list(fields(data[:size])))]
        except ValueError as error:
            assert "byte" in str(error)


@quick
@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader_of_fields(data: bytes) -> None:
    try:
        found = list(fields(data))
    except ValueError:
        return
    assert len(found) <= len(data)


def test_groups_and_fields_of_four_bytes() -> None:
    assert list(fields(b"\x0d\x01\x02\x03\x04")) == [(1, b"\x01\x02\x03\x04")]
    for group in (b"\x0b", b"\x0c", b"\x0e", b"\x0f"):
        with pytest.raises(ValueError, match="unknown wire type"):
            list(fields(group))


@pytest.fixture(scope="module")
def arrays(cells: list[dict]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, v = len(cells), V
    ops, adjacency = np.full((n, v), -1, np.int8), np.zeros((n, v, v), np.uint8)
    n_nodes = np.array([len(cell["ops"]) for cell in cells])
    for r, cell in enumerate(cells):
        k = n_nodes[r]
        ops[r, :k] = [OPS.index(op) for op in cell["ops"]]
        adjacency[r, :k, :k] = np.reshape(cell["adjacency"], (k, k))
    return ops, adjacency, n_nodes


def test_module_hashes_are_the_published_ones(
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray], cells: list[dict]
) -> None:
    assert module_hashes(*arrays) == [cell["hash"] for cell in cells]


def test_the_order_of_nodes_does_not_change_a_module_hash(
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray], cells: list[dict]
) -> None:
    rng = np.random.default_rng(0)
    ops, adjacency, n_nodes = (part[:500].copy() for part in arrays)
    order = np.tile(np.arange(V), (500, 1))
    for r, k in enumerate(n_nodes):
        order[r, 1 : k - 1] = 1 + rng.permutation(k - 2)
    ops = np.take_along_axis(ops, order, 1)
    adjacency = np.take_along_axis(np.take_along_axis(adjacency, order[:, :, None], 1), order[:, None], 2)
    assert module_hashes(ops, adjacency, n_nodes) == [cell["hash"] for cell in cells[:500]]


def test_no_cells_have_no_hashes() -> None:
    assert module_hashes(np.empty((0, 7), np.int8), np.empty((0, 7, 7), np.uint8), np.empty(0, int)) == []


def test_the_official_client_agrees(written: list[Run], official: Path, table: Table) -> None:
    """Google's protobuf, another TFRecord reader and nasbench_pytorch's cells, record by record."""
    model = pytest.importorskip("nasbench_pytorch.model.model_spec", reason=OFFICIAL)
    reader = pytest.importorskip("tfrecord.reader", reason=OFFICIAL)
    metrics_class = google_message()
    ops = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]
    row = {name: r for r, name in enumerate(table.column("hash").to_pylist())}
    seen: dict[tuple[str, int], int] = {}
    for data in reader.tfrecord_iterator(str(official)):
        name, epochs, adjacency, operations, raw = json.loads(bytes(data).decode())
        v = isqrt(len(adjacency))
        spec = model.ModelSpec(np.array(list(adjacency), int).reshape(v, v), operations.split(","))
        labels = [-1, *(ops.index(op) for op in spec.ops[1:-1]), -2]
        assert model.graph_util.hash_module(spec.matrix.numpy(), labels) == name
        r, repeat = row[name], seen.get((name, epochs), 0)
        seen[name, epochs] = repeat + 1
        metrics = metrics_class.FromString(b64decode(raw))
        end = metrics.evaluation_data[2]
        assert table.values(f"valid_acc_{epochs}_{repeat}")[r] == end.validation_accuracy
        assert table.values(f"test_acc_{epochs}_{repeat}")[r] == end.test_accuracy
        assert table.values("params")[r] == metrics.trainable_parameters
        assert table.column("ops")[r].as_py() == spec.ops
        assert table.column("adjacency")[r].as_py() == spec.matrix.reshape(-1).tolist()
    assert set(seen.values()) == {REPEATS}
    assert len(seen) == 60 * len(BUDGETS)


def test_the_official_network_has_the_published_parameters(cells: list[dict]) -> None:
    model = pytest.importorskip("nasbench_pytorch.model", reason=OFFICIAL)
    for cell in cells[:4]:
        v = len(cell["ops"])
        network = model.Network((np.reshape(cell["adjacency"], (v, v)), list(cell["ops"])))
        # the port gives each vertex one number of its own, a parameter without dimensions
        assert sum(p.numel() for p in network.parameters() if p.dim()) == cell["params"]


def google_message():
    """Return the class that Google's protobuf makes of model_metrics.proto."""
    descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2", reason=OFFICIAL)
    from google.protobuf import descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="model_metrics.proto", package="nasbench", syntax="proto2")
    names = "current_epoch", "training_time", "train_accuracy", "validation_accuracy", "test_accuracy"
    part = file.message_type.add(name="EvaluationData")
    for number, name in enumerate(names, 1):
        part.field.add(name=name, number=number, type=kinds.TYPE_DOUBLE, label=kinds.LABEL_OPTIONAL)
    part.field.add(name="checkpoint_path", number=6, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    whole = file.message_type.add(name="ModelMetrics")
    whole.field.add(
        name="evaluation_data", number=1, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_REPEATED,
        type_name=".nasbench.EvaluationData",
    )  # fmt: skip
    whole.field.add(name="trainable_parameters", number=2, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL)
    whole.field.add(name="total_time", number=3, type=kinds.TYPE_DOUBLE, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("nasbench.ModelMetrics"))
