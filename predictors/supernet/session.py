"""A training as the command line runs it: device, processes, progress, TensorBoard."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from data.errors import AcerankError
from predictors.supernet import parallel
from predictors.supernet.images import load
from predictors.supernet.job import TrainJob
from predictors.supernet.parts import progress
from predictors.supernet.train import train

EVERY = 50  # steps between scalars, and that a loss is averaged over


def run_training(
    job: TrainJob,
    folder: Path,
    *,
    device: str,
    initial: Mapping[str, Tensor] | None = None,
    threads: int = 1,
    minutes: float = 2.0,
    compiled: bool = False,
    tensorboard: bool = False,
) -> Path:
    """Train a supernet and return the file of its weights.

    Args:
        job: What is trained.
        folder: Where checkpoint and weights are.
        device: "cpu", "cuda" or one GPU; under torchrun each process takes its own.
        initial: Weights to begin with; None for new ones.
        threads: Threads on a CPU.
        minutes: Between checkpoints.
        compiled: Whether to compile the operations.
        tensorboard: Whether to write scalars.
    """
    torch.set_num_threads(threads)
    device = parallel.start(device)
    well = False
    try:
        images = load(job.images).to(device)
        steps = job.recipe.epochs * job.recipe.steps_per_epoch(len(images.train))
        with _shown(steps) as show, _scalars(folder, tensorboard) as write, _told_to_stop() as told:

            def report(step: int, steps: int, scalars: Mapping[str, float]) -> None:
                if not math.isfinite(scalars["loss"]):
                    raise AcerankError(f"the loss of step {step} is {scalars['loss']}: choose a smaller lr")
                show(step, scalars)
                write(step, scalars)

            broken_off: list[int] = []

            def stop(step: int) -> bool:
                broken_off.extend([step] if parallel.any_of(bool(told)) else [])
                return bool(broken_off)

            path = train(
                job,
                images,
                folder,
                initial=initial,
                minutes=minutes,
                compiled=compiled,
                report=report,
                stop=stop,
            )
        if broken_off:
            raise KeyboardInterrupt
        well = True
        return path
    finally:
        parallel.finish(well=well)


@contextmanager
def _told_to_stop() -> Iterator[list[int]]:
    """Collect the first signal that would end the process, so that the step is done and its state kept.

    A second one ends it at once. Off the main thread signals stay as they are.
    """
    told: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield told
        return

    def note(number: int, frame: object) -> None:
        del frame
        told.append(number)
        restore()

    def restore() -> None:
        for one, handler in before.items():
            signal.signal(one, handler)

    before = {one: signal.signal(one, note) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        restore()


class _RunningMean:
    """A mean in which older values weigh less and less: one architecture's loss says little."""

    def __init__(self) -> None:
        self.mean = 0.0
        self.weight = 0.0

    def of(self, value: float) -> float:
        """Return the mean with one more value."""
        self.mean += (value - self.mean) / (1 + self.weight)
        self.weight = min(self.weight + 1, EVERY)
        return self.mean


@contextmanager
def _shown(steps: int) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """Show the progress of the first process."""
    if parallel.rank():
        yield lambda step, scalars: None
        return
    with progress("training", steps) as tell:
        mean = _RunningMean()

        def show(step: int, scalars: Mapping[str, float]) -> None:
            tell(step, f"loss {mean.of(scalars['loss']):.3f}")

        yield show


@contextmanager
def _scalars(folder: Path, wanted: bool) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """Write scalars for TensorBoard, if they are wanted; AcerankError if it is not installed."""
    if not wanted or parallel.rank():
        yield lambda step, scalars: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise AcerankError("writing scalars needs TensorBoard: pip install 'acerank[supernet]'") from error
    with SummaryWriter(str(folder / "tensorboard")) as writer:

        def write(step: int, scalars: Mapping[str, float]) -> None:
            if step % EVERY == 0:
                for name, value in scalars.items():
                    writer.add_scalar(name, value, step)

        yield write
