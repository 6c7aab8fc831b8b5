"""Spaces of cells with an operation on every edge, beside NAS-Bench-201 (data.space)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from data.space import INPUT, OUTPUT, EdgeSpace

_PREFIX = "64-41414-"


@dataclass(frozen=True)
class TransnasMicro(EdgeSpace):
    """The cell level of TransNAS-Bench-101: four nodes, four operations, 4,096 cells in one skeleton.

    Source: Duan et al., TransNAS-Bench-101, CVPR 2021.
    """

    def format(self, codes: np.ndarray) -> list[str]:
        """Return the official names, e.g. "64-41414-1_02_333": for each node the operations into it."""
        texts = ["".join(map(str, code)) for code in self.check(codes).tolist()]
        return [f"{_PREFIX}{t[0]}_{t[1:3]}_{t[3:6]}" for t in texts]

    def parse(self, texts: Sequence[str]) -> np.ndarray:
        """Return the codes (n, 6) of official names."""
        for text in texts:
            cell = text.removeprefix(_PREFIX)
            if (
                cell == text
                or tuple(map(len, cell.split("_"))) != (1, 2, 3)
                or not cell.replace("_", "").isdecimal()
            ):
                raise InputError(f"space '{self.name}': not a cell such as '{_PREFIX}1_02_333': {text!r}")
        digits = [[int(d) for d in text.removeprefix(_PREFIX) if d != "_"] for text in texts]
        return self.check(np.array(digits, np.int8).reshape(-1, len(self.choices)))


_OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
TRANSNAS_MICRO = TransnasMicro(
    "transnas_micro",
    (*_OPS, INPUT, OUTPUT),
    8,
    identity=("skip_connect",),
    zero=("none",),
    choices=(len(_OPS),) * 6,
    edge_ops=_OPS,
)
