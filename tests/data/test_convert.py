"""The real originals become the real tables, value for value; anything else is refused by name."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from data.convert import CONVERTERS, FORMATS, convert
from data.errors import TableError, UnknownNameError
from data.sources import sources
from data.table import Table

# Published without their last digits: the true values are whole numbers of operations and weights.
ROUNDED = {"flops", "params"}


@pytest.fixture
def originals(data_dir: Path) -> dict[str, Path]:
    return {path.name: path for path in (data_dir / "sources" / "nb201").iterdir()}


def assert_same(table: Table, published: Path) -> None:
    expected = pq.read_table(published).replace_schema_metadata(None)
    assert table.arrow.schema.equals(expected.schema)
    for name in table.names:
        if name in ROUNDED:
            np.testing.assert_allclose(table.values(name), expected[name].to_numpy(), rtol=1e-12)
        else:
            assert table.arrow[name].equals(expected[name]), name


@pytest.mark.parametrize("name", ["nb201", "nb201_zero_cost", "nb201_hardware"])
def test_real_originals_give_the_published_table(
    name: str, data_dir: Path, originals: dict[str, Path]
) -> None:
    source = sources()[name]
    table = convert(source.converter, {file.name: originals[file.name] for file in source.files})
    assert_same(table, data_dir / source.produces)


def test_costs_are_those_of_the_zero_cost_export(originals: dict[str, Path]) -> None:
    table = convert("nb201", originals)
    export = pacsv.read_csv(originals["nb201_zc_proxies.csv"])
    row = {arch: r for r, arch in enumerate(table.column("arch").to_pylist())}
    rows = [row[arch] for arch in export["net_str"].to_pylist()]
    for name in ROUNDED:
        np.testing.assert_array_equal(table.values(name)[rows].round(6), export[name].to_numpy().round(6))


def test_published_maxima(originals: dict[str, Path]) -> None:
    table = convert("nb201", originals)
    best = [table.values(f"{name}_test_acc").max() for name in ("cifar10", "cifar100", "imagenet16")]
    assert np.round(best, 3).tolist() == [94.373, 73.513, 47.311]
    assert len(set(table.column("unique_class").to_pylist())) == 6466


def lines(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")

    return apply


def field(line: int, old: str, new: str) -> Callable[[Path], None]:
    """Replace `old` by `new` in one line, the first data line being line 2."""

    def change(text: list[str]) -> list[str]:
        assert old in text[line - 1]
        return [*text[: line - 1], text[line - 1].replace(old, new), *text[line:]]

    return lines(change)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(100_000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def edit_json(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        content = json.loads(path.read_text())
        path.write_text(json.dumps(change(content) or content))

    return apply


DROP_LAST = lines(lambda text: text[:-1])
REPEAT_ONE = lines(lambda text: [*text[:-1], text[1]])

MAIN, GDAS, VALID = "nats_bench.csv", "nas-201-GDAS-accuracies.json", "robustness_targets.csv"
IMAGENET, TRAIN, TEST = "nb201_ImageNet16-120_valid_nets.csv", "ta_gates_train.csv", "ta_gates_test.csv"
PROXIES, HARDWARE = "nb201_zc_proxies.csv", "hw_cifar10.csv"
WRONG = [
    ("nb201", MAIN, cut_in_half, "nats_bench.csv"),
    ("nb201", MAIN, garbage, "Column .* does not exist"),
    ("nb201", MAIN, empty, "is empty"),
    ("nb201", MAIN, DROP_LAST, "15,624 rows; expected 15,625"),
    ("nb201", MAIN, REPEAT_ONE, "line 15626: a cell that an earlier line has"),
    ("nb201", MAIN, field(3, "|nor_conv_3x3~0|+", "|nor_conv_5x5~0|+"), "line 3: not a NAS-Bench-201 cell"),
    ("nb201", MAIN, field(3, "93.66000000000001", "193.66"), "line 3: CIFAR10TestAccuracy200Epochs is not"),
    ("nb201", MAIN, field(3, "93.66000000000001", ""), "line 3: CIFAR10TestAccuracy200Epochs is not"),
    ("nb201", MAIN, field(3, "93.66000000000001", "nan"), "line 3: CIFAR10TestAccuracy200Epochs is not"),
    ("nb201", MAIN, field(3, "93.66000000000001", "high"), "Row #3.*'high'"),
    ("nb201", MAIN, field(1, "UniqueString", "Unique"), "'UniqueString'"),
    ("nb201", GDAS, cut_in_half, "nas-201-GDAS-accuracies.json: not a complete JSON"),
    ("nb201", GDAS, edit_json(lambda content: [1]), "epoch 230 is not a list"),
    ("nb201", GDAS, edit_json(lambda content: content.pop("249") and None), "epoch 249 is not a list"),
    ("nb201", GDAS, edit_json(lambda content: content["249"].pop() and None), "epoch 249 is not a list"),
    ("nb201", GDAS, edit_json(lambda content: content["249"].__setitem__(7, "x")), "row 7: epoch 249.*'x'"),
    ("nb201", GDAS, edit_json(lambda content: content["249"].__setitem__(7, 1.5)), "row 7: epoch 249.*150"),
    ("nb201", VALID, field(2, "84.99", "-1"), "line 2: val_accs is not an accuracy"),
    ("nb201", VALID, field(2, "(4, 0, 3, 1, 4, 3)", "(4, 0, 3, 1, 4, 5)"), "line 2: not a NAS-Bench-201"),
    ("nb201", IMAGENET, field(2, "(4, 0, 3, 1, 4, 3)", "(2, 1, 0, 1, 0, 2)"), "line 2: net and net_str"),
    ("nb201", TRAIN, DROP_LAST, "4,674 rows; expected 4,675"),
    ("nb201", TEST, field(2, "(3, 3, 4, 4, 4, 0)", "(4, 3, 3, 0, 0, 0)"), "line 2: a training network"),
    ("nb201_zero_cost", PROXIES, field(2, "0.036440409719944", "inf"), "line 2: fisher is not a finite"),
    ("nb201_zero_cost", PROXIES, lines(lambda text: text[:5000]), "4,999 rows; expected 9,445"),
    ("nb201_hardware", HARDWARE, field(2, "24.226614330768584", ""), "line 2: edgegpu_energy is not"),
    ("nb201_hardware", HARDWARE, cut_in_half, "hw_cifar10.csv"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "name", "spoil", "message"), WRONG, ids=lambda value: None)
def test_wrong_originals_are_refused(
    key: str,
    name: str,
    spoil: Callable[[Path], None],
    message: str,
    originals: dict[str, Path],
    tmp_path: Path,
) -> None:
    spoilt = Path(shutil.copyfile(originals[name], tmp_path / name))
    spoil(spoilt)
    with pytest.raises(TableError, match=message) as caught:
        convert(key, {**originals, name: spoilt})
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_originals_under_each_others_names(originals: dict[str, Path]) -> None:
    with pytest.raises(TableError, match="4,770 rows; expected 4,675"):
        convert("nb201", {**originals, TRAIN: originals[TEST], TEST: originals[TRAIN]})
    with pytest.raises(TableError, match="does not exist"):
        convert("nb201", {**originals, MAIN: originals[HARDWARE]})


def test_a_missing_original_is_named(originals: dict[str, Path]) -> None:
    del originals[GDAS]
    with pytest.raises(TableError, match=f"{GDAS}: not among the originals"):
        convert("nb201", originals)


def test_every_source_has_a_converter_and_unknown_ones_are_refused() -> None:
    assert {source.converter for source in sources().values() if source.files} == set(CONVERTERS)
    assert {name for name, source in sources().items() if source.releases} <= set(FORMATS) <= set(sources())
    for name, source in sources().items():
        for command in re.findall(r"`python -m data.convert (\w+)", source.manual):
            assert command == name
            assert name in FORMATS
    with pytest.raises(UnknownNameError, match="did you mean nb201"):
        convert("nb20", {})
