"""What a supernet's weights depend on, in memory and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from data import spaces
from data.errors import InputError
from data.names import check_name
from predictors.supernet.families import network_class
from predictors.supernet.images import ImageSettings
from predictors.supernet.network import settings_json, settings_of_json
from predictors.supernet.recipe import Recipe
from predictors.supernet.sampling import SAMPLINGS


@dataclass(frozen=True)
class TrainJob:
    """What is trained, and how: everything that the weights depend on.

    Attributes:
        space: Name of the search space.
        settings: Size of its network.
        images: What it is trained on.
        recipe: How.
        sampling: Name of a sampling of `predictors.supernet.sampling`.
        paths: Random architectures a step; their gradients are averaged.
        seed: Seed of weights, order, augmentation and sampling.
        decay: How much earlier the learning rate falls for small architectures than for large ones, at least
            1 (`courses.ComplexityDecay`); 0 for the recipe's cosine for all.
        apart: Place whose choice decides which momentum a step uses; -1 for one momentum.
        fixed: A place and the choice that is trained there, for a part of a split supernet (`split`); empty
            for the whole space.
        parent: Hash of the supernet that the weights come from; empty for new weights.
    """

    space: str
    settings: Any
    images: ImageSettings
    recipe: Recipe
    sampling: str = "uniform"
    paths: int = 1
    seed: int = 0
    decay: float = 0.0
    apart: int = -1
    fixed: tuple[int, ...] = ()
    parent: str = ""

    def __post_init__(self) -> None:
        """Refuse an unknown sampling."""
        check_name("sampling", self.sampling, SAMPLINGS)
        if self.paths < 1:
            raise InputError(f"paths must be at least 1, not {self.paths}")
        places = len(spaces.get(self.space).choices)
        if not -1 <= self.apart < places:
            raise InputError(f"space '{self.space}' has places 0 to {places - 1}, not {self.apart}")

    @property
    def summary(self) -> str:
        """The job in one readable line."""
        size = ", ".join(f"{name} {value}" for name, value in asdict(self.settings).items())
        pixels = f" of {self.images.size} pixels" if self.images.size else ""
        extras = f", decay {self.decay:g}" if self.decay else ""
        extras += f", momenta by place {self.apart}" if self.apart >= 0 else ""
        if self.fixed:
            extras += f", tuned from {self.parent} with choice {self.fixed[1]} at place {self.fixed[0]}"
        return (
            f"{size}; {self.sampling} sampling of {self.paths}, {self.recipe.epochs} epochs of "
            f"{self.images.train or 'all'} images{pixels}{extras}, seed {self.seed}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        # What was added later is left out where it changes nothing, so that older folders still fit.
        later = {"decay": 0.0, "apart": -1, "fixed": (), "parent": ""}
        values = {**asdict(self), "settings": settings_json(self.settings)}
        return {name: v for name, v in values.items() if name not in later or v != later[name]}

    @staticmethod
    def of_json(values: Mapping[str, Any]) -> TrainJob:
        """Return the job that `as_json` wrote."""
        parts = {
            "settings": settings_of_json(network_class(values["space"]).Settings, values["settings"]),
            "images": ImageSettings(**values["images"]),
            "recipe": Recipe(**values["recipe"]),
        }
        return TrainJob(**{**values, **parts, "fixed": tuple(values.get("fixed", ()))})
