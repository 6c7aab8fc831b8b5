"""rank(): architectures without a label ranked by those with one; names and columns stay."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from eval import rank
from predictors import get

OPERATIONS = {"conv3": 1.0, "conv5": 1.3, "pool": 0.3, "skip": 0.1}
QUICK = "random_forest:n_estimators=5"


def write_chains(path: Path, labelled: int, unlabelled: int) -> Path:
    """Write distinct chains of five blocks, each with an id and a comment; the first ones have a label."""
    draw = np.random.default_rng(0)
    chains = draw.choice(4**5, labelled + unlabelled, replace=False)
    with path.open("w", newline="", encoding="utf-8") as stream:
        lines = csv.writer(stream)
        lines.writerow(["id", *(f"block{i}" for i in range(5)), "acc", "comment"])
        for i, code in enumerate(chains):
            blocks = [list(OPERATIONS)[code // 4**b % 4] for b in range(5)]
            label = f"{80 + sum(OPERATIONS[block] for block in blocks):.2f}" if i < labelled else ""
            lines.writerow([f"net{i}", *blocks, label, f"note{i}"])
    return path


def test_every_row_without_a_label_is_ranked_with_its_columns(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = write_chains(tmp_path / "own.csv", 30, 12)
    frame = rank(table, QUICK, target="acc", repeats=2)
    assert capfd.readouterr() == ("", "")
    assert list(frame["rank"]) == list(range(1, 13))
    assert set(frame["name"]) == {f"net{i}" for i in range(30, 42)}
    assert all(
        comment == f"note{name[3:]}" for name, comment in zip(frame["name"], frame["comment"], strict=True)
    )
    assert frame["score"].is_monotonic_decreasing
    assert frame.attrs["predictor"] == QUICK
    assert frame.attrs["estimate"]
    assert ("std" in frame) is get(QUICK.partition(":")[0]).has_std


def test_candidates_of_a_second_file_without_twins_of_the_labelled(tmp_path: Path) -> None:
    table = write_chains(tmp_path / "own.csv", 30, 12)
    lines = table.read_text("utf-8").splitlines()
    (tmp_path / "trained.csv").write_text("\n".join(lines[:31]) + "\n", "utf-8")
    new = [line.split(",") for line in [*lines[1:4], *lines[31:], lines[31]]]
    head = [name for name in lines[0].split(",") if name != "acc"]
    text = [head, *([*row[:6], *row[7:]] for row in new)]
    (tmp_path / "new.csv").write_text("\n".join(map(",".join, text)) + "\n", "utf-8")
    frame = rank(tmp_path / "trained.csv", QUICK, candidates=tmp_path / "new.csv", target="acc", repeats=2)
    assert set(frame["name"]) == {f"net{i}" for i in range(30, 42)}
    assert len(frame) == 12


def test_a_table_without_candidates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        rank(write_chains(tmp_path / "own.csv", 30, 0), QUICK, target="acc", repeats=2)
