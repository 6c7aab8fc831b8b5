"""What a cell costs on a Dask cluster beyond its own time, and what a second worker is worth."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from eval.speed.figures import Figure

EMPTY = 400  # cells that do nothing
SLEEPING, SECONDS = 24, 0.5  # cells that sleep, and how long
REPEATS = 200  # of a real grid, in cells of ten
ROUNDS = 3


def figures() -> Iterator[Figure]:
    """Yield the overhead of a cell and the efficiency of a second worker."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        yield Figure("overhead of a cell", None, 50, "ms", "needs the extra: pip install 'acerank[cluster]'")
        return
    alone = _measure_one()
    both = _measure(2, SLEEPING, SECONDS)
    yield Figure("overhead of an empty cell", alone["empty"] * 1e3, 50, "ms", f"{EMPTY} cells, one worker")
    yield Figure(
        "client's share of a grid's cell",
        alone["grid"] * 1e3,
        50,
        "ms",
        f"nb201, params, cells of ten repeats: processor time of the client, which sends, fetches and stores "
        f"them; the most cells a second are its inverse; median of {ROUNDS}",
    )
    yield Figure(
        "efficiency of 1 to 2 workers",
        100 * alone["sleeping"] / both / 2,
        90,
        "%",
        f"{SLEEPING} cells that sleep {SECONDS} s: what the engine costs, not the cores",
        more=True,
    )


def sleep(payload: bytes, values: Mapping[str, Any]) -> None:
    """Do nothing for a while."""
    del values
    time.sleep(pickle.loads(payload))


def fingerprint(modules: tuple[str, ...]) -> dict[str, str]:
    """Return nothing to compare."""
    del modules
    return {}


def _run(cluster: Any, n: int, seconds: float) -> float:  # noqa: ANN401
    """Return the seconds that n cells take that sleep."""
    from data.cluster import Cell, Run

    cell = Cell("sleep", pickle.dumps(seconds))
    start = time.perf_counter()
    for _ in Run(cluster, sleep, n, lambda position: cell, {}, fingerprint).results():
        pass
    return time.perf_counter() - start


def _measure(workers: int, n: int, seconds: float) -> float:
    from data.cluster import connect

    with connect(f"local:{workers}") as cluster:
        _run(cluster, 4, 0.0)
        return _run(cluster, n, seconds)


def _client_seconds(client: Any, repeats: int) -> float:  # noqa: ANN401
    """Return the processor seconds that a grid takes in this process, whose worker computes it."""
    from eval import evaluate

    with tempfile.TemporaryDirectory() as folder:
        before = time.process_time()
        evaluate("nb201", "params", repeats=repeats, progress=False, cluster=client, out=folder)
        return time.process_time() - before


def _measure_one() -> dict[str, float]:
    """Return what one worker takes: an empty cell, sleeping cells, and a grid's cell beyond its own time."""
    from data.cluster import connect

    with connect("local:1") as cluster:
        _run(cluster, 4, 0.0)
        found = {"empty": _run(cluster, EMPTY, 0.0) / EMPTY, "sleeping": _run(cluster, SLEEPING, SECONDS)}
        spent = []
        for _ in range(ROUNDS):
            own = _client_seconds(cluster.client, 10)
            spent.append(_client_seconds(cluster.client, REPEATS) - own)
        found["grid"] = median(spent) / (REPEATS // 10 - 1)
    return found
