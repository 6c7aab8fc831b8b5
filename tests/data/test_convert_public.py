"""OnceNAS and the once-for-all supernets: lines of the originals, the real tables rebuilt, files that lie."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from support.official_formats import ofa_dataset, ofa_search, oncenas_rows, write_csv

from data.convert import convert_path
from data.convert.ofa import SEARCHED, SUPERNETS
from data.errors import TableError
from data.table import Table

# The first line of the original.
HEADER = (
    "weights_index,architecture,flop,params,train_time10,train_acc10,valid_acc10,train_time50,train_acc50,"
    "valid_acc50,test_acc50,gpu_latency,rasp_latency,fpga_latency,mcu_latency"
)
NORMAL = (
    "('sep_conv_5x5', 0), ('dil_conv_5x5', 1), ('avg_pool_3x3', 1), ('dil_conv_5x5', 0), "
    "('avg_pool_3x3', 2), ('dil_conv_3x3', 3), ('sep_conv_3x3', 2), ('sep_conv_3x3', 0)"
)
REDUCE = (
    "('sep_conv_5x5', 1), ('max_pool_3x3', 0), ('max_pool_3x3', 0), ('max_pool_3x3', 1), "
    "('dil_conv_3x3', 1), ('dil_conv_3x3', 0), ('avg_pool_3x3', 0), ('sep_conv_3x3', 4)"
)
ORIGINAL = (
    f'{HEADER}\n000-00,"Genotype(normal=[{NORMAL}], normal_concat=range(2, 6), '
    f'reduce=[{REDUCE}], reduce_concat=range(2, 6))",536.55264,3.262942,0:20:57,75.106,79.76,1:44:56,86.726,'
    "92.04,92.03999747,29.33620105,250.44,489.66,406.42\n"
)


@pytest.fixture(scope="module")
def oncenas(data_dir: Path) -> Table:
    return Table.read(data_dir / "oncenas_darts.parquet")


def test_the_first_line_of_oncenas_is_the_first_row(oncenas: Table, tmp_path: Path) -> None:
    path = tmp_path / "data-545.csv"
    path.write_text(ORIGINAL)
    assert convert_path("oncenas_darts", path).arrow.equals(oncenas.take(np.array([0])).arrow)


def test_oncenas_comes_back(oncenas: Table, tmp_path: Path) -> None:
    write_csv(tmp_path / "OnceNAS-Bench" / "data-545.csv", oncenas_rows(oncenas))
    table = convert_path("oncenas_darts", tmp_path)
    assert table.arrow.equals(oncenas.arrow)
    assert table.arrow.schema.equals(oncenas.arrow.schema)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("75.106", "nan", r"line 2: train_acc10 is not a number in 0\.\.100: 'nan'"),
        ("75.106", "100.5", "line 2: train_acc10 is not a number"),
        ("75.106", "-1", "line 2: train_acc10 is not a number"),
        ("0:20:57", "0:61:57", "line 2: train_time10 is not a time such as 0:20:57: '0:61:57'"),
        ("('dil_conv_5x5', 1)", "('dil_conv_5x5', 2)", "line 2: normal is not a DARTS cell"),
        ("('dil_conv_5x5', 1), ", "", "line 2: normal is not a DARTS cell"),
        ("('dil_conv_5x5', 1)", "('conv_7x7', 1)", "line 2: normal is not a DARTS cell"),
        ("Genotype(", "__import__('os').getcwd(", "line 2: not a genotype: __import__"),
        ("range(2, 6)", "range(2, 5)", "line 2: not a genotype"),
        ("test_acc50,gpu_latency", "test_acc50,latency", "no column gpu_latency"),
        (",489.66,406.42", "", "line 2: 13 fields; the header has 15"),
    ],
)
def test_wrong_oncenas_is_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in ORIGINAL
    path = tmp_path / "data-545.csv"
    path.write_text(ORIGINAL.replace(old, new, 1))
    with pytest.raises(TableError, match=r"^data-545\.csv.*" + message):
        convert_path("oncenas_darts", path)


def test_a_repeated_network_of_oncenas_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data-545.csv"
    path.write_text(ORIGINAL + ORIGINAL.splitlines()[-1].replace("000-00", "000-01"))
    with pytest.raises(TableError, match="line 3: that of line 2: Genotype"):
        convert_path("oncenas_darts", path)
    path.write_text(ORIGINAL.splitlines()[0])
    with pytest.raises(TableError, match="holds no networks"):
        convert_path("oncenas_darts", path)


@pytest.fixture(scope="module")
def ofa(data_dir: Path) -> Table:
    return Table.read(data_dir / "ofa.parquet")


def write_ofa(table: Table, folder: Path) -> None:
    by_supernet: dict[str, list] = {}
    by_search: dict[str, list] = {}
    for row in table.arrow.to_pylist():
        group = by_search if row["supernet"] == SEARCHED else by_supernet
        group.setdefault(row["source" if row["supernet"] == SEARCHED else "supernet"], []).append(row)
    for folders, supernet in SUPERNETS.items():
        if supernet in by_supernet:
            path = folder.joinpath(*folders) / "dataset.pkl"
            path.parent.mkdir(parents=True)
            path.write_bytes(pickle.dumps(ofa_dataset(by_supernet[supernet]), protocol=4))
    for source, rows in by_search.items():
        write_csv(folder / "notebooks" / "data" / f"{source}.csv", ofa_search(rows))


def test_ofa_comes_back(ofa: Table, tmp_path: Path) -> None:
    write_ofa(ofa, tmp_path)
    table = convert_path("ofa", tmp_path)
    assert table.names == ofa.names
    for name in table.names:
        if name == "acc":
            np.testing.assert_allclose(table.values(name), ofa.values(name), rtol=1e-6)
        else:
            assert table.column(name).to_pylist() == ofa.column(name).to_pylist(), name
            assert table.arrow.schema.field(name).type == ofa.arrow.schema.field(name).type


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("accuracies", [0.7], "accuracies is not a list of 3"),
        ("accuracies", [0.7, 0.7, 70.0], r"accuracies\[2\] is not a finite number in 0\.\.1 but 70\.0"),
        ("accuracies", [0.7, 0.7, float("nan")], r"accuracies\[2\] is not a finite number"),
        ("efficiencies", None, "efficiencies is not a list of 3"),
        ("configs", [{}, {}, {}], r"configs\[0\]\.ks is missing"),
        ("configs", [1, 2, 3], r"configs\[0\] is not an object but 1"),
    ],
)
def test_wrong_pickles_of_ofa_are_refused(
    name: str, value: object, message: str, ofa: Table, tmp_path: Path
) -> None:
    path = tmp_path / "adapted" / "CompOFA" / "dataset.pkl"
    path.parent.mkdir(parents=True)
    content = ofa_dataset(ofa.take(np.arange(3)).arrow.to_pylist())
    path.write_bytes(pickle.dumps({**content, name: value}, protocol=4))
    with pytest.raises(TableError, match=r"^adapted/CompOFA/dataset\.pkl: " + message):
        convert_path("ofa", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("'wid': None", "'wid': exit()", "line 2: not a sub-network"),
        ("'d': [2, ", "'d': [5, ", r"line 2: not kernel sizes of \(3, 5, 7\) and depths of \(2, 3, 4\)"),
        ("'d': [2, ", "'d': [", "line 2: 20, 20 and 4 choices; expected 20, 20 and 5"),
        ("'r': [224]", "'r': [224, 192]", "line 2: 2 image sizes"),
        ("MACs", "Macs", "no column MACs"),
        ("75.44", "754.4", r"line 2: Top-1 Acc \(%\) is not a number in 0\.\.100"),
    ],
)
def test_wrong_searches_of_ofa_are_refused(
    old: str, new: str, message: str, ofa: Table, tmp_path: Path
) -> None:
    rows = [row for row in ofa.arrow.to_pylist() if row["source"] == "mbnv3w10_evoga_acc"]
    path = write_csv(tmp_path / "mbnv3w10_evoga_acc.csv", ofa_search(rows[:2]))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(TableError, match=r"^mbnv3w10_evoga_acc\.csv.*" + message):
        convert_path("ofa", path)
