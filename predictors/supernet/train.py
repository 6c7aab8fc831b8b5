"""Training a supernet: at each step the weights of a few sampled architectures."""

from __future__ import annotations

import hashlib
import io
import pickle
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import SGD

from data import spaces
from data.errors import InputError
from data.files import atomic_path
from predictors.supernet import parallel
from predictors.supernet.alone import build, check_fits
from predictors.supernet.counts import Counts, ImageShape
from predictors.supernet.courses import ComplexityDecay
from predictors.supernet.evaluate import autocast
from predictors.supernet.families import network_class
from predictors.supernet.images import Images
from predictors.supernet.job import TrainJob
from predictors.supernet.parts import SETTINGS, check_settings
from predictors.supernet.recipe import augment, set_lr, side_by_side
from predictors.supernet.sampling import SAMPLINGS
from predictors.supernet.weights import save_supernet

# What reading a damaged file of tensors, or one of another job, may raise.
BROKEN = (
    *(RuntimeError, KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError),
    pickle.UnpicklingError,
)


class Trainer:
    """A supernet in training. Every random choice is a function of the seed and the step.

    So weights, optimiser and step are the entire state, and an interrupted run resumes bit for bit (on a
    CPU; a GPU's convolutions may differ in the last digit).
    """

    def __init__(self, job: TrainJob, images: Images) -> None:
        self.job, self.images = job, images
        self.space = spaces.get(job.space)
        self.kind = network_class(job.space)
        (plan,) = self.kind.plans(self.space.graphs(self.space.sample(1, np.random.default_rng(job.seed))))
        check_fits(self.kind, self.space, job.settings, images, plan)
        self.network = build(self.kind, self.space, job.settings, images, [job.seed])
        momenta = self.space.choices[job.apart] if job.apart >= 0 else 1
        self.optimisers = [
            job.recipe.optimiser(self.network.parameters(), shared=True) for _ in range(momenta)
        ]
        self.per_epoch = job.recipe.steps_per_epoch(len(images.train))
        self.steps = job.recipe.epochs * self.per_epoch
        self.sample = SAMPLINGS[job.sampling](self.space, job.paths, job.seed, self._flops)
        self.decay = ComplexityDecay(self.space, self._params, job.decay, job.seed) if job.decay else None
        self.done = 0
        parallel.check_batch(job.recipe.batch)

    def _flops(self, codes: np.ndarray) -> np.ndarray:
        return self._counts(codes).flops

    def _params(self, codes: np.ndarray) -> np.ndarray:
        return self._counts(codes).params

    def _counts(self, codes: np.ndarray) -> Counts:
        shape = ImageShape(self.images.channels, self.images.train.x.shape[-1], self.images.classes)
        return self.kind.counts(self.space, self.job.settings, self.space.graphs(codes), shape)

    @property
    def lr(self) -> float:
        """Learning rate of the last step."""
        return self.optimisers[0].param_groups[0]["lr"]

    def step(self) -> float:
        """Do one step; return the mean loss of its architectures."""
        lr = self.job.recipe.lr_at(self.done, self.steps, linear=self.decay is not None)
        for optimiser in self.optimisers:
            set_lr(optimiser, lr)
        x, y = self._batch()
        codes = self.sample(self.done)
        if self.job.fixed:
            place, choice = self.job.fixed
            codes[:, place] = choice
        weights = (
            np.ones(len(codes)) if self.decay is None else self.decay.weights(codes, self.done, self.steps)
        )
        self.network.train()
        groups = [np.arange(len(codes))]
        if self.job.apart >= 0:
            chosen = codes[:, self.job.apart]
            groups = [np.flatnonzero(chosen == choice) for choice in range(len(self.optimisers))]
        total = 0.0
        for optimiser, rows in zip(self.optimisers, groups, strict=True):
            if len(rows):
                total += self._update(optimiser, codes[rows], weights[rows] / len(codes), x, y)
        self.done += 1
        return total / len(codes)

    def _update(self, optimiser: SGD, codes: np.ndarray, weights: np.ndarray, x: Tensor, y: Tensor) -> float:
        """Change the weights by the gradients of some architectures; return the sum of their losses."""
        recipe = self.job.recipe
        # Without gradients the optimiser leaves a weight, and its momentum, alone.
        optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for plan, weight in zip(self.kind.plans(self.space.graphs(codes)), weights.tolist(), strict=True):
            with autocast(x, recipe.amp):
                logits = self.network(x, plan)
            loss = F.cross_entropy(logits[:, 0], y, label_smoothing=recipe.smoothing)
            (loss * weight).backward()
            total += float(loss.detach())
        parallel.average_gradients(self.network)
        if recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip)
        optimiser.step()
        return total

    def _batch(self) -> tuple[Tensor, Tensor]:
        """Return this process's images of the step, augmented, and their classes."""
        epoch, place = divmod(self.done, self.per_epoch)
        order = torch.randperm(len(self.images.train), generator=self._generator("order", epoch))
        rows = order[place * self.job.recipe.batch : (place + 1) * self.job.recipe.batch]
        rows = rows[parallel.rank() :: parallel.world()]
        noise = self._generator("augment", self.done, parallel.rank())
        part = self.images.train.take(rows.to(self.images.train.y.device))
        return side_by_side(augment(part.x[:, None], self.job.recipe, [noise])), part.y

    def _generator(self, *what: object) -> torch.Generator:
        digest = hashlib.sha256(repr((self.job.seed, *what)).encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def save(self, path: Path) -> None:
        """Write the state; a reader never sees half of one."""
        state = {
            "step": self.done,
            "network": self.network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        # By way of memory: then a full disk is an error of the file, not one of torch's own.
        content = io.BytesIO()
        torch.save(state, content)
        with atomic_path(path) as part:
            part.write_bytes(content.getbuffer())

    def load(self, path: Path) -> None:
        """Take the state that `save` wrote.

        Raises:
            InputError: The file is no such state.
        """
        try:
            state = torch.load(path, map_location=self.images.train.x.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            for optimiser, before in zip(self.optimisers, _optimiser_states(state), strict=True):
                optimiser.load_state_dict(before)
            self.done = int(state["step"])
        except (*BROKEN, OSError) as error:
            first = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{path} is not a complete checkpoint of this job ({first}); delete it"
            ) from error


def _optimiser_states(state: Mapping[str, Any]) -> list[Any]:
    """Return the states of a checkpoint's optimisers; older ones hold a single one."""
    return state["optimisers"] if "optimisers" in state else [state["optimiser"]]


def train(
    job: TrainJob,
    images: Images,
    folder: Path,
    *,
    initial: Mapping[str, Tensor] | None = None,
    minutes: float = 2.0,
    compiled: bool = False,
    report: Callable[[int, int, Mapping[str, float]], object] = lambda step, steps, scalars: None,
    stop: Callable[[int], bool] = lambda step: False,
) -> Path:
    """Train a supernet, resuming an interrupted run, and return the file of its weights.

    Args:
        job: What is trained.
        images: Its images, on the device to train on.
        folder: Where the checkpoint, the settings and the weights are.
        initial: Weights to begin with; None for new ones.
        minutes: Between checkpoints; there is one at the end of the training as well.
        compiled: Whether to compile the operations (torch.compile), which pays in long trainings.
        report: Told after each step: step, steps, scalars by name.
        stop: Asked after each step; if it says so, a checkpoint is written and the training breaks off.

    Raises:
        InputError: The folder holds a training with other settings, or a broken checkpoint.
    """
    own = {"job": "train", **job.as_json(), "hash": images.content_hash, "processes": parallel.world()}
    check_settings(folder / SETTINGS, own)
    trainer = Trainer(job, images)
    if initial is not None:
        trainer.network.load_state_dict(initial)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.is_file():
        trainer.load(checkpoint)
    parallel.check_step(trainer.done)
    if compiled:
        compile_operations(trainer)
    last = time.monotonic()
    while trainer.done < trainer.steps:
        loss = trainer.step()
        report(trainer.done, trainer.steps, {"loss": loss, "lr": trainer.lr})
        ended = trainer.done == trainer.steps or stop(trainer.done)
        if parallel.rank() == 0 and (ended or time.monotonic() - last > 60 * minutes):
            trainer.save(checkpoint)
            last = time.monotonic()
        if ended:
            break
    path = folder / "supernet.safetensors"
    if parallel.rank() == 0 and trainer.done == trainer.steps:
        save_supernet(path, trainer.network, job)
    return path


def compile_operations(trainer: Trainer) -> None:
    """Compile each operation of a supernet; a whole path would be compiled again for every architecture.

    Raises:
        InputError: The family has no operation of a fixed shape.
    """
    if not trainer.kind.operations:
        raise InputError(
            f"the operations of space '{trainer.space.name}' have no fixed shape and cannot be compiled"
        )
    for module in trainer.network.modules():
        if type(module) in trainer.kind.operations:
            module.compile()
