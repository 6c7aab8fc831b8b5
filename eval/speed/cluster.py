"""What a cell costs on a Dask cluster beyond its own time, and what a second worker is worth."""

from __future__ import annotations

import pickle
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
        "overhead of a grid's cell",
        alone["grid"] * 1e3,
        50,
        "ms",
        f"nb201, params: {REPEATS // 10} cells of ten repeats on one worker, less the same in this process; "
        f"median of {ROUNDS}",
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


def _measure_one() -> dict[str, float]:
    """Return what one worker takes: an empty cell, sleeping cells, and a grid's cell beyond its own time."""
    from data.cluster import connect
    from eval import evaluate

    options: dict[str, Any] = {"predictors": "params", "repeats": REPEATS, "progress": False}
    with connect("local:1") as cluster:
        _run(cluster, 4, 0.0)
        found = {"empty": _run(cluster, EMPTY, 0.0) / EMPTY, "sleeping": _run(cluster, SLEEPING, SECONDS)}
        evaluate("nb201", cluster=cluster.client, **{**options, "repeats": 10})
        extra = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            evaluate("nb201", **options)
            middle = time.perf_counter()
            evaluate("nb201", cluster=cluster.client, **options)
            extra.append((time.perf_counter() - middle) - (middle - start))
        found["grid"] = median(extra) / (REPEATS // 10)
    return found
