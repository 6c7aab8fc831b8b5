"""Which operations of a user's table are zeros and identities, by what they are called."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from data.names import closest

ZERO = frozenset({"none", "zero", "zeros", "zeroize", "zeroise", "zeroop", "zerooperation"})
IDENTITY = frozenset({"skip", "skipconnect", "skipconnection", "identity", "identityop", "identitymap"})
NB201_NAMES = {
    **dict.fromkeys(ZERO, "none"),
    **dict.fromkeys(IDENTITY, "skip_connect"),
    **dict.fromkeys(("norconv1x1", "reluconvbn1x1", "conv1x1"), "nor_conv_1x1"),
    **dict.fromkeys(("norconv3x3", "reluconvbn3x3", "conv3x3"), "nor_conv_3x3"),
    **dict.fromkeys(("avgpool3x3", "avgpool1x1", "avgpool"), "avg_pool_3x3"),
}
"""Folded spellings of NAS-Bench-201's operations; NASLib calls its 3×3 pooling AvgPool1x1."""


def fold_spelling(name: str) -> str:
    """Return an operation's name without case, separators, module path and arguments.

    "nn.Identity()", "IDENTITY" and "identity" are one spelling, "skip_connect" and "SkipConnect" another.
    """
    bare = name.partition("(")[0].rpartition(".")[2]
    return re.sub(r"[\s_-]", "", bare).lower()


@dataclass(frozen=True)
class Rules:
    """Which operations count as what, and whether that makes one network of several architectures.

    Attributes:
        zero: Operations whose output is zero; None for those with the name of one.
        identity: Operations that change nothing; None as above.
        fold: Whether they are folded; None where blocks do not differ by position.
        position: Whether the position of a block in a chain without stages matters.
    """

    zero: tuple[str, ...] | None = None
    identity: tuple[str, ...] | None = None
    fold: bool | None = None
    position: bool = True

    def folded(
        self, used: Iterable[str], *, chain: bool = False, placed: bool = False
    ) -> tuple[tuple, tuple]:
        """Return the (identities, zeros) among the operations in use that are folded.

        Args:
            used: Operations of the table.
            chain: Whether the architectures are chains. A chain with a zero in it computes nothing, so names
                alone make none there: "none" more likely says that there is no block.
            placed: Whether the operations differ by position.

        Raises:
            InputError: A given operation is not in use, or is both.
        """
        names = sorted(used)
        identity, zero = _given("identity", self.identity, names), _given("zero", self.zero, names)
        if both := set(identity or ()) & set(zero or ()):
            raise InputError(f"operation {', '.join(sorted(both))} is given as zero and as identity")
        if self.fold is False:
            return (), ()
        unasked = self.fold or not (chain and placed)
        if identity is None:
            identity = tuple(n for n in names if unasked and fold_spelling(n) in IDENTITY)
        if zero is None:
            zero = tuple(n for n in names if unasked and not chain and fold_spelling(n) in ZERO)
        return tuple(n for n in identity if n not in zero), zero


def _given(kind: str, given: tuple[str, ...] | None, used: Collection[str]) -> tuple[str, ...] | None:
    """Return the operations in use that are given, by name or else by folded spelling."""
    if given is None:
        return None
    found: dict[str, None] = {}
    for name in given:
        here = [name] if name in used else [n for n in used if fold_spelling(n) == fold_spelling(name)]
        if not here:
            near = " or ".join(closest(name, used)) or ", ".join(used)
            raise InputError(f"{kind} operation '{name}' is not in the table; did you mean {near}?")
        found |= dict.fromkeys(here)
    return tuple(found)


def fold_notices(graphs: Graphs) -> list[str]:
    """Return lines that say which operations count as zero and identity, and how many rows that merges."""
    space = graphs.space
    used = [op for i, op in enumerate(space.ops) if (graphs.ops == i).any()]
    zero = [op for op in used if op in space.zero]
    identity = [op for op in used if op in space.identity]
    lists = (("zero", zero), ("identity", identity))
    line = "; ".join(
        f"{kind} operations: {', '.join(ops)}" if ops else f"no {kind} operations" for kind, ops in lists
    )
    if zero or identity:
        folded = len(np.unique(graphs.canonical_hash()))
        apart = len(np.unique(_unfolded(graphs).canonical_hash()))
        line += (
            f"; {len(graphs):,} rows are {folded:,} networks, {apart:,} if these operations are told apart "
            f"({apart - folded:,} merged)"
        )
    kept = [
        op
        for op in used
        if op not in (*zero, *identity)
        and fold_spelling(op) in ZERO | IDENTITY
        and op not in ("input", "output")
    ]
    if kept:
        line += f"; {', '.join(kept)}: kept as operations of their own"
    return [line]


def _unfolded(graphs: Graphs) -> Graphs:
    from dataclasses import replace

    return replace(graphs, space=replace(graphs.space, identity=(), zero=()))
