"""Work on several processes, results as they come."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor


def run_all(function: Callable[..., Any], items: Sequence[tuple[Any, ...]], jobs: int) -> Iterator[Any]:
    """Yield `function(*item)` of every item, in the order in which they finish.

    Args:
        function: A function of a module, so that other processes can find it.
        items: Its arguments.
        jobs: Most processes; the workers are gone when the last result, or an error, has come.
    """
    # What is cancelled after an error is no news: the error is.
    warnings.filterwarnings("ignore", "(?s).*still being processed by the workers", UserWarning)
    parallel: Any = Parallel(n_jobs=max(1, min(jobs, len(items))), return_as="generator_unordered")
    try:
        yield from parallel(delayed(function)(*item) for item in items)
    finally:
        get_reusable_executor().shutdown(wait=True)
