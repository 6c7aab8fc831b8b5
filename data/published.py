"""Published figures: what papers report for their predictors, to be shown next to what is measured here."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_NONE = "-"  # in data/published.toml: the source has no figure for this training size


@dataclass(frozen=True)
class Published:
    """One figure of a paper.

    Attributes:
        bench: Benchmark, e.g. "nb201".
        dataset: Data set within it.
        protocol: Protocol of this project that the paper's rules are.
        train_size: Number of training labels.
        target: Label that scores were evaluated on.
        metric: Metric of this project, e.g. "kendall_tau".
        value: The figure.
        predictor: Name of the predictor as published.
        trained_on: Label that was trained on; "" if the source does not say.
        further_labels: Labels beyond the training ones that the training looked at; None if unknown.
        source: Authors, paper, venue and table.
        url: Where it can be read.
        note: What a reader should know before comparing.
    """

    bench: str
    dataset: str
    protocol: str
    train_size: int
    target: str
    metric: str
    value: float
    predictor: str
    trained_on: str
    further_labels: int | None
    source: str
    url: str
    note: str


@cache
def load_published() -> tuple[Published, ...]:
    """Return every published figure, in the order of data/published.toml."""
    text = Path(__file__).with_name("published.toml").read_text(encoding="utf-8")
    return tuple(figure for table in tomllib.loads(text)["table"] for figure in _expand(table))


def get_published(
    bench: str, dataset: str = "", protocol: str = "", *, metric: str = "", train_size: int = 0
) -> list[Published]:
    """Return the published figures of a benchmark.

    Args:
        bench: Benchmark, e.g. "nb201".
        dataset: Data set; "" for all.
        protocol: Protocol; "" for all.
        metric: Metric; "" for all.
        train_size: Number of training labels; 0 for all.
    """
    return [
        figure
        for figure in load_published()
        if figure.bench == bench
        and dataset in ("", figure.dataset)
        and protocol in ("", figure.protocol)
        and metric in ("", figure.metric)
        and train_size in (0, figure.train_size)
    ]


def _expand(table: Mapping[str, Any]) -> list[Published]:
    """Return the figures of a table of the file: one for each predictor and training size."""
    sizes, protocols = table["train_size"], table["protocol"]
    if isinstance(protocols, str):
        protocols = [protocols] * len(sizes)
    shared = {
        name: table[name]
        for name in ("bench", "dataset", "target", "metric", "trained_on", "source", "url", "note")
    }
    return [
        Published(
            **shared,
            protocol=protocol,
            train_size=size,
            value=value,
            predictor=predictor,
            further_labels=table.get("further_labels", {}).get(predictor),
        )
        for predictor, values in table["values"].items()
        for protocol, size, value in zip(protocols, sizes, values, strict=True)
        if value != _NONE
    ]
