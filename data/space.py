"""Search spaces: the vocabulary and structure that a batch of architectures shares."""

from __future__ import annotations

from dataclasses import dataclass

from data.errors import InputError

INPUT, OUTPUT = "input", "output"


@dataclass(frozen=True, repr=False)
class SearchSpace:
    """Op vocabulary and node limit of a space of directed acyclic graphs with an operation on each node.

    Attributes:
        name: Short name, e.g. "nb201".
        ops: Node vocabulary; a graph's `ops` are indices into it. Holds "input" and "output".
        max_nodes: Most nodes a graph of this space has, input and output included.
        identity: Operations that pass on the sum of their inputs unchanged.
        zero: Operations whose output is zero whatever comes in.
        stages: Parts of the network that a node may belong to: cells, or stages of a chain.
        features: Numbers that a node may carry, of order one: widths, depths, resolutions.
        fold_equal: Whether parallel nodes that compute one expression count as one (NAS-Bench-201's view), or
            each has weights of its own (NAS-Bench-101's).
    """

    name: str
    ops: tuple[str, ...]
    max_nodes: int
    identity: tuple[str, ...] = ()
    zero: tuple[str, ...] = ()
    stages: tuple[str, ...] = ("cell",)
    features: tuple[str, ...] = ()
    fold_equal: bool = True

    def __post_init__(self) -> None:
        """Refuse a vocabulary that contradicts itself."""
        if len(set(self.ops)) != len(self.ops):
            raise InputError(f"space '{self.name}': an operation is listed twice in {self.ops}")
        missing = {INPUT, OUTPUT, *self.identity, *self.zero} - set(self.ops)
        if missing:
            raise InputError(f"space '{self.name}': {sorted(missing)} not in the vocabulary {self.ops}")

    def __init_subclass__(cls) -> None:
        """Keep the one-line representation: a dataclass would write its own."""
        cls.__repr__ = SearchSpace.__repr__

    def __repr__(self) -> str:
        """Return one line: the name, and how large the vocabulary and the graphs are."""
        stages = f", {len(self.stages)} stages" if len(self.stages) > 1 else ""
        features = f", features: {', '.join(self.features)}" if self.features else ""
        return (
            f"<{type(self).__name__} {self.name}: {len(self.ops)} operations, at most {self.max_nodes} nodes"
            f"{stages}{features}>"
        )

    @property
    def stage_sizes(self) -> tuple[int, ...]:
        """Most nodes of each stage, input and output left out: an upper bound where the space does not know.

        A space of several stages is taken to have a node of each of them.
        """
        inner = self.max_nodes - 2
        return (max(1, inner - len(self.stages) + 1),) * len(self.stages)

    def codes(self, *names: str) -> list[int]:
        """Return the op codes of `names`."""
        return [self.ops.index(name) for name in names]
