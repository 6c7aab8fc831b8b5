"""Spaces of residual networks: a node for each stage, its depth and width (and groups) as features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.graphs import Graphs
from data.space import INPUT, OUTPUT
from data.spaces.chains import chain
from data.spaces.codes import CodeSpace

STAGES = 4  # of the ImageNet networks; those for CIFAR-10 have three
FEATURES = ("depth", "width", "bottleneck", "groups")  # as log2(1 + x)
SCALES = (4.0, 8.0, 2.0, 4.0)  # about the largest of each, by which they are divided


@dataclass(frozen=True)
class StagesSpace(CodeSpace):
    """Networks of up to four stages of equal blocks.

    A code holds for each of three stages which depth, width, bottleneck ratio and group number it takes.
    Source: Radosavovic et al., On Network Design Spaces for Visual Recognition, ICCV 2019, table 1.

    Attributes:
        options: The depths, widths, bottleneck ratios and groups that a sampled stage may have.
    """

    options: tuple[tuple[int, ...], ...] = ()

    @staticmethod
    def make(name: str, options: tuple[tuple[int, ...], ...]) -> StagesSpace:
        """Return the space of three stages with these depths, widths, bottleneck ratios and groups."""
        return StagesSpace(
            name,
            ("stage", INPUT, OUTPUT),
            STAGES + 2,
            stages=tuple(f"stage {s + 1}" for s in range(STAGES)),
            features=FEATURES,
            choices=tuple(map(len, options)) * 3,
            options=options,
        )

    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the networks of codes (n, 12)."""
        parts = self.check(codes).reshape(len(codes), 3, len(FEATURES))
        return self.build([np.array(values)[parts[:, :, i]] for i, values in enumerate(self.options)])

    def build(self, numbers: Sequence[np.ndarray]) -> Graphs:
        """Return n networks of s stages.

        Args:
            numbers: (n, s) depths, widths, bottleneck ratios and groups; a depth of 0 is a stage that is not
                there.
        """
        depths = np.asarray(numbers[0])
        n, s = depths.shape
        there = depths > 0
        features = np.stack(
            [np.log2(1 + np.asarray(x)) * there / scale for x, scale in zip(numbers, SCALES, strict=True)],
            axis=2,
        )
        ops = np.where(there, self.ops.index("stage"), -1).astype(np.int8)
        stage = np.broadcast_to(np.arange(s, dtype=np.int8), (n, s))
        return chain(self, ops, stage, features.astype(np.float32))


def _spaced(low: int, high: int, count: int) -> tuple[int, ...]:
    """Return up to `count` whole numbers spaced evenly in their logarithms, both ends included."""
    return tuple(dict.fromkeys(np.round(np.geomspace(low, high, count)).astype(int).tolist()))


NDS_RESNET = StagesSpace.make("nds_resnet", (_spaced(1, 24, 9), _spaced(16, 256, 12), (1,), (1,)))
NDS_VANILLA = StagesSpace.make("nds_vanilla", NDS_RESNET.options)
NDS_RESNEXT_A = StagesSpace.make(
    "nds_resnext_a", (_spaced(1, 16, 5), _spaced(16, 256, 5), _spaced(1, 4, 3), _spaced(1, 4, 3))
)
NDS_RESNEXT_B = StagesSpace.make(
    "nds_resnext_b", (_spaced(1, 16, 5), _spaced(64, 1024, 5), _spaced(1, 4, 3), _spaced(1, 16, 5))
)
