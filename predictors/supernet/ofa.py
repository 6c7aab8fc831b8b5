"""The once-for-all network (Cai et al., ICLR 2020): mobile blocks in the design of MobileNetV3-large.

In the published network (github.com/mit-han-lab/once-for-all, `OFAMobileNetV3` of width 1.0) the stem, the
last three stages and the last layers have h-swish, the first block and the first two stages ReLU; stages 2, 4
and 5 have squeeze-excitation; after the mean a layer without norm or bias mixes the channels. FLOPs and
parameters agree with published ones.

As in every chain here, each kernel and expansion of a block has weights of its own; the published supernet
cuts them out of those of the largest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from data.errors import InputError
from data.names import check_name
from data.space import SearchSpace
from data.spaces.mobile import OFA_EXPANSIONS
from predictors.supernet.blocks import MobileNetV3Style
from predictors.supernet.chains import (
    BLOCK,
    ChainNetwork,
    ChainSettings,
    Design,
    filled,
    plain_design,
    stage_options,
)
from predictors.supernet.network import BEFORE

PUBLISHED, PLAIN = "mobilenet_v3", "plain"
SQUEEZED = (False, True, False, True, True)  # the stages with squeeze-excitation
HARD = (False, False, True, True, True)  # those with h-swish


@dataclass(frozen=True)
class OfaSettings(ChainSettings):
    """Size and design of a network; an empty tuple or 0 stands for the design's published value.

    Attributes:
        design: "mobilenet_v3", the published network; or "plain": ReLU6, no squeeze-excitation and the last
            layers of MobileNetV2, the network of supernets from before there were designs.
        mix: Channels of the layer between the mean and the classifier; the plain design has no such layer.
    """

    design: str = field(default=PUBLISHED, metadata={BEFORE: PLAIN})
    mix: int = field(default=0, metadata={BEFORE: 0})

    def __post_init__(self) -> None:
        """Reject invalid sizes and unknown designs."""
        super().__post_init__()
        check_name("design", self.design, (PUBLISHED, PLAIN))
        if self.design == PLAIN and self.mix:
            raise InputError(
                f"design '{PLAIN}' has no layer before the classifier: mix={self.mix} has no use"
            )


_STAGES = (24, 40, 80, 112, 160), (2, 2, 2, 1, 2)
DESIGNS: Mapping[str, OfaSettings] = {
    PUBLISHED: OfaSettings(*_STAGES, 16, 2, 16, 960, PUBLISHED, 1280),
    PLAIN: OfaSettings(*_STAGES, 16, 2, 16, 1280, PLAIN),
}


class OfaNetwork(ChainNetwork):
    """A once-for-all network; a plan is, for each stage, the operation names of its blocks."""

    Settings = OfaSettings

    @classmethod
    def design(cls, space: SearchSpace, settings: Any) -> Design:  # noqa: ANN401  # OfaSettings
        """Return what a network of one of the two designs is built from."""
        size = filled(space, settings, DESIGNS[settings.design])
        if settings.design == PLAIN:
            return plain_design(space, size)
        options = [[(block, op) for block, op in stage if _is_sampled(op)] for stage in stage_options(space)]
        stages = [_style(hard=hard, squeeze=se) for hard, se in zip(HARD, SQUEEZED, strict=True)]
        return Design(size, options, nn.Hardswish, _style(hard=False, squeeze=False), stages, size.mix)


def _style(*, hard: bool, squeeze: bool) -> MobileNetV3Style:
    """Return MobileNetV3's style of blocks, with h-swish or ReLU."""
    return MobileNetV3Style(nn.Hardswish if hard else nn.ReLU, squeeze, nn.Hardsigmoid)


def _is_sampled(name: str) -> bool:
    """Return whether codes of the space have an operation; those of other supernets' tables are left out."""
    found = BLOCK.match(name)
    return found is not None and float(found["expansion"]) in OFA_EXPANSIONS
