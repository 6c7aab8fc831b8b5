"""Info: what a benchmark is called, where it comes from, and which labels it is used with by default."""

from __future__ import annotations

from dataclasses import dataclass

from data.sources import sources


@dataclass(frozen=True)
class Info:
    """What a reader wants to know of a benchmark before trusting a number from it.

    Citation and licence of a public table are what data/sources.toml says of `key`; give them only for a
    benchmark that is not listed there.

    Attributes:
        key: Name on the command line.
        title: Full name.
        citation: Whom to cite.
        licence: Licence of the table.
        dataset: Default data set.
        target: Default target to evaluate on, within a data set.
        label: Default label to train on; where a data set lacks it, the target is used.
        weak: Default weak labels, by column name.
        supernet: The weak label that is a supernet's accuracy, if there is one.
        notes: What to keep in mind when reading results.
        total: Number of architectures of the whole official table; 0 if it is not fixed.
        noun: What a row is: "architectures", "cells", ...
    """

    key: str
    title: str
    citation: str = ""
    licence: str = ""
    dataset: str = ""
    target: str = ""
    label: str = ""
    weak: tuple[str, ...] = ()
    supernet: str = ""
    notes: str = ""
    total: int = 0
    noun: str = "architectures"

    def __post_init__(self) -> None:
        """Fill in what the list of public tables says."""
        source = sources().get(self.key)
        for name in ("citation", "licence"):
            if source and not getattr(self, name):
                object.__setattr__(self, name, getattr(source, name))
