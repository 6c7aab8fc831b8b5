"""What weak labels cost, as far as it is known: for all architectures together, and for each one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchmarks.base import Benchmark

COUNTED = ("flops", "official_flops", "params")


@dataclass(frozen=True)
class Price:
    """What a weak label costs.

    Attributes:
        once: Seconds for all architectures together, e.g. to train a supernet; None where it is not known.
        each: Seconds an architecture; None where it is not known.
        trainings: Share of a full training that each architecture takes; None where seconds are known, or
            neither is.
        note: What the seconds are of, and who says so.
    """

    once: float | None = None
    each: float | None = None
    trainings: float | None = None
    note: str = ""

    def seconds(self, n: int) -> float | None:
        """Return the seconds for n architectures, as far as they are known; None if none are."""
        parts = [self.once, None if self.each is None else self.each * n]
        known = [part for part in parts if part is not None]
        return sum(known) if known else None


Prices = Mapping[str, Price]
NOTHING = Price(once=0.0, each=0.0, note="counted or drawn, not measured")


def get_price(bench: Benchmark, name: str) -> Price | None:
    """Return the price of a weak label, or of a label of another data set; None where it is not known.

    A column "KIND_acc_EPOCHS" whose table has "train_time_EPOCHS" costs the mean of these seconds.
    """
    if name in bench.prices:
        return bench.prices[name]
    if name in COUNTED:
        return NOTHING
    if "/" in name and name not in bench.weak_names:
        return Price(trainings=1.0, note="a full training on another data set")
    epochs = name.rpartition("_")[2]
    time = f"train_time_{epochs}"
    if epochs.isdecimal() and time in bench.table.names:
        return Price(each=float(np.nanmean(bench.table.values(time))), note=f"mean of {time}")
    return None
