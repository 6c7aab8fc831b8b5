"""python -m predictors.supernet: weak labels from shared weights, true labels from training from scratch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from data.cli import run_cli
from predictors.supernet import options as opt

OF_SUPERNET = ("space", "images", "size", "train_images", "valid_images", "set_")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def supernet() -> None:
    """Make labels: weak ones from a supernet or zero-cost proxies, true ones by training from scratch.

    A typical session, from nothing to a ranking:
        python -m predictors.supernet train --space nb201 --out net
        python -m predictors.supernet score --supernet net/supernet.safetensors
        python -m eval.run --bench nb201 --weak scores/weak.parquet

    To try everything in minutes on a CPU, use small images and a small network:
        --images digits --set depth=1 --epochs 10
    """


@app.command()
def train(
    space: opt.Space = "nb201",
    images: opt.ImagesOption = "cifar10",
    size: opt.Size = 0,
    train_images: opt.TrainImages = 0,
    valid_images: opt.ValidImages = None,
    set_: opt.Settings = None,
    sampling: Annotated[
        str,
        typer.Option(
            help="Architectures per step: uniform (SPOS), fair (FairNAS: each option occurs once), "
            "sandwich (largest, smallest and random ones)."
        ),
    ] = "uniform",
    paths: Annotated[
        int, typer.Option(min=1, help="Random architectures per step (fair: sets of them).")
    ] = 1,
    decay: Annotated[
        float,
        typer.Option(
            min=0,
            help="CaLR: the learning rate is (1 - t)^G, G from this for the smallest architecture to its "
            "reciprocal for the largest (3 is published); 0 for a cosine for all.",
        ),
    ] = 0.0,
    apart: Annotated[
        int,
        typer.Option(
            min=-1,
            help="Place of a code (edge of a cell) each of whose choices has its momentum; -1 for one.",
        ),
    ] = -1,
    epochs: opt.Epochs = None,
    batch: opt.Batch = None,
    lr: opt.Lr = None,
    warmup: opt.Warmup = None,
    crop: opt.Crop = None,
    weight_decay: opt.WeightDecay = None,
    more: opt.More = None,
    seed: opt.Seed = 0,
    amp: opt.Amp = False,
    compiled: Annotated[
        bool,
        typer.Option(
            "--compile", help="Compile the operations (torch.compile): takes minutes, then trains faster."
        ),
    ] = False,
    device: opt.Device = "auto",
    threads: Annotated[int, typer.Option(min=1, help="Threads on a CPU; the last digits depend on it.")] = 1,
    minutes: Annotated[float, typer.Option(min=0, help="Minutes between checkpoints.")] = 2.0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write scalars to OUT/tensorboard.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the weights and the checkpoint.")] = Path("supernet"),
) -> None:
    """Train a supernet: one network that contains all architectures of a space and shares their weights.

    Examples:
        python -m predictors.supernet train --space nb201 --images cifar10 --amp
        python -m predictors.supernet train --images digits --set depth=1 --epochs 10
        torchrun --nproc-per-node 8 -m predictors.supernet train --space darts

    The default recipe is that of AceNAS for the space (600 epochs for cells: days on a CPU).

    Writes OUT/supernet.safetensors. Interrupted runs resume from their last checkpoint when restarted;
    Ctrl-C writes one too.
    """
    from predictors.supernet.parallel import is_first
    from predictors.supernet.session import run_training

    job = opt.train_job(
        space,
        opt.image_settings(images, size, train_images, valid_images),
        set_,
        opt.recipe_options(epochs, batch, lr, warmup, crop, weight_decay, amp, more),
        sampling,
        paths,
        seed,
        decay,
        apart,
    )
    path = run_training(
        job,
        out,
        device=opt.device_named(device),
        threads=threads,
        minutes=minutes,
        compiled=compiled,
        tensorboard=tensorboard,
    )
    if is_first():
        sys.stdout.write(f"{path}\n")


@app.command()
def split(
    supernet: Annotated[Path, typer.Option(help="Weights of the whole space's supernet, from train.")],
    place: Annotated[
        int,
        typer.Option(min=0, help="Place of a code to split along: edge 3 of nb201 is input to output."),
    ] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images, for each part.")] = 1,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 0.05,
    device: opt.Device = "auto",
    out: Annotated[Path, typer.Option(help="Folder for the parts.")] = Path("split"),
) -> None:
    """Split a supernet along one place and tune each part for a short while: few-shot weights.

    Example:
        python -m predictors.supernet split --supernet supernet/supernet.safetensors --place 3 --out split
        python -m predictors.supernet score --supernet split

    Interrupted runs resume when restarted.
    """
    from predictors.supernet.split import split as run_split

    run_split(supernet, place, out, epochs=epochs, lr=lr, device=opt.device_named(device))
    sys.stdout.write(f"{out}\n")


@app.command()
def score(
    context: typer.Context,
    supernet: Annotated[
        Path | None,
        typer.Option(
            help="Weights to score with, from train, or the folder of a split; they determine space, images "
            "and settings."
        ),
    ] = None,
    proxies: Annotated[
        str | None,
        typer.Option(help="Zero-cost proxies of untrained networks, separated by commas, or all."),
    ] = None,
    space: opt.Space = "nb201",
    images: opt.ImagesOption = "cifar10",
    size: opt.Size = 0,
    train_images: opt.TrainImages = 0,
    valid_images: opt.ValidImages = None,
    set_: opt.Settings = None,
    archs: opt.Archs = None,
    n: Annotated[
        int,
        typer.Option(
            min=0,
            help="Distinct networks to sample, or rows of --archs from the first; 0 for all.",
        ),
    ] = 0,
    seed: opt.SampleSeed = 0,
    recalibrate: Annotated[
        int,
        typer.Option(
            min=0,
            help="Training images for recomputing batch-norm statistics per architecture; 0 to skip.",
        ),
    ] = 1000,
    recalibrations: Annotated[
        int,
        typer.Option(
            min=1, help="Sets of such images: scores are the mean over them, and take as many times."
        ),
    ] = 1,
    shared: Annotated[
        bool,
        typer.Option(
            "--shared/--one-by-one",
            help="Compute once what cells share: the same scores up to rounding, faster.",
        ),
    ] = True,
    test: Annotated[
        bool, typer.Option("--test", help="Score on the test images instead of the held-out ones.")
    ] = False,
    proxy_batch: Annotated[int, typer.Option(min=2, help="Images per proxy.")] = 64,
    average_twins: Annotated[
        bool,
        typer.Option(
            "--average-twins/--no-average-twins",
            help="Average the scores of isomorphic networks, whose weights in the supernet differ.",
        ),
    ] = True,
    prefix: Annotated[str, typer.Option(help="Columns are PREFIX_acc, _loss, _flops, _params.")] = "supernet",
    amp: opt.Amp = False,
    device: opt.Device = "auto",
    jobs: opt.Jobs = 1,
    cluster: opt.Cluster = None,
    out: Annotated[Path, typer.Option(help="Folder for the table and for finished parts.")] = Path("scores"),
) -> None:
    """Score architectures with inherited weights, or by zero-cost proxies: weak labels.

    Examples:
        python -m predictors.supernet score --supernet supernet/supernet.safetensors --jobs 8
        python -m predictors.supernet score --space nb201 --proxies synflow,nwot --n 100

    Writes OUT/weak.parquet, for python -m eval.run --bench nb201 --weak OUT/weak.parquet. Interrupted runs
    resume when restarted. Proxies need no supernet: synflow, nwot, jacov, grad_norm, snip, plain, l2_norm.
    """
    from predictors.supernet.architectures import architectures
    from predictors.supernet.families import network_class
    from predictors.supernet.score import run as run_score
    from predictors.supernet.score import score_job

    if supernet is not None:
        opt.refuse_given(context, "the supernet determines space, images and settings", OF_SUPERNET)
    settings = opt.network_settings(network_class(space).Settings, set_)
    job = score_job(
        supernet,
        opt.names_of(proxies),
        space,
        opt.image_settings(images, size, train_images, valid_images),
        settings,
        recalibrate=recalibrate,
        recalibrations=recalibrations,
        shared=shared,
        test=test,
        proxy_batch=proxy_batch,
        seed=seed,
        amp=amp,
        device=opt.device_named(device),
    )
    codes = architectures(job.space, archs, n, seed)
    table = run_score(
        job,
        codes,
        out,
        jobs=opt.processes(jobs),
        cluster=opt.cluster_address(cluster, jobs),
        prefix=prefix,
        average_twins=average_twins,
    )
    sys.stdout.write(f"{table.write(out / 'weak.parquet')}\n")


@app.command()
def mix(
    tables: Annotated[list[Path], typer.Argument(help="Tables that score wrote, of the same space.")],
    columns: Annotated[
        str, typer.Option(help="Columns, separated by commas; one that is named twice counts twice.")
    ] = "supernet_loss,nwot,synflow,supernet_params",
    out: Annotated[Path, typer.Option(help="Path of the table.")] = Path("mix.parquet"),
) -> None:
    """Mix weak labels into one: the mean of their ranks.

    Example:
        python -m predictors.supernet mix scores/weak.parquet proxies/weak.parquet --out mix.parquet

    Writes a table with the column mix, for python -m eval.run --bench nb201 --weak mix.parquet.
    """
    from predictors.supernet.mix import mix as run_mix

    sys.stdout.write(f"{run_mix(tables, opt.all_names(columns)).write(out)}\n")


@app.command()
def truth(
    space: opt.Space = "nb201",
    images: opt.ImagesOption = "cifar10",
    size: opt.Size = 0,
    train_images: opt.TrainImages = 0,
    valid_images: opt.ValidImages = None,
    set_: opt.Settings = None,
    archs: opt.Archs = None,
    n: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Distinct networks to sample (default 100), or rows of --archs from the first.",
        ),
    ] = None,
    seed: opt.SampleSeed = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each architecture.")] = 3,
    together: Annotated[
        int,
        typer.Option(
            min=0, help="Seeds trained in one program, which is faster; 0 for all seeds of the first run."
        ),
    ] = 0,
    epochs: opt.Epochs = None,
    batch: opt.Batch = None,
    lr: opt.Lr = None,
    warmup: opt.Warmup = None,
    crop: opt.Crop = None,
    weight_decay: opt.WeightDecay = None,
    more: opt.More = None,
    amp: opt.Amp = False,
    device: opt.Device = "auto",
    jobs: opt.Jobs = 1,
    cluster: opt.Cluster = None,
    out: Annotated[Path, typer.Option(help="Folder for the table and for finished parts.")] = Path("truth"),
) -> None:
    """Train architectures from scratch and write a benchmark table: true labels.

    Example:
        python -m predictors.supernet truth --images digits --set depth=1 --n 20 --epochs 10

    Writes OUT/table.parquet, for python -m eval.run --bench OUT/table.parquet. Interrupted runs resume when
    restarted; with a larger --n or --seeds only what is missing is trained.
    """
    from predictors.supernet.architectures import architectures
    from predictors.supernet.families import network_class
    from predictors.supernet.recipe import Recipe
    from predictors.supernet.truth import TruthJob, grouping, run

    kind = network_class(space)
    job = TruthJob(
        space,
        opt.network_settings(kind.Settings, set_),
        opt.image_settings(images, size, train_images, valid_images),
        Recipe(**opt.recipe_options(epochs, batch, lr, warmup, crop, weight_decay, amp, more)),
        together or grouping(out, seeds),
        opt.device_named(device),
    )
    codes = architectures(space, archs, n or (0 if archs else 100), seed)
    where = opt.cluster_address(cluster, jobs)
    table = run(job, codes, seeds, out, jobs=opt.processes(jobs), cluster=where)
    path = table.write(out / "table.parquet")
    sys.stdout.write(f"{path}\n")


@app.command("spaces")
def list_spaces() -> None:
    """List the spaces that have a supernet, with the settings of their networks (--set) and their recipes.

    Example: python -m predictors.supernet spaces
    """
    from data.spaces import get
    from predictors.supernet.families import FAMILIES, default_recipe, network_class

    sys.stdout.write("space\tsettings\trecipe\n")
    for name in FAMILIES:
        settings = opt.as_options(network_class(name).published(get(name)))
        sys.stdout.write(f"{name}\t{settings}\t{opt.as_options(default_recipe(name))}\n")


@app.command()
def mini(
    cells: Annotated[
        int, typer.Option(min=2, help="Cells; a smaller number takes the first of them.")
    ] = 1000,
    seeds: Annotated[int, typer.Option(min=2, help="Trainings of each cell.")] = 8,
    jobs: opt.Jobs = 0,
    work: Annotated[Path, typer.Option(help="Folder for finished parts.")] = Path("mini"),
    out: Annotated[Path, typer.Option(help="Path of the table.")] = Path("nb201_mini.parquet"),
) -> None:
    """Rebuild the embedded table nb201_mini: about two hours on one core, ten minutes of them the supernet.

    Smaller --cells and --seeds are faster. Needs cifar10_images.parquet, or the official CIFAR-10 archive,
    in a folder of ACERANK_DATA. Interrupted runs resume when restarted. Prints how reliable its labels are.
    """
    from predictors.supernet.mini import figures, make

    table = make(work, cells=cells, seeds=seeds, jobs=opt.processes(jobs))
    path = table.write(out)
    for name, value in figures(table).items():
        sys.stdout.write(f"{name}\t{value:.3f}\n")
    sys.stdout.write(f"{path}\t{path.stat().st_size} bytes\n")


if __name__ == "__main__":
    run_cli(app, prog="python -m predictors.supernet")
