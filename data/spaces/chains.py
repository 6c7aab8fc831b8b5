"""Spaces of chains: one block after another, an option (an operation, a width, or nothing) for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np

from data.errors import InputError
from data.graphs import PAD, Graphs
from data.space import INPUT, OUTPUT, SearchSpace
from data.spaces.codes import CodeSpace


@dataclass(frozen=True)
class Layer:
    """One place of a chain.

    Attributes:
        stage: Index of the stage it belongs to.
        options: What may stand there: names of operations; None for no block at all.
        features: For each option the space's features, or none at all.
    """

    stage: int
    options: tuple[str | None, ...]
    features: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class ChainSpace(CodeSpace):
    """Chains of layers; a code says which option each layer takes.

    Attributes:
        layers: The layers, in order.
        separator: What stands between the options in an architecture's text.
        texts: How each option is written there; by default its number.
    """

    layers: tuple[Layer, ...] = field(default=())
    separator: str = ":"
    texts: tuple[str, ...] = ()

    @classmethod
    def make(
        cls,
        name: str,
        layers: tuple[Layer, ...],
        stages: tuple[str, ...],
        *,
        separator: str = ":",
        texts: tuple[str, ...] = (),
        features: tuple[str, ...] = (),
    ) -> Self:
        """Return the space of chains of these layers."""
        ops = dict.fromkeys(option for layer in layers for option in layer.options if option is not None)
        return cls(
            name,
            (*ops, INPUT, OUTPUT),
            len(layers) + 2,
            stages=stages,
            features=features,
            choices=tuple(len(layer.options) for layer in layers),
            layers=layers,
            separator=separator,
            texts=texts,
        )

    @property
    def stage_sizes(self) -> tuple[int, ...]:
        """Layers of each stage."""
        return tuple(sum(layer.stage == stage for layer in self.layers) for stage in range(len(self.stages)))

    def graphs(self, codes: np.ndarray, network: np.ndarray | None = None) -> Graphs:
        """Return the chains of codes (n, layers), without the blocks that are not there.

        Args:
            codes: The options taken.
            network: (n, f) features of the whole network, carried by the input; by default 0.
        """
        codes = self.check(codes)
        places = np.arange(len(self.layers))
        stage = np.broadcast_to(np.array([layer.stage for layer in self.layers], np.int8), codes.shape)
        return chain(self, self._ops[places, codes], stage, self._features[places, codes], network)

    def format(self, codes: np.ndarray) -> list[str]:
        """Return the text of each code: its options' texts."""
        texts = self._option_texts
        return [self.separator.join(texts[c] for c in code) for code in self.check(codes).tolist()]

    def parse(self, texts: Sequence[str]) -> np.ndarray:
        """Return the codes (n, layers) of texts as `format` writes them."""
        place = {text: code for code, text in enumerate(self._option_texts)}
        codes = np.full((len(texts), len(self.layers)), -1, np.int8)
        for row, text in enumerate(texts):
            found = [place.get(part, -1) for part in (text.split(self.separator) if self.separator else text)]
            if len(found) != len(self.layers) or min(found) < 0:
                raise InputError(
                    f"space '{self.name}': not {len(self.layers)} of {', '.join(self._option_texts)} "
                    f"joined by '{self.separator}': {text!r}"
                )
            codes[row] = found
        return self.check(codes)

    @property
    def _option_texts(self) -> tuple[str, ...]:
        return self.texts or tuple(map(str, range(max(self.choices))))

    @cached_property
    def _ops(self) -> np.ndarray:
        """(layers, most options) op code of each option, -1 for none."""
        table = np.full((len(self.layers), max(self.choices)), PAD, np.int8)
        for i, layer in enumerate(self.layers):
            table[i, : len(layer.options)] = [
                PAD if option is None else self.ops.index(option) for option in layer.options
            ]
        return table

    @cached_property
    def _features(self) -> np.ndarray:
        """(layers, most options, f) features of each option."""
        table = np.zeros((len(self.layers), max(self.choices), len(self.features)), np.float32)
        for i, layer in enumerate(self.layers):
            if layer.features:
                table[i, : len(layer.options)] = layer.features
        return table


def chain(
    space: SearchSpace,
    ops: np.ndarray,
    stage: np.ndarray,
    features: np.ndarray | None = None,
    network: np.ndarray | None = None,
) -> Graphs:
    """Return n chains: the input, the blocks that are there, the output.

    Args:
        space: Their space.
        ops: (n, layers) op code of each layer's block, -1 for none.
        stage: (n, layers) stage of each layer.
        features: (n, layers, f) features of each layer's block.
        network: (n, f) features of the whole network, carried by the input.
    """
    n, layers = ops.shape
    order = np.argsort(ops == PAD, axis=1, kind="stable")
    blocks = (ops != PAD).sum(1)
    v = layers + 2
    at = np.arange(v)
    inner = (at[1:-1] <= blocks[:, None]) & (at[1:-1] >= 1)
    node_ops = np.full((n, v), PAD, np.int8)
    node_ops[:, 0] = space.ops.index(INPUT)
    node_ops[:, 1:-1] = np.take_along_axis(ops, order, 1)
    node_ops[np.arange(n), blocks + 1] = space.ops.index(OUTPUT)
    node_stage = np.zeros((n, v), np.int8)
    node_stage[:, 1:-1] = np.take_along_axis(stage, order, 1) * inner
    numbers = np.zeros((n, v, len(space.features)), np.float32)
    if features is not None:
        numbers[:, 1:-1] = np.take_along_axis(features, order[:, :, None], 1) * inner[:, :, None]
    if network is not None:
        numbers[:, 0] = network
    adjacency = np.zeros((n, v, v), np.uint8)
    adjacency[:, at[:-1], at[1:]] = at[1:] <= blocks[:, None] + 1
    return Graphs(
        node_ops, adjacency, (blocks + 2).astype(np.int16), space, stage=node_stage, features=numbers
    )


@dataclass(frozen=True)
class TransnasMacro(ChainSpace):
    """The macro level of TransNAS-Bench-101: four to six modules, each may double channels or halve size.

    The networks halve the resolution one to four times and double the channels one to three times: 3,256.
    Source: Duan et al., TransNAS-Bench-101, CVPR 2021.
    """

    def valid(self, codes: np.ndarray) -> np.ndarray:
        """Return (n,) whether modules are missing at the end only, and both numbers are in bounds."""
        codes = np.asarray(codes)
        absent = codes[:, -1] == 4, codes[:, -2] == 4
        halved = np.isin(codes, (2, 3)).sum(1)
        doubled = np.isin(codes, (1, 3)).sum(1)
        return (~absent[1] | absent[0]) & (halved >= 1) & (halved <= 4) & (doubled >= 1) & (doubled <= 3)

    def format(self, codes: np.ndarray) -> list[str]:
        """Return the official names, e.g. "64-1234-basic"."""
        codes = self.check(codes)
        return [f"64-{''.join(str(d + 1) for d in code if d < 4)}-basic" for code in codes.tolist()]

    def parse(self, texts: Sequence[str]) -> np.ndarray:
        """Return the codes (n, 6) of official names."""
        codes = np.full((len(texts), len(self.choices)), 4, np.int8)
        for row, text in enumerate(texts):
            modules = text.removeprefix("64-").removesuffix("-basic")
            if text != f"64-{modules}-basic" or not set(modules) <= set("1234") or not 4 <= len(modules) <= 6:
                raise InputError(f"space '{self.name}': not a network such as '64-1234-basic': {text!r}")
            codes[row, : len(modules)] = [int(digit) - 1 for digit in modules]
        return codes


def _stages(*lengths: int) -> tuple[list[int], tuple[str, ...]]:
    """Return the stage of each layer, and the stages' names, of stages of these lengths."""
    stage = [s for s, length in enumerate(lengths) for _ in range(length)]
    return stage, tuple(f"stage {s + 1}" for s in range(len(lengths)))


def _mobile(*lengths: int) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """Return layers of inverted bottlenecks (kernel 3, 5, 7 × expansion 3, 6) that may be skipped.

    The first layer of a stage is always there.
    """
    stage, names = _stages(*lengths)
    blocks: tuple[str | None, ...] = tuple(f"mb_k{k}_e{e}" for k in (3, 5, 7) for e in (3, 6))
    first = [i == 0 or stage[i] != stage[i - 1] for i in range(len(stage))]
    layers = (Layer(s, blocks if head else (*blocks, None)) for s, head in zip(stage, first, strict=True))
    return tuple(layers), names


PROXYLESS = ChainSpace.make("proxyless", *_mobile(4, 4, 4, 4, 4, 1), features=("stem_kernel",))
"""Cai et al., ProxylessNAS, ICLR 2019: 21 blocks."""

_MACRO_STAGE, _MACRO_NAMES = _stages(2, 3, 3)
MACRO = ChainSpace.make(
    "macro",
    tuple(
        # Where a stage changes size and channels an "identity" is a projection; elsewhere it is nothing.
        Layer(s, ("project" if i in (0, 2, 5) else None, "mb_k3_e3", "mb_k5_e6"))
        for i, s in enumerate(_MACRO_STAGE)
    ),
    _MACRO_NAMES,
    separator="",
)
"""Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021 (NAS-Bench-Macro)."""

_WIDTHS = tuple(range(8, 65, 8))
CHANNEL_MACRO = ChainSpace.make(
    "channel_macro",
    tuple(
        Layer(s, tuple(f"width_{q}" for q in range(1, 5)), tuple((q / 4, 0.0) for q in range(1, 5)))
        for s in range(7)
    ),
    tuple(f"layer {s + 1}" for s in range(7)),
    separator="",
    texts=tuple("1234"),
    features=("width", "resnet"),
)
"""Su et al., BCNet, CVPR 2021 (Channel-Bench-Macro): seven layers of one to four quarters of their width."""

NATS_SIZE = ChainSpace.make(
    "nats_size",
    tuple(
        Layer(s, tuple(f"width_{w}" for w in _WIDTHS), tuple((w / 64,) for w in _WIDTHS)) for s in range(5)
    ),
    tuple(f"layer {s + 1}" for s in range(5)),
    texts=tuple(map(str, _WIDTHS)),
    features=("width",),
)
"""The size space of Dong et al., NATS-Bench, TPAMI 2021: five layers of 8, 16, ... or 64 channels."""

_MODULES = ("same", "double_channels", "halve_size", "double_channels_halve_size")
TRANSNAS_MACRO = TransnasMacro.make(
    "transnas_macro",
    tuple(Layer(0, (*_MODULES, *((None,) if i > 3 else ()))) for i in range(6)),
    ("network",),
)
