"""True labels: architectures trained from scratch, several seeds each, into a benchmark table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from data import spaces
from data.errors import AcerankError
from data.table import Column, Table
from predictors.supernet.alone import build, check_fits, train
from predictors.supernet.counts import ImageShape
from predictors.supernet.families import network_class
from predictors.supernet.images import Images, ImageSettings, load
from predictors.supernet.network import settings_json
from predictors.supernet.parts import SETTINGS, Parts, Record, run_parts
from predictors.supernet.recipe import Recipe
from predictors.supernet.remote import Job, run_remote


@dataclass(frozen=True)
class TruthJob:
    """What is trained.

    Attributes:
        space: Name of the search space.
        settings: Size of its networks.
        images: Images to train and evaluate on.
        recipe: How they are trained.
        together: Seeds that are trained in one program: 0 to `together` − 1, the next as many, and so on;
            with another number the last digits differ.
        device: Where, e.g. "cpu" or "cuda".
    """

    space: str
    settings: Any
    images: ImageSettings
    recipe: Recipe
    together: int = 8
    device: str = "cpu"

    def blocks(self, seeds: int) -> list[range]:
        """Return the seeds 0, 1, ... in the blocks that are trained together; the last may be smaller."""
        return [range(first, min(first + self.together, seeds)) for first in range(0, seeds, self.together)]


def grouping(folder: Path, seeds: int) -> int:
    """Return how many seeds are trained together: as many as in the job a folder holds, all in a new one."""
    try:
        return int(json.loads((folder / SETTINGS).read_text())["together"])
    except (OSError, ValueError, KeyError, TypeError):
        return seeds  # a folder of another job is refused when its settings are compared


def run(job: TruthJob, codes: np.ndarray, seeds: int, folder: Path, *, jobs: int, cluster: str = "") -> Table:
    """Train architectures, or those that are missing, and return the benchmark table.

    Args:
        job: What is trained.
        codes: (n, places) architectures; more may be asked for later, into the same folder.
        seeds: Seeds of each, likewise.
        folder: Where finished parts are kept.
        jobs: Processes.
        cluster: Address of a cluster to run on in their place; "" for none.
    """
    space = spaces.get(job.space)
    images = load(job.images)
    kind = network_class(job.space)
    check_fits(kind, space, job.settings, images, kind.plans(space.graphs(codes[:1]))[0])
    own = {**asdict(job), "settings": settings_json(job.settings), "hash": images.content_hash}
    parts = Parts(folder, {"job": "truth", **own})
    texts = space.format(codes)
    items = {
        part_name(code, block): (code.tolist(), list(block)) for block in job.blocks(seeds) for code in codes
    }
    remote = partial(run_remote, cluster, Job(_part, _setup, (job,)), images) if cluster else None
    run_parts(
        _part, items, parts, setup=_setup, setup_args=(job,), jobs=jobs, title="training", remote=remote
    )
    shape = ImageShape(images.channels, images.train.x.shape[-1], images.classes)
    counts = kind.counts(space, job.settings, space.graphs(codes), shape)
    return _table(job, codes, texts, seeds, parts, {"flops": counts.flops, "params": counts.params})


def part_name(code: np.ndarray, block: range) -> str:
    """Return the name of the part that trains a code (places,) with a block of seeds."""
    return f"{''.join(np.base_repr(int(c), 36) for c in code)}-{block[0]}-{block[-1]}"


_worker: tuple[TruthJob, Images] | None = None


def _setup(job: TruthJob, images: Images | None = None) -> None:
    """Load the images once in each process."""
    global _worker
    torch.set_num_threads(1)
    _worker = job, (images or load(job.images)).to(job.device)


def _part(item: tuple[list[int], list[int]]) -> Record:
    """Train one architecture with one block of seeds."""
    if _worker is None:
        raise RuntimeError("_setup must run before any part")
    job, images = _worker
    code, seeds = item
    space = spaces.get(job.space)
    kind = network_class(job.space)
    (plan,) = kind.plans(space.graphs(np.array([code])))
    network = build(kind, space, job.settings, images, seeds, [plan])
    result = train(network, plan, images, job.recipe, seeds)
    if not torch.isfinite(result.test.loss).all():
        (text,) = space.format(np.array([code]))
        raise AcerankError(f"{text}: the loss of seeds {seeds} is not a number; choose a smaller lr")
    record = {"test_acc": result.test.accuracy, "test_loss": result.test.loss}
    if len(images.valid):
        record |= {"valid_acc": result.valid.accuracy}
    return {name: [round(float(v), 5) for v in values] for name, values in record.items()}


def _table(
    job: TruthJob,
    codes: np.ndarray,
    texts: Sequence[str],
    seeds: int,
    parts: Parts,
    costs: Mapping[str, np.ndarray],
) -> Table:
    """Return the benchmark table of finished parts."""
    records = [[parts.read(part_name(code, block)) for block in job.blocks(seeds)] for code in codes]
    dataset = Path(job.images.name).name
    values: dict[str, np.ndarray] = {}
    columns: dict[str, Column] = {}
    for target in ("test_acc", "valid_acc", "test_loss"):
        if target not in records[0][0]:
            continue
        found = np.array([[v for record in row for v in record[target]] for row in records], np.float32)
        name = f"{dataset}_{target}"
        values[name] = found.mean(1)
        unit, direction = ("", -1) if target == "test_loss" else ("%", 1)
        note = f"trained from scratch, mean over {seeds} seeds"
        columns[name] = Column(name, dataset, target, unit, direction, note=note)
        if target == "test_acc":
            for seed in range(seeds):
                single = f"{name}_{seed}"
                values[single] = found[:, seed]
                columns[single] = Column(single, dataset, f"{target}_{seed}", note=f"seed {seed}")
    for name, numbers in costs.items():
        values[name] = numbers
        columns[name] = Column(name, dataset, name, "M", kind="weak", note="of the network that was trained")
    return Table(pa.table({"space": [job.space] * len(texts), "arch": list(texts), **values}), columns)
