"""Options that the commands share, and how their values are parsed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from data.errors import InputError
from data.names import check_name
from predictors.supernet.families import FAMILIES

if TYPE_CHECKING:
    from predictors.supernet.images import ImageSettings
    from predictors.supernet.job import TrainJob

Space = Annotated[str, typer.Option(help=f"Search space: {', '.join(FAMILIES)}.")]
ImagesOption = Annotated[
    str,
    typer.Option(
        "--images",
        help="cifar10, cifar100, imagenet16, digits, or a folder with one subfolder per class.",
    ),
]
Size = Annotated[int, typer.Option(min=0, help="Side of an image in pixels; 0 keeps the images' own size.")]
TrainImages = Annotated[int, typer.Option(min=0, help="Training images; 0 for all not held out.")]
ValidImages = Annotated[
    int | None, typer.Option(min=0, help="Training images to hold out for scoring. Default: a tenth.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Size of the network, e.g. --set depth=1 --set widths=16,32,64; repeatable. Defaults: "
        "the published network; `python -m predictors.supernet spaces` lists them.",
    ),
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the training images.")]
Batch = Annotated[int | None, typer.Option(min=1, help="Images per step.")]
Lr = Annotated[float | None, typer.Option(help="Peak learning rate.")]
Warmup = Annotated[
    float | None, typer.Option(help="Share of the steps during which the learning rate rises.")
]
Crop = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Largest random shift of an image, as a share of its side; 0 for none."),
]
WeightDecay = Annotated[float | None, typer.Option(help="Weight decay.")]
Amp = Annotated[bool, typer.Option("--amp", help="Compute in bfloat16 where it is safe.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...; auto uses a GPU if there is one.")]
Jobs = Annotated[
    int,
    typer.Option(min=0, help="Processes, one thread each; 0 for one per core. Results do not depend on it."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Dask cluster to run on in place of --jobs: tcp://host:8786, scheduler.json or local:2.",
    ),
]
Archs = Annotated[
    Path | None,
    typer.Option(help="Table with a column arch: the architectures to use. Default: a random sample."),
]
More = Annotated[
    list[str] | None,
    typer.Option(
        "--recipe",
        metavar="NAME=VALUE",
        help="Further training settings: momentum, flip (true, false), smoothing, clip; repeatable.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of weights, data order, augmentation and sampling.")]
SampleSeed = Annotated[int, typer.Option(min=0, help="Seed of the sample, and of untrained networks.")]


def network_settings(kind: type, given: Sequence[str] | None) -> Any:  # noqa: ANN401  # the class it was given
    """Return the settings of a family from "NAME=VALUE" each.

    Args:
        kind: Their dataclass.
        given: What differs from the defaults.

    Raises:
        UnknownNameError: The family has no such setting.
        InputError: A value is not of the setting's type.
    """
    return kind(**_values(kind, given))


def _values(kind: type, given: Sequence[str] | None) -> dict[str, Any]:
    """Return the values of a dataclass's fields that "NAME=VALUE" give."""
    types = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    values: dict[str, Any] = {}
    for item in given or []:
        name, equals, text = item.partition("=")
        if not equals:
            raise InputError(f"{item}: write NAME=VALUE; names: {', '.join(names)}")
        check_name("setting", name, names)
        values[name] = _value(item, text, types[name])
    return values


def _value(item: str, text: str, kind: Any) -> Any:  # noqa: ANN401
    try:
        if kind in (int, float, str):
            return kind(text)
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return tuple(int(part) for part in text.split(","))
    except (ValueError, KeyError) as error:
        raise InputError(f"{item}: not a valid value for this setting") from error


def as_options(values: Any) -> str:  # noqa: ANN401  # a dataclass or a mapping
    """Return settings as they are written on the command line: "depth=5 widths=16,32,64"."""
    pairs = values.items() if isinstance(values, Mapping) else vars(values).items()
    return " ".join(f"{name}={','.join(map(str, v)) if isinstance(v, tuple) else v}" for name, v in pairs)


def refuse_given(context: typer.Context, why: str, names: Sequence[str]) -> None:
    """Reject options if they were given; InputError names them."""
    given = [
        f"--{name.strip('_').replace('_', '-')}"
        for name in names
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    if given:
        raise InputError(f"{why}: leave out {', '.join(given)}")


def image_settings(name: str, size: int, train: int, valid: int | None) -> ImageSettings:
    """Return the settings of the images; the path of a folder becomes absolute."""
    from predictors.supernet.images import SOURCES, TENTH, ImageSettings

    if name not in SOURCES and Path(name).is_dir():
        name = str(Path(name).resolve())
    return ImageSettings(name, size, train, TENTH if valid is None else valid)


def recipe_options(
    epochs: int | None,
    batch: int | None,
    lr: float | None,
    warmup: float | None,
    crop: float | None,
    weight_decay: float | None,
    amp: bool,
    more: Sequence[str] | None,
) -> dict[str, Any]:
    """Return the training settings given on the command line, and only those."""
    from predictors.supernet.recipe import Recipe

    given = {
        "epochs": epochs,
        "batch": batch,
        "lr": lr,
        "warmup": warmup,
        "crop": crop,
        "weight_decay": weight_decay,
        "amp": amp or None,
    }
    return {name: value for name, value in given.items() if value is not None} | _values(Recipe, more)


def train_job(
    space: str,
    images: ImageSettings,
    settings: Sequence[str] | None,
    recipe: Mapping[str, Any],
    sampling: str,
    paths: int,
    seed: int,
    decay: float = 0.0,
    apart: int = -1,
) -> TrainJob:
    """Return the training job of a command line; unset options come from the space's default recipe."""
    from predictors.supernet.families import default_recipe, network_class
    from predictors.supernet.job import TrainJob
    from predictors.supernet.recipe import Recipe

    chosen = Recipe(**{**default_recipe(space), **recipe})
    shape = network_settings(network_class(space).Settings, settings)
    return TrainJob(space, shape, images, chosen, sampling, paths, seed, decay, apart)


def processes(jobs: int) -> int:
    """Return the number of processes for --jobs; 0 means one per core."""
    return jobs or os.cpu_count() or 1


def cluster_address(cluster: str | None, jobs: int) -> str:
    """Return the address for --cluster, "" for none; InputError if it is of no known form, or with --jobs."""
    if cluster is None:
        return ""
    if jobs > 1:
        raise InputError(f"--jobs {jobs} would have no effect: parts are computed on the cluster")
    from data.cluster.connect import check_address

    return check_address(cluster)


def device_named(device: str) -> str:
    """Return the device for --device; InputError if this machine does not have it."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise InputError(f"--device {device}: give cpu, cuda or cuda:1") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device {device}: no GPU that torch can use; --device cpu works everywhere")
    return device


def names_of(text: str | None) -> list[str]:
    """Return the distinct names of a comma-separated list."""
    return list(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))


def all_names(text: str) -> list[str]:
    """Return the names of a comma-separated list, repeated ones as often as they are there."""
    return [name.strip() for name in text.split(",") if name.strip()]
