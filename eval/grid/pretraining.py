"""Pretraining of a trial's predictor on weak labels, and the cache of pretrained encoders."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from filelock import FileLock

from data.errors import InputError
from data.folders import cache_folder
from eval.provenance import versions
from eval.task import Task, Trial, digest, hash_arrays
from predictors.base import Predictor
from predictors.pretraining import Pretrains


def pretrain(predictor: Predictor, trial: Trial) -> tuple[str, float]:
    """Pretrain a predictor on the weak labels of its trial, or load what was pretrained before.

    Returns:
        A hash of the weak labels ("" for none), and the seconds that pretraining took when it was done.

    Raises:
        InputError: A saved encoder was pretrained on true labels of the task's data set.
    """
    entry = trial.entry
    if not isinstance(predictor, Pretrains) or not (entry.weak or entry.encoder):
        return "", 0.0
    if entry.encoder:
        predictor.load_encoder(Path(entry.encoder))
        own = [name for name in predictor.pretrained_on if name.startswith(f"{trial.task.dataset}/")]
        if own:
            raise InputError(
                f"{entry.encoder} was pretrained on {', '.join(own)}: true labels of the task's data set"
            )
        seconds = predictor.pretrain_seconds_
        return entry.encoder_hash, 0.0 if math.isnan(seconds) else seconds
    weak_labels = get_weak_labels(trial.task, entry.weak)
    path = cached_encoder(predictor, trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.is_file():
            predictor.load_encoder(path)
        else:
            predictor.pretrain(trial.task.graphs.with_weak({}), weak_labels, seed=trial.pretrain_seed)
            predictor.save_encoder(path)
    return hash_weak_labels(weak_labels), predictor.pretrain_seconds_


def get_weak_labels(task: Task, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the weak labels (n,) of these names for a task, NaN where unknown."""
    return {name: task.bench.weak_for(name, task.dataset) for name in names}


def hash_weak_labels(weak_labels: dict[str, np.ndarray]) -> str:
    """Return hex digits for the names and values of weak labels."""
    return digest({name: hash_arrays(values) for name, values in weak_labels.items()}, 12)


def cached_encoder(predictor: Pretrains, trial: Trial) -> Path:
    """Return where the encoder of a trial is cached, under the hash of everything that determines it."""
    content = trial.task.content
    identity = {
        "entry": {k: v for k, v in trial.entry.content.items() if k != "params"},
        "params": predictor.pretrain_params(),
        "space": content["space"],
        "graphs": content["graphs"],
        "weak": hash_weak_labels(get_weak_labels(trial.task, trial.entry.weak)),
        "seed": trial.pretrain_seed,
        "versions": versions(),
    }
    return cache_folder() / "encoders" / f"{digest(identity, 24)}.safetensors"


def save_encoder(trial: Trial, path: Path) -> None:
    """Save the encoder of a trial, pretrained now if the cache does not have it.

    Raises:
        InputError: The trial's predictor does not pretrain.
    """
    predictor = trial.entry.predictor.clone()
    if not isinstance(predictor, Pretrains) or not trial.entry.weak:
        raise InputError(f"'{trial.entry.name}' pretrains no encoder that could be saved")
    pretrain(predictor, trial)
    predictor.save_encoder(path, cost=False)
