"""The contract of every family of networks: named modules, and a forward pass that takes an architecture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar

from torch import Tensor, nn

from data.errors import InputError
from data.graphs import Graphs
from data.space import SearchSpace
from predictors.supernet.counts import Counts, ImageShape, count_each

Plan = tuple[Any, ...]
"""An architecture as its family's forward pass reads it: nested tuples, hashable."""


def check_sizes(settings: Any, least: int = 1) -> None:  # noqa: ANN401  # any dataclass
    """Check that the whole numbers among settings are at least `least`; for 1, that no tuple is empty.

    Raises:
        InputError: A setting is too small; it is named.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        numbers = value if isinstance(value, tuple) else (value,)
        small = [number for number in numbers if isinstance(number, int) and number < least]
        if small or (value == () and least == 1):
            raise InputError(f"{field.name} must be at least {least}, not {value}")


BEFORE = "before"
"""Key of a field's metadata in settings: the value that stands for the networks from before it was added."""


def settings_json(settings: Any) -> dict[str, Any]:  # noqa: ANN401  # any dataclass
    """Return settings as JSON values; later fields are left out where they mean the network from before.

    So folders and files that were written before a field was added still fit.
    """
    later = {field.name: field.metadata[BEFORE] for field in fields(settings) if BEFORE in field.metadata}
    return {name: v for name, v in asdict(settings).items() if name not in later or v != later[name]}


def settings_of_json(kind: type, values: Mapping[str, Any]) -> Any:  # noqa: ANN401  # the class it was given
    """Return the settings that `settings_json` wrote, as an instance of `kind`."""
    before = {field.name: field.metadata[BEFORE] for field in fields(kind) if BEFORE in field.metadata}
    tuples = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    return kind(**{**before, **tuples})


class Network(nn.Module, ABC):
    """A network that computes any of the architectures whose operations it holds.

    Built for a whole space it is a supernet: each position has one module per operation that may be chosen
    there, shared by all architectures that choose it. Built for a single architecture by the same code, it is
    just that network.

    A family of spaces is a subclass that defines `Settings`, `plans` and `forward`.

    Attributes:
        Settings: Dataclass of depth, width and the like; its defaults are the published network.
        operations: Modules worth compiling (torch.compile), each on its own.
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
        """Build the modules, uninitialised: `layers.initialise` sets their values.

        Args:
            space: The search space.
            settings: An instance of `Settings`.
            channels: Channels of an image.
            classes: Classes of the images.
            members: Independent networks side by side.
            only: Architectures whose modules to build; None for the whole space.
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
        """Return the part of a plan that the output depends on: equal plans are the same computation.

        A family overrides this where a plan may contain operations that the output does not depend on.
        """
        del space
        return plan

    @classmethod
    def counts(cls, space: Any, settings: Any, graphs: Graphs, shape: ImageShape) -> Counts:  # noqa: ANN401
        """Return FLOPs and parameters of n architectures, each a network of its own.

        A family overrides this where the costs of operations simply add up, which is faster.
        """
        return count_each(cls, space, settings, cls.plans(graphs), shape)

    @abstractmethod
    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """Map images (b, members · channels, h, w) to logits (b, members, classes) by one architecture."""
