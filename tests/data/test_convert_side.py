"""Tables that add columns to others: NAS-Bench-Suite-Zero's proxies and HW-NAS-Bench's costs."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from support.official_formats import Change, hardware_content, put, write_json, zero_cost_json

from data.convert import convert_path
from data.convert.nb201 import PROXIES
from data.convert.zero_cost import NB101_EXPORT_OPS
from data.errors import TableError
from data.table import Table

NAN = float("nan")


@pytest.fixture(scope="module")
def proxies(data_dir: Path) -> Table:
    return Table.read(data_dir / "nb201_zero_cost.parquet")


def test_zero_cost_comes_back(proxies: Table, tmp_path: Path) -> None:
    path = write_json(tmp_path / "zc_nasbench201.json", zero_cost_json(proxies))
    table = convert_path("nb201_zero_cost", path)
    assert table.arrow.equals(proxies.arrow)
    assert table.arrow.schema.equals(proxies.arrow.schema)


def test_zero_cost_of_more_data_sets_is_joined_by_cell(proxies: Table, tmp_path: Path) -> None:
    some = proxies.take(np.array([5, 2]))
    content = zero_cost_json(proxies.take(np.array([2, 3, 5]))) | zero_cost_json(some, "ImageNet16-120")
    content["svhn"] = {"(0, 0, 0, 0, 0, 0)": {}}
    table = convert_path("nb201_zero_cost", write_json(tmp_path / "zc_nasbench201.json", content))
    assert [name for name in table.names if name.startswith("cifar100")] == []
    assert table.column("imagenet16_snip").to_pylist() == [
        table.column("snip")[0].as_py(),
        None,
        table.column("snip")[2].as_py(),
    ]


CELL = "(4, 0, 3, 1, 4, 3)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("cifar10", CELL, "snip", "score", to=NAN), "snip.score is not a finite number but nan"),
        (put("cifar10", CELL, "snip"), "snip is missing"),
        (put("cifar10", CELL, "snip", to=3.5), "snip is not an object but 3.5"),
        (put("cifar10", "(4, 0, 3, 1, 4, 5)", to={}), "not a cell of the space"),
        (put("cifar10", "(4, 0, 3, 1, 4)", to={}), "not a cell of the space"),
        (put("cifar10", to={}), "holds no cells of cifar10"),
        (put("cifar10"), "holds no cells of cifar10"),
        (put("cifar10", to=3), "record 'cifar10': not a list or an object"),
    ],
)
def test_wrong_zero_costs_are_refused(change: Change, message: str, proxies: Table, tmp_path: Path) -> None:
    content = zero_cost_json(proxies.take(np.arange(10)))
    assert CELL in content["cifar10"]
    change(content)
    with pytest.raises(TableError, match=r"^zc_nasbench201\.json.*" + message):
        convert_path("nb201_zero_cost", write_json(tmp_path / "zc_nasbench201.json", content))


def nb101_zero_cost(cells: list[tuple[list[int], list[str]]]) -> dict[str, dict]:
    """Return the official form: cells (adjacency, operations) with scores 0, 1, 2, ..."""
    numbers = {op: code for code, op in enumerate(NB101_EXPORT_OPS)}
    content = {}
    for score, (adjacency, ops) in enumerate(cells):
        cell = (*adjacency, *(numbers[op] for op in ops))
        content[str(cell)] = {proxy: {"score": score, "time": 0.1} for proxy in PROXIES} | {
            "val_accuracy": 90.0
        }
    return {"cifar10": content}


def test_zero_cost_of_nb101_goes_by_the_official_hash(data_dir: Path, tmp_path: Path) -> None:
    real = Table.read(data_dir / "nb101.parquet", ["hash", "adjacency", "ops"]).take(np.arange(0, 20_000, 20))
    cells = [(row["adjacency"], row["ops"]) for row in real.arrow.to_pylist()]
    path = write_json(tmp_path / "zc_nasbench101.json", nb101_zero_cost(cells))
    table = convert_path("nb101_zero_cost", path)
    assert table.names == ["hash", *PROXIES]
    assert table.column("hash").to_pylist() == real.column("hash").to_pylist()
    np.testing.assert_array_equal(table.values("zen"), np.arange(len(real)))


def test_zero_cost_of_nb101_prunes_and_keeps_the_first_of_twins(tmp_path: Path) -> None:
    conv, pool = "conv3x3-bn-relu", "maxpool3x3"
    small = ([0, 1, 0, 0, 0, 1, 0, 0, 0], ["input", conv, "output"])
    # The same with a vertex that leads nowhere, and one that is another cell.
    loose = ([0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], ["input", conv, pool, "output"])
    other = ([0, 1, 0, 0, 0, 1, 0, 0, 0], ["input", pool, "output"])
    path = write_json(tmp_path / "zc_nasbench101.json", nb101_zero_cost([other, loose, small]))
    assert convert_path("nb101_zero_cost", path).column("zen").to_pylist() == [0.0, 1.0]


FULL = [int(i < j) for i in range(7) for j in range(7)]


@pytest.mark.parametrize(
    ("adjacency", "ops", "message"),
    [
        ([0, 0, 0, 0], ["input", "output"], "no path, or more than nine edges"),
        ([0, 1, 1, 0], ["input", "output"], "not a cell of the space"),
        ([0, 2, 0, 0], ["input", "output"], "not a cell of the space"),
        ([0, 1, 0, 0], ["output", "input"], "not a cell of the space"),
        ([0, 1, 0, 0], ["input", "maxpool3x3"], "not a cell of the space"),
        ([0, 1, 0], ["input", "output"], "not a cell of the space"),
        ([0, *[1] * 7] * 7 + [0], ["input", *["maxpool3x3"] * 6, "output"], "not a cell of the space"),
        (FULL, ["input", *["maxpool3x3"] * 5, "output"], "no path, or more than nine edges"),
    ],
)  # fmt: skip
def test_wrong_cells_of_nb101_are_refused(
    adjacency: list[int], ops: list[str], message: str, tmp_path: Path
) -> None:
    path = write_json(tmp_path / "zc_nasbench101.json", nb101_zero_cost([(adjacency, ops)]))
    with pytest.raises(TableError, match=r"^zc_nasbench101\.json, record 'cifar10'/.*" + message):
        convert_path("nb101_zero_cost", path)


@pytest.fixture(scope="module")
def costs(data_dir: Path) -> Table:
    return Table.read(data_dir / "nb201_hardware.parquet")


def pickled(folder: Path, content: object) -> Path:
    path = folder / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


@pytest.mark.parametrize("arrays", [False, True])
def test_hardware_comes_back(arrays: bool, costs: Table, tmp_path: Path) -> None:
    content = hardware_content(costs)
    cifar10 = content["nasbench201"]["cifar10"]
    if arrays:
        cifar10 |= {name: np.array(cifar10[name]) for name in costs.names[1:]}
    table = convert_path("nb201_hardware", pickled(tmp_path, content))
    assert table.arrow.equals(costs.arrow)
    assert table.arrow.schema.equals(costs.arrow.schema)
    content["nasbench201"]["ImageNet16-120"] = {**cifar10, "fpga_energy": [1.5] * len(costs)}
    more = convert_path("nb201_hardware", pickled(tmp_path, content))
    assert more.names == [*costs.names, *(f"imagenet16_{name}" for name in costs.names[1:])]
    assert more.column("imagenet16_fpga_energy").to_pylist() == [1.5] * len(costs)


SPACE, METRICS = "nasbench201", ("nasbench201", "cifar10")
FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(*METRICS, "fpga_energy", 3, to=NAN), r"fpga_energy\[3\] is neither a cost nor -1: .*nan"),
        (put(*METRICS, "fpga_energy", 3, to=-2.0), r"fpga_energy\[3\] is neither a cost nor -1"),
        (put(*METRICS, "fpga_energy", to=[1.0]), "fpga_energy is not 15,625 numbers"),
        (put(*METRICS, "fpga_energy", to=["a"] * 15_625), "fpga_energy is not 15,625 numbers"),
        (put(*METRICS, "fpga_energy"), "fpga_energy is missing"),
        (put(*METRICS), "nasbench201.cifar10 is missing"),
        (put(SPACE), "nasbench201 is missing"),
        (put(*METRICS, "config", to=[]), "config is not a list of 15625"),
        (put(*METRICS, "config", 2, "arch_str", to="|none~0|"), "config: .*not an architecture string"),
        (put(*METRICS, "config", 2, to=None), r"config\[2\] is not an object"),
        (put(*METRICS, "config", 1, to={"arch_str": FIRST}), "config is 15,624 different cells"),
    ],
)  # fmt: skip
def test_wrong_hardware_is_refused(change: Change, message: str, costs: Table, tmp_path: Path) -> None:
    content = hardware_content(costs)
    change(content)
    with pytest.raises(TableError, match=message) as caught:
        convert_path("nb201_hardware", pickled(tmp_path, content))
    assert str(caught.value).startswith("HW-NAS-Bench-v1_0.pickle")


def test_a_pickle_that_would_run_a_command_is_refused(tmp_path: Path) -> None:
    class Command:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    with pytest.raises(TableError, match=r"HW-NAS-Bench-v1_0\.pickle"):
        convert_path("nb201_hardware", pickled(tmp_path, {"nasbench201": Command()}))
    assert not (tmp_path / "ran").exists()
