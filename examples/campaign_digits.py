"""A campaign of real trainings: small networks on scikit-learn's digits, chosen by a ranker, by two workers.

    python examples/campaign_digits.py            # a few minutes on a CPU
    python examples/campaign_digits.py --short    # a quarter of a minute, with less to show

First a supernet of NAS-Bench-201's cells is trained, and its accuracies with shared weights become weak
labels. Then a campaign begins, and two processes ask it for networks, train these from scratch, and tell it
how they did, each at its own pace; in full, one of them is killed after a minute and replaced. At the end the
best network is confirmed with a second seed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from eval.campaign import Campaign
from eval.campaign.page import build_sentences
from eval.campaign.status import get_best, get_status

SPACE = "nb201"


@dataclass(frozen=True)
class Size:
    """How much is trained, and by which ranker it is chosen."""

    supernet_epochs: int
    epochs: int
    weak: int
    networks: int
    batch: int
    predictor: str


FULL = Size(supernet_epochs=60, epochs=6, weak=300, networks=60, batch=4, predictor="ace")
SHORT = Size(supernet_epochs=2, epochs=1, weak=12, networks=6, batch=1, predictor="gaussian_process")


def write_weak_labels(folder: Path, size: Size) -> Path:
    """Train a supernet, score networks with its weights, and return the table of weak labels."""
    from data.spaces import get
    from predictors.supernet.architectures import sample_distinct
    from predictors.supernet.edges import EdgeSettings
    from predictors.supernet.images import ImageSettings
    from predictors.supernet.job import TrainJob
    from predictors.supernet.recipe import Recipe
    from predictors.supernet.score import run, score_job
    from predictors.supernet.session import run_training

    images, cells = ImageSettings("digits", train=900, valid=300), EdgeSettings((8, 8), depth=1)
    recipe = Recipe(epochs=size.supernet_epochs, batch=50, lr=0.1, crop=0, flip=False)
    weights = run_training(TrainJob(SPACE, cells, images, recipe), folder / "supernet", device="cpu")
    job = score_job(weights, [], SPACE, images, cells)
    table = run(job, sample_distinct(get(SPACE), size.weak, 0), folder / "scores", jobs=1)
    return table.write(folder / "weak.parquet")


def train_network(arch: str, seed: int, epochs: int) -> float:
    """Train a network from scratch and return its accuracy on held-out digits, in percent."""
    import torch

    from data.spaces import get
    from predictors.supernet.alone import build, train
    from predictors.supernet.edges import EdgeNetwork, EdgeSettings
    from predictors.supernet.images import ImageSettings, load
    from predictors.supernet.recipe import Recipe

    torch.set_num_threads(1)
    space, images = get(SPACE), load(ImageSettings("digits", train=900, valid=300))
    (plan,) = EdgeNetwork.plans(space.graphs(space.parse([arch])))
    network = build(EdgeNetwork, space, EdgeSettings((8, 8), depth=1), images, [seed], [plan])
    recipe = Recipe(epochs=epochs, batch=50, lr=0.05, crop=0, flip=False)
    return float(train(network, plan, images, recipe, [seed]).valid.accuracy[0])


def work(folder: Path, size: Size) -> None:
    """Ask, train and tell until the campaign has enough networks."""
    campaign = Campaign(folder)
    while len(campaign.read().networks) < size.networks:
        for network in campaign.ask(size.batch).itertuples():
            accuracy = train_network(network.arch, 0, size.epochs)
            campaign.tell(pd.DataFrame([{"id": network.id, "acc": accuracy, "seed": 0}]))


def run_workers(folder: Path, size: Size) -> None:
    """Run two workers; in full one is killed and replaced. What it had asked for stays pending."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(folder, size)) for _ in range(2)]
    for worker in workers:
        worker.start()
    if size is FULL:
        workers[0].join(timeout=60)
        workers[0].kill()
        workers[0].join()
        workers[0] = context.Process(target=work, args=(folder, size))
        workers[0].start()
    for worker in workers:
        worker.join()
    campaign = Campaign(folder)
    for network in campaign.pending().itertuples():  # whoever lost them, somebody can train them
        accuracy = train_network(network.arch, 0, size.epochs)
        campaign.tell(pd.DataFrame([{"id": network.id, "acc": accuracy, "seed": 0}]))


def main() -> None:
    """Run the campaign in a folder that is removed at the end."""
    parser = argparse.ArgumentParser(description="A campaign of real trainings on digits.")
    parser.add_argument("--short", action="store_true", help="train little: a quarter of a minute")
    size = SHORT if parser.parse_args().short else FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weak = write_weak_labels(folder, size)
        campaign = Campaign.create(
            folder / "campaign", space=SPACE, objectives="acc:max", weak=weak, predictor=size.predictor
        )
        run_workers(campaign.folder, size)
        best = get_best(campaign, 1).iloc[0]
        again = train_network(best["arch"], 1, size.epochs)
        campaign.tell(pd.DataFrame([{"id": best["id"], "acc": again, "seed": 1}]))
        status = get_status(campaign, batch=size.batch)
        print("\n".join(build_sentences(status)))
        print(f"{status['trainings']} trainings of {status['queried']} networks; the best:")
        print(get_best(campaign, 3).drop(columns="seconds").to_string(index=False))


if __name__ == "__main__":
    main()
