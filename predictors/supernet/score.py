"""Weak labels: a table of accuracies with inherited weights, or of zero-cost proxies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from data import spaces
from data.errors import InputError
from data.names import check_name
from data.table import Column, Table
from predictors.supernet.alone import build, check_fits
from predictors.supernet.counts import ImageShape
from predictors.supernet.evaluate import Judgement, judge, recalibrate
from predictors.supernet.families import network_class
from predictors.supernet.images import TENTH, Images, ImageSettings, load
from predictors.supernet.network import Network, Plan, settings_json
from predictors.supernet.parts import Parts, Record, run_parts
from predictors.supernet.proxies import PROXIES, Probe
from predictors.supernet.remote import Job, run_remote
from predictors.supernet.shared import SharedJudge
from predictors.supernet.split import parts as parts_of
from predictors.supernet.weights import Supernet, load_network

CHUNK = 20  # architectures in a part: what a run that is stopped loses at most, in each process


@dataclass(frozen=True)
class ScoreJob:
    """What to score, and how.

    Attributes:
        space: Name of the search space.
        settings: Size of its networks.
        images: Images; the held-out ones are scored on, or the test images if none are held out.
        supernet: Weights to score with; None to compute zero-cost proxies only.
        others: The other parts, if it is the first part of a split supernet.
        recalibrate: Training images from which each architecture's batch-norm statistics are taken; 0 to
            use the supernet's running ones, which mix all architectures.
        recalibrations: Sets of that many images; scores are the mean over them.
        shared: Whether to compute once what cells share, where the family can; the scores are the same up to
            rounding.
        proxies: Zero-cost proxies of untrained networks.
        test: Whether to score on the test images even if others are held out.
        proxy_batch: Training images that a proxy sees.
        seed: Seed of the untrained networks.
        amp: Whether to compute in bfloat16.
        device: Where, e.g. "cpu" or "cuda".
    """

    space: str
    settings: Any
    images: ImageSettings
    supernet: Supernet | None = None
    others: tuple[Supernet, ...] = ()
    recalibrate: int = 1000
    recalibrations: int = 1
    shared: bool = True
    proxies: tuple[str, ...] = ()
    test: bool = False
    proxy_batch: int = 64
    seed: int = 0
    amp: bool = False
    device: str = "cpu"

    @property
    def held_out(self) -> bool:
        """Whether architectures are scored on held-out images."""
        return self.images.valid != 0 and not self.test

    def identity(self) -> dict[str, Any]:
        """Return everything that a score depends on, as JSON values."""
        own: dict[str, Any] = {"supernet": self.supernet.hash if self.supernet else None, "others": None}
        own["settings"] = settings_json(self.settings)
        if not self.proxies:  # then nothing random is left
            own |= {"seed": None, "proxy_batch": None}
        return {"job": "score", **asdict(self), **own}


def score_job(
    supernet: Path | None,
    proxies: Sequence[str],
    space: str,
    images: ImageSettings,
    settings: Any,  # noqa: ANN401  # the family's own
    *,
    test: bool = False,
    **other: Any,  # noqa: ANN401  # fields of ScoreJob
) -> ScoreJob:
    """Return the job that a command line means; a supernet brings its own space, settings and images.

    Args:
        supernet: File of the weights, or folder of a split supernet, if there is one.
        proxies: Names of proxies; ["all"] for all.
        space: Without a supernet: the space.
        images: Without a supernet: the images.
        settings: Without a supernet: the size of the networks.
        test: Judge on the test images even if others are held out.
        other: Further fields of `ScoreJob`.

    Raises:
        InputError: There is nothing to compute.
        UnknownNameError: An unknown proxy.
    """
    names = tuple(PROXIES) if "all" in proxies else tuple(proxies)
    for name in names:
        check_name("proxy", name, PROXIES)
    if supernet is None and not names:
        raise InputError(f"name a supernet file or proxies (all, or some of {', '.join(PROXIES)})")
    weights: Supernet | None = None
    others: tuple[Supernet, ...] = ()
    if supernet is not None:
        weights, *rest = parts_of(supernet)
        others = tuple(rest)
        space, images, settings = weights.job.space, weights.job.images, weights.job.settings
    return ScoreJob(space, settings, images, weights, others=others, proxies=names, test=test, **other)


def run(
    job: ScoreJob,
    codes: np.ndarray,
    folder: Path,
    *,
    jobs: int,
    cluster: str = "",
    prefix: str = "supernet",
    average_twins: bool = False,
) -> Table:
    """Score architectures, or those that are missing, and return the table of weak labels.

    Args:
        job: What they are scored by.
        codes: (n, places) architectures, each once; more may be asked for later, into the same folder.
        folder: Where finished parts are kept.
        jobs: Processes.
        cluster: Address of a cluster to run on in their place; "" for none.
        prefix: What the columns of the supernet are called: PREFIX_acc and so on.
        average_twins: Whether each gets the mean over those of `codes` that are the same network. They stand
            at other places of the supernet, with other weights: several scores of one network.
    """
    space = spaces.get(job.space)
    texts = space.format(codes)
    images = load(job.images)
    kind = network_class(job.space)
    check_fits(kind, space, job.settings, images, kind.plans(space.graphs(codes[:1]))[0])
    most = len(images.train)
    job = replace(job, recalibrate=min(job.recalibrate, most), proxy_batch=min(job.proxy_batch, most))
    if job.recalibrations < 1 or job.recalibrations * job.recalibrate > most:
        raise InputError(
            f"{job.recalibrations} recalibrations of {job.recalibrate} images: give at least one, and no "
            f"more than the {most} training images allow"
        )
    if job.supernet is not None and job.recalibrate == 1:
        raise InputError("recalibrate must be 0 or at least 2 images: a single one may have no variance")
    found: dict[str, np.ndarray] = {}
    for one, rows, place in _split(job, codes, folder):
        for column, values in _scores(one, codes[rows], images, place, jobs, cluster).items():
            found.setdefault(column, np.empty(len(codes)))[rows] = values
    note = _images_note(job)
    if average_twins:
        note += ", mean over the codes of a network"
        _, twins = space.graphs(codes).unique()
        for name in {"acc", "loss"} & set(found):
            found[name] = (np.bincount(twins, found[name]) / np.bincount(twins))[twins]
    shape = ImageShape(images.channels, images.train.x.shape[-1], images.classes)
    counts = kind.counts(space, job.settings, space.graphs(codes), shape)
    return _table(job, texts, found, {"flops": counts.flops, "params": counts.params}, prefix, note)


def _split(job: ScoreJob, codes: np.ndarray, folder: Path) -> list[tuple[ScoreJob, np.ndarray, Path]]:
    """Return the job of each part of a split supernet, its rows of `codes`, and its folder."""
    if not job.others or job.supernet is None:
        return [(job, np.arange(len(codes)), folder)]
    pieces = []
    for supernet in (job.supernet, *job.others):
        place, choice = supernet.job.fixed
        rows = np.flatnonzero(codes[:, place] == choice)
        if len(rows):
            pieces.append((replace(job, supernet=supernet, others=()), rows, folder / str(choice)))
    return pieces


def _scores(
    job: ScoreJob, codes: np.ndarray, images: Images, folder: Path, jobs: int, cluster: str
) -> dict[str, np.ndarray]:
    """Return the scores (n,) of architectures, by column; those that are missing are computed."""
    if job.supernet is not None:
        load_network(job.supernet, images)
    parts = Parts(folder, {**job.identity(), "hash": images.content_hash})
    texts = spaces.get(job.space).format(codes)
    first, which = _computed(job, codes)
    chunks = [first[start : start + CHUNK] for start in range(0, len(first), CHUNK)]
    items = {_part_name([texts[row] for row in chunk]): codes[chunk].tolist() for chunk in chunks}
    remote = partial(run_remote, cluster, Job(_part, _setup, (job,)), images) if cluster else None
    run_parts(_part, items, parts, setup=_setup, setup_args=(job,), jobs=jobs, title="scoring", remote=remote)
    records = [parts.read(name) for name in items]
    return {column: np.concatenate([record[column] for record in records])[which] for column in records[0]}


def _computed(job: ScoreJob, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first of each set of architectures that are one computation, and the set of each.

    Proxies look at operations that nothing depends on as well, so for them every architecture is its own.

    Returns:
        Rows of `codes`, ascending; (n,) places among them.
    """
    if job.proxies:
        return np.arange(len(codes)), np.arange(len(codes))
    kind = network_class(job.space)
    space = spaces.get(job.space)
    place: dict[Plan, int] = {}
    which = [
        place.setdefault(kind.computed(space, plan), len(place)) for plan in kind.plans(space.graphs(codes))
    ]
    return np.unique(which, return_index=True)[1], np.array(which)


def _part_name(texts: Sequence[str]) -> str:
    """Return the name of the part that scores these architectures."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


Judge = Callable[[Plan], Judgement]

_worker: tuple[ScoreJob, Images, list[Judge]] | None = None


def _setup(job: ScoreJob, images: Images | None = None) -> None:
    """Load images and weights once in each process."""
    global _worker
    torch.set_num_threads(1)
    images = (images or load(job.images)).to(job.device)
    network = load_network(job.supernet, images) if job.supernet else None
    _worker = job, images, [] if network is None else judges(job, network, images)


def judges(job: ScoreJob, network: Network, images: Images) -> list[Judge]:
    """Return what evaluates an architecture: once for each set of images that statistics come from."""
    split = images.valid if job.held_out else images.test
    sets = [images.train.x[i * job.recalibrate :][: job.recalibrate] for i in range(job.recalibrations)]
    if job.shared and job.recalibrate and SharedJudge.suits(network):
        return [SharedJudge(network, x, split, amp=job.amp).judge for x in sets]

    def judge_with(x: Tensor, plan: Plan) -> Judgement:
        if job.recalibrate:
            recalibrate(network, plan, x, amp=job.amp)
        return judge(network, plan, split, amp=job.amp)

    return [partial(judge_with, x) for x in sets]


def _part(codes: list[list[int]]) -> Record:
    """Score some architectures."""
    if _worker is None:
        raise RuntimeError("_setup must run before any part")
    job, images, found = _worker
    kind, space = network_class(job.space), spaces.get(job.space)
    record: Record = {}
    for plan in kind.plans(space.graphs(np.array(codes))):
        scores: dict[str, float] = {}
        if found:
            results = [one(plan) for one in found]
            scores["acc"] = float(np.mean([float(result.accuracy) for result in results]))
            scores["loss"] = float(np.mean([float(result.loss) for result in results]))
        if job.proxies:
            network = build(kind, space, job.settings, images, [job.seed], [plan])
            probe = Probe(network, plan, images.train.take(slice(0, job.proxy_batch)))
            scores |= {name: PROXIES[name](probe) for name in job.proxies}
        for name, value in scores.items():
            record.setdefault(name, []).append(value)
    return record


def _table(
    job: ScoreJob,
    texts: Sequence[str],
    found: Mapping[str, np.ndarray],
    costs: Mapping[str, np.ndarray],
    prefix: str,
    judged: str,
) -> Table:
    """Return the table of weak labels: of the supernet, its networks' costs, and proxies."""
    data = Path(job.images.name).name
    own, described = {}, {}
    notes = {"flops": "of the network", "params": "of the network"}
    if job.supernet is not None:
        what = f"supernet {job.supernet.hash} ({job.supernet.job.summary}), {judged}"
        notes |= {"acc": what, "loss": what}
    for name in ("acc", "loss", "flops", "params"):
        values = found.get(name, costs.get(name))
        if values is not None:
            unit = {"acc": "%", "loss": ""}.get(name, "M")
            column = f"{prefix}_{name}"
            own[column] = np.asarray(values, np.float64)
            described[column] = Column(
                column, data, column, unit, -1 if name == "loss" else 1, "weak", notes[name]
            )
    for name in job.proxies:
        own[name] = np.asarray(found[name], np.float64)
        note = f"zero-cost proxy, untrained network of seed {job.seed}, {job.proxy_batch} images"
        described[name] = Column(name, data, name, "", 1, "weak", note)
    return Table(pa.table({"space": [job.space] * len(texts), "arch": list(texts), **own}), described)


def _images_note(job: ScoreJob) -> str:
    held_out = "a tenth of the training" if job.images.valid == TENTH else f"{job.images.valid} held-out"
    images = f"{held_out} images" if job.held_out else "test images"
    times = f"{job.recalibrations} times " if job.recalibrations > 1 else ""
    norms = f"statistics from {times}{job.recalibrate} images" if job.recalibrate else "running statistics"
    return f"evaluated on {images}, {norms}"
