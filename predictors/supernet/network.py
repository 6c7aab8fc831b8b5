"""What every family's network is: modules with names, and a forward pass that takes an architecture."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import fields
from typing import Any, ClassVar

from torch import Tensor, nn

from data.errors import InputError
from data.graphs import Graphs
from data.space import SearchSpace
from predictors.supernet.counts import Counts, ImageShape, count_each

Plan = tuple[Any, ...]
"""An architecture as its family's forward pass reads it: nested tuples, hashable."""


def check_sizes(settings: Any, least: int = 1) -> None:  # noqa: ANN401  # any dataclass
    """Refuse a setting that is a number, or holds one, below `least`, and an empty tuple where it is 1.

    Raises:
        InputError: There is one; it is named.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        numbers = value if isinstance(value, tuple) else (value,)
        small = [number for number in numbers if isinstance(number, int) and number < least]
        if small or (value == () and least == 1):
            raise InputError(f"{field.name} must be at least {least}, not {value}")


class Network(nn.Module):
    """A network that computes any of the architectures whose operations it holds.

    Built for a whole space it is a supernet: a place of the network has one module for each operation that
    may stand there, and every architecture that puts the operation there uses that module. Built for a
    single architecture by the same code, it is that network alone.

    Attributes:
        Settings: Dataclass of depth, width and the like; its defaults are the published network.
        operations: Modules that are worth compiling (torch.compile), one at a time.
        members: Independent networks side by side.
    """

    Settings: ClassVar[type]
    operations: ClassVar[tuple[type[nn.Module], ...]] = ()
    members: int

    def __init__(
        self,
        space: SearchSpace,
        settings: Any,  # noqa: ANN401  # each family has its own
        *,
        channels: int = 3,
        classes: int = 10,
        members: int = 1,
        only: Collection[Plan] | None = None,
    ) -> None:
        """Build the modules, without values: `layers.initialise` sets them.

        Args:
            space: The search space.
            settings: An instance of `Settings`.
            channels: Channels of an image.
            classes: Classes of the images.
            members: Independent networks side by side.
            only: Architectures to hold the modules of; None for the whole space.
        """
        super().__init__()
        self.space = space
        self.settings = settings
        self.members = members
        del channels, classes, only  # a family builds from them

    @classmethod
    def published(cls, space: SearchSpace) -> Any:  # noqa: ANN401
        """Return the settings of the network that a space was published with."""
        del space
        return cls.Settings()

    @staticmethod
    @abstractmethod
    def plans(graphs: Graphs) -> list[Plan]:
        """Return each architecture as the forward pass reads it."""

    @staticmethod
    def computed(space: Any, plan: Plan) -> Plan:  # noqa: ANN401
        """Return what of a plan the forward pass computes: equal for architectures that are one computation.

        A family overrides this where a plan may name operations that the output does not depend on.
        """
        del space
        return plan

    @classmethod
    def counts(cls, space: Any, settings: Any, graphs: Graphs, shape: ImageShape) -> Counts:  # noqa: ANN401
        """Return FLOPs and parameters of n architectures, each a network of its own.

        A family overrides this where its operations add up, which is quicker.
        """
        return count_each(cls, space, settings, cls.plans(graphs), shape)

    @abstractmethod
    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map images (b, members · channels, h, w) to logits (b, members, classes) by one architecture."""
