"""Encoder files: what pretraining left behind, as safetensors with one JSON description."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from data.errors import InputError, TableError
from data.files import atomic_path
from predictors.weak_knowledge import WeakKnowledge

_KEYS = ("predictor", "encoder", "weak", "space")


def write_encoder(
    path: Path, knowledge: WeakKnowledge, predictor: str, shape: str, seconds: float | None
) -> None:
    """Write an encoder file; equal arguments give equal bytes.

    Args:
        path: The file; it is replaced as a whole.
        knowledge: What was learned.
        predictor: Name of the predictor.
        shape: The hyper-parameters that the shape of the encoder depends on, as text.
        seconds: Seconds that pretraining took; None to leave them out.
    """
    from safetensors.torch import save_file

    tensors = {f"net.{name}": tensor.contiguous() for name, tensor in knowledge.state.items()}
    tensors["hashes"] = torch.from_numpy(knowledge.hashes.view(np.int64).copy())
    tensors["values"] = torch.from_numpy(knowledge.values.copy())
    described = {"predictor": predictor, "encoder": shape, "weak": knowledge.names, "space": knowledge.space}
    if seconds is not None and math.isfinite(seconds):
        described["seconds"] = seconds
    # One entry: safetensors writes several in an order that changes from file to file.
    with atomic_path(path) as part:
        save_file(tensors, part, metadata={"acerank": json.dumps(described, sort_keys=True)})


def read_encoder(
    path: Path, predictor: str | None = None, shape: str | None = None
) -> tuple[WeakKnowledge, float]:
    """Read an encoder file.

    Args:
        path: The file.
        predictor: Name of the predictor that it must be of; None for any.
        shape: The hyper-parameters that the shape of its encoder must agree with, as text; None for any.

    Returns:
        What was learned, and the seconds that it took; NaN if the file does not say.

    Raises:
        TableError: Not a complete encoder file.
        InputError: An encoder of another predictor or shape.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise TableError(f"{path} is not a complete encoder file: {error}") from error
    described = _description(path, metadata)
    found = (described["predictor"], described["encoder"])
    if predictor is not None and found != (predictor, shape):
        raise InputError(
            f"{path} holds an encoder of {described['predictor']} ({described['encoder']}), "
            f"which does not fit {predictor} ({shape})"
        )
    if not {"hashes", "values"} <= set(tensors):
        raise TableError(f"{path} is not a complete encoder file: it has no tensors 'hashes' and 'values'")
    knowledge = WeakKnowledge(
        tuple(described["weak"]),
        tensors["hashes"].numpy().view(np.uint64),
        tensors["values"].numpy(),
        described["space"],
        {name[4:]: tensor for name, tensor in tensors.items() if name.startswith("net.")},
    )
    return knowledge, float(described.get("seconds", math.nan))


def _description(path: Path, metadata: Mapping[str, str]) -> dict:
    """Return the description in an encoder file's metadata; older files have an entry for each item."""
    try:
        described = json.loads(metadata["acerank"]) if "acerank" in metadata else dict(metadata)
        if isinstance(described["weak"], str):
            described["weak"] = json.loads(described["weak"])
        return described | {key: described[key] for key in _KEYS}
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(
            f"{path} is not an encoder file: its metadata lack {', '.join(_KEYS)}; "
            "encoders are written by --save-encoder or save_encoder()"
        ) from error
