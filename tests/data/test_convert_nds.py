"""NDS: models by hand, real DARTS cells, every variant of the files, and files that lie."""

from __future__ import annotations

import copy
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.official_formats import Change, cell_net, nds_record, put, random_net, write_json

from data.convert import convert_path, nds
from data.errors import MissingTableError, TableError

SPACES = {
    "nds_darts": nds.DARTS,
    "nds_enas": nds.ENAS,
    "nds_pnas": nds.PNAS,
    "nds_nasnet": nds.NASNET,
    "nds_amoeba": nds.AMOEBA,
    "nds_resnet": nds.RESNET,
    "nds_resnext_a": nds.RESNEXT_A,
    "nds_resnext_b": nds.RESNEXT_B,
    "nds_vanilla": nds.VANILLA,
}
BY_HAND = {
    "job_id": 7,
    "rng_seed": 3,
    "params": 1_234_567,
    "flops": 200_500_000,
    "net": {
        "genotype": {
            "normal": [["sep_conv_3x3", 1], ["none", 0], ["skip_connect", 2], ["max_pool_3x3", 0]] * 2,
            "normal_concat": [2, 3, 4, 5],
            "reduce": [["dil_conv_5x5", 0]] * 8,
            "reduce_concat": [5, 3],
        },
        "width": 24,
        "depth": 16,
        "aux": False,
        "drop_prob": 0.0,
    },
    "optim": {"base_lr": 0.1, "wd": 0.0005, "max_ep": 10},
    "iter_time": 0.25,
    "min_test_top1": 7.5,
    "train_ep_loss": [float("nan")] * 10,
    "train_ep_top1": [90, 80, 70, 60, 50, 40, 30, 20, 10, 2.5],
    "test_ep_top1": [90.0, 80.0, 70.0, 60.0, 41.5, 40.0, 30.0, 20.0, 7.5, 8.25],
}


def by_hand() -> dict:
    return copy.deepcopy(BY_HAND)


def test_a_model_by_hand(tmp_path: Path) -> None:
    table = convert_path("nds_darts", write_json(tmp_path / "DARTS.json", [by_hand()]))
    assert table.arrow.to_pylist() == [
        {
            "subset": "cifar10",
            "width": 24,
            "depth": 16,
            "normal": ["sep_conv_3x3:1", "none:0", "skip_connect:2", "max_pool_3x3:0"] * 2,
            "reduce": ["dil_conv_5x5:0"] * 8,
            "normal_concat": [2, 3, 4, 5],
            "reduce_concat": [5, 3],
            "test_acc": 91.75,
            "test_acc_best": 92.5,
            "test_acc_ep5": 58.5,
            "test_acc_ep10": 91.75,
            "train_acc": 97.5,
            "params": 1.234567,
            "flops": 200.5,
            "rng_seed": 3,
            "lr": 0.1,
            "wd": 0.0005,
            "epochs": 10,
            "iter_time": 0.25,
        }
    ]


def test_stages_by_hand(tmp_path: Path) -> None:
    # The example of NNI's documentation.
    net = {
        "block_type": "res_bottleneck_block",
        "bot_muls": [0.0, 0.25, 0.25, 0.25],
        "ds": [1, 16, 1, 4],
        "num_gs": [1, 2, 1, 2],
        "ss": [1, 1, 2, 2],
        "ws": [16, 64, 128, 16],
    }
    path = write_json(tmp_path / "ResNeXt-A_in.json", [{**by_hand(), "net": net}])
    (row,) = convert_path("nds_resnext_a", path).arrow.to_pylist()
    assert row["subset"] == "imagenet"
    assert [row[name] for name in ("depths", "widths", "strides", "bot_muls", "num_gs")] == [
        net[name] for name in ("ds", "ws", "ss", "bot_muls", "num_gs")
    ]


def test_early_epochs_of_a_short_training_are_null(tmp_path: Path) -> None:
    model = by_hand()
    model["optim"]["max_ep"] = 7
    model["test_ep_top1"], model["train_ep_top1"], model["min_test_top1"] = [50.0] * 7, [50.0] * 7, 50.0
    (row,) = convert_path("nds_darts", write_json(tmp_path / "DARTS.json", [model])).arrow.to_pylist()
    assert (row["test_acc_ep5"], row["test_acc_ep10"], row["epochs"]) == (50.0, None, 7)


def test_real_cells_come_back(data_dir: Path, tmp_path: Path) -> None:
    real = pq.read_table(data_dir / "oncenas_darts.parquet", columns=["normal", "reduce"]).to_pylist()
    rng = np.random.default_rng(0)
    models = [nds_record(rng, cell_net(cell["normal"], cell["reduce"], 16, 20), 0.5) for cell in real]
    table = convert_path("nds_darts", write_json(tmp_path / "DARTS.json", models))
    assert table.arrow.select(["normal", "reduce"]).to_pylist() == real


@pytest.mark.parametrize("key", SPACES)
def test_every_space_and_variant(key: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    def models(n: int, epochs: int = 100) -> list[dict]:
        return [nds_record(rng, *random_net(rng, SPACES[key]), epochs=epochs) for _ in range(n)]

    stem = SPACES[key].stem
    counts = {}
    for n, (end, subset) in enumerate(nds.SUBSETS.items(), 1):
        content = (
            {"top": models(n), "mid": models(n + 1)}
            if end == "_reruns"
            else models(n, 50 if "_in" in end else 100)
        )
        write_json(tmp_path / "nds_data" / f"{stem}{end}.json", content)
        counts[subset] = 2 * n + 1 if end == "_reruns" else n
    for other in ("ResNet-B", "DARTS", "ResNeXt-A", "Amoeba"):
        if other != stem:
            (tmp_path / "nds_data" / f"{other}.json").write_text("not looked at")
    table = convert_path(key, tmp_path)
    subsets = table.column("subset").to_pylist()
    assert {subset: subsets.count(subset) for subset in dict.fromkeys(subsets)} == counts
    assert list(dict.fromkeys(subsets)) == list(counts)
    assert table.arrow.schema.equals(SPACES[key].schema)
    one = convert_path(key, tmp_path / "nds_data" / f"{stem}.json")
    assert one.arrow.equals(table.take(np.array([subsets.index("cifar10")])).arrow)


def test_the_archive_is_read_without_unpacking(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    models = [nds_record(rng, *random_net(rng, nds.RESNET)) for _ in range(20)]
    path = write_json(tmp_path / "nds_data" / "ResNet.json", models)
    with zipfile.ZipFile(tmp_path / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "nds_data/ResNet.json")
    shares: list[float] = []
    table = convert_path("nds_resnet", tmp_path / "data.zip", shares.append)
    assert table.content_hash == convert_path("nds_resnet", path).content_hash
    assert shares[-1] == 1.0
    with pytest.raises(TableError, match=r"data\.zip: holds no file DARTS\*\.json"):
        convert_path("nds_darts", tmp_path / "data.zip")


WRONG = [
    (put("test_ep_top1", 3, to=float("nan")), r"test_ep_top1\[3\] is not a finite .* in 0\.\.100 but nan"),
    (put("test_ep_top1", 3, to=-1), r"test_ep_top1\[3\] is not a finite number in 0\.\.100 but -1"),
    (put("train_ep_top1", 9, to=100.5), r"train_ep_top1\[9\] is not a finite .* in 0\.\.100 but 100\.5"),
    (put("train_ep_top1", 9, to="2.5"), r"train_ep_top1\[9\] is not a finite number"),
    (put("train_ep_top1", 9, to=True), r"train_ep_top1\[9\] is not a finite number"),
    (put("test_ep_top1", to=[8.0]), r"test_ep_top1 is not a list of 10 but \[8\.0\]"),
    (put("test_ep_top1"), "test_ep_top1 is missing"),
    (put("optim"), "optim is missing"),
    (put("optim", "max_ep", to=9), "test_ep_top1 is not a list of 9"),
    (put("optim", "wd", to=-1e-4), r"optim\.wd is not a finite number"),
    (put("min_test_top1", to=9.0), "min_test_top1 is 9, but the errors by epoch reach 7.5 and end at 8.25"),
    (put("min_test_top1", to=7.0), "min_test_top1 is 7, but the errors by epoch reach 7.5"),
    (put("params", to=float("inf")), "params is not a finite number"),
    (put("params", to=10**400), "params is not a finite number"),
    (put("rng_seed", to=1.5), "rng_seed is not a whole number"),
    (put("net", "width", to=0), r"net\.width is not a whole number of at least 1 but 0"),
    (put("net", "genotype", to=[]), r"net\.genotype is not an object"),
    (put("net", "genotype", "normal", 0, to=["conv_1x1", 1]), r"net\.genotype\.normal\[0\] is not an op"),
    (put("net", "genotype", "normal", 2, to=["none", 3]), r"normal\[2\] is not an operation and an input"),
    (put("net", "genotype", "normal", 2, to=["none", -1]), r"normal\[2\] is not an operation and an input"),
    (put("net", "genotype", "normal", 2, to="none"), r"normal\[2\] is not an operation and an input"),
    (put("net", "genotype", "normal", 2, to=[[], 0]), r"normal\[2\] is not an operation and an input"),
    (put("net", "genotype", "reduce", to=[["none", 0]] * 10), "reduce is not a list of 8"),
    (put("net", "genotype", "normal_concat", to=[6]), "normal_concat is not a choice of the nodes 0 to 5"),
    (put("net", "genotype", "normal_concat", to=[2, 2]), "normal_concat is not a choice of the nodes"),
    (put("net", "genotype", "normal_concat", to=[]), "normal_concat is not a choice of the nodes"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG, ids=lambda value: None)
def test_wrong_models_are_refused(change: Change, message: str, tmp_path: Path) -> None:
    good, bad = by_hand(), by_hand()
    good["rng_seed"] = 1
    change(bad)
    path = write_json(tmp_path / "DARTS.json", [good, bad])
    with pytest.raises(TableError, match=r"^DARTS\.json, record 1: .*" + message) as caught:
        convert_path("nds_darts", path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("ws", to=[16, 16]), r"net\.ws is not a list of 4"),
        (put("ds", 2, to=0), r"net\.ds\[2\] is not a whole number of at least 1"),
        (put("bot_muls", to=[]), r"net\.bot_muls is not a list of 4"),
        (put("num_gs", 0, to=0.5), r"net\.num_gs\[0\] is not a whole number"),
        (put("block_type", to=None), r"net\.block_type is not a string"),
    ],
)
def test_wrong_stages_are_refused(change: Change, message: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    model = nds_record(rng, *random_net(rng, nds.RESNEXT_B))
    change(model["net"])
    with pytest.raises(TableError, match=r"^ResNeXt-B\.json, record 0: " + message):
        convert_path("nds_resnext_b", write_json(tmp_path / "ResNeXt-B.json", [model]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([by_hand(), by_hand()], r"record 1: the same training as DARTS\.json, record 0"),
        ([by_hand(), None], "record 1: not an object but None"),
        ([[by_hand()]], "record 0: not an object but "),
        ({"best": [by_hand()]}, "record 'best'/0: under 'best', which is neither 'top' nor 'mid'"),
        (by_hand(), "record 'job_id': not a list or an object"),
        ([], "holds no models"),
        ("models", "not a list or an object"),
    ],
)
def test_wrong_files_are_refused(content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=message):
        convert_path("nds_darts", write_json(tmp_path / "DARTS.json", content))


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingTableError, match="there is no file"):
        convert_path("nds_darts", tmp_path / "DARTS.json")
    write_json(tmp_path / "a" / "NASNet.json", [by_hand()])
    for path in (tmp_path / "a", tmp_path / "a" / "NASNet.json"):
        with pytest.raises(TableError, match=r"in no official format of nds_darts; known: .*DARTS\*\.json"):
            convert_path("nds_darts", path)
    write_json(tmp_path / "b" / "DARTS_best.json", [by_hand()])
    with pytest.raises(TableError, match=r"DARTS_best\.json: no known variant of DARTS; known: .*_lr-wd_in"):
        convert_path("nds_darts", tmp_path / "b")
    for folder in ("old", "new"):
        write_json(tmp_path / "c" / folder / "DARTS.json", [by_hand()])
    with pytest.raises(TableError, match=r"holds both new/DARTS\.json and old/DARTS\.json"):
        convert_path("nds_darts", tmp_path / "c")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_truncated_files_are_refused(share: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    text = json.dumps([nds_record(rng, *random_net(rng, nds.ENAS)) for _ in range(20)])
    (tmp_path / "ENAS.json").write_text(text[: int(share * len(text))])
    with pytest.raises(TableError, match=r"ENAS\.json, record \d+: the file ends"):
        convert_path("nds_enas", tmp_path / "ENAS.json")
