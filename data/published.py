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


@dataclass(frozen=True)
class PublishedSearch:
    """What a paper reports for a search on a table.

    Attributes:
        bench: Benchmark, e.g. "nb201".
        dataset: Data set within it.
        target: What the network that was found is evaluated on.
        method: Name as published.
        queries: Labels that the search saw; None where only the rule is known.
        value: Target of the network that was found, in the benchmark's unit; None as for `queries`.
        seen: Label that the search saw; "" if the source does not say.
        rule: How the network was picked.
        source: Authors, paper, venue and table.
        url: Where it can be read.
        note: What a reader should know before comparing.
    """

    bench: str
    dataset: str
    target: str
    method: str
    queries: int | None
    value: float | None
    seen: str
    rule: str
    source: str
    url: str
    note: str


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("published.toml").read_text(encoding="utf-8"))


def get_published_searches(bench: str, dataset: str, target: str) -> list[PublishedSearch]:
    """Return the published searches of a task, in the order of data/published.toml."""
    names = ("bench", "dataset", "target", "seen", "rule", "source", "url", "note")
    return [
        PublishedSearch(
            **{name: table[name] for name in names},
            method=method,
            queries=None if queries == _NONE else queries,
            value=None if value == _NONE else value,
        )
        for table in _read()["search"]
        if (table["bench"], table["dataset"], table["target"]) == (bench, dataset, target)
        for method, (queries, value) in table["values"].items()
    ]


@cache
def load_published() -> tuple[Published, ...]:
    """Return every published figure, in the order of data/published.toml."""
    return tuple(figure for table in _read()["table"] for figure in _expand(table))


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
