"""Candidates of a search space: enumerated or drawn, scored in chunks, the best kept."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

import data.spaces
from data.errors import InputError
from eval.choose.stream import stream_top
from eval.rank.candidates import Candidates, Labelled
from eval.rank.ranker import Ranker

_log = logging.getLogger("acerank")
ENUMERATED = 1_000_000  # codes of a space that is ranked as a whole unless a number is asked for
KEPT = 10_000  # candidates of a space that stay


def search_space(
    labelled: Labelled,
    ranker: Ranker,
    name: str,
    n: int | None,
    keep: int,
    seed: int,
    progress: Callable[[int, int], object],
) -> Candidates:
    """Score a search space and return its best networks that have no label.

    Args:
        labelled: The labelled networks, of the same space.
        ranker: What scores.
        name: Name of the space.
        n: Candidates to draw; None for all of a small space, ENUMERATED of a large one.
        keep: Networks to keep.
        seed: Seed of the draw.
        progress: Called with the candidates of a chunk and with all of them.

    Raises:
        UnknownNameError: There is no such space.
        InputError: The labelled networks are of another space.
    """
    space = data.spaces.get(name)
    own = labelled.task.graphs.space
    if own != space:
        raise InputError(
            f"the labelled networks are of the space '{own.name}', candidates of '{name}': write them as "
            "that space does, in columns 'space' and 'arch'"
        )
    drawn = n if n is not None and n < space.size else None
    if n is None and space.size > ENUMERATED:
        drawn = ENUMERATED
    total = drawn or space.size
    found = stream_top(
        space,
        ranker.score,
        keep,
        n=drawn,
        rng=np.random.default_rng([seed, 2]),
        exclude=labelled.graphs.canonical_hash(),
        progress=lambda done: progress(done, total),
    )
    how = "drawn at random" if drawn else "all of it"
    _log.info(
        "space '%s', %s codes: %s scored (%s), the best %s networks without a label stay",
        name, f"{space.size:,}" if space.size < 10**12 else f"{space.size:.2g}", f"{found.seen:,}", how,
        f"{len(found.codes):,}",
    )  # fmt: skip
    if not len(found.codes):
        raise InputError(f"every network of the space '{name}' that was scored has a label")
    graphs = space.graphs(found.codes)
    count = len(graphs)
    return Candidates(graphs, space.format(found.codes), None, np.full(count, -1), [""] * count)
