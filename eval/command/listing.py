"""The names that a command line takes: without reading a table, without importing torch."""

from __future__ import annotations

from rich.console import Console

import benchmarks
import predictors
from benchmarks.base import Benchmark
from data.split import PROTOCOLS, Protocol
from eval.grid import PREDICTORS
from eval.metrics import METRICS

Lines = list[tuple[str, str]]


def print_list() -> None:
    """Print benchmarks with their data sets, labels and weak labels; predictors, protocols, metrics."""
    ranked = [
        (f"{name}{' *' * (name in PREDICTORS)}", predictors.describe(name)) for name in predictors.names()
    ]
    sections: list[tuple[str, Lines]] = [
        ("Predictors (--predictors; * run by default; --list NAME shows hyper-parameters)", ranked),
        ("Losses (PREDICTOR:loss=NAME, or ranknet+0.1*lambdarank@truncation=10)", predictors.loss_names()),
        ("Protocols (--protocol)", [(p.name, _protocol(p)) for p in PROTOCOLS.values()]),
        ("Metrics (--metrics)", [(m.name, m.description) for m in METRICS.values()]),
    ]
    for key in benchmarks.REGISTRY:
        found = benchmarks.get(key)
        sections.insert(0, (f"{found.info.title} (--bench {key})", _columns(found)))
    _print(sections)


def print_parameters(name: str) -> None:
    """Print a predictor's hyper-parameters with their defaults."""
    lines = [(f"{key}={default!r}", text) for key, default, text in predictors.describe_parameters(name)]
    _print([(f"{name}: {predictors.describe(name)}", lines or [("", "no hyper-parameters")])])


def _print(sections: list[tuple[str, Lines]]) -> None:
    console = Console(highlight=False)
    for title, lines in sections:
        console.print(title, style="bold", markup=False)
        width = max(len(name) for name, _ in lines)
        for name, text in lines:
            console.print(f"  {name:{width}}  {text}".rstrip(), markup=False, soft_wrap=True)


def _protocol(protocol: Protocol) -> str:
    label = f"; the paper's label: {protocol.trained_on}" if protocol.trained_on else ""
    return protocol.description + label


def _columns(bench: type[Benchmark]) -> Lines:
    labels = [(f"{c.dataset} {c.target}", c) for c in bench.columns if c.kind == "label"]
    weak = [(f"weak label {c.name}", c) for c in bench.columns if c.kind == "weak"]
    return [(name, f"{c.unit:2} {c.note}") for name, c in [*labels, *weak]]
