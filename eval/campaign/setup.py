"""What a campaign begins with: its ranker, its architectures, its weak labels, the results of its table."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import InputError
from eval.campaign.architectures import Architectures, SpaceArchitectures, TableArchitectures
from eval.campaign.objectives import Objective
from eval.campaign.settings import copy_table
from eval.campaign.weak import NO_WEAK, WeakLabels, own_weak, read_weak

if TYPE_CHECKING:
    from predictors.base import Predictor

_log = logging.getLogger("acerank")


def parse_predictor(text: object) -> Predictor:
    """Return an unfitted predictor as users name it; see eval.grid.entries.parse."""
    from eval.grid.entries import parse

    asked = parse([text])
    if len(asked) != 1:
        raise InputError(f"a campaign has one ranker, not {len(asked)}: {text}")
    return asked[0].predictor


def build_architectures(
    folder: Path, space: str, bench: str | Path, objectives: Sequence[Objective], *, offline: bool
) -> tuple[Architectures, str, str]:
    """Return what may be trained, the name of the table, and its hash."""
    if space:
        from data.spaces import get

        return SpaceArchitectures(get(space)), "", ""
    import benchmarks
    from eval.campaign.candidates import Candidates

    if benchmarks.is_table(bench):
        name = copy_table(Path(bench), folder)
        loaded = Candidates.read_for(folder / name, objectives)
        loaded.check(objectives)
    else:
        name, loaded = str(bench), benchmarks.load(bench, offline=offline)
    for line in loaded.notices:
        _log.info(line)
    return TableArchitectures(loaded), name, loaded.content_hash


def build_weak_labels(architectures: Architectures, weak: str | Path | None) -> WeakLabels:
    """Return weak labels of a file; without one those of the table, if it has any; "none" for none."""
    if weak is not None and str(weak) != "none":
        return read_weak(architectures, Path(weak))
    if weak is None and isinstance(architectures, TableArchitectures):
        return own_weak(architectures)
    return NO_WEAK


def find_results(architectures: TableArchitectures, objectives: Sequence[Objective]) -> list[dict[str, Any]]:
    """Return the results that a table has: for each network its name and the mean of each objective."""
    table = architectures.bench.table
    values = np.stack([table.values(each.name) for each in objectives], axis=1)
    rows = np.flatnonzero(np.isfinite(values).all(1))
    if not len(rows):
        return []
    _, first, network = np.unique(architectures.hashes(rows[:, None]), return_index=True, return_inverse=True)
    count = np.bincount(network)
    means = np.stack([np.bincount(network, column[rows]) / count for column in values.T], axis=1)
    order = np.argsort(first)
    names = architectures.format(rows[first[order], None])
    return [
        {"arch": name, **dict(zip([each.name for each in objectives], mean, strict=True))}
        for name, mean in zip(names, means[order].tolist(), strict=True)
    ]
