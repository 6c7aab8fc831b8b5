"""NAS-Bench-301, NAS-Bench-Macro and Channel-Bench-Macro, and what holds for every official format."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from support.official_formats import (
    Change,
    channel_json,
    macro_json,
    nb301_log,
    put,
    random_cell,
    write_json,
)

from data.convert import FORMATS, convert_path, nb301
from data.errors import TableError
from data.table import Table

NAN = float("nan")
PREFIX = "NetworkSelectorDatasetInfo:darts:"

# The architecture and results of the example log in automl/nasbench301.
EXAMPLE = {
    "final_metric_score": -97.68,
    "optimized_hyperparamater_config": {
        f"{PREFIX}edge_normal_0": "skip_connect",
        f"{PREFIX}edge_normal_1": "sep_conv_3x3",
        f"{PREFIX}edge_reduce_0": "max_pool_3x3",
        f"{PREFIX}edge_reduce_1": "avg_pool_3x3",
        f"{PREFIX}init_channels": 50,
        f"{PREFIX}inputs_node_normal_3": "0_1",
        f"{PREFIX}inputs_node_normal_4": "0_2",
        f"{PREFIX}inputs_node_normal_5": "1_2",
        f"{PREFIX}inputs_node_reduce_3": "0_1",
        f"{PREFIX}inputs_node_reduce_4": "1_2",
        f"{PREFIX}inputs_node_reduce_5": "2_3",
        f"{PREFIX}layers": 20,
        f"{PREFIX}edge_normal_10": "sep_conv_3x3",
        f"{PREFIX}edge_normal_11": "skip_connect",
        f"{PREFIX}edge_normal_2": "sep_conv_3x3",
        f"{PREFIX}edge_normal_3": "skip_connect",
        f"{PREFIX}edge_normal_5": "dil_conv_3x3",
        f"{PREFIX}edge_normal_7": "dil_conv_5x5",
        f"{PREFIX}edge_reduce_11": "sep_conv_3x3",
        f"{PREFIX}edge_reduce_12": "dil_conv_3x3",
        f"{PREFIX}edge_reduce_2": "skip_connect",
        f"{PREFIX}edge_reduce_3": "dil_conv_5x5",
        f"{PREFIX}edge_reduce_6": "sep_conv_3x3",
        f"{PREFIX}edge_reduce_7": "sep_conv_5x5",
    },
    "budget": 1500,
    "info": [{"val_accuracy": 97.68, "epochs": 1488, "model_parameters": 6369358}],
    "test_accuracy": 97.54,
    "runtime": 365136,
}


def test_the_example_log_of_nb301(tmp_path: Path) -> None:
    write_json(tmp_path / "re" / "results_0.json", EXAMPLE)
    assert convert_path("nb301", tmp_path).arrow.to_pylist() == [
        {
            "optimizer": "re",
            "normal": [
                "skip_connect:0", "sep_conv_3x3:1", "sep_conv_3x3:0", "skip_connect:1", "dil_conv_3x3:0",
                "dil_conv_5x5:2", "sep_conv_3x3:1", "skip_connect:2",
            ],
            "reduce": [
                "max_pool_3x3:0", "avg_pool_3x3:1", "skip_connect:0", "dil_conv_5x5:1", "sep_conv_3x3:1",
                "sep_conv_5x5:2", "sep_conv_3x3:2", "dil_conv_3x3:3",
            ],
            "valid_acc": 97.68,
            "test_acc": 97.54,
            "valid_acc_ep10": None,
            "params": 6.369358,
            "train_time": 365136.0,
            "epochs": 1488,
            "layers": 20,
            "channels": 50,
        }
    ]  # fmt: skip


def test_logs_of_nb301_come_by_folder_and_number(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ["rs/results_2.json", "rs/results_10.json", "rs/results_10_ti.json", "de/results_7.json"]
    cells = {}
    for name in names:
        cells[name] = [random_cell(rng, nb301.OPS, 4, distinct=True) for _ in range(2)]
        write_json(tmp_path / "nb_301_v13" / name, nb301_log(rng, *cells[name]))
    (tmp_path / "nb_301_v13" / "rs" / "notes.json").write_text("not looked at")
    again = tmp_path / "nb_301_v13" / "rs" / "results_11.json"
    shutil.copyfile(tmp_path / "nb_301_v13" / "rs" / "results_2.json", again)
    table = convert_path("nb301", tmp_path)
    order = [names[3], names[0], names[1], names[2], names[0]]
    assert table.column("optimizer").to_pylist() == ["nb_301_v13/de"] + ["nb_301_v13/rs"] * 4
    assert [[row["normal"], row["reduce"]] for row in table.arrow.to_pylist()] == [cells[n] for n in order]
    assert (
        convert_path("nb301", tmp_path / "nb_301_v13").column("optimizer").to_pylist() == ["de"] + ["rs"] * 4
    )
    shutil.make_archive(str(tmp_path / "logs"), "zip", tmp_path / "nb_301_v13")
    archive = convert_path("nb301", tmp_path / "logs.zip")
    assert archive.content_hash == convert_path("nb301", tmp_path / "nb_301_v13").content_hash
    curve = json.loads(again.read_text())["learning_curves"]["Train/val_accuracy"]
    assert table.values("valid_acc_ep10")[-1] == curve[9]


CONFIG = "optimized_hyperparamater_config"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("test_accuracy", to=NAN), r"test_accuracy is not a finite number in 0\.\.100 but nan"),
        (put("test_accuracy", to=100.5), "test_accuracy is not a finite number"),
        (put("info", 0, "val_accuracy", to=-1), r"info\[0\]\.val_accuracy is not a finite number"),
        (put("info", to=[]), "info is not a list of 1"),
        (put("info", 0, to=3), r"info\[0\] is not an object but 3"),
        (put("runtime"), "runtime is missing"),
        (put(CONFIG), f"{CONFIG} is missing"),
        (put(CONFIG, f"{PREFIX}edge_normal_2"), r"edge_normal_2 is missing"),
        (put(CONFIG, f"{PREFIX}edge_normal_2", to="conv"), "edge_normal_2 is not an operation of DARTS"),
        (put(CONFIG, f"{PREFIX}edge_normal_9", to="sep_conv_3x3"), "edge_normal_9 is given, but no node"),
        (put(CONFIG, f"{PREFIX}inputs_node_reduce_4", to="2_1"), "inputs_node_reduce_4 is not a pair"),
        (put(CONFIG, f"{PREFIX}inputs_node_reduce_4", to="0_4"), "inputs_node_reduce_4 is not a pair"),
        (put("learning_curves", to={"Train/val_accuracy": [50, 101]}), r"val_accuracy\[1\] is not a finite"),
    ],
)  # fmt: skip
def test_wrong_logs_of_nb301_are_refused(change: Change, message: str, tmp_path: Path) -> None:
    log = copy.deepcopy(EXAMPLE)
    change(log)
    write_json(tmp_path / "re" / "results_0.json", EXAMPLE)
    write_json(tmp_path / "re" / "results_1.json", log)
    with pytest.raises(TableError, match=r"^re/results_1\.json: .*" + message):
        convert_path("nb301", tmp_path)


def test_a_cut_log_and_a_folder_without_logs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rs").mkdir()
    (tmp_path / "rs" / "results_0.json").write_text(json.dumps(EXAMPLE)[:-20])
    with pytest.raises(TableError, match=r"rs/results_0\.json: the file ends in the middle"):
        convert_path("nb301", tmp_path)
    (tmp_path / "rs" / "results_0.json").rename(tmp_path / "rs" / "log_0.json")
    with pytest.raises(TableError, match="in no official format of nb301"):
        convert_path("nb301", tmp_path)


@pytest.fixture(scope="module")
def macro(data_dir: Path) -> Table:
    return Table.read(data_dir / "macro.parquet")


def test_macro_comes_back(macro: Table, tmp_path: Path) -> None:
    content = macro_json(macro)
    mixed = dict(sorted(content.items(), key=lambda item: item[0][::-1]))
    table = convert_path("macro", write_json(tmp_path / "nas-bench-macro_cifar10.json", mixed))
    assert table.arrow.equals(macro.arrow)
    assert table.arrow.schema.equals(macro.arrow.schema)


def merge(extra: Mapping[str, object]) -> Change:
    return lambda content: content.update(extra)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("00000000"), "6,560 codes; expected 6,561; 00000000 is missing"),
        (
            put("00000000", "test_acc", 1, to=-0.5),
            r"'00000000': test_acc\[1\] is not a finite number in 0\.\.100",
        ),
        (
            put("00000000", "test_acc", 1, to=NAN),
            r"'00000000': test_acc\[1\] is not a finite number",
        ),
        (put("00000000", "test_acc", to=[45.0]), "'00000000': test_acc is not a list of 3"),
        (put("00000000", "mean_acc", to=46.0), "'00000000': mean_acc is 46.0, but test_acc gives 45.36"),
        (put("00000000", "std", to=0.2), "'00000000': std is 0.2, but test_acc gives 0.05"),
        (put("00000000", "params"), "'00000000': params is missing"),
        (put("00000010", "flops", to=1), "not the results of 00000001, which is the same network"),
        (merge({"00000003": {}}), "'00000003': not a code of 8 digits of 012"),
        (merge({"0": {}}), "'0': not a code of 8 digits of 012"),
        (put("00000000", to=[45.0]), "'00000000': not an object"),
    ],
)
def test_wrong_macros_are_refused(change: Change, message: str, macro: Table, tmp_path: Path) -> None:
    content = macro_json(macro)
    change(content)
    path = write_json(tmp_path / "nas-bench-macro_cifar10.json", content)
    with pytest.raises(TableError, match=r"^nas-bench-macro_cifar10\.json.*" + message):
        convert_path("macro", path)


def test_a_code_said_twice_and_a_cut_file_are_refused(macro: Table, tmp_path: Path) -> None:
    text = json.dumps(macro_json(macro))
    path = tmp_path / "nas-bench-macro_cifar10.json"
    path.write_text(text.replace('"00000001"', '"00000000"', 1))
    with pytest.raises(TableError, match="record '00000000': this key comes a second time"):
        convert_path("macro", path)
    path.write_text(text[: len(text) // 2])
    with pytest.raises(TableError, match="the file ends"):
        convert_path("macro", path)


def test_channel_macro_by_hand(tmp_path: Path) -> None:
    mobile, residual = (channel_json(np.random.default_rng(seed)) for seed in (0, 1))
    mobile["1111111"] = {
        "acc": [90.0, 91.0, 92.0],
        "mean": 91.0,
        "std": np.sqrt(2 / 3),
        "params": 5,
        "flops": 7,
    }
    write_json(tmp_path / "Resuls_MobileNet.json", mobile)
    write_json(tmp_path / "Results_ResNet.json", dict(reversed(residual.items())))
    table = convert_path("channel_macro", tmp_path)
    assert len(table) == 2 * 4**7
    first = table.arrow.slice(0, 1).to_pylist()[0]
    assert first == {
        "subset": "mobilenet",
        "arch": "1111111",
        "test_acc_0": 90.0,
        "test_acc_1": 91.0,
        "test_acc_2": 92.0,
        "test_acc_mean": 91.0,
        "test_acc_std": float(np.float32(np.sqrt(2 / 3))),
        "params": 5,
        "flops": 7,
    }
    one = convert_path("channel_macro", tmp_path / "Results_ResNet.json")
    assert one.arrow.equals(table.take(np.arange(4**7, 2 * 4**7)).arrow)
    residual["1111110"] = residual.pop("1111111")
    write_json(tmp_path / "Results_ResNet.json", residual)
    with pytest.raises(TableError, match="'1111110': not a code of 7 digits of 1234"):
        convert_path("channel_macro", tmp_path)
    shutil.copyfile(tmp_path / "Resuls_MobileNet.json", tmp_path / "Results_MobileNet.json")
    with pytest.raises(TableError, match=r"contains both Resuls_MobileNet\.json and Results_MobileNet\.json"):
        convert_path("channel_macro", tmp_path)


def test_every_format_refuses_an_empty_folder_by_name(tmp_path: Path) -> None:
    for key in FORMATS:
        with pytest.raises(TableError, match=f"in no official format of {key}; known: "):
            convert_path(key, tmp_path)
