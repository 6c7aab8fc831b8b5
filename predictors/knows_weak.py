"""KnowsWeakLabels: what predictors share that keep the weak labels they were pretrained on."""

from __future__ import annotations

from typing import Self

from data.errors import InputError
from data.graphs import Graphs
from predictors.base import Predictor
from predictors.pretraining import Pretrains
from predictors.weak_knowledge import WeakKnowledge, vocabulary


class KnowsWeakLabels(Predictor, Pretrains):
    """A predictor whose pretraining leaves weak knowledge behind.

    Attributes:
        weak_: What was learned; there is none before `pretrain` or `load_encoder`.
    """

    weak_: WeakKnowledge

    @property
    def pretrained_on(self) -> tuple[str, ...]:
        """Names of the weak labels that were pretrained on; none before `pretrain`."""
        return self.weak_.names if hasattr(self, "weak_") else ()

    def _twin(self) -> Self:
        twin = super()._twin()
        if hasattr(self, "weak_"):
            twin.weak_, twin.pretrain_seconds_ = self.weak_, self.pretrain_seconds_
        return twin

    def _check_weak(self, graphs: Graphs) -> None:
        super()._check_weak(graphs)
        if hasattr(self, "weak_") and self.weak_.space != vocabulary(graphs.space):
            raise InputError(
                f"predictor '{self.name}' was pretrained on graphs of {self.weak_.space}, "
                f"not of {vocabulary(graphs.space)}"
            )
