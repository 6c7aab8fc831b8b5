"""Few-shot supernets: a supernet split along one place, each part tuned for a short while."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file

from data import spaces
from data.errors import InputError, MissingTableError
from predictors.supernet.sampling import any_combination
from predictors.supernet.session import run_training
from predictors.supernet.weights import Supernet, read_supernet

NAME = "supernet.safetensors"


def split(parent: Path, place: int, folder: Path, *, epochs: int, lr: float, device: str) -> list[Path]:
    """Tune a copy of a supernet for each choice at a place, with that choice fixed; return their files.

    Architectures that differ at the place no longer share weights, and disturb each other less.
    Source: Zhao et al., Few-Shot Neural Architecture Search, ICML 2021.

    Args:
        parent: File of a supernet of the whole space.
        place: Place of a code: for NAS-Bench-201 an edge, 3 is the one from input to output.
        folder: Where the parts are, each in a folder that is called as its choice.
        epochs: Passes over the training images, for each part.
        lr: Peak learning rate; it falls as in the parent's recipe.
        device: Where to train.

    Raises:
        InputError: The file is of a part already, the space has no such place, or not every combination of
            choices is an architecture.
    """
    whole = read_supernet(parent)
    space = spaces.get(whole.job.space)
    if whole.job.fixed:
        raise InputError(f"{parent} is a part of a split supernet: split the whole one")
    if not 0 <= place < len(space.choices):
        raise InputError(f"space '{space.name}' has places 0 to {len(space.choices) - 1}, not {place}")
    if not any_combination(space):
        raise InputError(
            f"space '{space.name}' does not allow every choice at every place: it cannot be split"
        )
    recipe = replace(whole.job.recipe, epochs=epochs, lr=lr, warmup=0.0)
    weights = load_file(parent, device=device)
    paths = []
    for choice in range(space.choices[place]):
        job = replace(whole.job, recipe=recipe, fixed=(place, choice), parent=whole.hash)
        paths.append(run_training(job, folder / str(choice), device=device, initial=weights))
    return paths


def parts(path: Path) -> list[Supernet]:
    """Return the supernet of a file, or those that `split` wrote into a folder.

    Raises:
        MissingTableError: There is nothing there.
        InputError: The folder does not hold a part for every choice.
    """
    if not path.is_dir():
        return [read_supernet(path)]
    files = sorted(path.glob(f"*/{NAME}"), key=lambda file: file.parent.name)
    if not files:
        raise MissingTableError(f"{path} has no parts: `python -m predictors.supernet split` writes them")
    found = [read_supernet(file) for file in files]
    job = found[0].job
    whole = (
        [(job.fixed[0], c) for c in range(spaces.get(job.space).choices[job.fixed[0]])] if job.fixed else []
    )
    if sorted(one.job.fixed for one in found) != whole or len({one.job.parent for one in found}) > 1:
        raise InputError(f"{path} does not hold one part for every choice: run the split again to finish it")
    return found
