"""A trained supernet as a file: safetensors, with the job it came from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from data import spaces
from data.errors import AcerankError, InputError, MissingTableError
from data.files import atomic_path, checksum
from predictors.supernet.alone import build
from predictors.supernet.families import network_class
from predictors.supernet.images import Images
from predictors.supernet.job import TrainJob
from predictors.supernet.network import Network

KEY = "acerank_supernet"


@dataclass(frozen=True)
class Supernet:
    """A file of weights.

    Attributes:
        path: Where it is.
        job: What it was trained by.
        hash: Twelve hex digits that identify the file.
    """

    path: Path
    job: TrainJob
    hash: str


def save_supernet(path: Path, network: Network, job: TrainJob) -> None:
    """Write a supernet's weights and the job that they came from."""
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with atomic_path(path) as part:
        part.write_bytes(save(state, metadata={KEY: json.dumps(job.as_json())}))


def read_supernet(path: Path) -> Supernet:
    """Return what a file says of the supernet in it, without reading its weights.

    Raises:
        MissingTableError: There is no such file.
        InputError: It is no supernet of this project.
    """
    if not path.is_file():
        raise MissingTableError(
            f"there is no file '{path}'; `python -m predictors.supernet train --out FOLDER` writes "
            "FOLDER/supernet.safetensors when the training is done"
        )
    try:
        with safe_open(path, "pt") as file:
            job = TrainJob.of_json(json.loads((file.metadata() or {})[KEY]))
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, AcerankError) as error:
        raise InputError(f"{path} is not a supernet that this project trained") from error
    return Supernet(path, job, checksum(path)[:12])


def load_network(supernet: Supernet, images: Images) -> Network:
    """Return the network with its trained weights, on the images' device.

    Raises:
        InputError: The weights are not those of the network, or the images have other classes by now.
    """
    job = supernet.job
    network = build(network_class(job.space), spaces.get(job.space), job.settings, images, [job.seed])
    try:
        with torch.no_grad():
            network.load_state_dict(load_file(supernet.path))
    except (SafetensorError, RuntimeError) as error:
        raise InputError(f"{supernet.path}: its weights do not fit its network and these images") from error
    return network
