"""Which architectures are trained or scored: those of a table, a sample, or all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data import spaces
from data.errors import InputError, MissingTableError
from data.spaces.codes import CodeSpace
from data.table import Table


def architectures(space: str, table: Path | None, n: int, seed: int) -> np.ndarray:
    """Return the codes (n, places) of a table's column "arch", of n sampled networks, or of the whole space.

    Args:
        space: Name of the search space.
        table: A table; None to sample.
        n: Networks to sample, all different, or the first of the table; 0 for all there are.
        seed: Seed of the sample.

    Raises:
        TableError: The file is no table.
        UnknownNameError: It has no column "arch".
        InputError: One of its architectures is not of the space or is there twice, or the space is too large.
    """
    members = spaces.get(space)
    if table is not None:
        return _of_table(members, table, n)
    if n:
        return sample_distinct(members, n, seed)
    try:
        return members.enumerate()
    except InputError as error:
        raise InputError(f"{error}; set the number n to sample, or give a table of architectures") from error


def _of_table(space: CodeSpace, path: Path, n: int) -> np.ndarray:
    """Return the codes of the first n architectures of a table, of all for n = 0."""
    if not path.is_file():
        raise MissingTableError(f"there is no file '{path}'")
    table = Table.read(path)
    if "arch" not in table.names:
        raise InputError(
            f"{path} has no column 'arch': `python -m benchmarks.info BENCH --archs FILE` writes the "
            "architectures of a benchmark in this format"
        )
    if "space" in table.names and (other := set(table.column("space").unique().to_pylist()) - {space.name}):
        raise InputError(f"{path} is of space {', '.join(map(repr, other))}, not '{space.name}'")
    texts = table.column("arch").to_pylist()[: n or None]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{path}: column 'arch' is empty or contains something other than text")
    if len(set(texts)) < len(texts):
        raise InputError(f"{path} lists an architecture twice in column 'arch'")
    return space.parse(texts)


def sample_distinct(space: CodeSpace, n: int, seed: int) -> np.ndarray:
    """Return codes (n, places) of n different networks, drawn uniformly from those there are.

    Where the space can be enumerated every effective network has the same chance; else every code. The first
    of more architectures are those of fewer, so that a table can be extended.

    Raises:
        InputError: There are fewer networks.
    """
    rng = np.random.default_rng(seed)
    if space.size <= 100_000:
        codes = space.enumerate()
        rows, _ = space.graphs(codes).unique()
        if n > len(rows):
            raise InputError(f"space '{space.name}' has {len(rows):,} distinct networks, not {n:,}")
        return codes[rng.permutation(rows)[:n]]
    codes = space.sample(2 * n, rng)
    rows, _ = space.graphs(codes).unique()
    while len(rows) < n:
        before = len(rows)
        codes = np.concatenate([codes, space.sample(n, rng)])
        rows, _ = space.graphs(codes).unique()
        if len(rows) - before < n / 100:
            raise InputError(f"space '{space.name}': only {len(rows):,} distinct networks found, not {n:,}")
    return codes[rows[:n]]
