"""The leak guard: a weak label that orders architectures as a true label does is a true label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.agreement import Floats, goodman_kruskal_gamma, kendall_tau
from data.errors import InputError
from data.names import check_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.base import Benchmark

LIMIT = 0.999  # |rank correlation| from which a weak label counts as a true one
MIN_ROWS = 20  # on fewer rows only equal values are refused: orders may agree by chance
MIN_LEVELS = 4  # distinct values; a column of fewer may separate labels perfectly and still be honest
_SAMPLE = 2_000
_CLEARLY_LESS = 0.99  # in the sample


def check_leaks(bench: Benchmark, names: Iterable[str], trusted: Mapping[str, str]) -> list[str]:
    """Refuse weak labels of a benchmark that are true labels by their order or values.

    Args:
        bench: The benchmark, with the weak labels.
        names: The weak labels to check, by column name.
        trusted: Reasons why a weak label that looks like a true one is none, by name.

    Returns:
        A line for each weak label that is used for its reason alone.

    Raises:
        InputError: A weak label is a true label under another name, or a reason is empty.
        UnknownNameError: `trusted` names no weak label of the benchmark.
    """
    for name, reason in trusted.items():
        check_name("weak label", name, bench.weak_names)
        if not reason.strip():
            raise InputError(f"weak label '{name}' is trusted without a reason; give one")
    notices = []
    for name in names:
        match = find_leak(bench, name)
        if match and name in trusted:
            notices.append(f"{name} {match}; used as a weak label all the same: {trusted[name]}")
        elif match:
            raise InputError(
                f"weak label '{name}' {match}: pretraining on it would leak true labels. "
                "Choose weak labels without it (none for none), or trust it with a reason "
                f"(--trust-weak '{name}=REASON', trusted_weak in Python)"
            )
    return notices


def find_leak(bench: Benchmark, name: str) -> str:
    """Return how a weak label of a benchmark matches one of its true labels; "" if it matches none."""
    weak = bench.weak(name)
    for dataset in bench.datasets:
        for target in bench.labels(dataset):
            column = bench.label_column(dataset, target)
            if name in column.seeds:
                return f"is a training that the true label '{column.name}' is the mean of"
            values = [bench.target(dataset, target)]
            seeds = bench.seeds(dataset, target)
            values += [] if seeds is None else list(seeds.T)
            for label in values:
                if match := match_labels(weak, label):
                    return f"{match} the true label '{column.name}' ({dataset}/{target})"
    return ""


def match_labels(weak: Floats, label: Floats) -> str:
    """Return what a weak label (n,) has in common with a label (n,), as a phrase; "" if it may be used.

    Ties lower tau-b, so the order of the pairs untied in both counts as well: rounding hides nothing.
    """
    known = np.isfinite(weak) & np.isfinite(label)
    a, b = weak[known], label[known]
    if len(a) < MIN_ROWS:
        return "has the values of" if len(a) and np.allclose(a, b, rtol=1e-9) else ""
    if len(a) > _SAMPLE:
        sample = np.random.default_rng(0).choice(len(a), _SAMPLE, replace=False)
        if _strength(a[sample], b[sample]) < _CLEARLY_LESS:
            return ""
    return f"orders {len(a):,} rows as does" if _strength(a, b) >= LIMIT else ""


def _strength(a: Floats, b: Floats) -> float:
    """Return the larger absolute value of tau-b and, where there are enough distinct values, gamma."""
    # Gamma is at least tau-b.
    few = min(len(np.unique(a)), len(np.unique(b))) < MIN_LEVELS
    return abs((kendall_tau if few else goodman_kruskal_gamma)(a, b) or 0.0)
