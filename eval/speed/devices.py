"""Networks on a device next to the CPU: many repeats fitted at once, pretraining, scoring."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.graphs import Graphs
from predictors.base import Predictor

CPU_SHARE = 10  # the CPU scores this part of the architectures, and the time is scaled


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        repeats: Repeats that are fitted at once, 100 labels each.
        pretrained: Networks that are pretrained on: cells of NAS-Bench-101, 0 for all.
        scored: Architectures that are scored.
        part: How many are scored in one call.
        steps: Steps of a training, to try things out; 0 for the predictors' own.
    """

    repeats: int = 100
    pretrained: tuple[int, ...] = (15_625, 0)
    scored: int = 10_000_000
    part: int = 100_000
    steps: int = 0


def measure(device: str, sizes: Sizes) -> list[tuple[str, float]]:
    """Return (what, seconds) of each figure on a device.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps".
        sizes: How much is measured.
    """
    from threadpoolctl import threadpool_limits

    from data.spaces.nb101 import NB101
    from predictors.acenas import Acenas
    from predictors.gcn import Gcn

    rng = np.random.default_rng(0)
    found = []
    fewer: dict[str, Any] = {"max_steps": sizes.steps} if sizes.steps else {}
    pretraining: dict[str, Any] = {"pretrain_steps": sizes.steps} if sizes.steps else {}
    with threadpool_limits(1):
        some = NB101.graphs(NB101.sample(100 * sizes.repeats, rng))
        for kind in (Gcn, Acenas):
            predictor = kind(**fewer).on(device)
            seconds = _time(device, lambda p=predictor: _fit(p, some, sizes.repeats))
            found.append((f"fit {sizes.repeats} repeats of {kind.get_name()}", seconds))
        cells = NB101.graphs(NB101.enumerate()) if 0 in sizes.pretrained else some
        for n in sizes.pretrained:
            graphs = cells.take(np.sort(rng.permutation(len(cells))[: n or len(cells)]))
            weak = {
                "edges": graphs.adjacency.sum((1, 2)).astype(float),
                "nodes": graphs.n_nodes.astype(float),
            }
            predictor = Acenas(**pretraining).on(device)
            seconds = _time(device, lambda p=predictor, g=graphs, w=weak: p.pretrain(g, w))
            found.append((f"pretrain acenas on {len(graphs):,} networks", seconds))
        fitted = Gcn(**fewer).on(device).fit(some.take(slice(0, 100)), np.arange(100.0))
        asked = NB101.graphs(NB101.sample(sizes.part, rng))
        calls = max(1, sizes.scored // sizes.part // (CPU_SHARE if device == "cpu" else 1))
        seconds = _time(device, lambda: [fitted.predict(asked) for _ in range(calls)])
        found.append((f"gcn scores {sizes.scored:,} cells", seconds * sizes.scored / (calls * sizes.part)))
    return found


def _fit(predictor: Predictor, graphs: Graphs, repeats: int) -> None:
    """Fit repeats of 100 labels together."""
    rows = np.arange(100 * repeats).reshape(repeats, 100)
    labels = graphs.adjacency.sum((1, 2)).astype(float)
    predictor.fit_repeats([graphs.take(r) for r in rows], [labels[r] for r in rows], range(repeats))


def _time(device: str, call: Callable[[], object]) -> float:
    """Return the seconds of a call, what the device still computes included."""
    from predictors.device import wait

    start = time.perf_counter()
    call()
    wait(device)
    return time.perf_counter() - start


def print_devices(device: str, sizes: Sizes | None = None) -> None:
    """Print the figures of the CPU, one thread, and of a device.

    Raises:
        InputError: The device is not there; names those that are.
    """
    from predictors.device import CPU, choose_device, describe_device

    chosen = choose_device(device)
    sizes = sizes or Sizes()
    found: list[list[tuple[str, float]]] = []
    for each in dict.fromkeys((CPU, chosen)):
        sys.stderr.write(f"measuring on {each}\n")
        found.append(measure(each, sizes))
    _print(found, [describe_device(each) for each in dict.fromkeys((CPU, chosen))])


def _print(found: Sequence[Sequence[tuple[str, float]]], titles: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", *titles, *(["ratio"] if len(titles) > 1 else []), title="Seconds")
    for row in zip(*found, strict=True):
        seconds = [each for _, each in row]
        ratio = [f"{seconds[0] / seconds[1]:.1f}"] if len(seconds) > 1 else []
        table.add_row(row[0][0], *(f"{each:.2f}" for each in seconds), *ratio)
    Console().print(table)
