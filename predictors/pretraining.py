"""Pretrains: what a predictor adds that learns from weak labels before it is fitted."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from data.graphs import Graphs


class Pretrains(ABC):
    """A mixin of predictors that learn a representation from weak labels: values known without training.

    Which weak labels those are is decided by the caller, not by a hyper-parameter.

    Attributes:
        default_weak: Weak labels to pretrain on when the caller names none: () for no pretraining, None for
            the benchmark's own default.
        needs_weak: Whether it cannot do without.
        pretrain_seconds_: Seconds that `pretrain` took, here or when a loaded encoder was pretrained; NaN
            if there is no encoder, or a loaded one does not say.
    """

    default_weak: ClassVar[tuple[str, ...] | None] = None
    needs_weak: ClassVar[bool] = False
    pretrain_seconds_: float = math.nan

    @abstractmethod
    def pretrain(self, graphs: Graphs, weak_labels: Mapping[str, np.ndarray], *, seed: int = 0) -> Self:
        """Learn the representation from weak labels, before `fit`.

        Args:
            graphs: n architectures, most of them without a training label; their own weak labels are not
                read.
            weak_labels: (n,) values by name, in any unit, NaN where unknown.
            seed: Seed of everything random in the pretraining.

        Returns:
            self, pretrained but not fitted.

        Raises:
            InputError: No weak label, one of another length, or one without a known value.
        """

    @property
    @abstractmethod
    def pretrained_on(self) -> tuple[str, ...]:
        """Names of the weak labels that were pretrained on; () before pretraining."""

    @abstractmethod
    def pretrain_params(self) -> dict[str, Any]:
        """Return the hyper-parameters that the result of `pretrain` depends on."""

    @abstractmethod
    def save_encoder(self, path: Path, *, cost: bool = True) -> None:
        """Save the result of `pretrain` as safetensors.

        Args:
            path: The file to write; it is replaced as a whole.
            cost: Whether to keep `pretrain_seconds_`. Without it, equal encoders are equal files.

        Raises:
            InputError: Not pretrained.
        """

    @abstractmethod
    def load_encoder(self, path: Path) -> Self:
        """Restore what `save_encoder` saved, instead of pretraining.

        Raises:
            TableError: Not a complete encoder file.
            InputError: The encoder of another predictor or of another shape.
        """
