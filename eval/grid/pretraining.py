"""Pretraining of a trial's predictor on weak labels, and the cache of pretrained encoders."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
from filelock import FileLock
from predictors.pretraining import Pretrains

from data.errors import InputError
from data.fetch import cache_folder
from data.files import atomic_path
from eval.provenance import versions
from eval.task import Task, Trial, digest, hash_arrays
from predictors.base import Predictor


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
        return entry.encoder_hash, 0.0
    weak_labels = get_weak_labels(trial.task, entry.weak)
    path = cached_encoder(predictor, trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        cost = path.with_suffix(".json")
        if path.is_file() and cost.is_file():
            predictor.load_encoder(path)
            return hash_weak_labels(weak_labels), float(json.loads(cost.read_text("utf-8"))["seconds"])
        start = time.perf_counter()
        predictor.pretrain(trial.task.graphs.with_weak({}), weak_labels, seed=trial.task.seed)
        seconds = time.perf_counter() - start
        predictor.save_encoder(path)
        with atomic_path(cost) as part:
            part.write_text(json.dumps({"seconds": seconds}), "utf-8")
    return hash_weak_labels(weak_labels), seconds


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
        "seed": trial.task.seed,
        "versions": versions(),
    }
    return cache_folder() / "encoders" / f"{digest(identity, 24)}.safetensors"


def save_encoder(trial: Trial, path: Path) -> None:
    """Copy the encoder of a trial from the cache, where it is pretrained first if it is not there yet.

    Raises:
        InputError: The trial's predictor does not pretrain.
    """
    predictor = trial.entry.predictor.clone()
    if not isinstance(predictor, Pretrains) or not trial.entry.weak:
        raise InputError(f"'{trial.entry.name}' pretrains no encoder that could be saved")
    pretrain(predictor, trial)
    with atomic_path(path) as part:
        shutil.copyfile(cached_encoder(predictor, trial), part)
