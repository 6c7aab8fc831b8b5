"""What one column of a table holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """What one column of a table holds.

    Attributes:
        name: Column name in the file.
        dataset: Data set that the networks were trained on, e.g. "cifar10".
        target: Name of the value within the data set, e.g. "test_acc".
        unit: Unit, e.g. "%", "M", "ms"; "" for a pure number.
        direction: 1 if larger is better, -1 if smaller is.
        kind: "label" for results of training the architecture itself, "weak" for what is known without.
        note: Which epochs, seeds and split it comes from.
        decimals: Decimals the source gives; what the file holds beyond them is arithmetic noise.
        failed: Number that stands in the file for a measurement that failed.
        scale: What the file's numbers are multiplied by to be in `unit`, e.g. 100 for a fraction.
        seeds: Columns of the single trainings that this one is the mean of.
        zero: Of a column of architectures: the operations whose output is zero; None to tell them by name.
        identity: Of a column of architectures: the operations that change nothing; None to tell them by name.
        feature_names: Of the column `features`: the name of each number of a node; None to number them.
    """

    name: str
    dataset: str
    target: str
    unit: str = "%"
    direction: Literal[1, -1] = 1
    kind: Literal["label", "weak"] = "label"
    note: str = ""
    decimals: int | None = None
    failed: float | None = None
    scale: float = 1.0
    seeds: tuple[str, ...] = ()
    zero: tuple[str, ...] | None = None
    identity: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
